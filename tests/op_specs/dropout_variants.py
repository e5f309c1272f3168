"""Dropout of channels, samples and weights, and beside SELU: each on a mask that the oracle finds from two integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, ErrorCase, Gradient, OpSpec, Sample, gamma, roundoff
from tests.oracles import dropout as oracle

F = tk.functional
SEED, OFFSET = 11, 5
SIZES = {"lines": (3, 4, 5), "images": (3, 4, 2, 6), "empty batch": (0, 4, 3, 2)}
VOLUMES = {"volumes": (2, 5, 2, 3, 2), "unbatched": (5, 2, 3, 2)}
LINES = {"lines": (3, 4, 5), "unbatched": (7, 5)}
ANY = {"one axis": (37,), "images": (3, 4, 2, 6), "empty batch": (0, 4)}
CHANNELS = {"rows": (9, 5), "images": (3, 4, 2, 6), "empty batch": (0, 4, 3)}
RATES = (0.0, 0.25, 0.5, 0.9, 1.0)
LOWEST = -1.0507009873554805 * 1.6732632423543772

Shape = tuple[int, ...]
Masked = Callable[[Array, Array, float], Array]


def _masked(x: Array, p: float, leading: int) -> Array:
    """Kept or not, per element of the first `leading` axes."""
    positions = x.shape[:leading]
    keep = oracle.mask(math.prod(positions), p, SEED, OFFSET)
    return keep.reshape(*positions, *(1,) * (x.ndim - leading))


def _scaled(x: Array, keep: Array, p: float) -> Array:
    return np.where(keep, x.astype(np.longdouble) / (1 - np.longdouble(p) if p < 1 else 1), 0)


def _unscaled(x: Array, keep: Array, p: float) -> Array:
    return np.where(keep, x, 0)


def _alpha(x: Array, keep: Array, p: float) -> Array:
    """a (x or v) + b with mean 0 and variance 1 for an x that has them."""
    if p == 1:
        return np.zeros(x.shape)
    q, v = 1 - np.longdouble(p), np.longdouble(LOWEST)
    a = (q + p * q * v * v) ** np.longdouble(-0.5)
    return a * np.where(keep, x.astype(np.longdouble), v) - a * p * v


def _bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Six roundings at most of terms that are no larger than 8 |x| + 8: a <= 1, |v| < 2, and 1 / (1 - p) <= 10."""
    return (gamma(6, roundoff(dtype)) * (10 * np.abs(call.args[0].astype(np.longdouble)) + 8),)


ONES = np.ones((2, 3, 4), np.float32)


def _spec(
    name: str,
    masked: Masked,
    leading: Callable[[Shape], int],
    sizes: dict[str, Shape],
    errors: tuple[ErrorCase, ...] = (),
    **options: Any,
) -> OpSpec:
    function = getattr(F, name)

    def run(x: Any, p: float) -> Any:
        return function(x, p, training=True, generator=tk.Generator(SEED, OFFSET), **options)

    def told(label: str, pattern: str, *args: Any, exception: type = ValueError, **given: Any) -> ErrorCase:
        return ErrorCase(f"{name} {label}", lambda: function(*args, **given), exception, f"^{name}: {pattern}")

    first = "weight" if name == "drop_connect" else "input"
    title = f"{name} {next(iter(options))}" if options else name
    return OpSpec(
        name=title,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                title,
                [
                    Sample(f"{label} {p}", lambda draw, shape=shape, p=p: Call((draw(*shape), p)))
                    for label, shape in sizes.items()
                    for p in RATES
                ],
                lambda x, p: masked(x, _masked(x, p, leading(x.shape)), p),
                _bound,
                exact=False,
                function=lambda x, p: run(x, p).numpy(),
            ),
        ),
        gradients=tuple(
            Gradient(f"{label} {p}", lambda draw, shape=shape, p=p: (lambda x: run(x, p), [draw(*shape)]))
            for label, shape in sizes.items()
            for p in (0.5, 1.0)
            if 0 not in shape
        ),
        errors=(
            told("p", "p: expected 0 <= p <= 1, got 1.5", ONES, 1.5),
            told("p NaN", "p: expected 0 <= p <= 1, got nan", ONES, math.nan),
            told("p text", "p: expected a number, got x", ONES, "x", exception=TypeError),
            told("None", f"{first}: expected an array, got None", None, exception=TypeError),
            told("training", "training: expected True or False, got 1", ONES, training=1, exception=TypeError),
            told("generator", "generator: expected a tatamikomi Gen", ONES, generator=3, exception=TypeError),
            *errors,
        ),
    )


def _rank(name: str, shape: Shape, expected: str, **options: Any) -> tuple[ErrorCase, ...]:
    x = np.ones(shape, np.float32)
    pattern = rf"^{name}: input: expected {expected}, got shape \({', '.join(map(str, shape))},?\)"
    return (ErrorCase(f"{name} rank", lambda: getattr(F, name)(x, **options), ValueError, pattern),)


def _flag(name: str, option: str) -> tuple[ErrorCase, ...]:
    pattern = f"^{name}: {option}: expected True or False, got 1"
    return (ErrorCase(option, lambda: getattr(F, name)(ONES, **{option: 1}), TypeError, pattern),)


SPECS = (
    _spec(
        "dropout1d",
        _scaled,
        lambda shape: len(shape) - 1,
        LINES,
        _rank("dropout1d", (2, 3, 4, 5), r"\(N, C, L\) or \(C, L\)") + _flag("dropout1d", "inplace"),
    ),
    _spec(
        "dropout2d",
        _scaled,
        lambda shape: 2,
        SIZES,
        _rank("dropout2d", (2, 3), r"\(N, C, H, W\) or \(N, C, L\)") + _flag("dropout2d", "inplace"),
    ),
    _spec(
        "dropout3d",
        _scaled,
        lambda shape: len(shape) - 3,
        VOLUMES,
        _rank("dropout3d", (2, 3, 4), r"\(N, C, D, H, W\) or \(C, D, H, W\)") + _flag("dropout3d", "inplace"),
    ),
    _spec("alpha_dropout", _alpha, len, ANY, _flag("alpha_dropout", "inplace")),
    _spec(
        "feature_alpha_dropout",
        _alpha,
        lambda shape: 2,
        CHANNELS,
        _rank("feature_alpha_dropout", (3,), r"\(N, C, ...\)", training=True)
        + _flag("feature_alpha_dropout", "inplace"),
    ),
    _spec("drop_connect", _scaled, len, ANY),
    _spec(
        "drop_path",
        _scaled,
        lambda shape: 1,
        ANY,
        _rank("drop_path", (), r"\(N, ...\)") + _flag("drop_path", "scale_by_keep"),
    ),
    _spec("drop_path", _unscaled, lambda shape: 1, ANY, scale_by_keep=False),
)
