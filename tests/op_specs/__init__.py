"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import (
    activation,
    activation_functions,
    activation_kinds,
    arithmetic,
    conv,
    dropout,
    dropout_variants,
    linear,
    loss,
    norm,
    optimizer,
    pool,
)

FAMILIES = (
    *(conv, linear, pool, norm, activation, activation_kinds, activation_functions, dropout, dropout_variants),
    *(loss, optimizer, arithmetic),
)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
