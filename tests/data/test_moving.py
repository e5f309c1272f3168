"""Digits that move: what is seen is what the boxes say, and the same bits everywhere."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest

from tatamikomi.data import Split, load, moving_digits, pad_targets, unpad_targets
from tatamikomi.data.moving import moving_frames

BITS = ("c35ee2f6340f076f", "66f84c37d5cfa739", "2d133ab0929decba", "e1ced6c9bedc6421")


def cards(count=6):
    """Rectangles of different sizes and greys, in a frame without ink; the label tells which."""
    x = np.zeros((count, 1, 9, 12), np.float32)
    for i, image in enumerate(x[:, 0]):
        image[1 : 3 + i, 2 : 5 + i] = np.float32(0.5) + np.float32(i) / 16
    return x, np.arange(count)


def test_the_set_has_the_same_bits_everywhere():
    split = load("moving-digits")
    assert (split.train_x.shape, split.train_y.shape) == ((6000, 1, 64, 64), (6000, 3, 5))
    assert (split.test_x.shape, split.test_y.shape) == ((1200, 1, 64, 64), (1200, 3, 5))
    assert [one.dtype for one in split[:4]] == [np.float32] * 4
    assert (split.classes, split.name) == (10, "moving-digits")
    assert tuple(hashlib.sha256(one.tobytes()).hexdigest()[:16] for one in split[:4]) == BITS
    counts = np.bincount((split.train_y[..., 4] >= 0).sum(1))
    assert counts[0] == 0
    assert abs(counts[1:] / 6000 - 1 / 3).max() < 0.05
    own = load()
    known = {tight(one).tobytes(): label for one, label in zip(own.test_x[:, 0], own.test_y, strict=True)}
    alone = 0
    for frame, true in list(zip(split.test_x[:, 0], unpad_targets(split.test_y), strict=True))[:300]:
        if len(true["labels"]) == 1:  # a whole digit for testing, and nothing beside it
            x1, y1, x2, y2 = true["boxes"][0].astype(int)
            assert np.array_equal(tight(frame), frame[y1:y2, x1:x2])
            assert known.get(tight(frame).tobytes()) == true["labels"][0]
            alone += 1
    assert alone > 50


def tight(image):
    down, across = np.nonzero(image)
    return image[down.min() : down.max() + 1, across.min() : across.max() + 1]


def test_frames_are_the_brightest_of_what_the_boxes_hold():
    images, labels = cards()
    x, y = moving_digits(images, labels, 40, 4, size=20, seed=3)
    assert (x.shape, y.shape) == ((40, 4, 1, 20, 20), (40, 4, 3, 5))
    drawn, overlaps = np.zeros((160, 1, 20, 20), np.float32), 0
    for frame, true in zip(drawn[:, 0], unpad_targets(y.reshape(160, 3, 5)), strict=True):
        for (x1, y1, x2, y2), label in zip(true["boxes"].astype(int), true["labels"], strict=True):
            assert (y2 - y1, x2 - x1) == (2 + label, 3 + label)
            overlaps += frame[y1:y2, x1:x2].any()
            frame[y1:y2, x1:x2] = np.maximum(frame[y1:y2, x1:x2], images[label].max())
    assert np.array_equal(drawn, x.reshape(drawn.shape))
    assert overlaps > 20


def walk(at, speed, room, frames):
    """Step by step, turning around at 0 and at `room`."""
    places = [at]
    for _ in range(frames - 1):
        at += speed
        if not 0 <= at <= room:
            at, speed = (-at if at < 0 else 2 * room - at), -speed
        places.append(at)
    return places


def test_digits_go_straight_and_turn_around_at_the_border():
    x, y = moving_digits(*cards(), 30, 25, size=24, most=1, seed=1)
    speeds, turns = set(), 0
    for path in y[:, :, 0]:
        for low, high in ((0, 2), (1, 3)):
            side = path[0, high] - path[0, low]
            assert np.array_equal(path[:, high] - path[:, low], np.full(25, side))
            places = path[:, low].tolist()
            own = [v for v in range(-6, 7) if v and walk(places[0], v, 24 - side, 25) == places]
            assert own
            speeds.update(own)
            turns += np.count_nonzero(np.diff(np.sign(np.diff(places))))
    assert speeds == {*range(-6, 0), *range(1, 7)}
    assert turns > 100
    assert x[0].any((1, 2, 3)).all()


def test_every_digit_comes_before_one_comes_again():
    _, y = moving_digits(*cards(), 20, 1, size=16)
    come = [label for true in unpad_targets(y[:, 0]) for label in true["labels"].tolist()]
    assert len(come) > 24
    for at in range(0, 24, 6):
        assert sorted(come[at : at + 6]) == list(range(6))
        assert come[at : at + 6] == come[:6] != sorted(come[:6])


def test_the_seed_and_nothing_else_decides():
    first, again, other = (moving_digits(*cards(), 5, 2, size=16, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_frames_for_testing_show_digits_for_testing():
    x, y = cards()
    split = moving_frames(Split(x / 2, y, x, y, 6, "cards"))
    assert split.train_x.max() < 0.5 <= split.test_x[split.test_x > 0].min()
    assert not np.array_equal(split.train_y[:1200], split.test_y)


def test_there_and_back():
    truth = [{"boxes": [[0, 1, 2, 3], [4, 5, 6, 8]], "labels": [4, 0]}, {"boxes": [], "labels": []}]
    back = unpad_targets(pad_targets(truth))
    assert [one["boxes"].tolist() for one in back] == [truth[0]["boxes"], []]
    assert [one["labels"].tolist() for one in back] == [[4, 0], []]
    assert back[0]["labels"].dtype == np.int64
    with pytest.raises(ValueError, match=re.escape("unpad_targets: targets: expected (N, M, 5), got shape (2, 4)")):
        unpad_targets(np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"images": np.zeros((2, 3, 4, 4))},
            ValueError,
            "images: expected (N, 1, H, W), N >= 1, got shape (2, 3, 4, 4)",
        ),
        ({"images": np.zeros((6, 1, 4, 4))}, ValueError, "images: expected ink in every image, got one of zeros"),
        ({"labels": np.arange(5)}, ValueError, "labels: expected (6,), one per image, got shape (5,)"),
        ({"labels": np.arange(6) - 1}, ValueError, "labels: expected labels >= 0, got -1"),
        ({"sequences": 0}, ValueError, "sequences: expected an integer >= 1, got 0"),
        ({"frames": 1.5}, TypeError, "frames: expected an integer, got float"),
        ({"most": 0}, ValueError, "most: expected an integer >= 1, got 0"),
        ({"size": 11}, ValueError, "size: expected an integer >= 12, got 11"),
    ],
)
def test_what_cannot_move(change, error, message):
    images, labels = cards()
    words = {"images": images, "labels": labels, "sequences": 1, "frames": 1, **change}
    with pytest.raises(error, match=re.escape(f"moving_digits: {message}")):
        moving_digits(**words)
