"""Colours: each change against Pillow, and the two transforms made of them."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest

from tatamikomi.data import ColorJitter, RandAugment, pixel_ops
from tatamikomi.data.transforms_policy import CHANGES

RNG = np.random.default_rng(12)
BYTES = RNG.integers(0, 256, (16, 20, 3), np.uint8)
X = np.moveaxis(BYTES, -1, 0) / 255.0


@pytest.fixture
def pillow():
    pytest.importorskip("PIL")
    from PIL import Image, ImageEnhance, ImageOps

    return Image.fromarray, ImageEnhance, ImageOps


def as_bytes(image):
    return np.moveaxis(image, 0, -1) * 255


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize(
    ("name", "enhancer"),
    [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color"), ("sharpness", "Sharpness")],
)
def test_mixing_with_a_duller_image(pillow, name, enhancer, factor):
    picture, enhance, _ = pillow
    expected = np.asarray(getattr(enhance, enhancer)(picture(BYTES)).enhance(factor)).astype(float)
    found = as_bytes(getattr(pixel_ops, name)(X, factor))
    # Pillow rounds the dull image and the result to bytes, the first by up to 1 (its mean, and where it truncates).
    assert np.abs(found - expected).max() <= 1 + abs(1 - factor) + 1e-9


def test_a_factor_of_one_changes_nothing():
    for change in (pixel_ops.brightness, pixel_ops.contrast, pixel_ops.saturation, pixel_ops.sharpness):
        assert np.abs(change(X, 1.0) - X).max() < 2.0**-50


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize(pillow, bits):
    picture, _, ops = pillow
    found = as_bytes(pixel_ops.posterize(X, bits))
    assert np.array_equal(np.rint(found), np.asarray(ops.posterize(picture(BYTES), bits)))


@pytest.mark.parametrize("threshold", [0, 1, 100, 255, 256])
def test_solarize(pillow, threshold):
    picture, _, ops = pillow
    found = as_bytes(pixel_ops.solarize(X, (threshold - 0.5) / 255))
    assert np.array_equal(np.rint(found), np.asarray(ops.solarize(picture(BYTES), threshold)))


def test_autocontrast(pillow):
    picture, _, ops = pillow
    narrow = BYTES // 3 + 40
    narrow[..., 1] = 77  # a channel that does not vary
    expected = np.asarray(ops.autocontrast(picture(narrow)))
    found = as_bytes(pixel_ops.autocontrast(np.moveaxis(narrow, -1, 0) / 255.0))
    assert np.abs(found - expected).max() <= 1  # Pillow truncates


@pytest.mark.parametrize("kind", ["noise", "dark", "large", "flat", "two values", "one pixel"])
def test_equalize(pillow, kind):
    picture, _, ops = pillow
    data = {
        "noise": BYTES,
        "dark": (BYTES.astype(float) ** 2 / 600).astype(np.uint8),
        "large": (RNG.random((50, 60, 3)) ** 2 * 200).astype(np.uint8),
        "flat": np.full_like(BYTES, 9),
        "two values": np.where(BYTES > 60, 200, 10).astype(np.uint8),
        "one pixel": BYTES[:1, :1],
    }[kind]
    found = as_bytes(pixel_ops.equalize(np.moveaxis(data, -1, 0) / 255.0))
    assert np.array_equal(np.rint(found), np.asarray(ops.equalize(picture(data))))


def changed(name, image, strength, fill=0.0):
    """One image by a change that takes batches."""
    return CHANGES[name][1](image[None], np.array([strength]), fill)[0]


def test_changes_keep_the_dtype_and_the_image():
    for dtype in (np.float32, np.float64):
        x = X.astype(dtype)
        kept = x.copy()
        for channels in (x, x[:1]):
            for name, (two_ways, _) in CHANGES.items():
                for strength in (0.0, 0.5, 1.0, -1.0)[: 4 if two_ways else 3]:
                    y = changed(name, channels, strength)
                    assert y.dtype == dtype
                    assert y.shape == channels.shape
                    assert y.min() >= 0
                    assert y.max() <= 1
        assert np.array_equal(x, kept)


def test_strengths_of_the_colour_changes():
    def change(name, strength):
        return changed(name, X, strength)

    for strength, bits in ((0.0, 8), (0.3, 7), (0.5, 6), (1.0, 4)):
        assert np.array_equal(change("posterize", strength), pixel_ops.posterize(X, bits))
    assert np.array_equal(change("solarize", 0.25), pixel_ops.solarize(X, 0.75))
    for name in ("brightness", "saturation", "contrast", "sharpness"):
        for strength, factor in ((0.0, 1.0), (1.0, 1.9), (-1.0, 1 - 0.9)):
            assert np.array_equal(change(name, strength), getattr(pixel_ops, name)(X, factor))


@pytest.mark.parametrize("turn", [0.0, 0.1, -0.25, 0.5])
def test_hue(turn):
    pixels = np.concatenate([X.reshape(3, -1), np.eye(3), 1 - np.eye(3), np.full((3, 1), 0.5)], axis=1)
    expected = []
    for pixel in pixels.T.tolist():
        place, saturation, value = colorsys.rgb_to_hsv(*pixel)
        expected.append(colorsys.hsv_to_rgb((place + turn) % 1, saturation, value))
    found = pixel_ops.hue(pixels[:, None], turn)[:, 0].T
    assert np.abs(found - expected).max() < 1e-13
    assert np.array_equal(pixel_ops.hue(X[:1], turn), X[:1])


# ColorJitter.


def by_hand(x, factors, order):
    names = ("brightness", "contrast", "saturation", "hue")
    for change in order:
        x = getattr(pixel_ops, names[change])(x, factors[change])
    return x


def test_jitter_takes_all_orders():
    factors = (1.5, 0.4, 1.8, 0.2)
    results = [by_hand(X, factors, order).tobytes() for order in itertools.permutations(range(4))]
    assert len(set(results)) == 24
    batch = np.broadcast_to(X, (300, *X.shape))
    y = ColorJitter(*((factor, factor) for factor in factors), seed=3)(batch)
    assert {image.tobytes() for image in y} == set(results)


@pytest.mark.parametrize(("value", "limits"), [(0.4, (0.6, 1.4)), (1.5, (0.0, 2.5)), ((0.2, 0.7), (0.2, 0.7))])
def test_jitter_factors_fill_their_range(value, limits):
    y = ColorJitter(brightness=value)(np.full((2000, 1, 1, 1), 0.25))
    factors = y.ravel() * 4
    low, high = limits
    edge = 0.02 * (high - low)  # missed by 2000 numbers with a chance below 1e-17
    assert low - 1e-12 <= factors.min() < low + edge
    assert high - edge < factors.max() <= high + 1e-12


def test_jitter_of_nothing_and_of_grey():
    batch = np.stack([X, X[:, ::-1]])
    assert np.array_equal(ColorJitter()(batch), batch)
    grey = batch[:, :1]
    assert np.array_equal(ColorJitter(saturation=0.9)(grey), grey)
    assert np.array_equal(ColorJitter(hue=0.5)(grey), grey)
    assert not np.array_equal(ColorJitter(contrast=0.9)(grey), grey)


@pytest.mark.parametrize(("value", "limits"), [(0.5, (-0.5, 0.5)), ((-0.1, 0.3), (-0.1, 0.3))])
def test_jitter_turns_fill_their_range(value, limits):
    y = ColorJitter(hue=value)(np.broadcast_to(np.array([0.0, 1.0, 1.0])[:, None, None], (2000, 3, 1, 1)))  # cyan
    turns = np.array([colorsys.rgb_to_hsv(*pixel)[0] - 0.5 for pixel in y.reshape(2000, 3).tolist()])
    low, high = limits
    edge = 0.02 * (high - low)
    assert low - 1e-9 <= turns.min() < low + edge
    assert high - edge < turns.max() <= high + 1e-9


@pytest.mark.parametrize("make", [lambda: ColorJitter(0.2), RandAugment])
def test_values_outside_of_0_to_1_are_refused(make):
    op = type(make()).__name__
    for low, high in ((-0.5, 0.5), (0.0, 2.0), (np.nan, 0.5)):
        x = np.full((1, 3, 2, 2), high)
        x[0, 0, 0, 0] = low
        with pytest.raises(ValueError, match=f"{op}: x: expected values in 0..1, before any normalisation, got "):
            make()(x)
    rounded = make()(np.full((1, 3, 2, 2), 1 + 1e-6))
    assert rounded.max() <= 1
    with pytest.raises(ValueError, match=rf"{op}: x: expected shape \(N, 1, H, W\) or \(N, 3, H, W\)"):
        make()(np.zeros((1, 2, 4, 4)))


# RandAugment.


def test_randaugment_takes_every_change_in_both_directions():
    names = {}
    for name, (two_ways, _) in CHANGES.items():
        for strength in (0.5, -0.5)[: 2 if two_ways else 1]:
            image = np.ascontiguousarray(changed(name, X, strength, 0.25))
            names.setdefault(image.tobytes(), set()).add((name, strength))
    batch = np.broadcast_to(X, (1500, *X.shape))
    y = RandAugment(1, magnitude=15, fill=0.25, seed=2)(batch)
    counts = {}
    for image in y:
        counts[image.tobytes()] = counts.get(image.tobytes(), 0) + 1
    assert counts.keys() == names.keys()
    # Posterize at this strength and identity differ, so that all 23 are told apart.
    assert len(names) == sum(2 if two_ways else 1 for two_ways, _ in CHANGES.values()) == 23
    for image, count in counts.items():
        ((name, _),) = names[image]
        share = 1 / 14 / (2 if CHANGES[name][0] else 1)
        assert abs(count - 1500 * share) < 6 * np.sqrt(1500 * share)


def test_randaugment_does_one_change_after_another():
    batch = np.broadcast_to(X, (400, *X.shape))
    y = RandAugment(2, magnitude=30, seed=5)(batch)
    once = {}
    for name, (two_ways, _) in CHANGES.items():
        for strength in (1.0, -1.0)[: 2 if two_ways else 1]:
            once[name, strength] = np.ascontiguousarray(changed(name, X, strength))
    twice = {
        changed(name, first, strength).tobytes()
        for first in once.values()
        for name, (two_ways, _) in CHANGES.items()
        for strength in (1.0, -1.0)[: 2 if two_ways else 1]
    }
    assert {image.tobytes() for image in y} <= twice
    assert np.array_equal(RandAugment(0)(batch), batch)


def test_strengths_of_the_warps():
    x = np.zeros((1, 331, 331))
    x[0, 165, 165] = 1
    moved = changed("translate_x", x, 1.0)
    assert np.unravel_index(moved.argmax(), moved.shape) == (0, 165, 315)
    moved = changed("translate_y", x, -1.0)
    assert np.unravel_index(moved.argmax(), moved.shape) == (0, 15, 165)
    column = np.zeros((1, 41, 41))
    column[0, :, 20] = 1
    leaning = changed("shear_x", column, 1.0)
    assert [int(leaning[0, row].argmax()) for row in (0, 10, 20, 30, 40)] == [14, 17, 20, 23, 26]
    assert np.array_equal(changed("shear_y", column.transpose(0, 2, 1), 1.0), leaning.transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ColorJitter(brightness=-0.1), ValueError, "ColorJitter: brightness: expected finite 0 <= low"),
        (lambda: ColorJitter(hue=0.6), ValueError, "ColorJitter: hue: expected -0.5 <= low <= high <= 0.5"),
        (lambda: ColorJitter(hue=(0.2, 0.1)), ValueError, "ColorJitter: hue: expected -0.5 <= low <= high <= 0.5"),
        (lambda: ColorJitter(contrast=(1, 0.5)), ValueError, "ColorJitter: contrast: expected finite 0 <= low"),
        (lambda: ColorJitter(saturation=float("inf")), ValueError, "ColorJitter: saturation: expected finite"),
        (lambda: RandAugment(-1), ValueError, "RandAugment: num_ops: expected 0 <= value"),
        (lambda: RandAugment(1.5), TypeError, "RandAugment: num_ops: expected an integer"),
        (lambda: RandAugment(magnitude=31), ValueError, "RandAugment: magnitude: expected a number from 0 to 30"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
