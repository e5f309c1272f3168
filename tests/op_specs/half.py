"""Floats of 16 bits to float32 and back: every number has one right answer."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, OpSpec, Sample, copied, leading
from tests.oracles import half as oracle

SIZES = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 127]
SHAPES = {**{str(size): (size,) for size in SIZES}, "images": (2, 3, 4, 5), "empty batch": (0, 4)}
BIG = {"big": (5, 9001)}


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
        ),
        errors=(
            _error("half_to_float", "single", "x: expected float16, got float32", np.ones(2, np.float32)),
            _error("float_to_half", "double", "x: expected float32, got float64", np.ones(2)),
            _error("bfloat16_to_float", "half", "x: expected bfloat16, or its bits", np.ones(2, np.float16)),
            _error("float_to_bfloat16", "None", "x: expected an array, got None", None),
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
