"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import (
    activation,
    arithmetic,
    conv,
    conv_transpose,
    dropout,
    linear,
    loss,
    norm,
    optimizer,
    pad,
    pool,
    resize,
    sample,
)

FAMILIES = (
    conv,
    conv_transpose,
    linear,
    pool,
    norm,
    activation,
    dropout,
    loss,
    optimizer,
    pad,
    resize,
    sample,
    arithmetic,
)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
