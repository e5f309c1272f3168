"""Floats of 16 bits to float32 and back: every number has one right answer."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import (
    Array,
    Call,
    Direction,
    Draw,
    ErrorCase,
    OpSpec,
    Sample,
    copied,
    gamma,
    leading,
    roundoff,
)
from tests.oracles import half as oracle
from tests.oracles import linear

SIZES = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 127]
SHAPES = {**{str(size): (size,) for size in SIZES}, "images": (2, 3, 4, 5), "empty batch": (0, 4)}
BIG = {"big": (5, 9001)}
HALF = np.ones((2, 2), np.float16)


def _halves(draw: Draw, *shape: int) -> Array:
    """Numbers of every size, subnormal ones too."""
    return (draw(*shape) * draw.random.choice([6e-8, 1e-4, 1.0, 3e3], shape)).astype(np.float16)


def _brains(draw: Draw, *shape: int) -> Array:
    """Bits of finite numbers."""
    return (draw.random.integers(0, 0x7F80, shape) | draw.random.choice([0, 0x8000], shape)).astype(np.uint16)


def _singles(draw: Draw, *shape: int) -> Array:
    """Numbers within and beyond the range, and ties: 11 bits and a half."""
    x = draw(*shape) * draw.random.choice([1e-9, 6e-8, 1e-5, 1.0, 3e4, 1e30], shape)
    ties = (draw.random.integers(1 << 11, 1 << 12, shape) + 0.5) * 2.0 ** draw.random.integers(-26, 4, shape)
    return np.where(draw.random.random(shape) < 0.5, x, ties).astype(np.float32)


def _samples(make: Any) -> list[Sample]:
    return [
        Sample(label, lambda draw, shape=shape: Call((make(draw, *shape),)), label in BIG)
        for label, shape in (SHAPES | BIG).items()
    ]


def _direction(name: str, make: Any, dtype: Any) -> Direction:
    return Direction(name, _samples(make), getattr(oracle, name), copied, split=leading(0), dtype=np.dtype(dtype))


# (m, k, n): around the vector widths and twice them, one row, few and many of them, nothing at all.
LINEAR = [
    (1, 1, 1), (2, 3, 5), (1, 7, 9), (9, 7, 1), (3, 8, 8), (8, 16, 7), (7, 31, 16), (4, 32, 17), (13, 33, 33),
    (5, 65, 4), (2, 129, 6), (33, 20, 3), (0, 3, 4), (3, 0, 4), (3, 4, 0),
]  # fmt: skip
LINEAR_BIG = [(1, 1030, 1031), (3, 257, 1031), (131, 67, 97), (40, 600, 50)]


def _operand(draw: Draw, kind: str, *shape: int) -> Array:
    """float16, or the bits of bfloat16: cut beforehand, so that both sides start from the same numbers."""
    x = draw(*shape).astype(np.float32)
    return x.astype(np.float16) if kind == "half" else (x.view(np.uint32) >> 16).astype(np.uint16)


def _linear(kind: str) -> Direction:
    def sample(m: int, k: int, n: int, big: bool, bias: bool, activation: str | None) -> Sample:
        def make(draw: Draw) -> Call:
            args = _operand(draw, kind, m, k), _operand(draw, kind, n, k)
            return Call((*args, draw(n).astype(np.float32) if bias else None, activation))

        return Sample(f"{m}x{k}x{n}{' bias' * bias}{' relu' if activation else ''}", make, big)

    def numbers(call: Call, change: Any) -> Call:
        x, weight, bias, activation = call.args
        x, weight = (oracle.widened(one, kind) for one in (x, weight))
        return Call((change(x), change(weight), bias if bias is None else change(bias), activation))

    def exact(*args: Any) -> Any:
        return linear.linear(*numbers(Call(args), np.asarray).args)

    def bound(_: Any, call: Call, __: Any) -> tuple[Array, ...]:
        terms, sizes = (linear.linear(*numbers(call, change).args[:3]) for change in (np.ones_like, np.abs))
        return ((gamma(terms, roundoff(np.float32)) + gamma(terms, roundoff(np.longdouble))) * sizes,)

    samples = [
        *(sample(*sizes, False, False, None) for sizes in LINEAR),
        *(sample(*sizes, False, True, "relu") for sizes in LINEAR[::3]),
        *(sample(*sizes, True, True, None) for sizes in LINEAR_BIG),
    ]
    return Direction(f"linear_{kind}", samples, exact, bound, split=leading(0), dtype=np.dtype(np.float32))


def _error(name: str, label: str, pattern: str, *args: Any, exception: type = TypeError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(tk.kernels, name)(*args, **options), exception, f"^{name}: {pattern}")


SPECS = (
    OpSpec(
        name="half",
        kind="kernel",
        functional=(),
        directions=(
            _direction("half_to_float", _halves, np.float32),
            _direction("float_to_half", _singles, np.float16),
            _direction("bfloat16_to_float", _brains, np.float32),
            _direction("float_to_bfloat16", _singles, np.uint16),
            _linear("half"),
            _linear("bfloat16"),
        ),
        errors=(
            _error("half_to_float", "single", "x: expected float16, got float32", np.ones(2, np.float32)),
            _error("float_to_half", "double", "x: expected float32, got float64", np.ones(2)),
            _error("bfloat16_to_float", "half", "x: expected bfloat16, or its bits", np.ones(2, np.float16)),
            _error("float_to_bfloat16", "None", "x: expected an array, got None", None),
            _error("linear_half", "mixed", "weight: expected float16, got float32", HALF, np.ones((3, 2), np.float32)),
            _error("linear_half", "double bias", "bias: expected float32, got float64", HALF, HALF, np.ones(2)),
            _error("linear_bfloat16", "float16", "x: expected bfloat16, or its bits", HALF, HALF),
            _error(
                "linear_half",
                "one axis",
                r"x: expected \(m, k\), got shape \(2,\)",
                HALF[0],
                HALF,
                exception=ValueError,
            ),
            _error(
                "linear_half",
                "columns",
                r"weight: expected \(n, 2\), for x \(2, 2\), got shape \(2, 1\)",
                HALF,
                HALF[:, :1],
                exception=ValueError,
            ),
            _error(
                "linear_half",
                "bias",
                r"bias: expected shape \(2,\), got shape \(3,\)",
                HALF,
                HALF,
                np.ones(3, np.float32),
                exception=ValueError,
            ),
            _error(
                "linear_half",
                "activation",
                "activation: expected one of 'relu'",
                HALF,
                HALF,
                None,
                "elu",
                exception=ValueError,
            ),
            _error(
                "float_to_half",
                "out",
                r"out: expected shape \(2,\), got shape \(3,\)",
                np.ones(2, np.float32),
                exception=ValueError,
                out=np.empty(3, np.float16),
            ),
        ),
    ),
)
