"""Transforms: the numbers they draw, the maps they make of them, and who may call them how."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tatamikomi.data import Compose, Normalize, RandomAffine, batches
from tatamikomi.random import uniform

RNG = np.random.default_rng(3)
IMAGES = RNG.random((10, 2, 8, 7), dtype=np.float32)


def forward(augment, draw, height, width):
    """The documented map of a pixel, from five draws, as (M, t) about the centre."""
    angle, scale, shear, right, down = draw
    angle = math.radians(augment.degrees[0] + angle * (augment.degrees[1] - augment.degrees[0]))
    lean = math.tan(math.radians(augment.shear[0] + shear * (augment.shear[1] - augment.shear[0])))
    size = augment.scale[0] + scale * (augment.scale[1] - augment.scale[0])
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    shift = np.array([(2 * right - 1) * augment.translate[0] * width, (2 * down - 1) * augment.translate[1] * height])
    return size * rotation @ np.array([[1, lean], [0, 1]]), shift


def test_matrices_undo_the_documented_map():
    augment = RandomAffine((-40, 70), (0.3, 0.2), (0.5, 2.0), (-30, 40), seed=11)
    indices = np.array([0, 5, 1000, 2**33])
    height, width = 12, 15
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    found = augment.matrices(indices, 6, height, width)
    # Each of at most 64 roundings on the way errs by at most 2**-53 of a value below 2**7.
    bound = 64 * 2.0 ** (7 - 53)
    for matrix, draw in zip(found, uniform(11, (6,), indices, 5).astype(float), strict=True):
        linear, shift = forward(augment, draw, height, width)
        for pixel in ([0, 0], [width - 1, 0], [0, height - 1], [3, 8]):
            goes_to = linear @ (np.array(pixel) - centre) + shift + centre
            back = matrix[:, :2] @ goes_to + matrix[:, 2]
            assert np.abs(back - pixel).max() <= bound


def test_amounts_fill_their_ranges():
    augment = RandomAffine((10, 30), (0.5, 0.25), (0.8, 1.6), seed=2)
    matrices = augment.matrices(np.arange(2000), 0, 9, 9)
    scale = 1 / np.sqrt(matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0])
    angle = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    centre = np.array([4, 4, 1.0])
    back = matrices @ centre - 4  # -M^-1 t
    shift = -np.einsum("nij,nj->ni", np.linalg.inv(matrices[:, :, :2]), back)
    # That 2000 uniform numbers all miss the last 2 % of their range has a chance of 0.98**2000 < 3e-18;
    # recovering them takes at most 64 roundings of values below 2**7.
    bound = 64 * 2.0 ** (7 - 53)
    for amounts, low, high in (
        (angle, 10, 30),
        (scale, 0.8, 1.6),
        (shift[:, 0], -4.5, 4.5),
        (shift[:, 1], -2.25, 2.25),
    ):
        edge = 0.02 * (high - low)
        assert low - bound <= amounts.min() < low + edge
        assert high - edge < amounts.max() <= high + bound


@pytest.mark.parametrize("degrees", [90, 180, 270, -90])
def test_quarter_turns_are_counter_clockwise(degrees):
    x = RNG.integers(0, 256, (2, 3, 6, 6)).astype(np.float32)
    turned = RandomAffine((degrees, degrees))(x)
    # Coordinates are off by far less than 2**-10, pixels so by less than 1/2: rounding finds the integers.
    assert np.array_equal(np.rint(turned), np.rot90(x, degrees // 90, axes=(2, 3)))


def test_scale_above_one_magnifies():
    x = np.zeros((1, 1, 9, 9), np.float32)
    x[0, 0, 3:6, 3:6] = 1
    assert RandomAffine(scale=(2, 2))(x).sum() > 2 * x.sum()
    assert RandomAffine(scale=(0.5, 0.5))(x).sum() < x.sum() / 2


def test_shear_leans_rows_the_further_the_lower():
    x = np.zeros((1, 1, 5, 9), np.float32)
    x[0, 0, :, 4] = 1
    leaning = RandomAffine(shear=(45, 45))(x)
    # tan 45 degrees = 1: the row at height r from the middle moves r columns to the right.
    assert np.rint(leaning[0, 0]).argmax(axis=1).tolist() == [2, 3, 4, 5, 6]


def test_without_amounts_nothing_changes():
    assert np.array_equal(RandomAffine(seed=4)(IMAGES), IMAGES)


def test_depends_on_seed_epoch_and_index_alone():
    def run(x=IMAGES, indices=None, epoch=0, seed=1):
        return RandomAffine(30, (0.2, 0.2), (0.7, 1.3), 10, seed=seed)(x, indices, epoch)

    whole = run()
    assert np.array_equal(run(indices=np.arange(10)), whole)
    assert np.array_equal(run(IMAGES[[7, 2]], np.array([7, 2])), whole[[7, 2]])
    for other in (run(epoch=1), run(seed=2), run(indices=np.arange(10, 20))):
        assert all(not np.array_equal(a, b) for a, b in zip(other, whole, strict=True))
    same = run(np.repeat(IMAGES[:1], 10, axis=0))
    assert len({image.tobytes() for image in same}) == 10


def test_fill_and_dtype():
    corner = RandomAffine((45, 45), fill=9.0)(np.zeros((1, 1, 8, 8)))
    assert corner.dtype == np.float64
    assert corner[0, 0, 0, 0] == 9.0
    assert RandomAffine(5)(IMAGES.astype(">f4")).dtype == np.float32


def test_nan_pixels_pass():
    x = IMAGES.copy()
    x[0, 0, 4, 4] = np.nan
    found = RandomAffine(10, seed=1)(x)
    assert np.isnan(found[0, 0]).any()
    assert np.isfinite(found[1:]).all()


def test_normalize():
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    assert np.array_equal(Normalize(2.0, 4.0)(x), (x - 2) / 4)
    found = Normalize([0, 4, 8], [1, 2, 4])(x)
    assert found.dtype == np.float32
    assert found[0, :, 1, 1].tolist() == [3.0, 1.5, 0.75]
    assert Normalize(0.5, 0.5)(x.astype(">f8")).dtype == np.float64
    assert Normalize([1, 2, 3], 1)(np.ones((2, 3))).tolist() == [[0, -1, -2]] * 2


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize(
    "shape", [(7,), (5, 4), (5, 4, 3), (5, 4, 40), (5, 4, 7, 9), (5, 4, 3, 3, 20), (0, 4, 40), (5, 0, 40), (5, 4, 0)]
)
@pytest.mark.parametrize("values", [0, 1 << 18], ids=["one pass", "two"])
def test_normalizing_rounds_a_difference_and_a_quotient(values, shape, dtype, monkeypatch):
    monkeypatch.setattr(batches, "_VALUES", values)
    x = np.random.default_rng(1).normal(size=shape).astype(dtype)
    pairs = [(0.3, 0.7)] if len(shape) < 2 else [(0.3, 0.7), ([0.3], 1.7), (np.arange(shape[1]) / 3, 0.9)]
    for mean, std in pairs:
        tail = (1,) * max(len(shape) - 2, 0) * np.ndim(mean)
        expected = (x - np.asarray(mean, dtype).reshape(np.shape(mean) + tail)) / np.asarray(std, dtype)
        found = Normalize(mean, std)(x)
        assert found.shape == x.shape
        assert found.tobytes() == expected.tobytes()
        assert Normalize(mean, std)(x.T.copy().T).tobytes() == expected.tobytes()


def test_compose_passes_indices_and_epoch_on():
    calls = []

    def note(x, indices, epoch):
        calls.append((indices, epoch))
        return x + 1

    both = Compose([note, note])
    assert both(np.zeros((1, 1, 1, 1)), "indices", 5).item() == 2
    assert calls == [("indices", 5)] * 2
    assert Compose([])(IMAGES) is IMAGES


def test_reprs_say_what_was_asked_for():
    text = repr(Compose([RandomAffine(10, seed=3), Normalize(0.5, [1.0])]))
    assert text == (
        "Compose([RandomAffine(degrees=(-10.0, 10.0), translate=(0.0, 0.0), scale=(1.0, 1.0), "
        "shear=(0.0, 0.0), fill=0.0, seed=3), Normalize(0.5, [1.0])])"
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"degrees": -5},
            ValueError,
            "RandomAffine: degrees: expected finite low <= high, or one number >= 0, got -5",
        ),
        ({"degrees": (5, 4)}, ValueError, r"RandomAffine: degrees: .* got \(5, 4\)"),
        ({"degrees": float("nan")}, ValueError, "RandomAffine: degrees"),
        ({"translate": (0.1, 1.5)}, ValueError, r"RandomAffine: translate: expected two parts in 0\.\.1"),
        ({"scale": (0, 1)}, ValueError, "RandomAffine: scale: expected 0 < low <= high"),
        ({"scale": (2, 1)}, ValueError, "RandomAffine: scale: expected finite low <= high"),
        ({"shear": 90}, ValueError, r"RandomAffine: shear: expected degrees within \(-90, 90\)"),
        ({"seed": -1}, ValueError, "RandomAffine: seed: expected 0 <= value"),
    ],
)
def test_random_affine_refuses(options, error, message):
    with pytest.raises(error, match=message):
        RandomAffine(**options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: RandomAffine(5)(np.zeros((2, 8, 8))),
            ValueError,
            r"RandomAffine: x: expected shape \(N, C, H, W\)",
        ),
        (
            lambda: RandomAffine(5)(np.zeros((2, 1, 8, 8), int)),
            TypeError,
            "RandomAffine: x: expected float32 or float64",
        ),
        (
            lambda: RandomAffine(5)(IMAGES, np.arange(3)),
            ValueError,
            "indices: expected as many as images, 10, got 3",
        ),
        (lambda: RandomAffine(5)(IMAGES, np.zeros(10)), TypeError, "indices: expected integers, got float64"),
        (lambda: Normalize(0, 0), ValueError, "Normalize: std: expected numbers > 0, got 0.0"),
        (lambda: Normalize(np.inf, 1), ValueError, "Normalize: mean: expected a finite number"),
        (
            lambda: Normalize([[1]], 1),
            ValueError,
            "Normalize: mean: expected a finite number, or one per channel",
        ),
        (
            lambda: Normalize([1, 2, 3], 1)(IMAGES),
            ValueError,
            "Normalize: mean: expected one per channel, got 3 for x",
        ),
        (
            lambda: Normalize(0, 1)(np.zeros(2, int)),
            TypeError,
            "Normalize: x: expected float32 or float64, got int64",
        ),
        (lambda: Compose([3]), TypeError, "Compose: transforms: expected callables, got int"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
