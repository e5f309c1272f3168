"""The true boxes of images as one array, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_value


def pad_targets(truth: Sequence[Mapping[str, ArrayLike]]) -> NDArray[np.float32]:
    """The true boxes of N images as one array, which a DataLoader and a Trainer take as labels.

    Args:
        truth: a mapping with "boxes" (M, 4) and "labels" (M,) per image, as `mean_average_precision` takes them.

    Returns:
        (N, the largest M, 5): x1, y1, x2, y2 and the label; rows without a box have label -1.

    Raises:
        KeyError: an entry is missing.
        ValueError: numbers of boxes and labels differ.

    >>> from tatamikomi.data import pad_targets
    >>> pad_targets([{"boxes": [[0, 0, 2, 3]], "labels": [1]}, {"boxes": [], "labels": []}]).tolist()
    [[[0.0, 0.0, 2.0, 3.0, 1.0]], [[0.0, 0.0, 0.0, 0.0, -1.0]]]
    """
    rows = []
    for index, one in enumerate(truth):
        boxes, labels = np.reshape(one["boxes"], (-1, 4)), np.reshape(one["labels"], -1)
        if len(boxes) != len(labels):
            raise bad_value("pad_targets", f"truth[{index}]", f"{len(labels)} labels", f"{len(boxes)}, one per box")
        rows.append(np.concatenate([boxes, labels[:, None]], 1))
    result = np.zeros((len(rows), max(map(len, rows), default=0), 5), np.float32)
    result[:, :, 4] = -1
    for index, row in enumerate(rows):
        result[index, : len(row)] = row
    return result


def unpad_targets(targets: ArrayLike) -> list[dict[str, NDArray[Any]]]:
    """Per image "boxes" (M, 4) and "labels" (M,) int64: what `pad_targets` made one array of.

    Raises:
        ValueError: the shape is not (N, M, 5).

    >>> from tatamikomi.data import unpad_targets
    >>> unpad_targets([[[0, 0, 2, 3, 1], [0, 0, 0, 0, -1]]])
    [{'boxes': array([[0, 0, 2, 3]]), 'labels': array([1])}]
    """
    rows = np.asarray(targets)
    if rows.ndim != 3 or rows.shape[2] != 5:
        raise bad_value("unpad_targets", "targets", f"shape {rows.shape}", "(N, M, 5)")
    true = [one[one[:, 4] >= 0] for one in rows]
    return [{"boxes": one[:, :4], "labels": one[:, 4].astype(np.int64)} for one in true]
