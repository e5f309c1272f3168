"""Elements that change places between channels and pixels, or among channels."""

from __future__ import annotations

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.kernels.scalars import as_integer


def _images(op: str, input: TensorLike) -> Tensor:
    x = as_input(op, "input", input)
    if x.ndim < 3:
        raise bad_value(op, "input", f"shape {x.shape}", "(*, C, H, W)")
    return x


@own_names(half=True)
def pixel_shuffle(input: TensorLike, upscale_factor: int) -> Tensor:
    """Squares of pixels out of channels: (*, C * r * r, H, W) to (*, C, H * r, W * r) with r = upscale_factor.

        y[.., c, h * r + i, w * r + j] = input[.., (c * r + i) * r + j, h, w]

    Raises:
        TypeError: another dtype, or a factor that is no integer.
        ValueError: fewer than three dimensions, or channels that r * r does not divide.

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", arXiv:1609.05158.

    >>> import tatamikomi as tk
    >>> tk.functional.pixel_shuffle([[[1.0]], [[2.0]], [[3.0]], [[4.0]]], 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    op = "pixel_shuffle"
    x, r = _images(op, input), as_integer(op, "upscale_factor", upscale_factor, 1)
    (*lead, channels, height, width) = x.shape
    if channels % (r * r):
        raise bad_value(op, "input", f"shape {x.shape}", f"channels that upscale_factor squared, {r * r}, divides")
    n, c = len(lead), channels // (r * r)
    squares = x.reshape(*lead, c, r, r, height, width).permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return squares.reshape(*lead, c, height * r, width * r)


@own_names(half=True)
def pixel_unshuffle(input: TensorLike, downscale_factor: int) -> Tensor:
    """Channels out of squares of pixels: (*, C, H * r, W * r) to (*, C * r * r, H, W); undoes `pixel_shuffle`.

    Raises:
        TypeError: another dtype, or a factor that is no integer.
        ValueError: fewer than three dimensions, or sizes that r = downscale_factor does not divide.

    >>> import tatamikomi as tk
    >>> tk.functional.pixel_unshuffle([[[1.0, 2.0], [3.0, 4.0]]], 2).shape
    (4, 1, 1)
    """
    op = "pixel_unshuffle"
    x, r = _images(op, input), as_integer(op, "downscale_factor", downscale_factor, 1)
    (*lead, channels, height, width) = x.shape
    if height % r or width % r:
        raise bad_value(op, "input", f"shape {x.shape}", f"a height and a width that downscale_factor, {r}, divides")
    n, h, w = len(lead), height // r, width // r
    squares = x.reshape(*lead, channels, h, r, w, r).permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return squares.reshape(*lead, channels * r * r, h, w)


@own_names(half=True)
def channel_shuffle(input: TensorLike, groups: int) -> Tensor:
    """The channels of (N, C, *sizes) dealt out anew: one of each group after the other.

        y[n, i * groups + g] = input[n, g * (C / groups) + i]

    Raises:
        TypeError: another dtype, or groups that are no integer.
        ValueError: fewer than three dimensions, or channels that groups do not divide.

    Source: X. Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile devices",
    arXiv:1707.01083.

    >>> import tatamikomi as tk
    >>> tk.functional.channel_shuffle(tk.tensor([0.0, 1.0, 2.0, 3.0]).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    op = "channel_shuffle"
    x, count = as_input(op, "input", input), as_integer(op, "groups", groups, 1)
    if x.ndim < 3:
        raise bad_value(op, "input", f"shape {x.shape}", "(N, C, *sizes)")
    n, channels, *sizes = x.shape
    if channels % count:
        raise bad_value(op, "groups", groups, f"a divisor of {channels} channels")
    return x.reshape(n, count, channels // count, *sizes).transpose(1, 2).reshape(x.shape)
