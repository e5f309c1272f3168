"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import (
    activation,
    arithmetic,
    conv,
    conv_transpose,
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
    optimizer_adaptive,
    pad,
    pool,
    pool_adaptive,
    resize,
    rnn,
    similarity,
)

FAMILIES = (
    conv,
    conv_transpose,
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
    optimizer_adaptive,
    pad,
    resize,
    half,
    arithmetic,
)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
