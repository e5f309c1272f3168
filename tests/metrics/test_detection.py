"""Overlap of boxes and average precision: worked by hand, and by scikit-learn's or plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.metrics import average_precision, box_iou, mean_average_precision

RNG = np.random.default_rng(4)


def test_overlap_of_pairs():
    corners = RNG.integers(0, 12, (2, 20, 2, 2))
    a, b = (np.sort(one, 1).reshape(-1, 4) for one in corners)
    found = box_iou(a, b)
    grid = np.zeros((2, 20, 12, 12), bool)
    for which, boxes in enumerate((a, b)):
        for index, (x1, y1, x2, y2) in enumerate(boxes):
            grid[which, index, x1:x2, y1:y2] = True
    for i, j in np.ndindex(20, 20):
        either = (grid[0, i] | grid[1, j]).sum()
        assert found[i, j] == ((grid[0, i] & grid[1, j]).sum() / either if either else 0)


def test_no_boxes():
    assert box_iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert np.isnan(
        mean_average_precision([{"boxes": [], "scores": [], "labels": []}], [{"boxes": [], "labels": []}])["map"]
    )


def plain_average_precision(scores, hits, positives):
    """At each hit the best precision at this rank or a later one."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    precisions = [sum(hits[j] for j in order[: rank + 1]) / (rank + 1) for rank in range(len(order))]
    return sum(max(precisions[rank:]) for rank in range(len(order)) if hits[order[rank]]) / positives


@pytest.mark.parametrize("missed", [0, 3])
def test_average_precision_equals_the_plain_sum(missed):
    scores, hits = RNG.random(50), RNG.random(50) < 0.4
    expected = plain_average_precision(scores, hits, hits.sum() + missed)
    assert average_precision(scores, hits, hits.sum() + missed) == pytest.approx(expected)


def test_average_precision_by_hand():
    assert average_precision([3, 2, 1], [True, True, False]) == 1
    assert average_precision([1, 2, 3], [True, False, False]) == pytest.approx(1 / 3)
    assert average_precision([3, 2, 1], [True, False, True], positives=4) == pytest.approx((1 + 2 / 3) / 4)
    assert np.isnan(average_precision([1.0], [False]))
    assert average_precision([1.0], [False], positives=2) == 0


def test_a_true_box_is_found_once():
    truth = [{"boxes": [[0, 0, 10, 10]], "labels": [0]}]
    found = [{"boxes": [[0, 0, 10, 9], [0, 0, 10, 10]], "scores": [0.9, 0.8], "labels": [0, 0]}]
    assert mean_average_precision(found, truth, (0.5,)) == {"map": 1.0, "map@0.50": 1.0}
    swapped = [{**found[0], "scores": [0.8, 0.9]}]
    assert mean_average_precision(swapped, truth, (0.95,))["map"] == 1.0
    assert mean_average_precision(found, truth, (0.95,))["map"] == 0.5  # the better score misses, the other finds


def test_classes_and_images_count_by_themselves():
    truth = [{"boxes": [[0, 0, 4, 4], [5, 5, 9, 9]], "labels": [0, 1]}, {"boxes": [[0, 0, 4, 4]], "labels": [0]}]
    found = [
        {"boxes": [[0, 0, 4, 4], [5, 5, 9, 9]], "scores": [0.9, 0.8], "labels": [0, 0]},
        {"boxes": [[0, 0, 4, 4]], "scores": [0.7], "labels": [0]},
    ]
    # class 0: hit, miss, hit of two: (1 + 2/3) / 2; class 1: nothing found
    assert mean_average_precision(found, truth, (0.5,))["map"] == pytest.approx(((1 + 2 / 3) / 2 + 0) / 2)
    assert len(mean_average_precision(found, truth)) == 11


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: box_iou([[0, 0, 1]], []), ValueError, r"box_iou: boxes1: expected \(N, 4\)"),
        (lambda: box_iou([[2, 0, 1, 1]], []), ValueError, "box_iou: boxes1: expected x1 <= x2"),
        (lambda: box_iou([["a"] * 4], []), TypeError, "box_iou: boxes1: expected numbers"),
        (lambda: average_precision([1, 2], [True]), ValueError, r"average_precision: hits: expected shape \(2,\)"),
        (lambda: average_precision([1], [1]), TypeError, "average_precision: scores and hits: expected numbers and"),
        (
            lambda: average_precision([np.nan], [True]),
            ValueError,
            "average_precision: scores: expected numbers",
        ),
        (
            lambda: average_precision([1], [True], 0),
            ValueError,
            "average_precision: positives: expected at least",
        ),
        (lambda: mean_average_precision([], [{}]), ValueError, "mean_average_precision: found: expected 1 as truth"),
        (
            lambda: mean_average_precision(
                [{"boxes": [[0, 0, 1, 1]], "scores": [], "labels": [0]}], [{"boxes": [], "labels": []}]
            ),
            ValueError,
            r"found\[0\]\['scores'\]: expected 1, one per box, got 0 entries",
        ),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
