"""Digits that move over a canvas and bounce off its borders, with a box around each in every frame."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.boxes import pad_targets
from tatamikomi.data.packaged import Split
from tatamikomi.errors import bad_value
from tatamikomi.nn.checks import integer
from tatamikomi.random import permutation, uniform

_FASTEST = 6  # pixels per frame, down and across


def moving_digits(
    images: ArrayLike,
    labels: ArrayLike,
    sequences: int,
    frames: int,
    size: int = 64,
    most: int = 3,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sequences in which 1 to `most` digits go their ways; where they overlap, the brighter pixel is seen.

    Digits come in a random order, all of `images` before one comes again. Each is cut to its ink, put anywhere and sent
    off by 1 to 6 whole pixels per frame, down and across; at the border it turns around. All follows from the seed in
    whole numbers: the same bits anywhere.

    Args:
        images: (N, 1, H, W) in 0..1, each with ink: pixels above 0.
        labels: (N,) integers >= 0.
        sequences, frames: S and T.
        size: of the canvas, at least H and W.

    Returns:
        x (S, T, 1, size, size) float32, and the boxes (S, T, M, 5) as `pad_targets` has them: M the most digits that a
        sequence has, x1, y1, x2, y2 tight around all ink of a digit, seen or not, and its label.

    Raises:
        TypeError: sequences, frames, size, most or seed is not an integer.
        ValueError: one is too small, images are of another shape or without ink, or labels are negative or not as many.

    Source: N. Srivastava, E. Mansimov, R. Salakhutdinov, "Unsupervised learning of video representations using LSTMs",
    ICML 2015; there two digits, and the frames of the images bounce, not the ink.

    >>> import numpy as np
    >>> from tatamikomi.data import moving_digits
    >>> x, y = moving_digits(np.ones((1, 1, 2, 3), np.float32), np.array([7]), 1, 2, size=8, most=1)
    >>> x.shape, y.shape, int(x.sum()), y[0, 0, 0].tolist()
    ((1, 2, 1, 8, 8), (1, 2, 1, 5), 12, [5.0, 6.0, 8.0, 8.0, 7.0])
    """
    op, digits, kinds = "moving_digits", np.asarray(images), np.asarray(labels)
    if digits.ndim != 4 or digits.shape[1] != 1 or not len(digits):
        raise bad_value(op, "images", f"shape {digits.shape}", "(N, 1, H, W), N >= 1")
    if kinds.shape != digits.shape[:1]:
        raise bad_value(op, "labels", f"shape {kinds.shape}", f"({len(digits)},), one per image")
    if kinds.min() < 0:
        raise bad_value(op, "labels", int(kinds.min()), "labels >= 0")
    for name, value in (("sequences", sequences), ("frames", frames), ("most", most)):
        integer(op, name, value)
    integer(op, "size", size, max(digits.shape[2:]))
    x, truth = np.zeros((sequences, frames, 1, size, size), np.float32), []
    time = np.arange(frames)[:, None]
    deck = cycle(permutation(seed, (0,), len(digits)).tolist())
    draws = uniform(seed, (1,), np.arange(sequences), 1 + 4 * most).astype(np.float64)
    for video, draw in zip(x[:, :, 0], draws, strict=True):
        boxes, own = [], []
        for rest in draw[1:].reshape(most, 2, 2)[: 1 + int(draw[0] * most)]:
            index = next(deck)
            ink = _ink(digits[index, 0])
            room = size - np.array(ink.shape)
            start, speed = rest * [room + 1, [2 * _FASTEST] * 2]
            speed = np.floor(speed) - _FASTEST
            path = (np.floor(start) + (speed + (speed >= 0)) * time) % np.maximum(2 * room, 1)
            at = np.minimum(path, 2 * room - path).astype(int)  # (T, 2): down, across
            for frame, (down, across) in zip(video, at.tolist(), strict=True):
                seen = frame[down : down + ink.shape[0], across : across + ink.shape[1]]
                np.maximum(seen, ink, out=seen)
            boxes.append(np.concatenate([at, at + ink.shape], 1)[:, [1, 0, 3, 2]])
            own.append(kinds[index])
        truth += [{"boxes": one, "labels": own} for one in np.stack(boxes, 1)]
    return x, pad_targets(truth).reshape(sequences, frames, -1, 5)


def _ink(image: NDArray[Any]) -> NDArray[Any]:
    """The part of an image (H, W) that holds all its ink."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    if not rows.size:
        raise bad_value("moving_digits", "images", "one of zeros", "ink in every image")
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def moving_frames(digits: Split) -> Split:
    """Frames of sequences as single images: those for testing show digits that are for testing.

    x (N, 1, 64, 64), 6,000 and 1,200; y (N, 3, 5) float32, boxes and labels as `pad_targets` has them.
    """
    parts = [
        moving_digits(images, labels, sequences, 3, seed=seed)
        for seed, (images, labels, sequences) in enumerate(
            [(digits.train_x, digits.train_y, 2000), (digits.test_x, digits.test_y, 400)]
        )
    ]
    flat = [part.reshape(-1, *part.shape[2:]) for pair in parts for part in pair]
    return Split(flat[0], flat[1], flat[2], flat[3], digits.classes, "moving-digits")
