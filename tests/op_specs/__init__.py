"""One record per operation; see spec.py for what a record says and running.py for how the runners use it."""

from __future__ import annotations

from tests.op_specs import conv, linear

FAMILIES = (conv, linear)
SPECS = tuple(spec for family in FAMILIES for spec in family.SPECS)
