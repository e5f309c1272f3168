"""Local response normalisation, across channels and within them, and vectors of length 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed, leading
from tests.oracles.rounding import Rounded

F, K = tk.functional, tk.kernels
NUMBERS = {"alpha": 0.5, "beta": 0.75, "k": 2.0}
SHAPES: dict[str, tuple[tuple[int, ...], int, dict[str, float]]] = {
    "images": ((2, 7, 3, 4), 5, NUMBERS),
    "even size": ((2, 6, 9), 4, NUMBERS),
    "size 1": ((1, 3, 5), 1, {"alpha": 1.0, "beta": 0.5, "k": 1.0}),
    "size beyond the channels": ((2, 3, 4), 9, NUMBERS),
    "defaults": ((2, 5, 3, 3), 3, {}),
    "beta 2": ((1, 4, 2, 2, 3), 2, {"alpha": 0.25, "beta": 2.0, "k": 0.5}),
    "beta negative": ((1, 4, 6), 3, {"alpha": 0.25, "beta": -0.5, "k": 1.0}),
    "six axes": ((2, 3, 1, 2, 1, 3), 3, NUMBERS),
    "empty batch": ((0, 3, 4), 3, NUMBERS),
    **{f"length {s}": ((1, 3, s), 3, NUMBERS) for s in (1, 15, 16, 17, 63, 64, 65)},
}
BIG: dict[str, tuple[tuple[int, ...], int, dict[str, float]]] = {"big": ((5, 17, 27, 29), 5, NUMBERS)}


def _pick(x: Rounded, channel: int) -> Rounded:
    return Rounded(x.value[:, channel], x.error[:, channel], x.dtype)


def _stack(rows: list[Rounded]) -> Rounded:
    return Rounded(np.stack([one.value for one in rows], 1), np.stack([one.error for one in rows], 1), rows[0].dtype)


def _sums(x: Rounded, back: int, ahead: int) -> Rounded:
    """Of the channels from - back to + ahead."""
    rows = []
    for c in range(x.value.shape[1]):
        total = _pick(x, max(c - back, 0))
        for other in range(max(c - back, 0) + 1, min(c + ahead + 1, x.value.shape[1])):
            total = total + _pick(x, other)
        rows.append(total)
    return _stack(rows)


def _base(x: Rounded, size: int, alpha: float, k: float) -> Rounded:
    return _sums(x * x, size // 2, (size - 1) // 2) * (float(alpha) / size) + float(k)


def _power(base: Rounded, exponent: float) -> Rounded:
    return (base.log() * float(exponent)).exp()


def _across(x: Rounded, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Rounded:
    return x * _power(_base(x, size, alpha, k), -beta)


def _across_backward(
    dy: Rounded, x: Rounded, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Rounded:
    base = _base(x, size, alpha, k)
    scaled = dy * _power(base, -beta)
    return scaled - x * _sums(scaled * x / base, (size - 1) // 2, size // 2) * (2 * alpha * beta / size)


def _within(x: Rounded, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, **_: bool) -> Rounded:
    """The window is the same number of places on every axis."""
    squares, axes = x * x, x.value.ndim - 2
    total = np.empty(x.value.shape, np.longdouble), np.empty(x.value.shape, np.longdouble)
    for at in np.ndindex(*x.value.shape):
        window = tuple(slice(max(i - size // 2, 0), i + (size - 1) // 2 + 1) for i in at[2:])
        index = (*at[:2], *window)
        one = Rounded(squares.value[index].ravel(), squares.error[index].ravel(), x.dtype).sum(0)
        total[0][at], total[1][at] = one.value, one.error
    sums = Rounded(*total, x.dtype)
    return x * _power(sums * (float(alpha) / size**axes) + float(k), -beta)


def _samples(gradients: int, **options: Any) -> list[Sample]:
    cases = [*SHAPES.items(), *BIG.items()]
    return [
        Sample(
            label,
            lambda draw, shape=shape, size=size, numbers=numbers: Call(
                (*(draw(*shape) for _ in range(gradients)), draw(*shape), size), {**numbers, **options}
            ),
            big=label in BIG,
        )
        for label, (shape, size, numbers) in cases
    ]


WITHIN = [
    Sample(
        label,
        lambda draw, shape=shape, size=size: Call((draw(*shape), size), {**NUMBERS, "within_channel": True}),
        torch=False,
    )
    for label, shape, size in (
        ("sequences", (2, 3, 7), 3),
        ("images", (2, 2, 5, 4), 3),
        ("even size", (1, 2, 4, 5), 2),
        ("beyond the image", (1, 1, 2, 3), 5),
        ("volumes", (1, 2, 2, 3, 2), 2),
    )
]


def _twin(torch: Any, call: Call) -> Any:
    return torch.nn.functional.local_response_norm(*call.args, **call.kwargs)


def _lrn_gradient(label: str, shape: tuple[int, ...], size: int, **options: Any) -> Gradient:
    return Gradient(label, lambda draw: (lambda x: F.local_response_norm(x, size, **options), [draw(*shape)]))


def _normalized(x: Rounded, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Rounded:
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    size = Rounded(np.abs(x.value), x.error, x.dtype)
    if math.isinf(p):
        norm = Rounded((size.value.max if p > 0 else size.value.min)(dims, keepdims=True), 0, x.dtype)
    elif p == 0:
        norm = Rounded((size.value != 0).sum(dims, keepdims=True), 0, x.dtype)
    else:
        norm = (size if p == 1 else size * size if p == 2 else size.power(np.longdouble(p))).sum(dims, True)
        norm = norm if p == 1 else norm.sqrt() if p == 2 else (norm.log() * (1 / float(p))).exp()
    return x / Rounded(np.maximum(norm.value, eps), norm.error, x.dtype)


NORMALIZED = {
    "rows": ((3, 5), {}),
    "images": ((2, 3, 2, 2), {}),
    "last axis": ((2, 3, 4), {"dim": -1}),
    "two axes": ((2, 3, 4), {"dim": (1, 2)}),
    "p 1": ((3, 4), {"p": 1}),
    "p 3": ((3, 4), {"p": 3.0, "dim": 0}),
    "p half": ((3, 4), {"p": 0.5}),
    "p negative": ((3, 4), {"p": -1.0}),
    "p infinite": ((3, 4), {"p": math.inf}),
    "p -infinite": ((3, 4), {"p": -math.inf}),
    "p 0": ((3, 4), {"p": 0}),
    "eps": ((3, 4), {"eps": 50.0}),
}


def _normalize_call(draw: Draw, shape: tuple[int, ...], options: dict[str, Any]) -> Call:
    return Call((draw.distinct(*shape),), options)


def _normalize_gradients() -> tuple[Gradient, ...]:
    def gradient(label: str, shape: tuple[int, ...], options: dict[str, Any]) -> Gradient:
        steep = label == "p negative"  # towards 0
        return Gradient(
            f"normalize {label}",
            lambda draw: (
                lambda x: F.normalize(x, **options),
                [draw.positive(*shape) if steep else draw.distinct(*shape)],
            ),
        )

    return tuple(gradient(label, *case) for label, case in NORMALIZED.items())


X = np.ones((2, 3, 4), np.float32)


def _error(label: str, call: Any, pattern: str, exception: type[Exception] = ValueError) -> ErrorCase:
    return ErrorCase(label, call, exception, f"^{pattern}")


LRN, LRN_BACK = "local_response_norm_forward", "local_response_norm_backward"
SPECS = (
    OpSpec(
        name="local_response_norm",
        kind="kernel",
        functional=("local_response_norm",),
        directions=(
            Direction(LRN, _samples(0), **analysed(_across), split=leading(0), twin=_twin),
            Direction(LRN_BACK, _samples(1), **analysed(_across_backward), split=leading(0, 1)),
        ),
        gradients=(
            _lrn_gradient("across", (2, 4, 3), 3, **NUMBERS),
            _lrn_gradient("across even", (1, 5, 2, 2), 4, **NUMBERS),
            _lrn_gradient("across wide", (1, 3, 2, 2), 7, **NUMBERS),
            _lrn_gradient("within", (1, 2, 4, 3), 3, **NUMBERS, within_channel=True),
            _lrn_gradient("within even", (1, 2, 5), 2, **NUMBERS, within_channel=True),
        ),
        errors=(
            _error("rank", lambda: getattr(K, LRN)(X[0], 3), rf"{LRN}: x: expected a shape \(n, channels, \*sizes\)"),
            _error("size 0", lambda: getattr(K, LRN)(X, 0), f"{LRN}: size: expected an integer, 1 <= size .*got 0"),
            _error("size", lambda: getattr(K, LRN)(X, 2.0), f"{LRN}: size: expected an integer.*got 2.0", TypeError),
            _error("beta", lambda: getattr(K, LRN)(X, 3, beta=np.inf), f"{LRN}: beta: expected a finite number"),
            _error("dy", lambda: getattr(K, LRN_BACK)(X[:1], X, 3), f"{LRN_BACK}: dy: expected x's shape"),
            _error(
                "function rank", lambda: F.local_response_norm(X[0], 3), r"local_response_norm: input: expected \(N"
            ),
            _error("function size", lambda: F.local_response_norm(X, 0), "local_response_norm: size: expected .*got 0"),
            _error(
                "function alpha",
                lambda: F.local_response_norm(X, 3, "1"),
                "local_response_norm: alpha: expected a finite number",
                TypeError,
            ),
            _error(
                "flag",
                lambda: F.local_response_norm(X, 3, within_channel=1),
                "local_response_norm: within_channel: expected True or False",
                TypeError,
            ),
            _error(
                "axes within",
                lambda: F.local_response_norm(X[..., None, None, None], 3, within_channel=True),
                "local_response_norm: input: expected .*with 1 to 3 axes",
            ),
        ),
    ),
    OpSpec(
        name="local_response_norm within channels",
        kind="composed",
        functional=("local_response_norm",),
        directions=(
            Direction(
                "local_response_norm within channels",
                WITHIN,
                **analysed(_within),
                split=leading(0),
                function=lambda *args, **options: F.local_response_norm(*args, **options).numpy(),
                has_out=False,
            ),
        ),
    ),
    OpSpec(
        name="normalize",
        kind="composed",
        functional=("normalize",),
        directions=(
            Direction(
                "normalize",
                [
                    Sample(label, lambda draw, case=case: _normalize_call(draw, *case))
                    for label, case in NORMALIZED.items()
                ],
                **analysed(_normalized),
                function=lambda *args, **options: F.normalize(*args, **options).numpy(),
                twin=lambda torch, call: torch.nn.functional.normalize(*call.args, **call.kwargs),
            ),
        ),
        gradients=_normalize_gradients(),
        errors=(
            _error("dim", lambda: F.normalize(X, dim=3), "normalize: dim: expected .*got 3"),
            _error("p", lambda: F.normalize(X, "2"), "normalize: p: expected a number, got '?2'?", TypeError),
            _error("p NaN", lambda: F.normalize(X, math.nan), "normalize: p: expected a number, or infinity, got nan"),
            _error("eps", lambda: F.normalize(X, eps=None), "normalize: eps: expected a finite number", TypeError),
            _error("input", lambda: F.normalize([1j]), "normalize: input: expected float32 or float64", TypeError),
        ),
    ),
)
