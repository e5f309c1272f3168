"""What transforms that move pixels have in common: they do to masks, boxes and volumes what they do to images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.batches import ImageTransform, sample_indices
from tatamikomi.errors import bad_type, bad_value


class Geometric(ImageTransform):
    """A transform of places. Called with volumes (N, C, D, H, W), it moves all D slices of one alike.

    `masks` and `boxes` draw the same numbers as the call: with the same indices and epoch they fit its images.
    """

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, H, W) or (N, C, D, H, W) of float32 or float64."""
        x = np.asarray(x)
        y = super().__call__(slices(x), indices, epoch)
        return y.reshape(*x.shape[:-2], *y.shape[2:])

    def masks(
        self, masks: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0, fill: int = 0
    ) -> NDArray[Any]:
        """Masks (N, H, W), or (N, D, H, W) of volumes, moved as the images of these indices are.

        Each new pixel has the label of the one that is nearest to where it comes from; outside of the image lies
        `fill`.

        Raises:
            TypeError: masks do not hold integers or bools.
            ValueError: they are of another shape, or not as many as indices.
        """
        masks = np.asarray(masks)
        if masks.dtype.kind not in "iub":
            raise bad_type(f"{self._op}.masks", "masks", str(masks.dtype), "integers or bools")
        if masks.ndim not in (3, 4):
            raise bad_value(f"{self._op}.masks", "masks", f"shape {masks.shape}", "shape (N, H, W) or (N, D, H, W)")
        # Labels are exact in float64 up to 2**53.
        x = (masks if masks.ndim == 4 else masks[:, None]).astype(np.float64)
        moved = self._moved(x, sample_indices(self._op, x, indices), epoch, fill, nearest=True)
        return moved.reshape(*masks.shape[:-2], *moved.shape[2:]).astype(masks.dtype)

    def boxes(
        self,
        boxes: ArrayLike,
        size: tuple[int, int],
        indices: NDArray[np.int64] | None = None,
        epoch: int = 0,
    ) -> NDArray[np.float64]:
        """Boxes (N, K, 4), left, top, right, bottom in pixels, moved as the images of these indices are.

        Of a box that turns, the box around it; what would lie outside of the new image is cut off, and a box that is
        outside has no area. Boxes of NaN, for images with fewer than K, stay so. `size` is the images' (H, W).

        Raises:
            NotImplementedError: the transform bends boxes.
            ValueError: boxes are of another shape, or not as many as indices.
        """
        array = np.array(boxes, np.float64)
        if array.ndim != 3 or array.shape[2] != 4:
            raise bad_value(f"{self._op}.boxes", "boxes", f"shape {array.shape}", "shape (N, K, 4)")
        moved = self._boxed(array, size, sample_indices(self._op, array, indices), epoch)
        height, width = self.new_size(size)
        return np.clip(moved, 0, (width, height, width, height))

    def new_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) of what becomes of images of `size`."""
        return size

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        return self._moved(x, indices, epoch, getattr(self, "fill", 0.0), nearest=False)

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        """x (N, C, H, W) transformed: with `nearest`, no value but those of x and `fill`."""
        raise NotImplementedError

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        """The boxes before they are cut off."""
        raise NotImplementedError(f"{self._op}.boxes: what it does to a box is no box")


def slices(x: NDArray[Any]) -> NDArray[Any]:
    """Volumes (N, C, D, H, W) as images (N, C D, H, W); what has other dimensions as it is.

    >>> import numpy as np
    >>> from tatamikomi.data.geometric import slices
    >>> slices(np.zeros((2, 3, 4, 5, 6))).shape
    (2, 12, 5, 6)
    """
    return x.reshape(len(x), x.shape[1] * x.shape[2], *x.shape[3:]) if x.ndim == 5 else x


def mapped_boxes(boxes: NDArray[np.float64], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The boxes around boxes (N, K, 4) whose images were drawn by `warp_affine` with matrices (N, 2, 3).

    >>> import numpy as np
    >>> from tatamikomi.data.geometric import mapped_boxes
    >>> half_to_the_right = np.array([[[1.0, 0.0, -0.5], [0.0, 1.0, 0.0]]])
    >>> mapped_boxes(np.array([[[1.0, 2.0, 4.0, 3.0]]]), half_to_the_right).tolist()
    [[[1.5, 2.0, 4.5, 3.0]]]
    """
    # Centres of pixels have integer coordinates there, edges of boxes here.
    corners = boxes[:, :, [[0, 1], [2, 1], [0, 3], [2, 3]]] - 0.5  # (N, K, 4, 2)
    turned = (corners - matrices[:, None, None, :, 2]) @ np.linalg.inv(matrices[:, None, :, :2]).swapaxes(2, 3)
    return np.concatenate([turned.min(axis=2), turned.max(axis=2)], axis=2) + 0.5
