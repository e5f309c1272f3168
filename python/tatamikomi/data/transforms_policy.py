"""RandAugment: a few changes in a row, drawn from fourteen, all of one strength."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data import pixel_ops
from tatamikomi.data.batches import RandomTransform, places
from tatamikomi.data.warp import affine_maps, warp_affine
from tatamikomi.errors import bad_value
from tatamikomi.random import checked_integer

Image = NDArray[Any]
# (images (N, C, H, W), strengths (N,), fill) -> images; a strength is in -1..1 where a change has two directions, else
# in 0..1.
Change = Callable[[Image, NDArray[np.float64], float], Image]


def _warped(**amounts: float) -> Change:
    """A warp whose one amount at full strength is given; shifts are parts of the image's edge."""

    def change(image: Image, strength: NDArray[np.float64], fill: float) -> Image:
        height, width = image.shape[-2:]
        right, down = (strength * amounts.get(name, 0.0) for name in ("right", "down"))
        turned, shear = (strength * amounts.get(name, 0.0) for name in ("degrees", "shear"))
        maps = affine_maps(height, width, turned, shear=shear, shift=(right * width, down * height))
        warped = warp_affine(image, maps, fill)
        return np.clip(warped, 0, 1, out=warped)

    return change


def _leaned_down(image: Image, strength: NDArray[np.float64], fill: float) -> Image:
    return _SHEAR(image.swapaxes(-1, -2), strength, fill).swapaxes(-1, -2)


def _mixed(change: Callable[[Image, Image], Image]) -> Change:
    return lambda image, strength, fill: change(image, _each(1 + 0.9 * strength, image))


def _each(amount: NDArray[np.float64], image: Image) -> Image:
    return amount.astype(image.dtype).reshape(-1, 1, 1, 1)


def _upper_bits(strength: NDArray[np.float64]) -> NDArray[np.int64]:
    return 8 - np.rint(4 * strength).astype(np.int64).reshape(-1, 1, 1, 1)


_SHEAR = _warped(shear=16.699244233993621)  # degrees of a lean of 0.3
_SHIFT = 150 / 331

# name -> (whether it has two directions, the change)
CHANGES: dict[str, tuple[bool, Change]] = {
    "identity": (False, lambda image, strength, fill: image),
    "shear_x": (True, _SHEAR),
    "shear_y": (True, _leaned_down),
    "translate_x": (True, _warped(right=_SHIFT)),
    "translate_y": (True, _warped(down=_SHIFT)),
    "rotate": (True, _warped(degrees=30.0)),
    "brightness": (True, _mixed(pixel_ops.brightness)),
    "saturation": (True, _mixed(pixel_ops.saturation)),
    "contrast": (True, _mixed(pixel_ops.contrast)),
    "sharpness": (True, _mixed(pixel_ops.sharpness)),
    "posterize": (False, lambda image, strength, fill: pixel_ops.posterize(image, _upper_bits(strength))),
    "solarize": (False, lambda image, strength, fill: pixel_ops.solarize(image, _each(1 - strength, image))),
    "autocontrast": (False, lambda image, strength, fill: pixel_ops.autocontrast(image)),
    "equalize": (False, lambda image, strength, fill: pixel_ops.equalize(image)),
}


class RandAugment(RandomTransform):
    """num_ops changes of each image, one after the other, each drawn evenly from the fourteen in `CHANGES`.

    The strength is magnitude / 30, of changes with two directions in either one. At strength 1: shear by 0.3,
    translate by 150/331 of the edge, rotate by 30 degrees, all about the centre; brightness, saturation, contrast and
    sharpness by factors of 0.1 or 1.9; posterize to 4 bits; solarize from 0 on. Autocontrast and equalize know no
    strength. Two numbers per change and image. Source: E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment:
    Practical automated data augmentation with a reduced search space", arXiv:1909.13719.

    Args:
        num_ops: changes per image, >= 0.
        magnitude: 0 to 30.
        fill: the value outside of the image.
        seed: 0 <= seed < 2**63.

    Raises:
        TypeError: num_ops or seed is no integer.
        ValueError: an argument is out of range; at the call, x has other than 1 or 3 channels, or values outside of
            0..1.

    >>> import numpy as np
    >>> from tatamikomi.data import RandAugment
    >>> x = np.random.default_rng(0).random((4, 3, 8, 8), dtype=np.float32)
    >>> y = RandAugment(magnitude=15)(x)
    >>> y.shape, bool(y.min() >= 0), bool(y.max() <= 1)
    ((4, 3, 8, 8), True, True)
    """

    def __init__(self, num_ops: int = 2, magnitude: float = 9, fill: float = 0.0, seed: int = 0) -> None:
        super().__init__(seed)
        self.num_ops = checked_integer(self._op, "num_ops", num_ops)
        if not 0 <= magnitude <= 30:
            raise bad_value(self._op, "magnitude", repr(magnitude), "a number from 0 to 30")
        self.magnitude = float(magnitude)
        self.fill = float(fill)

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        y = pixel_ops.unit_images(self._op, x)
        drawn = self._numbers(indices, epoch, 2 * self.num_ops)
        for which, direction in zip(places(drawn[:, ::2], len(CHANGES)).T, drawn[:, 1::2].T, strict=True):
            for number, (two_ways, change) in enumerate(CHANGES.values()):
                chosen = np.flatnonzero(which == number)  # images that share a change, together
                if len(chosen):
                    sign = np.where((direction[chosen] < 0.5) & two_ways, -1.0, 1.0)
                    y[chosen] = change(y[chosen], self.magnitude / 30 * sign, self.fill)
        return y

    def __repr__(self) -> str:
        return f"RandAugment(num_ops={self.num_ops}, magnitude={self.magnitude}, fill={self.fill}, seed={self.seed})"
