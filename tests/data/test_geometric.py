"""Masks, boxes and volumes go where the images go."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.data import (
    ArrayDataset,
    CenterCrop,
    ColorJitter,
    Compose,
    DataLoader,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomElastic,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    Standardize,
    TenCrop,
)
from tatamikomi.data.batches import RandomTransform

RNG = np.random.default_rng(3)
EXACT = {
    "crop": RandomCrop((5, 7), padding=2, seed=1),
    "crop reflect": RandomCrop(6, padding=2, padding_mode="reflect", seed=1),
    "horizontal": RandomHorizontalFlip(seed=1),
    "vertical": RandomVerticalFlip(seed=1),
    "middle": CenterCrop((3, 5)),
}
BENT = {
    "rotation": RandomRotation(40, seed=1),
    "affine": RandomAffine(20, (0.2, 0.2), (0.8, 1.3), 10, seed=1),
    "elastic": RandomElastic(1.0, 2.0, seed=1),
    "size": Resize((5, 11)),
}
INDICES = np.arange(30, 50)


@pytest.mark.parametrize("name", [*EXACT, *BENT])
def test_all_slices_of_a_volume_move_alike(name):
    transform = {**EXACT, **BENT}[name]
    x = RNG.random((20, 2, 3, 6, 8))
    y = transform(x, INDICES, 4)
    for i in range(3):
        assert np.array_equal(y[:, :, i], transform(np.ascontiguousarray(x[:, :, i]), INDICES, 4))
    masks = RNG.integers(0, 5, (20, 3, 6, 8))
    moved = transform.masks(masks, INDICES, 4)
    for i in range(3):
        assert np.array_equal(moved[:, i], transform.masks(masks[:, i], INDICES, 4))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("name", EXACT)
def test_masks_that_are_only_moved_equal_images(name, dtype):
    masks = RNG.integers(1, 200, (20, 6, 8)).astype(dtype)
    moved = EXACT[name].masks(masks, INDICES, 4, fill=0)
    assert moved.dtype == dtype
    assert np.array_equal(moved, EXACT[name](masks[:, None].astype(np.float64), INDICES, 4)[:, 0])
    again = EXACT[name].masks(masks, INDICES, 5)
    assert np.array_equal(again, moved) == (not isinstance(EXACT[name], RandomTransform))


@pytest.mark.parametrize("name", BENT)
def test_masks_that_are_bent_take_the_nearest_label(name):
    """Every pixel has a label of its own: where one has more than half of the weight, it is the nearest."""
    masks = np.broadcast_to(np.arange(48).reshape(6, 8), (20, 6, 8))
    layers = np.broadcast_to(np.eye(48).reshape(48, 6, 8), (20, 48, 6, 8))
    weights = BENT[name](np.ascontiguousarray(layers), INDICES, 4)
    moved = BENT[name].masks(masks, INDICES, 4, fill=255)
    clear = weights.max(axis=1) > 0.5
    assert clear.mean() > 0.2
    assert np.array_equal(moved[clear], weights.argmax(axis=1)[clear])
    outside = weights.sum(axis=1) == 0
    assert np.array_equal(moved[outside], np.full(outside.sum(), 255))


def around(mask):
    """left, top, right, bottom of what is set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(rows) else None


BOXES = np.array([[[1, 0, 4, 2], [2, 3, 8, 6]]] * 20, float)


def rectangles(box):
    masks = np.zeros((len(box), 6, 8), np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, box.astype(int), strict=True):
        mask[top:bottom, left:right] = 1
    return masks


@pytest.mark.parametrize("name", ["crop", "horizontal", "middle", "vertical"])
def test_boxes_are_around_what_they_were_around(name):
    moved = EXACT[name].boxes(BOXES, (6, 8), INDICES, 4)
    for k in range(2):
        masks = EXACT[name].masks(rectangles(BOXES[:, k]), INDICES, 4)
        for box, mask in zip(moved[:, k], masks, strict=True):
            expected = around(mask)
            area = (box[2] - box[0]) * (box[3] - box[1])
            assert (area == 0) if expected is None else (box.tolist() == expected)


