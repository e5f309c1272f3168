"""The native backend: the C++ kernels of the extension module, on the instruction set chosen at import."""

from __future__ import annotations

import os

from tatamikomi import _native
from tatamikomi._native import *  # noqa: F403
from tatamikomi.errors import bad_value, unknown_name

_NAMES = set(_native.kernel_names())
#: Kernels without a workspace ask for no memory; the short ways of plain calls decline where it lacks.
FRUGAL = {name for name in _NAMES if f"{name}_workspace" not in _NAMES}
FRUGAL |= {name for name in dir(_native) if name.startswith("plain_")}


def _choose_isa() -> None:
    name = os.environ.get("TATAMIKOMI_ISA", "")
    if _native.select_isa(name):
        return
    known = _native.isas()
    if name not in {word for isa, level, _ in known for word in (isa, level)}:
        raise unknown_name("tatamikomi", "TATAMIKOMI_ISA", name, [isa for isa, _, _ in known])
    runnable = ", ".join(isa for isa, _, supported in known if supported)
    raise bad_value("tatamikomi", "TATAMIKOMI_ISA", name, f"an instruction set of this processor ({runnable})")


_choose_isa()
