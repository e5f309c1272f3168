"""Crops, warps and uniform numbers: the bits of the NumPy twins, whatever the numbers, threads and instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engines import EVERY_NATIVE, engine

import tatamikomi as tk
from tatamikomi.geometry import PADDING_MODES
from tatamikomi.random import uniform

RNG = np.random.default_rng(11)


def strange(shape, dtype):
    """Numbers with some NaN, infinities and zeros of either sign."""
    x = RNG.normal(size=shape).astype(dtype)
    flat = x.reshape(-1)
    for value in (np.nan, np.inf, -np.inf, -0.0, 0.0, np.finfo(dtype).max, np.finfo(dtype).tiny / 8):
        flat[RNG.integers(0, flat.size, max(flat.size // 40, 1))] = value
    return x


def bits(x):
    """Its bytes, one NaN being as good as another."""
    return np.where(np.isnan(x), x.dtype.type(np.nan), x).tobytes()


def same_everywhere(call):
    """The reference's bits on every instruction set, on one thread and on several."""
    with tk.backend("reference"), np.errstate(all="ignore"):
        expected = call()
    for name in EVERY_NATIVE:
        for count in (1, 3):
            with engine(name), tk.threads(count):
                found = call()
            assert found.dtype == expected.dtype
            assert bits(found) == bits(expected), (name, count)
    return expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (5, 17), (40, 33), (33, 64), (3, 131)])
@pytest.mark.parametrize("displaced", [False, True])
def test_a_warp_has_the_bits_of_numpy(dtype, height, width, displaced):
    x = strange((21, 2, height, width), dtype)
    matrix = (np.eye(2, 3) + RNG.normal(0, 0.4, (21, 2, 3))).astype(dtype)
    matrix[0], matrix[1, 0], matrix[2, 1, 2] = 1e30, (np.nan, 1, 2), np.inf
    moved = strange((21, 2, height, width), dtype) if displaced else None
    for nearest in (False, True):
        same_everywhere(lambda nearest=nearest: tk.kernels.warp(x, matrix, moved, 0.3, nearest))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize(
    ("size", "part"), [((1, 1), (4, 9)), ((3, 5), (7, 40)), ((40, 33), (40, 33)), ((9, 64), (5, 3))]
)
def test_a_crop_has_the_bits_of_numpy(dtype, mode, size, part):
    x = strange((30, 3, *size), dtype)
    steps = RNG.choice(np.array([-1, 1]), (30, 2))
    firsts = RNG.integers(-50, 90, (30, 2))
    firsts[:4] = [[(1 << 40) - 1, 1 - (1 << 40)], [0, 0], [-part[0], -part[1]], size]
    places = np.stack([firsts[:, 0], steps[:, 0], firsts[:, 1], steps[:, 1]], axis=1)
    mean, std = RNG.normal(size=3).astype(dtype), RNG.uniform(0.1, 2, 3).astype(dtype)
    for fill in (0.1, np.nan, -np.inf):
        plain = same_everywhere(lambda fill=fill: tk.kernels.crop(x, places, part, None, None, mode, fill))
        found = same_everywhere(lambda fill=fill: tk.kernels.crop(x, places, part, mean, std, mode, fill))
        with np.errstate(all="ignore"):
            assert bits(found) == bits((plain - mean[:, None, None]) / std[:, None, None])
    samples = RNG.integers(0, 30, 41)
    spread = places[RNG.integers(0, 30, 41)]
    found = same_everywhere(lambda: tk.kernels.crop(x, spread, part, mean, std, mode, 0.1, samples=samples))
    assert bits(found) == bits(tk.kernels.crop(x[samples], spread, part, mean, std, mode, 0.1))


def test_nan_places_are_outside_and_the_nearest_pixel_is_copied():
    x = np.array([[[[np.inf, -0.0, np.nan, 5.0]]]])
    still = np.eye(2, 3)[None]
    assert bits(tk.kernels.warp(x, still, nearest=True)) == bits(x)
    moved = np.zeros((1, 2, 1, 4))
    moved[0, 1, 0, 3] = np.nan
    assert tk.kernels.warp(np.ones((1, 1, 1, 4)), still, moved, fill=7.0).tolist() == [[[[1.0, 1.0, 1.0, 7.0]]]]


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_numbers_are_those_of_numpy(backend):
    indices = RNG.integers(0, 2**63, 37, np.int64)
    for count in (0, 1, 4, 5, 450):
        with tk.backend(backend):
            found = tk.kernels.uniform(3, (1 << 62, 5), indices, count)
        assert found.tobytes() == uniform(3, (1 << 62, 5), indices, count).astype(np.float64).tobytes()


def test_a_refused_crop_writes_nothing():
    out = np.full((2, 1, 2, 2), 7.0)
    with pytest.raises(ValueError, match="crop: places: expected"):
        tk.kernels.crop(np.zeros((2, 1, 2, 2)), [[0, 1, 0, 1], [0, 1, 0, 3]], (2, 2), out=out)
    with pytest.raises(ValueError, match="crop: samples: expected"):
        tk.kernels.crop(np.zeros((2, 1, 2, 2)), [[0, 1, 0, 1]] * 2, (2, 2), out=out, samples=[0, 2])
    assert (out == 7).all()
