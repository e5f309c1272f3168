"""Light augmentation of batches: a transform is called as transform(x, indices, epoch) and returns a new x.

What happens to a sample depends on (seed, epoch, index of the sample) alone, never on the batch around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.batches import BatchTransform, RandomTransform, floats, normalized
from tatamikomi.data.cuts import cut_and_normalize, joins
from tatamikomi.data.geometric import Geometric, mapped_boxes
from tatamikomi.data.transforms_crop import CenterCrop, RandomCrop
from tatamikomi.data.transforms_fitted import FittedTransform
from tatamikomi.data.transforms_flip import RandomHorizontalFlip, RandomVerticalFlip
from tatamikomi.data.warp import affine_maps, warp_affine
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels import uniform

_CUTS = (RandomCrop, CenterCrop, RandomHorizontalFlip, RandomVerticalFlip)  # a subclass may do something else


class Compose:
    """One transform after another; neighbours that crop, mirror and then normalise are one pass, with the same bits.

    >>> import numpy as np
    >>> from tatamikomi.data import Compose, Normalize
    >>> both = Compose([Normalize(1.0, 2.0), Normalize(0.0, 0.5)])
    >>> both(np.full((1, 1, 1, 1), 4, np.float32)).item()
    3.0
    """

    def __init__(self, transforms: Sequence[BatchTransform]) -> None:
        self.transforms = tuple(transforms)
        for transform in self.transforms:
            if not callable(transform):
                raise bad_type("Compose", "transforms", type(transform).__name__, "callables")

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch."""
        for run in self._runs():
            if type(run[0]) in _CUTS:
                normalize = run.pop() if isinstance(run[-1], Normalize) else None
                x = cut_and_normalize(run, normalize, x, indices, epoch)
            else:
                x = run[0](x, indices, epoch)
        return x

    def _runs(self) -> list[list[Any]]:
        """The transforms in their order, in lists that one pass makes: one transform, or cuts and a Normalize."""
        runs: list[list[Any]] = []
        cutting = False  # whether the last list can grow
        transform: Any
        for transform in self.transforms:
            cuts = type(transform) in _CUTS
            if cutting and (joins(runs[-1], transform) if cuts else type(transform) is Normalize):
                runs[-1].append(transform)
            else:
                runs.append([transform])
            cutting = cuts
        return runs

    def masks(
        self, masks: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0, fill: int = 0
    ) -> NDArray[Any]:
        """Masks moved as the images are, by the transforms that move pixels; see `Geometric.masks`.

        Raises:
            TypeError: what a transform does to a mask is not known.
        """
        for transform in self._movers("masks"):
            masks = transform.masks(masks, indices, epoch, fill)
        return masks

    def boxes(
        self, boxes: ArrayLike, size: tuple[int, int], indices: NDArray[np.int64] | None = None, epoch: int = 0
    ) -> NDArray[np.float64]:
        """Boxes (N, K, 4) moved as images of `size` are; see `Geometric.boxes`.

        Raises:
            TypeError: what a transform does to a box is not known.
            NotImplementedError: a transform bends boxes.
        """
        moved = np.array(boxes, np.float64)
        for transform in self._movers("boxes"):
            moved, size = transform.boxes(moved, size, indices, epoch), transform.new_size(size)
        return moved

    def new_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (H, W) of what becomes of images of `size`."""
        for transform in self._movers("boxes"):
            size = transform.new_size(size)
        return size

    def _movers(self, method: str) -> list[Any]:
        for transform in self.transforms:
            if not hasattr(transform, method) and not isinstance(
                transform, (RandomTransform, Normalize, ToFloat, FittedTransform)
            ):
                known = f"transforms that have a method {method}, or move no pixel"
                raise bad_type(f"Compose.{method}", "transforms", type(transform).__name__, known)
        return [transform for transform in self.transforms if hasattr(transform, method)]

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self.transforms))}])"


def reads_rows(transform: object) -> bool:
    """Whether a transform can be called with Rows in place of x: one that begins with a pass of crops and mirrors.

    >>> from tatamikomi.data import CenterCrop, Compose, ToFloat
    >>> from tatamikomi.data.transforms import reads_rows
    >>> reads_rows(Compose([CenterCrop(2), ToFloat()])), reads_rows(Compose([ToFloat(), CenterCrop(2)]))
    (True, False)
    """
    return type(transform) is Compose and type(next(iter(transform.transforms), None)) in _CUTS


class Normalize:
    """(x - mean) / std, for one number each or one per channel.

    Args:
        mean: a number or (C,).
        std: a number or (C,), > 0.

    Raises:
        ValueError: std is not above 0, a number is not finite, or (at the call) the channels do not fit.

    >>> import numpy as np
    >>> from tatamikomi.data import Normalize
    >>> Normalize(0.5, 0.25)(np.ones((1, 1, 1, 1), np.float32)).item()
    2.0
    """

    def __init__(self, mean: ArrayLike, std: ArrayLike) -> None:
        self.mean = np.asarray(mean, np.float64)
        self.std = np.asarray(std, np.float64)
        for argument, value in (("mean", self.mean), ("std", self.std)):
            if value.ndim > 1 or not np.isfinite(value).all():
                raise bad_value("Normalize", argument, repr(value.tolist()), "a finite number, or one per channel")
        if not (self.std > 0).all():
            raise bad_value("Normalize", "std", repr(self.std.tolist()), "numbers > 0")

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, ...); indices and epoch play no part."""
        x = floats("Normalize", x)
        return normalized("Normalize", x, *self._fitting(x))

    def planes(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """mean and std of each plane of images (N, C, H, W), or each slice of volumes (N, C, D, H, W), in x's dtype."""
        planes = []
        for one in self._fitting(x):
            every = np.empty((*x.shape[1:-2], 1, 1), x.dtype.newbyteorder("="))
            every[:] = one
            planes.append(every.reshape(-1))
        return planes

    def _fitting(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """mean and std in x's dtype and in shapes that go with x."""
        fitting = []
        for argument, value in (("mean", self.mean), ("std", self.std)):
            if value.ndim and (x.ndim < 2 or len(value) not in (1, x.shape[1])):
                raise bad_value("Normalize", argument, f"{len(value)} for x of shape {x.shape}", "one per channel")
            tail = (1,) * max(x.ndim - 2, 0)
            fitting.append(value.astype(x.dtype).reshape(value.shape + tail * value.ndim))
        return fitting

    def __repr__(self) -> str:
        return f"Normalize({self.mean.tolist()}, {self.std.tolist()})"


class ToFloat:
    """Bytes 0..255 to float32 in 0..1, for data sets that are kept as bytes; 255 becomes exactly 1.

    Raises:
        TypeError: at the call, x is not uint8.

    >>> import numpy as np
    >>> from tatamikomi.data import ToFloat
    >>> ToFloat()(np.array([[0, 51, 255]], np.uint8))
    array([[0. , 0.2, 1. ]], dtype=float32)
    """

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, ...); indices and epoch play no part."""
        x = np.asarray(x)
        if x.dtype != np.uint8:
            raise bad_type("ToFloat", "x", str(x.dtype), "uint8")
        scaled: NDArray[np.float32] = np.divide(x, np.float32(255), dtype=np.float32)
        return scaled

    def __repr__(self) -> str:
        return "ToFloat()"


class RandomAffine(Geometric, RandomTransform):
    """Rotate, scale, shear and shift each image by its own random amounts, about the image's centre.

    A pixel at p from the centre goes to M p + t with M = s R(angle) [[1, tan(shear)], [0, 1]]; the angle
    counts counter-clockwise. Each amount is uniform in its range, five numbers per image from
    `random.uniform(seed, (epoch,), index)`; the image is then sampled by `warp_affine`.

    Args:
        degrees: angles in (-degrees, degrees), or (low, high).
        translate: shifts as parts of width and height: x in (-translate[0], translate[0]) * W, y likewise.
        scale: (low, high), 0 < low <= high.
        shear: degrees in (-shear, shear), or (low, high), within (-90, 90).
        fill: the value outside of the image.
        seed: 0 <= seed < 2**63; give two of them in one Compose different seeds.

    Raises:
        ValueError: a range is reversed or not finite, translate is outside of 0..1, or scale is not above 0.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomAffine
    >>> augment = RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), seed=1)
    >>> x = np.random.default_rng(0).random((6, 1, 8, 8), dtype=np.float32)
    >>> whole = augment(x, np.arange(6), epoch=3)
    >>> bool((augment(x[4:], np.array([4, 5]), epoch=3) == whole[4:]).all())
    True
    """

    def __init__(
        self,
        degrees: float | tuple[float, float] = 0.0,
        translate: tuple[float, float] = (0.0, 0.0),
        scale: tuple[float, float] = (1.0, 1.0),
        shear: float | tuple[float, float] = 0.0,
        fill: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.degrees = _range("degrees", degrees)
        self.scale = _range("scale", scale)
        self.shear = _range("shear", shear)
        self.translate = (float(translate[0]), float(translate[1]))
        if not all(0 <= part <= 1 for part in self.translate):
            raise bad_value("RandomAffine", "translate", repr(translate), "two parts in 0..1")
        if not self.scale[0] > 0:
            raise bad_value("RandomAffine", "scale", repr(scale), "0 < low <= high")
        if not -90 < self.shear[0] <= self.shear[1] < 90:
            raise bad_value("RandomAffine", "shear", repr(shear), "degrees within (-90, 90)")
        self.fill = float(fill)

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        return warp_affine(x, self.matrices(indices, epoch, x.shape[2], x.shape[3]), fill, nearest)

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        return mapped_boxes(boxes, self.matrices(indices, epoch, *size))

    def matrices(self, indices: NDArray[np.int64], epoch: int, height: int, width: int) -> NDArray[np.float64]:
        """(N, 2, 3): where each output pixel (column, row) lies in the input, the inverse of M p + t."""
        draws = uniform(self.seed, (epoch,), indices, 5).T
        ranges = zip((self.degrees, self.scale, self.shear), draws[:3], strict=True)
        shifts = zip(draws[3:], self.translate, (width, height), strict=True)
        degrees, scale, shear = (low + (high - low) * draw for (low, high), draw in ranges)
        shift = [(2 * draw - 1) * part * edge for draw, part, edge in shifts]
        return affine_maps(height, width, degrees, scale, shear, shift)

    def __repr__(self) -> str:
        return (
            f"RandomAffine(degrees={self.degrees}, translate={self.translate}, scale={self.scale}, "
            f"shear={self.shear}, fill={self.fill}, seed={self.seed})"
        )


def _range(argument: str, value: float | tuple[float, float]) -> tuple[float, float]:
    """A pair as it is; a number r as (-r, r)."""
    low, high = (-value, value) if isinstance(value, (int, float)) else value
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise bad_value("RandomAffine", argument, repr(value), "finite low <= high, or one number >= 0")
    return float(low) + 0.0, float(high)  # 0.0 rather than -0.0
