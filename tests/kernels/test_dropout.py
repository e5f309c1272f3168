"""Dropout, both backends and every instruction set, against Philox in plain integers: equal bits everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import DTYPES, SIZES, THREADS, assert_rounded
from tests.kernels.guarded import Guarded
from tests.oracles import dropout as oracle

import tatamikomi as tk

K = tk.kernels
BLOCKS = [(0, 0), (1, 2), ((7 << 32) + 5, (3 << 32) + 1), ((1 << 63) - 1, (1 << 63) - 1)]


def test_oracle_knows_the_published_vectors() -> None:
    """The known answers that the paper's authors publish with their Random123 library."""
    ones = 0xFFFFFFFF
    assert oracle.philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert oracle.philox((ones,) * 4, (ones,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("size", SIZES[:-2])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.75, 1 - 2.0**-24, 1.0])
def test_forward_and_backward(name: str, dtype: Any, size: int, p: float) -> None:
    x = np.random.default_rng(size).standard_normal(size).astype(dtype) + dtype(4)
    for seed, offset in BLOCKS[:2] if size else BLOCKS[:1]:
        y, dx = Guarded(x.shape, dtype), Guarded(x.shape, dtype)
        with engine(name):
            K.dropout_forward(x, p, seed, offset, out=y.array)
            K.dropout_backward(x, p, seed, offset, out=dx.array)
        y.check()
        dx.check()
        keep = oracle.mask(size, p, seed, offset)
        np.testing.assert_array_equal(y.array != 0, keep)
        # 1 - p and its reciprocal in float64, the rounding to dtype, the product
        assert_rounded(y.array, oracle.dropout(x, p, seed, offset), 4)
        np.testing.assert_array_equal(dx.array, y.array)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("seed", "offset"), BLOCKS)
def test_every_bit_of_seed_and_offset_counts(name: str, seed: int, offset: int) -> None:
    with engine(name):
        y = K.dropout_forward(np.ones(203), 0.5, seed, offset)
    np.testing.assert_array_equal(y, 2.0 * oracle.mask(203, 0.5, seed, offset))


@pytest.mark.parametrize("name", ENGINES)
def test_borderline_of_p(name: str) -> None:
    """u >= p is decided exactly: p is taken as u itself, and as its neighbours in float64."""
    words = [w for i in range(8) for w in oracle.philox((i, 0, 9, 0), (5, 0))]
    with engine(name):
        for index, word in enumerate(words[:12]):
            u = (word >> 8) * 2.0**-24
            for p, kept in ((u, True), (np.nextafter(u, 0), True), (np.nextafter(u, 1), False)):
                assert (K.dropout_forward(np.ones(32, np.float32), p, 5, 9)[index] != 0) is np.bool_(kept)


@pytest.mark.parametrize("dtype", DTYPES)
def test_backends_agree_bit_for_bit(dtype: Any) -> None:
    x = np.random.default_rng(1).standard_normal((37, 1001)).astype(dtype)
    with tk.backend("reference"):
        expected = K.dropout_forward(x, 0.3, 11, 13)
    assert 0.29 < np.mean(expected == 0) < 0.31
    for name in NATIVE:
        for count in THREADS:
            with engine(name), tk.threads(count):
                np.testing.assert_array_equal(K.dropout_forward(x, 0.3, 11, 13), expected)
                np.testing.assert_array_equal(K.dropout_backward(x, 0.3, 11, 13), expected)


@pytest.mark.parametrize("name", ENGINES)
def test_special_values(name: str) -> None:
    x = np.full(64, np.nan)
    x[32:] = np.inf
    keep = oracle.mask(64, 0.5, 3, 4)
    assert 0 < keep[32:].sum() < 32
    with engine(name):
        y = K.dropout_forward(x, 0.5, 3, 4)
        np.testing.assert_array_equal(y[:32], np.nan)
        np.testing.assert_array_equal(y[32:], np.where(keep[32:], np.inf, np.nan))
        np.testing.assert_array_equal(K.dropout_forward(np.ones(5), 1.0, 3, 4), np.zeros(5))


def test_any_layout() -> None:
    x = np.random.default_rng(2).standard_normal((6, 10)).astype(np.float32)
    y = K.dropout_forward(x, 0.5, 1, 2)
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4"), x.tolist()):
        np.testing.assert_array_equal(K.dropout_forward(other, 0.5, 1, 2), y)
    np.testing.assert_array_equal(K.dropout_forward(x, np.float32(0.5), np.int64(1), np.uint8(2)), y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: K.dropout_forward(None, 0.5, 0, 0),
            TypeError,
            "dropout_forward: x: expected an array, got None",
        ),
        (
            lambda: K.dropout_forward([1], 1.5, 0, 0),
            ValueError,
            "dropout_forward: p: .* >= 0 and <= 1, got 1.5",
        ),
        (lambda: K.dropout_backward([1], -0.1, 0, 0), ValueError, "dropout_backward: p: .*, got -0.1"),
        (lambda: K.dropout_forward([1], float("nan"), 0, 0), ValueError, "dropout_forward: p: .*, got nan"),
        (
            lambda: K.dropout_forward([1], "0.5", 0, 0),
            TypeError,
            "dropout_forward: p: expected a finite number",
        ),
        (lambda: K.dropout_forward([1], 0.5, -1, 0), ValueError, "dropout_forward: seed: .*, got -1"),
        (
            lambda: K.dropout_forward([1], 0.5, 0, 1 << 63),
            ValueError,
            "dropout_forward: offset: expected an int",
        ),
        (lambda: K.dropout_forward([1], 0.5, 0.0, 0), TypeError, "dropout_forward: seed: .*, got 0.0"),
        (lambda: K.dropout_forward(np.arange(2), 0.5, 0, 0), TypeError, "dropout_forward: x: .*, got int64"),
    ],
)
def test_messages(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
