"""Layers that move elements between channels and pixels, or among channels."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class PixelShuffle(Module):
    """Squares of pixels out of channels.

    Shape: (*, C * r * r, H, W) -> (*, C, H * r, W * r) with r = upscale_factor.

    Raises:
        TypeError, ValueError: upscale_factor is no positive integer; at the call, what `functional.pixel_shuffle`
            raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.PixelShuffle(3)(np.ones((1, 9, 4, 4), np.float32)).shape
    (1, 1, 12, 12)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = checks.integer("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, x: Tensor) -> Tensor:
        """(*, C * r * r, H, W) -> (*, C, H * r, W * r)."""
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor, as torch writes it."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Channels out of squares of pixels: undoes `PixelShuffle`.

    Shape: (*, C, H * r, W * r) -> (*, C * r * r, H, W) with r = downscale_factor.

    Raises:
        TypeError, ValueError: as `PixelShuffle`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.PixelUnshuffle(3)(np.ones((1, 1, 12, 12), np.float32)).shape
    (1, 9, 4, 4)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = checks.integer("PixelUnshuffle", "downscale_factor", downscale_factor)

    def forward(self, x: Tensor) -> Tensor:
        """(*, C, H * r, W * r) -> (*, C * r * r, H, W)."""
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor, as torch writes it."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out anew: one of each group after the other.

    Shape: (N, C, *sizes) -> (N, C, *sizes).

    Raises:
        TypeError, ValueError: groups is no positive integer; at the call, what `functional.channel_shuffle` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ChannelShuffle(2)(np.arange(4.0).reshape(1, 4, 1)).numpy().ravel().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = checks.integer("ChannelShuffle", "groups", groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) -> (N, C, *sizes)."""
        return F.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The groups, as torch writes them."""
        return f"groups={self.groups}"
