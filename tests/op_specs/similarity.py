"""Cosine similarity and pairwise distance."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed
from tests.oracles.rounding import Rounded

F = tk.functional
X, WIDE = np.ones((2, 3), np.float32), np.ones((2, 3))


def _broadcast(x: Rounded, y: Rounded) -> tuple[Rounded, Rounded]:
    shape = np.broadcast_shapes(x.value.shape, y.value.shape)
    return tuple(  # type: ignore[return-value]
        Rounded(np.broadcast_to(one.value, shape), np.broadcast_to(one.error, shape), one.dtype) for one in (x, y)
    )


def _cosine(x: Rounded, y: Rounded, dim: int = 1, eps: float = 1e-8) -> Rounded:
    x, y = _broadcast(x, y)
    lengths = ((x * x).sum(dim, True).sqrt(), (y * y).sum(dim, True).sqrt())
    return ((x / lengths[0]) * (y / lengths[1])).sum(dim)


def _distance(x: Rounded, y: Rounded, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Rounded:
    x, y = _broadcast(x, y)
    d = x - y + eps
    sizes = Rounded(np.abs(d.value), d.error, d.dtype)
    if p == float("inf"):
        return Rounded(sizes.value.max(-1, keepdims=keepdim), sizes.error.max(-1, keepdims=keepdim), d.dtype)
    if p == 1:
        return sizes.sum(-1, keepdim)
    return (sizes * sizes).sum(-1, keepdim).sqrt()


COSINES: dict[str, Any] = {
    "rows": lambda draw: Call((draw(3, 5), draw(3, 5))),
    "images": lambda draw: Call((draw(2, 4, 3, 3), draw(2, 4, 3, 3))),
    "broadcast": lambda draw: Call((draw(2, 1, 4), draw(3, 4)), {"dim": -1}),
    "first": lambda draw: Call((draw(5), draw(5)), {"dim": 0}),
}
DISTANCES: dict[str, Any] = {
    "rows": lambda draw: Call((draw(3, 5), draw(3, 5))),
    "1": lambda draw: Call((draw(3, 5), draw(3, 5)), {"p": 1.0}),
    "inf, broadcast": lambda draw: Call((draw(4, 3, 5), draw(3, 5)), {"p": float("inf"), "keepdim": True}),
    "eps": lambda draw: Call((draw(5), draw(5)), {"eps": 0.25}),
}


def _gradient(name: str, label: str, make: Any) -> Gradient:
    def prepared(draw: Draw) -> Any:
        call = make(draw)
        return (lambda x, y: getattr(F, name)(x, y, **call.kwargs)), list(call.args)

    return Gradient(f"{name} {label}", prepared)


def _error(name: str, label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(F, name)(*args, **options), exception, f"^{name}: {pattern}")


def _spec(name: str, formula: Any, cases: dict[str, Any], errors: tuple[ErrorCase, ...]) -> OpSpec:
    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                [Sample(label, make) for label, make in cases.items()],
                **analysed(formula),
                function=lambda *args, **options: getattr(F, name)(*args, **options).numpy(),
                twin=lambda torch, call: getattr(torch.nn.functional, name)(*call.args, **call.kwargs),
            ),
        ),
        gradients=tuple(_gradient(name, label, make) for label, make in cases.items()),
        errors=(
            _error(name, "dtypes", "x2: expected float32 as x1, got float64", X, WIDE, exception=TypeError),
            _error(name, "shapes", r"x2: expected a shape that broadcasts with x1's \(2, 3\)", X, X[:, :2]),
            *errors,
        ),
    )


SPECS = (
    _spec(
        "cosine_similarity",
        _cosine,
        COSINES,
        (_error("cosine_similarity", "dim", "dim: expected -2 <= dim < 2, got 2", X, X, dim=2),),
    ),
    _spec(
        "pairwise_distance",
        _distance,
        DISTANCES,
        (
            _error("pairwise_distance", "no dimension", r"x1: expected \(..., features\), got", 1.0, 2.0),
            _error("pairwise_distance", "p", "p: expected a finite number", X, X, p=None, exception=TypeError),
        ),
    ),
)
