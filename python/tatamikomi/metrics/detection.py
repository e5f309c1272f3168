"""Measures of found boxes: overlap, and average precision of what was found, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value

COCO_OVERLAPS = tuple(float(one) for one in np.arange(50, 100, 5) / 100)  # 0.50, 0.55 ... 0.95


def _boxes(op: str, argument: str, value: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.dtype.kind not in "fiu":
        raise bad_type(op, argument, str(array.dtype), "numbers")
    if array.ndim != 2 or array.shape[1] != 4:
        raise bad_value(op, argument, f"shape {array.shape}", "(N, 4): x1, y1, x2, y2")
    boxes = array.astype(np.float64)
    if not (boxes[:, 2:] >= boxes[:, :2]).all():
        raise bad_value(op, argument, boxes[~(boxes[:, 2:] >= boxes[:, :2]).all(1)][0].tolist(), "x1 <= x2, y1 <= y2")
    return boxes


def box_iou(boxes1: ArrayLike, boxes2: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        boxes1, boxes2: (N, 4) and (M, 4): x1, y1, x2, y2 with x1 <= x2 and y1 <= y2.

    Returns:
        (N, M), 0 where boxes have no area together.

    Raises:
        TypeError: no numbers.
        ValueError: other shapes, or corners the wrong way round.

    >>> from tatamikomi.metrics import box_iou
    >>> box_iou([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(3).tolist()
    [[0.333]]
    """
    a, b = _boxes("box_iou", "boxes1", boxes1), _boxes("box_iou", "boxes2", boxes2)
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None] - shared
    overlap: NDArray[np.float64] = np.divide(shared, areas, out=np.zeros(shared.shape), where=areas > 0)
    return overlap


def average_precision(scores: ArrayLike, hits: ArrayLike, positives: int | None = None) -> float:
    """The area under precision over recall, walking down from the best score.

    At every recall the precision is the best that this recall or a larger one has, and recall moves in steps of
    1 / positives: the sum over all hits, as PASCAL VOC has it since 2010.

    Args:
        scores: (N,) numbers; equal ones keep their order.
        hits: (N,) booleans, whether the one with that score is right.
        positives: how many there are to be found; by default the number of hits.

    Returns:
        A number from 0 to 1; NaN where there is nothing to be found.

    Raises:
        TypeError: no numbers, or hits that are no booleans.
        ValueError: lengths differ, a NaN, or fewer positives than hits.

    >>> from tatamikomi.metrics import average_precision
    >>> round(average_precision([0.9, 0.8, 0.7], [True, False, True]), 4)
    0.8333
    """
    op = "average_precision"
    ranks, found = np.asarray(scores), np.asarray(hits)
    if found.size == 0:
        found = found.astype(bool)
    if ranks.dtype.kind not in "fiu" or found.dtype.kind != "b":
        raise bad_type(op, "scores and hits", f"{ranks.dtype} and {found.dtype}", "numbers and booleans")
    if ranks.ndim != 1 or ranks.shape != found.shape:
        raise bad_value(op, "hits", f"shape {found.shape}", f"shape {ranks.shape} as scores, one axis")
    if np.isnan(ranks).any():
        raise bad_value(op, "scores", "NaN", "numbers that have an order")
    total = int(found.sum()) if positives is None else positives
    if total < found.sum():
        raise bad_value(op, "positives", positives, f"at least the {int(found.sum())} hits")
    if total == 0:
        return float("nan")
    ordered = found[np.argsort(-ranks, kind="stable")]
    precision = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[ordered].sum() / total)


