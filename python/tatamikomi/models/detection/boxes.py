"""Boxes x1, y1, x2, y2: suppression of those that overlap, offsets from anchors, overlap with a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, as_tensor, maximum, minimum
from tatamikomi.errors import bad_type, bad_value

Boxes = NDArray[np.float64]


def _rows(op: str, argument: str, value: ArrayLike) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise bad_type(op, argument, str(array.dtype), "numbers")
    if array.ndim != 2 or array.shape[1] != 4:
        raise bad_value(op, argument, f"shape {array.shape}", "(N, 4)")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _one_each(op: str, argument: str, value: ArrayLike, count: int) -> NDArray[Any]:
    array = np.asarray(value)
    if array.shape != (count,):
        raise bad_value(op, argument, f"shape {array.shape}", f"({count},), one per box")
    return array


def nms(boxes: ArrayLike, scores: ArrayLike, iou_threshold: float) -> NDArray[np.int64]:
    """Non-maximum suppression: from the best score down, a box drops all later ones that overlap it by more.

    Args:
        boxes: (N, 4): x1, y1, x2, y2.
        scores: (N,); equal ones keep their order.
        iou_threshold: the intersection over union up to which two boxes may both stay.

    Returns:
        (K,) indices of those that stay, best first; torchvision.ops.nms gives the same.

    Raises:
        TypeError, ValueError: no numbers, or other shapes.

    >>> from tatamikomi.models.detection import nms
    >>> nms([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]], [0.8, 0.9, 0.5], 0.5).tolist()
    [1, 2]
    """
    corners = _rows("nms", "boxes", boxes).astype(np.float64)
    left = np.argsort(-_one_each("nms", "scores", scores, len(corners)), kind="stable")
    areas = (corners[:, 2:] - corners[:, :2]).prod(1)
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = np.maximum(corners[best, :2], corners[left, :2]), np.minimum(corners[best, 2:], corners[left, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        left = left[shared <= iou_threshold * (areas[best] + areas[left] - shared)]
    return np.array(kept, np.int64)


def batched_nms(boxes: ArrayLike, scores: ArrayLike, idxs: ArrayLike, iou_threshold: float) -> NDArray[np.int64]:
    """`nms` within each class, all classes at once: boxes of different classes are moved apart first.

    idxs (N,) is the class, or any other group, of each box; all else is as `nms` has it.

    >>> from tatamikomi.models.detection import batched_nms
    >>> batched_nms([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 9, 10]], [0.8, 0.9, 0.5], [1, 2, 2], 0.5).tolist()
    [1, 0]
    """
    corners = _rows("batched_nms", "boxes", boxes).astype(np.float64)
    _, groups = np.unique(_one_each("batched_nms", "idxs", idxs, len(corners)), return_inverse=True)
    apart = 1.0 + np.ptp(corners) if corners.size else 0.0
    return nms(corners + apart * groups[:, None], scores, iou_threshold)


def _centres(boxes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    sizes = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2] + sizes / 2, sizes


def encode(boxes: ArrayLike, anchors: ArrayLike) -> NDArray[Any]:
    """Boxes as offsets from anchors: (x - xa) / wa, (y - ya) / ha, log(w / wa), log(h / ha) of centres and sizes.

    Args:
        boxes, anchors: (N, 4): x1, y1, x2, y2, of positive sizes.

    Returns:
        (N, 4).

    Raises:
        TypeError, ValueError: no numbers, or other shapes.

    Source: R. Girshick et al., "Rich feature hierarchies for accurate object detection", CVPR 2014, appendix C.

    >>> from tatamikomi.models.detection import decode, encode
    >>> decode(encode([[1, 2, 5, 9]], [[0, 0, 4, 4]]), [[0, 0, 4, 4]]).round(5).tolist()
    [[1.0, 2.0, 5.0, 9.0]]
    """
    (at, size), (origin, unit) = (
        _centres(_rows("encode", name, one)) for name, one in (("boxes", boxes), ("anchors", anchors))
    )
    return np.concatenate([(at - origin) / unit, np.log(size / unit)], 1)


def decode(offsets: ArrayLike, anchors: ArrayLike) -> NDArray[Any]:
    """Boxes from offsets, the inverse of `encode`; sizes grow by 1000 / 16 at most, so that none is infinite.

    Args:
        offsets: (N, 4).
        anchors: (N, 4): x1, y1, x2, y2.

    Returns:
        (N, 4): x1, y1, x2, y2.

    >>> from tatamikomi.models.detection import decode
    >>> decode([[0.5, 0, 0, 0]], [[0, 0, 4, 4]]).tolist()
    [[2.0, 0.0, 6.0, 4.0]]
    """
    moves, (origin, unit) = _rows("decode", "offsets", offsets), _centres(_rows("decode", "anchors", anchors))
    at, half = moves[:, :2] * unit + origin, unit / 2 * np.exp(np.minimum(moves[:, 2:], np.log(1000 / 16)))
    return np.concatenate([at - half, at + half], 1)


def paired_iou(boxes1: Tensor, boxes2: Tensor, generalized: bool = False) -> Tensor:
    """Intersection over union of the i-th boxes of both, with a gradient; 1 minus it is a loss.

    Args:
        boxes1, boxes2: (N, 4) Tensors of one dtype: x1, y1, x2, y2.
        generalized: subtract the part of the smallest box around both that neither covers, so that boxes far apart
            have a gradient as well: H. Rezatofighi et al., "Generalized intersection over union", CVPR 2019.

    Returns:
        (N,), from 0, or -1 where generalized, to 1.

    >>> import tatamikomi as tk
    >>> a, b = tk.tensor([[0.0, 0.0, 2.0, 2.0]]), tk.tensor([[1.0, 0.0, 3.0, 4.0]])
    >>> tk.models.detection.paired_iou(a, b), tk.models.detection.paired_iou(a, b, generalized=True)
    (tensor([0.2]), tensor([0.03333333]))
    """
    a, b = as_tensor(boxes1), as_tensor(boxes2)
    shared = _area((minimum(a[:, 2:], b[:, 2:]) - maximum(a[:, :2], b[:, :2])).clip(min=0.0))
    union = _area(a[:, 2:] - a[:, :2]) + _area(b[:, 2:] - b[:, :2]) - shared
    overlap = shared / union.clip(min=1e-12)
    if not generalized:
        return overlap
    around = _area(maximum(a[:, 2:], b[:, 2:]) - minimum(a[:, :2], b[:, :2]))
    return overlap - (around - union) / around.clip(min=1e-12)


def _area(sizes: Tensor) -> Tensor:
    return sizes[:, 0] * sizes[:, 1]
