"""Layers that resize signals, images and volumes."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.functional.resize import Scale
from tatamikomi.geometry import Size
from tatamikomi.nn.module import Module


class Upsample(Module):
    """`functional.interpolate` as a layer.

    Args:
        size, scale_factor, mode, align_corners, recompute_scale_factor: as there; checked at the call, when the number
            of axes is known.

    Shape: x (N, C, *sizes) with one to three axes -> (N, C, *outputs).

    Raises:
        TypeError, ValueError: at the call, what `functional.interpolate` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.Upsample(scale_factor=2, mode="bilinear")
    >>> layer
    Upsample(scale_factor=2.0, mode='bilinear')
    >>> layer(np.ones((2, 3, 4, 5), np.float32)).shape
    (2, 3, 8, 10)
    """

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor: Scale | None = tuple(map(float, scale_factor))
        else:
            self.scale_factor = float(scale_factor) if isinstance(scale_factor, int) else scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) -> (N, C, *outputs)."""
        options = self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        return F.interpolate(x, *options)

    def extra_repr(self) -> str:
        """The size or the scale, and the mode, as torch writes them."""
        what = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images with mode "nearest".

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.UpsamplingNearest2d(scale_factor=2)(np.ones((2, 3, 4, 5), np.float32)).shape
    (2, 3, 8, 10)
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images with mode "bilinear" and aligned corners.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.UpsamplingBilinear2d((5, 7))(np.ones((2, 3, 4, 5), np.float32)).shape
    (2, 3, 5, 7)
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