@pytest.mark.parametrize("name", ["rotation", "affine"])
def test_boxes_that_turn_hold_what_they_held(name):
    large = np.zeros((20, 60, 80), np.uint8)
    large[:, 20:35, 30:50] = 1
    (moved,) = BENT[name].boxes(np.full((20, 1, 4), (30, 20, 50, 35.0)), (60, 80), INDICES, 4).transpose(1, 0, 2)
    for box, mask in zip(moved, BENT[name].masks(large, INDICES, 4), strict=True):
        expected = np.array(around(mask))
        # Pixels whose centres lie within, and corners that cut pixels: within a pixel and a half.
        assert np.abs(box - expected).max() <= 1.5
    quarter = RandomRotation((90, 90)).boxes([[[1, 0, 4, 2], [np.nan] * 4]], (6, 6))
    assert np.allclose(quarter[0, 0], [0, 2, 2, 5], atol=1e-12)  # counter-clockwise
    assert np.isnan(quarter[0, 1]).all()


def test_boxes_and_masks_of_another_size():
    large = Resize((18, 16))
    assert large.boxes([[[1, 0, 4, 2]]], (6, 8)).tolist() == [[[2, 0, 8, 6]]]
    assert np.array_equal(large.masks(rectangles(BOXES[:, 1])), rectangles(BOXES[:, 1]).repeat(3, 1).repeat(2, 2))
    chain = Compose([large, CenterCrop(10)])
    assert chain.boxes([[[2, 2, 6, 4]]], (6, 8)).tolist() == [[[1, 2, 9, 8]]]
    assert chain.new_size((6, 8)) == (10, 10)


def test_a_chain_moves_masks_and_boxes_and_leaves_colours_out():
    chain = Compose([RandomVerticalFlip(seed=2), ColorJitter(0.2), RandomCrop(5, 1, seed=3), Normalize(0.5, 1.0)])
    masks = rectangles(BOXES[:, 0])
    expected = chain.transforms[2].masks(chain.transforms[0].masks(masks, INDICES, 4), INDICES, 4)
    assert np.array_equal(chain.masks(masks, INDICES, 4), expected)
    moved = chain.boxes(BOXES[:, :1], (6, 8), INDICES, 4)[:, 0]
    for box, mask in zip(moved, expected, strict=True):
        assert around(mask) in (None, box.tolist())
    assert chain.new_size((6, 8)) == (5, 5)
    assert Compose([Standardize()]).masks(masks) is masks
    with pytest.raises(TypeError, match=r"Compose\.masks: transforms: expected transforms that have a method masks"):
        Compose([TenCrop(2)]).masks(masks)


def test_a_loader_moves_images_and_masks_together():
    masks = RNG.integers(0, 2, (20, 6, 8))
    transform = Compose([RandomCrop(4, 1, seed=5), RandomHorizontalFlip(seed=5)])
    data = ArrayDataset(masks[:, None].astype(np.float32), masks)
    for workers in (0, 2):
        options = {"transform": transform, "target_transform": transform.masks, "workers": workers}
        for x, y in DataLoader(data, 7, shuffle=True, **options):
            assert np.array_equal(x[:, 0], y)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: t.masks(np.zeros((2, 3, 3))), TypeError, "masks: masks: expected integers or bools, got float64"),
        (lambda t: t.masks(np.zeros((3, 3), int)), ValueError, r"masks: masks: expected shape \(N, H, W\) or"),
        (lambda t: t.masks(np.zeros((2, 3, 3), int), [1]), ValueError, "indices: expected as many as images, 2, got 1"),
        (lambda t: t.boxes(np.zeros((2, 4)), (3, 3)), ValueError, r"boxes: boxes: expected shape \(N, K, 4\), got"),
        (lambda t: RandomElastic().boxes(BOXES, (6, 8)), NotImplementedError, "RandomElastic.boxes: what it does to"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(RandomHorizontalFlip())
