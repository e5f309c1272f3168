"""Which of our algorithms runs a convolution."""

from __future__ import annotations

from typing import Any

from benchmarks.cases import Case, conv_of


def algorithm(case: Case, isa: str) -> dict[str, Any]:
    """{"algorithm": name} of a convolution, as this process's instruction set chooses."""
    if case.family != "conv":
        return {}
    from tatamikomi import _native, geometry

    s = conv_of(case)
    shape = geometry.conv_shape("benchmark", s.x, s.weight, *s.options.values())
    names = [name for name, why, _ in _native.conv_algorithms(case.direction, shape) if not why]
    return {"algorithm": names[0]} if names else {}
