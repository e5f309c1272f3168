"""U-Net, in the plane and in space: down to a coarse picture and up again, with what was seen on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor, cat
from tatamikomi.errors import bad_value
from tatamikomi.models.common import start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import (
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Conv3d,
    ConvTranspose2d,
    ConvTranspose3d,
    MaxPool2d,
    MaxPool3d,
    Module,
    ModuleList,
    ReLU,
    Sequential,
    checks,
)
from tatamikomi.random import Generator

_KINDS: dict[int, tuple[Any, ...]] = {
    2: (Conv2d, BatchNorm2d, MaxPool2d, ConvTranspose2d),
    3: (Conv3d, BatchNorm3d, MaxPool3d, ConvTranspose3d),
}


class UNet(Module):
    """Pairs of convolutions of 3, pooling after each on the way down; on the way up each level's output joins again.

    Args:
        num_classes, in_channels, generator: as `create`.
        axes: 2 for images, 3 for volumes.
        widths: channels of the two convolutions of each level on the way down, the last level at the bottom.
        keep: the transposed convolutions keep all channels, as in the 3-D paper, in place of half of them.
        batch_norm: whether it follows each convolution, which has no bias then; the 2-D paper is without.
        padding: "same", or "valid" as in the papers: then y is smaller, and what joins is cropped to its middle.

    Shape: x (N, in_channels, *sizes) -> logits (N, num_classes, *sizes). With "same", 2^(levels - 1) divides every
        size: 16 for "unet" and "unet_small", 8 for "unet3d", 4 for "unet3d_small". With "valid", 572 gives 388.

    Source: O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation",
    MICCAI 2015; Ö. Çiçek et al., "3D U-Net: learning dense volumetric segmentation from sparse annotation", MICCAI
    2016.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("unet", 3, widths=[(8, 8), (16, 16)])
    >>> net(np.zeros((1, 1, 6, 8), np.float32)).shape
    (1, 3, 6, 8)
    """

    def __init__(
        self,
        num_classes: int = 2,
        in_channels: int = 1,
        generator: Generator | None = None,
        *,
        axes: int = 2,
        widths: Sequence[tuple[int, int]] = ((64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024)),
        keep: bool = False,
        batch_norm: bool = True,
        padding: str = "same",
    ) -> None:
        super().__init__()
        if axes not in _KINDS:
            raise bad_value("UNet", "axes", axes, "2 or 3")
        if not widths:
            raise bad_value("UNet", "widths", "none", "a pair of widths per level")
        if padding not in ("same", "valid"):
            raise bad_value("UNet", "padding", repr(padding), "'same' or 'valid'")
        checks.flag("UNet", "keep", keep)
        checks.flag("UNet", "batch_norm", batch_norm)
        conv, norm, pool, up = _KINDS[axes]
        self.padding = padding

        def pair(channels: int, first: int, second: int) -> Sequential:
            layers: list[Module] = []
            for before, after in ((channels, first), (first, second)):
                layers.append(conv(before, after, 3, padding=padding, bias=not batch_norm, generator=generator))
                layers += [norm(after), ReLU()] if batch_norm else [ReLU()]
            return Sequential(*layers)

        ways_down, ways_up, joins = [], [], []
        channels = in_channels
        for first, second in widths:
            ways_down.append(pair(channels, first, second))
            channels = second
        for _, second in reversed(widths[:-1]):
            risen = channels if keep else channels // 2
            ways_up.append(up(channels, risen, 2, 2, generator=generator))
            joins.append(pair(second + risen, second, second))
            channels = second
        self.down, self.up, self.join = ModuleList(ways_down), ModuleList(ways_up), ModuleList(joins)
        self.pool = pool(2)
        self.head = conv(channels, num_classes, 1, generator=generator)
        start(self, generator, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, *sizes) -> logits (N, num_classes, *sizes)."""
        sizes, unit = np.shape(x)[2:], 2 ** len(self.up)
        if self.padding == "same" and any(size % unit for size in sizes):
            raise bad_value("UNet", "x", f"shape {np.shape(x)}", f"sizes that {unit} divides")
        seen: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = level(self.pool(x) if i else x)
            seen.append(x)
        for up, join, beside in zip(self.up, self.join, reversed(seen[:-1]), strict=True):
            x = up(x)
            x = join(cat([_middle(beside, x.shape[2:]), x], 1))
        y: Tensor = self.head(x)
        return y


def _middle(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """The middle of x, (N, C, *larger sizes) -> (N, C, *sizes)."""
    if x.shape[2:] == sizes:
        return x
    first = [(have - want) // 2 for have, want in zip(x.shape[2:], sizes, strict=True)]
    return x[(..., *(slice(at, at + size) for at, size in zip(first, sizes, strict=True)))]


register_variant("unet", UNet, task="segmentation")
register_variant("unet_small", UNet, task="segmentation", widths=[(16 << i, 16 << i) for i in range(5)])
register_variant(
    "unet3d", UNet, task="segmentation", axes=3, widths=((32, 64), (64, 128), (128, 256), (256, 512)), keep=True
)
# Without batch normalisation: few cubes make a batch, and they differ more than its running statistics allow.
register_variant(
    "unet3d_small",
    UNet,
    task="segmentation",
    axes=3,
    widths=((8, 16), (16, 32), (32, 64)),
    keep=True,
    batch_norm=False,
)
