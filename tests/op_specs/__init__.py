"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import (
    activation,
    arithmetic,
    conv,
    dropout,
    linear,
    loss,
    norm,
    norm_group,
    norm_local,
    optimizer,
    pool,
    pool_adaptive,
)

FAMILIES = (
    conv,
    linear,
    pool,
    pool_adaptive,
    norm,
    norm_group,
    norm_local,
    activation,
    dropout,
    loss,
    optimizer,
    arithmetic,
)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