def mean_average_precision(
    found: Sequence[Mapping[str, Any]], truth: Sequence[Mapping[str, Any]], overlaps: Sequence[float] = COCO_OVERLAPS
) -> dict[str, float]:
    """How well boxes were found: average precision, averaged over classes and over the overlap that counts as found.

    In every image and class the boxes are taken from the best score down; each is a hit if it overlaps a true box that
    no better one has taken, by at least the threshold (the one of largest overlap).

    Args:
        found: per image a dict of "boxes" (N, 4), "scores" (N,) and "labels" (N,).
        truth: per image a dict of "boxes" (M, 4) and "labels" (M,).
        overlaps: thresholds of intersection over union; by default COCO's ten from 0.50 to 0.95.

    Returns:
        {"map": over all thresholds, "map@0.50": ..., one entry per threshold}; NaN without any true box.

    Raises:
        KeyError: an entry is missing.
        TypeError, ValueError: as `box_iou`; numbers of images or of boxes, scores and labels differ.

    Source: M. Everingham et al., "The PASCAL visual object classes challenge", IJCV 111 (2015); T.-Y. Lin et al.,
    arXiv:1405.0312.

    >>> from tatamikomi.metrics import mean_average_precision
    >>> truth = [{"boxes": [[0, 0, 10, 10]], "labels": [1]}]
    >>> found = [{"boxes": [[0, 0, 10, 8], [50, 50, 60, 60]], "scores": [0.9, 0.3], "labels": [1, 1]}]
    >>> mean_average_precision(found, truth, overlaps=(0.5, 0.9))
    {'map': 0.5, 'map@0.50': 1.0, 'map@0.90': 0.0}
    """
    op = "mean_average_precision"
    if len(found) != len(truth):
        raise bad_value(op, "found", f"{len(found)} images", f"{len(truth)} as truth")
    images = [_image(op, index, one, other) for index, (one, other) in enumerate(zip(found, truth, strict=True))]
    classes = sorted({int(label) for _, _, _, labels in images for label in labels[1]})
    result: dict[str, float] = {}
    for threshold in overlaps:
        per_class = [_class_precision(images, label, threshold) for label in classes]
        result[f"map@{threshold:.2f}"] = float(np.mean(per_class)) if per_class else float("nan")
    return {"map": float(np.mean(list(result.values()))) if result else float("nan"), **result}


_Image = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], tuple[NDArray[Any], NDArray[Any]]]


def _image(op: str, index: int, found: Mapping[str, Any], truth: Mapping[str, Any]) -> _Image:
    """(overlaps of found and true boxes, scores, true boxes, (found labels, true labels)) of one image."""
    boxes, true = _boxes(op, f"found[{index}]", found["boxes"]), _boxes(op, f"truth[{index}]", truth["boxes"])
    scores = np.asarray(found["scores"], np.float64).reshape(-1)
    labels, true_labels = np.asarray(found["labels"]).reshape(-1), np.asarray(truth["labels"]).reshape(-1)
    for name, one in (("scores", scores), ("labels", labels)):
        if len(one) != len(boxes):
            raise bad_value(op, f"found[{index}][{name!r}]", f"{len(one)} entries", f"{len(boxes)}, one per box")
    if len(true_labels) != len(true):
        raise bad_value(op, f"truth[{index}]['labels']", f"{len(true_labels)} entries", f"{len(true)}, one per box")
    return box_iou(boxes, true), scores, true, (labels, true_labels)


def _class_precision(images: Sequence[_Image], label: int, threshold: float) -> float:
    scores, hits, positives = [], [], 0
    for overlap, ranks, _, (labels, true_labels) in images:
        own, true = np.flatnonzero(labels == label), np.flatnonzero(true_labels == label)
        positives += len(true)
        if not own.size:
            continue
        free = np.ones(len(true), bool)
        for index in own[np.argsort(-ranks[own], kind="stable")]:
            shared = np.where(free, overlap[index, true], -1.0)
            best = int(shared.argmax()) if len(true) else -1
            hit = best >= 0 and shared[best] >= threshold
            if hit:
                free[best] = False
            scores.append(ranks[index])
            hits.append(bool(hit))
    return average_precision(np.array(scores), np.array(hits, bool), positives)
