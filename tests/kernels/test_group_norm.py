"""Group normalisation beyond its record: statistics that one pass would spoil, gradients of an image in any batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import gamma

import tatamikomi as tk

Array = NDArray[Any]
K = tk.kernels
RNG = np.random.default_rng
DTYPES = [np.float32, np.float64]
# Rows in one chunk and in several, few and many, with a weight per element and per channel.
SHAPES = [((3, 40), 1), ((5, 6, 7), 3), ((3, 20001), 1), ((17, 9000), 1), ((2, 4, 61, 70), 2), ((17, 3, 60, 61), 1)]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
def test_a_large_mean_does_not_cancel(name: str, shape: tuple[int, ...], groups: int) -> None:
    """Deviations of 1/2 and 2 on a mean of 2^18, as many above as below: exact in float32."""
    rows, m = shape[0] * groups, int(np.prod(shape[1:])) // groups
    signs = np.where(np.arange(m - m % 2) % 2, 1.0, -1.0)
    deviations = RNG(1).permuted(np.tile(signs, (rows, 1)), axis=1) * 2.0 ** RNG(2).choice([-1, 1], (rows, 1))
    centred = np.concatenate([deviations, np.zeros((rows, m % 2))], axis=1)
    x = (centred + 2.0**18).reshape(shape).astype(np.float32)
    with engine(name):
        y, mean, invstd = K.group_norm_forward(x, groups, eps=0.0)
    var = np.square(centred).sum(axis=1) / m
    assert np.array_equal(mean.ravel(), np.full(rows, 2.0**18))
    bound = gamma(6, np.float32)
    assert np.all(np.abs(invstd.ravel() * np.sqrt(var) - 1) <= bound)
    exact = centred / np.sqrt(var)[:, None]
    assert np.all(np.abs(y.reshape(rows, m) - exact) <= 2 * bound * np.abs(exact))


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("kind", ["shift", "range", "constant", "not finite"])
def test_statistics_where_one_pass_does_not_suffice(
    name: str, dtype: Any, shape: tuple[int, ...], groups: int, kind: str
) -> None:
    """Two passes in double answer: the three elements mislead, or squares leave the range of the dtype."""
    rows, m = shape[0] * groups, int(np.prod(shape[1:])) // groups
    x = RNG(3).standard_normal((rows, m)) + 1000
    probes = [m // 6, m // 2, m * 5 // 6]
    if kind == "shift":
        x[:, probes] = 0
    elif kind == "range":
        x *= 1e30 if dtype == np.float32 else 1e140
    elif kind == "constant":
        x[...] = 7
    else:
        x[:, probes] = np.inf
    x = x.astype(dtype)
    with engine(name):
        _, mean, invstd = K.group_norm_forward(x.reshape(shape), groups)
    if kind == "not finite":
        assert np.all(mean == np.inf)
        assert np.isnan(invstd).all()
        return
    wide = x.astype(np.longdouble)
    average = wide.mean(axis=1)
    exact = 1 / np.sqrt(np.square(wide - average[:, None]).mean(axis=1) + 1e-5)
    sums = gamma(2 * m + 8, np.float64)
    size = np.abs(wide).mean(axis=1)
    assert np.all(np.abs(mean.ravel() - average) <= (sums + gamma(1, dtype)) * size)
    assert np.all(np.abs(invstd.ravel() - exact) <= (2 * sums * size * exact + gamma(4, dtype)) * exact)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("centred", [True, False])
def test_the_gradient_of_an_image_is_the_same_in_any_batch(
    name: str, dtype: Any, shape: tuple[int, ...], groups: int, centred: bool
) -> None:
    x, dy = RNG(4).standard_normal((2, *shape)).astype(dtype)
    weight = RNG(5).standard_normal(shape[1]).astype(dtype)
    with engine(name), tk.threads(2):
        _, mean, invstd = K.group_norm_forward(x, groups, weight, centred=centred)
        whole = K.group_norm_backward(dy, x, mean, invstd, groups, weight, centred)[0]
        for part in (slice(0, 1), slice(1, 3), slice(2, None)):
            given = dy[part], x[part], mean[part], invstd[part]
            assert K.group_norm_backward(*given, groups, weight, centred)[0].tobytes() == whole[part].tobytes()
