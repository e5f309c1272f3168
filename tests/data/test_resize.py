"""Resizing: against plain loops, against torch, and what it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.data import Resize, resize

RNG = np.random.default_rng(2)


def weights_of(n, m, antialias):
    """(m, n), from the documented formula, one number at a time."""
    result = np.zeros((m, n))
    ratio = n / m
    reach = max(ratio, 1.0) if antialias else 1.0
    for i in range(m):
        centre = ratio * (i + 0.5)
        for j in range(-3 * n - 3, 4 * n + 3):
            weight = max(0.0, 1 - abs(j + 0.5 - centre) / reach)
            if 0 <= j < n:
                result[i, j] += weight
            elif not antialias:
                result[i, min(max(j, 0), n - 1)] += weight
        result[i] /= result[i].sum()
    return result


SIZES = [((5, 7), (5, 7)), ((5, 7), (10, 14)), ((8, 6), (4, 3)), ((7, 11), (3, 4)), ((1, 5), (4, 1)), ((13, 4), (5, 9))]


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_against_plain_loops(before, after, antialias):
    x = RNG.random((2, 3, *before))
    down, across = (weights_of(n, m, antialias) for n, m in zip(before, after, strict=True))
    expected = np.einsum("ih,nchw,jw->ncij", down, x, across)
    # Up to 28 + 12 products of numbers below 1 and their weights, each rounded a few times.
    assert np.abs(resize(x, after, antialias) - expected).max() < 64 * 2.0**-52


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_against_torch(before, after, antialias):
    torch = pytest.importorskip("torch")
    x = RNG.random((2, 3, *before))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(x), size=after, mode="bilinear", align_corners=False, antialias=antialias
    ).numpy()
    assert np.abs(resize(x, after, antialias) - expected).max() < 64 * 2.0**-52


@pytest.mark.parametrize("antialias", [True, False])
def test_what_is_flat_stays_flat_and_nothing_leaves_the_range(antialias):
    for before, after in SIZES:
        flat = resize(np.full((1, 1, *before), 0.3, np.float32), after, antialias)
        assert np.abs(flat - np.float32(0.3)).max() < 64 * 2.0**-24
        y = resize(RNG.random((4, 1, *before), dtype=np.float32), after, antialias)
        assert y.min() > -(2.0**-20)
        assert y.max() < 1 + 2.0**-20


def test_the_same_bits_in_any_batch_and_from_any_layout():
    x = RNG.random((9, 3, 11, 8), dtype=np.float32)
    whole = resize(x, (5, 13))
    for size in (1, 2, 4):
        parts = [resize(x[start : start + size], (5, 13)) for start in range(0, 9, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert resize(last.astype(">f4"), (5, 13)).tobytes() == whole.tobytes()
    assert resize(x[:0], 4).shape == (0, 3, 4, 4)
    assert resize(x, (11, 8)).tobytes() == x.tobytes()
    assert not np.shares_memory(resize(x, (11, 8)), x)


def test_the_transform_does_the_same():
    x = RNG.random((2, 1, 6, 6))
    assert np.array_equal(Resize((3, 4))(x), resize(x, (3, 4)))
    assert np.array_equal(Resize(3, antialias=False)(x), resize(x, 3, antialias=False))
    assert repr(Resize((3, 4))) == "Resize((3, 4), antialias=True)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: resize(np.zeros((1, 1, 2, 2)), 0), ValueError, "resize: size: expected an integer >= 1"),
        (lambda: resize(np.zeros((1, 2, 2)), 2), ValueError, r"resize: x: expected shape \(N, C, H, W\)"),
        (lambda: resize(np.zeros((1, 1, 0, 2)), 2), ValueError, "resize: x: expected images of at least one pixel"),
        (lambda: resize(np.zeros((1, 1, 2, 2), int), 2), TypeError, "resize: x: expected float32 or float64"),
        (lambda: Resize(2.0), TypeError, "Resize: size: expected an integer, or"),
        (lambda: Resize(2, antialias=1), TypeError, "Resize: antialias: expected True or False, got int"),
        (lambda: Resize(2)(np.zeros((2, 2))), ValueError, "Resize: x: expected shape"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
