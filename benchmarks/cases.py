"""What is measured: the layers of shapes/*.toml, in each direction, at each batch size."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest there

SHAPES = Path(__file__).parent / "shapes"
DIRECTIONS: dict[str, tuple[str, ...]] = {
    "conv": ("forward", "backward_input", "backward_weight"),
    "conv_transpose": ("forward", "backward_input", "backward_weight"),
    "norm": ("forward", "forward_relu", "backward", "backward_relu", "inference"),
    "group_norm": ("forward", "backward"),
    "pool": ("forward", "backward"),
    "resize": ("forward", "backward"),
    "activation": ("forward", "backward"),
    "activation_kind": ("forward", "backward"),
    "loss": ("forward", "backward"),
    "optimizer": ("step",),
    "linear": ("forward", "backward_input", "backward_weight"),
    "step": ("step",),
    "memory": ("step",),
    "inference": ("forward",),
    "overhead": ("array", "tape", "tape_backward"),
}


class Case(NamedTuple):
    """One thing to measure; `layer` holds what the file says, complete."""

    family: str
    model: str
    name: str
    n: int
    direction: str
    layer: dict[str, Any]
    also: tuple[str, ...] = ()  # keys of the same under other names

    @property
    def key(self) -> str:
        return f"{self.family}/{self.model}.{self.name}/b{self.n}/{self.direction}"


class Conv(NamedTuple):
    """The sizes of a convolution, one number per axis."""

    x: tuple[int, ...]  # (n, ic, *sizes)
    weight: tuple[int, ...]  # (oc, ic / groups, *kernel)
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def y(self) -> tuple[int, ...]:
        """(n, oc, *output sizes)"""
        axes = zip(self.x[2:], self.weight[2:], self.stride, self.padding, self.dilation, strict=True)
        return (self.x[0], self.weight[0], *((i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d in axes))

    @property
    def flops(self) -> float:
        """Two per multiply-add of the direct form, padding included; the same in each direction."""
        return 2.0 * math.prod(self.y) * math.prod(self.weight[1:])

    @property
    def options(self) -> dict[str, Any]:
        """stride, padding, dilation and groups, by name."""
        return {name: getattr(self, name) for name in self._fields[2:]}


def conv_of(case: Case) -> Conv:
    layer = case.layer
    x, weight = (case.n, *layer["x"]), tuple(layer["weight"])

    def per_axis(name: str, default: int) -> tuple[int, ...]:
        value = layer.get(name, default)
        return tuple(value) if isinstance(value, list) else (value,) * (len(x) - 2)

    return Conv(
        x, weight, per_axis("stride", 1), per_axis("padding", 0), per_axis("dilation", 1), layer.get("groups", 1)
    )


def _fingerprint(case: Case) -> tuple[Any, ...]:
    """Alike where two cases measure the same: everything but the names, defaults written out."""
    if case.family == "conv":
        return (case.family, case.direction, conv_of(case))
    if case.family in ("step", "memory", "inference"):
        return (case.key,)
    rest = {name: value for name, value in case.layer.items() if name not in ("name", "batches")}
    return (case.family, case.n, case.direction, repr(sorted(rest.items())))


def models() -> dict[str, dict[str, Any]]:
    """The files, parsed, by name."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(SHAPES.glob("*.toml"))}


def every(content: dict[str, dict[str, Any]] | None = None) -> list[Case]:
    """All cases. A shape that several files name comes once, under the first of them, and knows the others."""
    found: dict[tuple[Any, ...], Case] = {}
    for model, tables in (models() if content is None else content).items():
        for family, directions in DIRECTIONS.items():
            for layer in tables.get(family, ()):
                for n in layer.get("batches", tables["batches"]):
                    for direction in directions:
                        if family == "activation" and direction == "backward" and layer["kind"] != "relu":
                            continue
                        case = Case(family, model, layer["name"], n, direction, layer)
                        first = found.setdefault(_fingerprint(case), case)
                        if first is not case:
                            found[_fingerprint(case)] = first._replace(also=(*first.also, case.key))
    return list(found.values())
