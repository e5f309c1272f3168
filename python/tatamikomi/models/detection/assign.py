"""SimOTA: which places answer for which true box, by what they predict already."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.metrics import box_iou

Array = NDArray[Any]
_RADIUS, _MOST, _FAR = 2.5, 10, 1e5  # places around a centre; overlaps that are summed; the price of being outside


class Matches(NamedTuple):
    """Places, the true box of each, and the overlap of what it predicts with that box."""

    places: NDArray[np.int64]
    truth: NDArray[np.int64]
    overlaps: NDArray[np.float64]


def sim_ota(places: Array, boxes: Array, scores: Array, true: Array, labels: Array) -> Matches:
    """Give every true box the places that cost least: -log p of its class, -3 log of the overlap.

    Candidates lie in a box or within 2.5 strides of its centre; outside of either, 1e5 is added. How many a box gets is
    the sum of its ten largest overlaps, at least one. A place that several boxes want goes to the cheapest.

    Args:
        places: (A, 3): left and upper edge, stride; see `grid`.
        boxes: (A, 4) predicted.
        scores: (A, C) predicted probabilities.
        true, labels: (M, 4) and (M,).

    Returns:
        Matches, by rising place.

    Source: Z. Ge et al., "YOLOX: exceeding YOLO series in 2021", arXiv:2107.08430.

    >>> import numpy as np
    >>> from tatamikomi.models.detection.assign import sim_ota
    >>> places = np.array([[0.0, 0.0, 8.0], [8.0, 0.0, 8.0], [16.0, 0.0, 8.0]])
    >>> boxes, true = np.array([[0.0, 0, 8, 8], [9, 0, 16, 8], [16, 0, 24, 8]]), np.array([[8.0, 0, 16, 8]])
    >>> sim_ota(places, boxes, np.full((3, 1), 0.5), true, np.array([0]))
    Matches(places=array([1]), truth=array([0]), overlaps=array([0.875]))
    """
    middle = (places[:, None, :2] + places[:, None, 2:] / 2).astype(np.float64)  # (A, 1, 2)
    inside = np.all((middle > true[None, :, :2]) & (middle < true[None, :, 2:]), axis=2)
    reach = _RADIUS * places[:, None, 2:]
    near = np.all(abs(middle - (true[None, :, :2] + true[None, :, 2:]) / 2) < reach, axis=2)
    candidates = np.flatnonzero((inside | near).any(1))
    if not candidates.size:
        return Matches(candidates, candidates, np.zeros(0))
    overlaps = box_iou(boxes[candidates], true)  # (K, M)
    right = np.clip(scores[candidates].astype(np.float64), 1e-12, 1 - 1e-12)
    wrong = np.log1p(-right)
    cost = -(np.log(right) - wrong)[:, labels] - wrong.sum(1)[:, None] - 3 * np.log(overlaps + 1e-8)
    cost += _FAR * ~(inside & near)[candidates]
    counts = np.maximum(np.sort(overlaps, 0)[-_MOST:].sum(0).astype(int), 1)
    rank = cost.argsort(0, kind="stable").argsort(0)
    wanted = rank < counts
    chosen = np.flatnonzero(wanted.any(1))
    truth = np.where(wanted[chosen], cost[chosen], np.inf).argmin(1)
    return Matches(candidates[chosen], truth, overlaps[chosen, truth])
