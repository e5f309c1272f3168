"""Parts of images: random ones, the middle, ten at once; and images of another size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import RandomTransform, images, places
from tatamikomi.data.cuts import Cut, Cutting
from tatamikomi.data.geometric import Geometric
from tatamikomi.data.resize import resize
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.geometry import PADDING_MODES


class RandomCrop(Cutting, RandomTransform):
    """Cut a part of one size out of each image, after padding it; every place where it fits is as likely.

    Two numbers per image: with n = H + top + bottom - height + 1 places down, floor(u0 n), and likewise across.

    Args:
        size: (height, width), or one number for both; the padded image's full size is allowed.
        padding: pixels on each side: a number for all, (left and right, top and bottom), or (left, top, right,
            bottom).
        fill: the value of the padding, with padding_mode "constant".
        padding_mode: "constant", "edge", "reflect" (the border's pixel not repeated) or "symmetric" (repeated).
        seed: 0 <= seed < 2**63.

    Raises:
        TypeError: size or padding holds no integers.
        ValueError: one is out of range, padding_mode is none of the four; at the call, the part is larger than the
            padded image.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomCrop
    >>> RandomCrop(32, padding=4)(np.zeros((5, 3, 32, 32), np.float32)).shape
    (5, 3, 32, 32)
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | Sequence[int] = 0,
        fill: float = 0.0,
        padding_mode: str = "constant",
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.size = height_and_width(self._op, "size", size)
        self.padding = _padding(self._op, padding)
        self.fill = float(fill)
        if padding_mode not in PADDING_MODES:
            raise unknown_name(self._op, "padding_mode", padding_mode, PADDING_MODES)
        self.padding_mode = padding_mode

    @property
    def pads(self) -> bool:
        """Whether there is any padding."""
        return any(self.padding)

    def cut(self, earlier: Cut, indices: NDArray[np.int64], epoch: int, fill: float) -> Cut:
        """The part of each image, from its own place."""
        cut = earlier.part(self._starts(earlier.size, indices, epoch), self.size)
        return cut._replace(padding_mode=self.padding_mode, fill=fill) if self.pads else cut

    def _starts(self, size: tuple[int, ...], indices: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """(N, 2): the row and the column of each image where its part begins; negative within the padding."""
        left, top, right, bottom = self.padding
        padded = size[0] + top + bottom, size[1] + left + right
        room = padded[0] - self.size[0] + 1, padded[1] - self.size[1] + 1
        if min(room) < 1:
            raise bad_value(self._op, "size", self.size, f"at most that of the padded image, {padded}")
        return places(self._numbers(indices, epoch, 2), room) - (top, left)

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        return boxes - np.tile(self._starts(size, indices, epoch)[:, ::-1], 2)[:, None]

    def new_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) of a part."""
        return self.size

    def __repr__(self) -> str:
        return (
            f"RandomCrop({self.size}, padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode!r}, seed={self.seed})"
        )


class CenterCrop(Cutting):
    """The middle of each image; where the margin is odd, the smaller half of it is cut off above and on the left.

    Args:
        size: (height, width), or one number for both.

    Raises:
        TypeError: size holds no integers.
        ValueError: it is below 1; at the call, the part is larger than the image.

    >>> import numpy as np
    >>> from tatamikomi.data import CenterCrop
    >>> CenterCrop((1, 2))(np.arange(15.0).reshape(1, 1, 3, 5)).tolist()
    [[[[6.0, 7.0]]]]
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = height_and_width(self._op, "size", size)

    def cut(self, earlier: Cut, indices: NDArray[np.int64], epoch: int, fill: float) -> Cut:
        """The same part of each image."""
        rows, columns = _middle(self._op, earlier.size, self.size)
        return earlier.part((rows.start, columns.start), self.size)

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        rows, columns = _middle(self._op, size, self.size)
        return np.asarray(boxes - np.tile([columns.start, rows.start], 2))

    def new_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) of the middle."""
        return self.size

    def __repr__(self) -> str:
        return f"CenterCrop({self.size})"


class TenCrop:
    """The four corners and the middle of each image, and the same of its mirror image: ten images for one.

    In the order: top left, top right, bottom left, bottom right, middle, then those of the mirror image. The mean
    of a network's outputs over them is what it says of the image: `model(y.reshape(-1, C, h, w))`, reshaped to
    (N, 10, classes), its mean over axis 1.

    Args:
        size: (height, width), or one number for both.
        vertical_flip: turn upside down in place of mirroring.

    Returns at the call:
        (N, 10, C, height, width).

    Raises:
        TypeError: size holds no integers, or vertical_flip is no bool.
        ValueError: size is below 1; at the call, the parts are larger than the image.

    >>> import numpy as np
    >>> from tatamikomi.data import TenCrop
    >>> y = TenCrop(1)(np.arange(9.0).reshape(1, 1, 3, 3))
    >>> y.shape, y.ravel().tolist()
    ((1, 10, 1, 1, 1), [0.0, 2.0, 6.0, 8.0, 4.0, 2.0, 0.0, 8.0, 6.0, 4.0])
    """

    def __init__(self, size: int | tuple[int, int], vertical_flip: bool = False) -> None:
        self.size = height_and_width("TenCrop", "size", size)
        if not isinstance(vertical_flip, bool):
            raise bad_type("TenCrop", "vertical_flip", type(vertical_flip).__name__, "True or False")
        self.vertical_flip = vertical_flip

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, H, W) of float32 or float64; indices and epoch play no part."""
        x = images("TenCrop", x)
        middle = _middle("TenCrop", x.shape[2:], self.size)
        height, width = self.size
        down, across = x.shape[2] - height, x.shape[3] - width
        corners = [
            (slice(row, row + height), slice(column, column + width)) for row in (0, down) for column in (0, across)
        ]
        mirrored = x[:, :, ::-1] if self.vertical_flip else x[..., ::-1]
        parts = [image[:, :, rows, columns] for image in (x, mirrored) for rows, columns in (*corners, middle)]
        return np.stack(parts, axis=1)

    def __repr__(self) -> str:
        return f"TenCrop({self.size}, vertical_flip={self.vertical_flip})"


