"""Activations by kind at the ends of the numbers, both backends and every instruction set; PReLU's long sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import DTYPES, THREADS, assert_within, gamma
from tests.op_specs.activation_formulas import KINDS
from tests.oracles.rounding import normal

import tatamikomi as tk
from tatamikomi.kernels.reference import activation as reference

K = tk.kernels
INF, NAN = np.inf, np.nan

# kind: its parameters, y at -inf and inf, dx / dy there
ENDS: dict[str, tuple[tuple[float, ...], tuple[float, float], tuple[float, float]]] = {
    "celu": ((0.5,), (-0.5, INF), (0, 1)),
    "elu": ((2.0, 0.5), (-0.5, INF), (0, 2)),
    "gelu": ((), (0, INF), (NAN, NAN)),
    "gelu_tanh": ((), (NAN, INF), (0, 1)),
    "hardshrink": ((0.5,), (-INF, INF), (1, 1)),
    "hardsigmoid": ((), (0, 1), (0, 0)),
    "hardswish": ((), (NAN, INF), (0, 1)),
    "hardtanh": ((-1.0, 2.0), (-1, 2), (0, 0)),
    "leaky_relu": ((0.25,), (-INF, INF), (0.25, 1)),
    "mish": ((), (NAN, INF), (NAN, NAN)),
    "silu": ((), (NAN, INF), (NAN, NAN)),
    "softplus": ((2.0, 20.0), (0, INF), (0, 1)),
    "softshrink": ((0.5,), (-INF, INF), (1, 1)),
    "softsign": ((), (NAN, NAN), (0, 0)),
    "step": ((0.5,), (0, 1), (0, 0)),
    "tanhshrink": ((), (-INF, INF), (1, 1)),
    "threshold": ((0.5, -7.0), (-7, INF), (0, 1)),
}
NOT_WRITTEN_AS_LIMITS = ("gelu", "mish", "silu", "softsign", "gelu_tanh", "hardswish")  # they hold inf * 0 or inf / inf


def test_one_list_of_kinds() -> None:
    assert set(K.ACTIVATION_KINDS) == set(reference.KINDS) == set(KINDS) == set(ENDS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", ENDS)
def test_infinities_and_nan(kind: str, name: str, dtype: Any) -> None:
    options, values, slopes = ENDS[kind]
    x = np.array([-INF, INF, NAN], dtype)
    with engine(name):
        y, dx = K.activation_forward(x, kind, *options), K.activation_backward(np.ones(3, dtype), x, kind, *options)
    np.testing.assert_array_equal(y, [*values, NAN])
    np.testing.assert_array_equal(dx[:2], slopes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kind", ENDS)
def test_far_out_everything_is_settled(kind: str, name: str, dtype: Any) -> None:
    """Finite numbers as large as there are: lines and constants, and no NaN on the way."""
    options, values, slopes = ENDS[kind]
    far = dtype(np.finfo(dtype).max / 8)
    with engine(name):
        x = np.array([-far, far])
        y, dx = K.activation_forward(x, kind, *options), K.activation_backward(np.ones(2, dtype), x, kind, *options)
    lines = {"softsign": (-1, 1), "leaky_relu": (-far / 4, far), "elu": (-0.5, 2 * far)}
    limits = lines.get(kind, tuple(np.where(np.isfinite(values), values, [-far, far])))
    settled = [0 if kind in NOT_WRITTEN_AS_LIMITS and kind != "softsign" else limits[0], limits[1]]
    np.testing.assert_array_equal(y, np.array(settled, dtype))
    np.testing.assert_array_equal(dx, np.where(np.isnan(slopes), [0, 1], slopes))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
def test_gelu_keeps_its_digits_in_the_tail(name: str, dtype: Any) -> None:
    """x P(x): five units for P, and the product, which magnifies what a subnormal P is off."""
    x = -np.linspace(0, 13 if dtype is np.float32 else 38, 4001, dtype=dtype)
    with engine(name):
        y = K.activation_forward(x, "gelu")
    exact = x.astype(np.longdouble) * normal(x)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    assert_within(y, exact, gamma(2 * 5 + 1, dtype) * np.abs(exact) + (5 * np.abs(x) + 1) * tiny)
    assert 0 < -y[-1] < 1e-30


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
def test_a_dropped_gradient_is_dropped_whatever_it_is(name: str, dtype: Any) -> None:
    dy, x = np.array([INF, NAN], dtype), np.array([-4, -4], dtype)
    with engine(name):
        for kind, options in (("hardtanh", (0.0, 6.0)), ("hardsigmoid", ()), ("threshold", (0.0, 0.0))):
            np.testing.assert_array_equal(K.activation_backward(dy, x, kind, *options), 0)
        np.testing.assert_array_equal(K.activation_backward(dy, x, "hardswish"), 0)
        np.testing.assert_array_equal(K.activation_backward(dy, x, "softshrink", 5.0), 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("weights", [1, 3])
def test_sums_of_prelu_for_any_number_of_threads(weights: int, name: str, dtype: Any) -> None:
    """Planes of two segments and a tail; whole numbers, so that the sums are exact."""
    random = np.random.default_rng(weights)
    x, dy = random.integers(-3, 4, (2, 3, 16411)).astype(dtype), random.integers(-3, 4, (2, 3, 16411)).astype(dtype)
    weight = np.arange(1, weights + 1).astype(dtype)
    exact = np.where(x > 0, 0, dy.astype(float) * x).sum((0, 2) if weights > 1 else (0, 1, 2)).reshape(-1)
    with engine(name):
        for count in THREADS:
            with tk.threads(count):
                np.testing.assert_array_equal(K.prelu_backward(dy, x, weight)[1], exact)
