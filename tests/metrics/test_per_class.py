"""Precision, recall, F, IoU and Dice: counted by hand, by plain loops, and by scikit-learn where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.metrics import class_scores, dice, f1_score, iou, precision, recall

RNG = np.random.default_rng(3)
PREDICTED, LABELS = RNG.integers(0, 4, 200), RNG.integers(0, 5, 200)
PREDICTED[PREDICTED == 1] = 6  # a class that only predictions know; class 5 nobody knows


def plain(predicted, labels, label):
    hits = sum(p == t == label for p, t in zip(predicted, labels, strict=True))
    called, are = sum(predicted == label), sum(labels == label)
    return hits / called if called else 0, hits / are if are else 0, 2 * hits / (called + are) if called + are else 0


def test_class_scores_equal_counting():
    scores = class_scores(PREDICTED, LABELS)
    for label in range(7):
        assert [one[label] for one in scores[:3]] == pytest.approx(plain(PREDICTED, LABELS, label))
    assert scores.support.tolist() == [int((label == LABELS).sum()) for label in range(7)]


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize(("ours", "name"), [(precision, "precision"), (recall, "recall"), (f1_score, "f1")])
def test_averages_are_those_of_scikit_learn(ours, name, average):
    sklearn = pytest.importorskip("sklearn.metrics")
    theirs = getattr(sklearn, f"{name}_score")(LABELS, PREDICTED, average=average, zero_division=0)
    assert ours(PREDICTED, LABELS, average) == pytest.approx(theirs, rel=1e-12)


def test_averages_by_hand():
    predicted, labels = [0, 0, 1, 1], [0, 1, 1, 1]
    assert precision(predicted, labels) == 0.75
    assert recall(predicted, labels, "weighted") == pytest.approx((1 * 1 + 3 * 2 / 3) / 4)
    assert f1_score(predicted, labels, "micro") == 0.75
    assert recall(predicted, labels, "none").tolist() == pytest.approx([1, 2 / 3])


def test_scores_name_their_largest():
    scores = np.eye(5)[PREDICTED % 5]
    assert precision(scores, LABELS) == precision(PREDICTED % 5, LABELS)
    assert len(class_scores(scores[:2], LABELS[:2]).support) == 5


def test_masks():
    ours, theirs = RNG.integers(0, 3, (2, 5, 6)), RNG.integers(0, 3, (2, 5, 6))
    for label in range(3):
        both, either = ((ours == label) & (theirs == label)).sum(), ((ours == label) | (theirs == label)).sum()
        assert iou(ours, theirs)[label] == both / either
        assert dice(ours, theirs)[label] == 2 * both / ((ours == label).sum() + (theirs == label).sum())
    assert np.isnan(iou(ours, theirs, classes=4)[3])
    assert np.isnan(dice(ours, theirs, classes=4)[3])
    assert iou(ours == 1, theirs == 1)[1] == iou(ours, theirs)[1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: precision([0], [0], "mean"), ValueError, "precision: average: expected one of 'none', 'macro'"),
        (lambda: recall([], []), ValueError, "recall: labels: expected at least one label"),
        (lambda: f1_score([], [], "micro"), ValueError, "f1_score: labels: expected at least one label"),
        (
            lambda: class_scores([[np.nan, 1.0]], [0]),
            ValueError,
            "class_scores: predictions: expected scores",
        ),
        (lambda: class_scores([["a", "b"]], [0]), TypeError, "class_scores: predictions: expected"),
        (lambda: iou([0, 1], [[0, 1]]), ValueError, r"iou: predictions: expected shape \(1, 2\) as labels"),
        (lambda: dice([0.5], [1]), TypeError, "dice: predictions: expected integers, got float64"),
        (lambda: iou([3], [0], classes=2), ValueError, "predictions: expected 0 <= class < 2"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
