"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import (
    activation,
    arithmetic,
    conv,
    dropout,
    embedding,
    half,
    linear,
    local,
    loss,
    loss_ctc,
    norm,
    norm_group,
    norm_local,
    optimizer,
    pool,
    pool_adaptive,
    rnn,
    similarity,
)

FAMILIES = (
    conv,
    local,
    linear,
    pool,
    pool_adaptive,
    norm,
    norm_group,
    norm_local,
    activation,
    dropout,
    embedding,
    similarity,
    rnn,
    loss,
    loss_ctc,
    optimizer,
    half,
    arithmetic,
)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
