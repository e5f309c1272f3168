"""Dropout, whose mask follows from two integers."""

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
    Gradient,
    Identity,
    OpSpec,
    Sample,
    gamma,
    roundoff,
)
from tests.oracles import dropout as oracle

# A quarter, a half, three quarters: 1 / (1 - p) is exact where p is 0.5 and 0.75.
CASES = {
    "nothing dropped": ((3, 5), 0.0, 0, 0),
    "half": ((4, 33), 0.5, 7, 3),
    "three quarters": ((67,), 0.75, 1 << 40, 1 << 33),
    "all dropped": ((5, 4), 1.0, 1, 1),
    "one number": ((1,), 0.5, 2, 0),
    "empty batch": ((0, 3), 0.5, 1, 2),
    "last block": ((129,), 0.5, (1 << 63) - 1, (1 << 63) - 1),
}
REAL = {"a third": ((7, 19), 1 / 3, 11, 5), "rarely": ((257,), 0.05, 3, 1)}
BIG = {"big": ((5, 20011), 0.5, 4, 9)}


def _samples() -> list[Sample]:
    return [
        Sample(label, lambda draw, case=case: _call(draw, *case), label in BIG)
        for label, case in (CASES | REAL | BIG).items()
    ]


def _call(draw: Draw, shape: tuple[int, ...], p: float, seed: int, offset: int) -> Call:
    # On integers the factor must be exact: elsewhere a half stands in.
    return Call((draw(*shape), 0.5 if draw.integers and p not in (0, 0.5, 0.75, 1) else p, seed, offset))


def _bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """1 - p and its inverse are rounded, and so is the product: in dtype at worst."""
    return (gamma(4, roundoff(dtype)) * np.abs(oracle.dropout(*call.args)),)


def _adjoint(label: str) -> Identity:
    """<dropout(x), g> = <x, dropout(g)>: the mask is one and the same."""

    def numbers(draw: Draw) -> Any:
        x, *block = _call(draw, *CASES[label]).args
        g = draw(*x.shape)
        yield np.vdot(tk.kernels.dropout_forward(x, *block), g), np.vdot(x, tk.kernels.dropout_backward(g, *block))

    return Identity(label, numbers)


X = np.ones(4, np.float32)


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
    return ErrorCase(label, lambda: tk.kernels.dropout_forward(*args), exception, f"^dropout_forward: {pattern}")


SPECS = (
    OpSpec(
        name="dropout",
        kind="kernel",
        functional=("dropout",),
        directions=(
            Direction("dropout_forward", _samples(), oracle.dropout, _bound),
            Direction("dropout_backward", _samples(), oracle.dropout, _bound),
        ),
        identities=tuple(_adjoint(label) for label in CASES),
        gradients=(
            Gradient(
                "dropout",
                lambda draw: (lambda x: tk.functional.dropout(x, 0.4, generator=tk.Generator(3)), [draw(5, 4)]),
            ),
        ),
        errors=(
            _error("p > 1", "p: expected .*got 1.5", X, 1.5, 0, 0),
            _error("p negative", "p: expected .*got -0.1", X, -0.1, 0, 0),
            _error("p NaN", "p: expected .*got nan", X, float("nan"), 0, 0),
            _error("p None", "p: expected .*got None", X, None, 0, 0, exception=TypeError),
            _error("seed negative", "seed: expected .*got -1", X, 0.5, -1, 0),
            _error("seed past 2**63", f"seed: expected .*got {1 << 63}", X, 0.5, 1 << 63, 0),
            _error("offset 0.5", "offset: expected .*got 0.5", X, 0.5, 0, 0.5, exception=TypeError),
        ),
    ),
)
