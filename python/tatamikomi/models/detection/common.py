"""What detectors share: the way from outputs to boxes, places of a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, no_grad
from tatamikomi.data.boxes import unpad_targets
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.models.detection.boxes import batched_nms
from tatamikomi.nn import Module, init

Array = NDArray[Any]


class Detector(Module):
    """A network whose output (N, places, numbers) tells every place, a box and its classes.

    A subclass gives `forward`, `loss(output, targets)` and `candidates(output)`.

    Attributes:
        num_classes: how many kinds of things it tells apart.
    """

    num_classes: int

    def loss(self, output: Tensor, targets: ArrayLike) -> Tensor:
        """The loss of an output, a 0-d Tensor.

        Args:
            output: what the network gave for N images.
            targets: (N, M, 5), see `tk.data.pad_targets`.

        Raises:
            TypeError, ValueError: targets of another kind or shape, or a label that is no class.
        """
        raise NotImplementedError

    def candidates(self, output: Array) -> tuple[Array, Array]:
        """Boxes (N, places, 4) and probabilities (N, places, classes) of an output."""
        raise NotImplementedError

    def detect(
        self, x: Any, min_score: float = 0.25, iou_threshold: float = 0.5, max_boxes: int = 100
    ) -> list[dict[str, Array]]:
        """What is on images, without gradients; the caller switches to `eval()` first.

        Args:
            x: (N, in_channels, H, W).
            min_score: probabilities below it are no finds.
            iou_threshold: of the suppression within each class, see `nms`.
            max_boxes: how many of an image's best stay.

        Returns:
            Per image "boxes" (K, 4) within it, "scores" (K,) and "labels" (K,), best first: what
            `tk.metrics.mean_average_precision` takes.
        """
        with no_grad():
            output = self(x).numpy()
        return self.finds(output, np.shape(x)[2:], min_score, iou_threshold, max_boxes)

    def finds(
        self,
        output: Array,
        size: Sequence[int],
        min_score: float = 0.25,
        iou_threshold: float = 0.5,
        max_boxes: int = 100,
    ) -> list[dict[str, Array]]:
        """What `detect` gives, of an output for images of `size`: (H, W)."""
        height, width = (int(one) for one in size)
        boxes, scores = self.candidates(output)
        found = []
        for box, score in zip(np.clip(boxes, 0, [width, height] * 2), scores, strict=True):
            places, labels = np.nonzero(score >= min_score)
            best = score[places, labels]
            kept = batched_nms(box[places], best, labels, iou_threshold)[:max_boxes]
            found.append({"boxes": box[places[kept]], "scores": best[kept], "labels": labels[kept]})
        return found

    def _true(self, output: Tensor, targets: ArrayLike) -> list[tuple[Array, Array]]:
        """Per image: true boxes (M, 4) and labels (M,)."""
        op, rows = type(self).__name__, np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets)
        if rows.dtype.kind not in "fiu":
            raise bad_type(op, "targets", str(rows.dtype), "numbers")
        if rows.ndim != 3 or rows.shape[::2] != (output.shape[0], 5):
            raise bad_value(op, "targets", f"shape {rows.shape}", f"({output.shape[0]}, M, 5)")
        if rows.size and rows[:, :, 4].max() >= self.num_classes:
            raise bad_value(op, "targets", f"label {int(rows[:, :, 4].max())}", f"labels below {self.num_classes}")
        return [(one["boxes"], one["labels"]) for one in unpad_targets(rows)]


def grid(sizes: Sequence[tuple[int, int]], strides: Sequence[int]) -> NDArray[np.float64]:
    """(places, 3): left and upper edge of every place of a pyramid, in pixels, and its stride; rows first.

    >>> from tatamikomi.models.detection.common import grid
    >>> grid([(1, 2)], [8]).tolist()
    [[0.0, 0.0, 8.0], [8.0, 0.0, 8.0]]
    """
    parts = []
    for (height, width), stride in zip(sizes, strides, strict=True):
        down, across = np.indices((height, width)).reshape(2, -1) * stride
        parts.append(np.stack([across, down, np.full(down.shape, stride)], 1))
    return np.concatenate(parts).astype(np.float64)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) of an array, without overflow.

    >>> import numpy as np
    >>> from tatamikomi.models.detection.common import sigmoid
    >>> sigmoid(np.array([-1e4, 0.0])).tolist()
    [0.0, 0.5]
    """
    return np.exp(-np.logaddexp(0, -x))


def with_prior(bias: Any, probability: float = 0.01) -> None:
    """Set a bias so that sigmoid of it is a small probability: most places hold nothing."""
    init.constant_(bias, -float(np.log((1 - probability) / probability)))