class Resize(Geometric):
    """Images of another size, by `resize`; the ratio of the edges is not kept.

    Args:
        size: (height, width), or one number for both.
        antialias: whether shrinking takes the mean of all pixels that a new one covers.

    Raises:
        TypeError: size holds no integers, or antialias is no bool.
        ValueError: size is below 1.

    >>> import numpy as np
    >>> from tatamikomi.data import Resize
    >>> Resize((1, 2), antialias=False)(np.array([[[[1.0, 1.0, 3.0, 3.0]]]])).tolist()
    [[[[1.0, 3.0]]]]
    """

    def __init__(self, size: int | tuple[int, int], antialias: bool = True) -> None:
        self.size = height_and_width(self._op, "size", size)
        if not isinstance(antialias, bool):
            raise bad_type(self._op, "antialias", type(antialias).__name__, "True or False")
        self.antialias = antialias

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        if not nearest:
            return resize(x, self.size, self.antialias)
        rows, columns = ((2 * np.arange(n) + 1) * m // (2 * n) for n, m in zip(self.size, x.shape[2:], strict=True))
        return x[:, :, rows[:, None], columns]

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        (height, width), (old_height, old_width) = self.size, size
        return np.asarray(boxes * np.tile([width / old_width, height / old_height], 2))

    def new_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) of every image."""
        return self.size

    def __repr__(self) -> str:
        return f"Resize({self.size}, antialias={self.antialias})"


def _middle(op: str, whole: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    height, width = size
    top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
    if min(top, left) < 0:
        raise bad_value(op, "size", size, f"at most that of the image, {whole}")
    return slice(top, top + height), slice(left, left + width)


def _padding(op: str, padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom)."""
    sides = (padding,) if isinstance(padding, (int, np.integer)) else padding
    if not isinstance(sides, (tuple, list)):
        raise bad_type(op, "padding", type(padding).__name__, "an integer, or 2 or 4 of them")
    if any(isinstance(side, bool) or not isinstance(side, (int, np.integer)) for side in sides):
        raise bad_type(op, "padding", repr(padding), "integers")
    if len(sides) not in (1, 2, 4) or min(sides) < 0:
        raise bad_value(op, "padding", repr(padding), "1, 2 or 4 integers >= 0")
    left, top, right, bottom = (int(side) for side in (*sides,) * (4 // len(sides)))
    return left, top, right, bottom
