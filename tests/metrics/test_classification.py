"""Measures against plain loops and hand-counted cases."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.metrics import accuracy, confusion_matrix, top_k_accuracy

RNG = np.random.default_rng(2)
NAN = float("nan")


def plain_top_k(scores, labels, k):
    """Sort the classes by falling score, lower class first among equals; is the label in the first k?"""
    hits = 0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda column: (-row[column], column))
        hits += label in order[:k]
    return hits / len(labels)


@pytest.mark.parametrize("k", [1, 2, 4, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_top_k_equals_sorting(k, dtype):
    scores = RNG.integers(0, 5, (200, 6)).astype(dtype)  # many equal scores
    labels = RNG.integers(0, 6, 200)
    assert top_k_accuracy(scores, labels, k) == plain_top_k(scores, labels, k)
    if k == 1:
        assert accuracy(scores, labels) == plain_top_k(scores, labels, 1)
        assert accuracy(scores.argmax(axis=1), labels) == plain_top_k(scores, labels, 1)
    if k == 6:
        assert top_k_accuracy(scores, labels, k) == 1


def test_accuracy_by_hand():
    assert accuracy([1, 2, 0, 0], np.array([1, 2, 0, 3], np.uint8)) == 0.75
    assert accuracy([[0.0, 1.0], [1.0, 0.0]], [1, 1]) == 0.5
    assert type(accuracy(np.array([1]), np.array([1]))) is float


def test_infinite_scores_are_ordinary():
    assert accuracy([[np.inf, 0], [-np.inf, 0], [-np.inf, -np.inf]], [0, 1, 0]) == 1


def test_a_row_with_a_nan_is_wrong():
    scores = [[NAN, NAN], [1.0, NAN], [NAN, 1.0], [1.0, 0.0]]
    assert accuracy(scores, [0, 0, 1, 0]) == 0.25
    assert top_k_accuracy(scores, [0, 0, 1, 0], k=2) == 0.25


def test_layouts():
    scores = RNG.random((30, 4))
    labels = RNG.integers(0, 4, 30)
    expected = plain_top_k(scores, labels, 2)
    wide = np.zeros((60, 8))
    wide[::2, ::2] = scores
    for other in (np.asfortranarray(scores), wide[::2, ::2], scores.astype(">f8"), scores.tolist()):
        assert top_k_accuracy(other, labels.astype(">i4"), 2) == expected


def test_confusion_matrix_equals_counting():
    predictions, labels = RNG.integers(0, 4, 300), RNG.integers(0, 5, 300)
    expected = np.zeros((6, 6), int)
    for predicted, label in zip(predictions, labels, strict=True):
        expected[label, predicted] += 1
    found = confusion_matrix(predictions.astype(np.uint8), labels, classes=6)
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)
    assert np.array_equal(confusion_matrix(predictions, labels), expected[:5, :5])


def test_confusion_matrix_of_nothing():
    assert confusion_matrix([], []).shape == (0, 0)
    assert confusion_matrix([], [], classes=2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: accuracy([], []), ValueError, "accuracy: labels: expected at least one label, got none"),
        (lambda: accuracy(np.zeros((0, 3)), []), ValueError, "accuracy: labels: expected at least one label"),
        (
            lambda: accuracy([1, 2], [1]),
            ValueError,
            "accuracy: labels: expected as many as predictions, 2, got 1",
        ),
        (
            lambda: accuracy([[1, 2]], [0, 1]),
            ValueError,
            "accuracy: labels: expected as many as predictions, 1, got 2",
        ),
        (lambda: accuracy([1.0], [1]), TypeError, "accuracy: predictions: expected integers, got float64"),
        (lambda: accuracy([[1, 2]], [1.0]), TypeError, "accuracy: labels: expected integers, got float64"),
        (
            lambda: accuracy([[1, 2]], [2]),
            ValueError,
            "accuracy: labels: expected 0 <= class < 2, got 2 at position 0",
        ),
        (
            lambda: accuracy([[1, 2]], [[1]]),
            ValueError,
            r"accuracy: labels: expected shape \(N,\), got shape \(1, 1\)",
        ),
        (lambda: accuracy([[[1]]], [0]), ValueError, r"accuracy: predictions: expected shape \(N,\)"),
        (lambda: accuracy([["a"]], [0]), TypeError, "accuracy: scores: expected integer or float numbers"),
        (
            lambda: top_k_accuracy([1, 2], [0, 1], 1),
            ValueError,
            r"scores: expected shape \(N, C\), got shape \(2,\)",
        ),
        (
            lambda: top_k_accuracy([[1, 2]], [0], 0),
            ValueError,
            "top_k_accuracy: k: expected 1 <= k <= 2, got 0",
        ),
        (
            lambda: top_k_accuracy([[1, 2]], [0], 3),
            ValueError,
            "top_k_accuracy: k: expected 1 <= k <= 2, got 3",
        ),
        (
            lambda: top_k_accuracy([[1, 2]], [0], 1.0),
            TypeError,
            "top_k_accuracy: k: expected an integer, got float",
        ),
        (lambda: top_k_accuracy([[1, 2]], [-1], 1), ValueError, "got -1 at position 0"),
        (
            lambda: confusion_matrix([0], [0, 1]),
            ValueError,
            "confusion_matrix: predictions: expected as many as labels, 2",
        ),
        (
            lambda: confusion_matrix([0, 2], [0, 1], 2),
            ValueError,
            "predictions: expected 0 <= class < 2, got 2 at position 1",
        ),
        (
            lambda: confusion_matrix([0, 1], [0, -1]),
            ValueError,
            "labels: expected 0 <= class < 2, got -1 at position 1",
        ),
        (
            lambda: confusion_matrix([0], [0], -1),
            ValueError,
            "confusion_matrix: classes: expected classes >= 0, got -1",
        ),
        (
            lambda: confusion_matrix([[0.1]], [0]),
            TypeError,
            "confusion_matrix: predictions: expected integers",
        ),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
