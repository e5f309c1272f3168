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
    optimizer,
    optimizer_adaptive,
    pool,
)

FAMILIES = (conv, linear, pool, norm, activation, dropout, loss, optimizer, optimizer_adaptive, arithmetic)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
