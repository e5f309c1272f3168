"""LeNet-5 as published in 1998: trained subsampling, maps that see some of the maps before, codes as output."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, cat
from tatamikomi.errors import bad_value
from tatamikomi.models.registry import register
from tatamikomi.nn import Conv2d, Linear, Module, ModuleList, init
from tatamikomi.random import Generator

# Which maps of S2 each map of C3 sees: table 1 of the paper, in the order of its columns.
C3_TABLE = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

# The digits as pictures of 12 x 7: a row of text is the same row of every digit.
_DIGITS = """
.#####. ...#... .#####. .#####. #....#. ####### ..####. ####### .#####. .#####.
#.....# ..##... #.....# #.....# #....#. #...... .#..... ......# #.....# #.....#
#.....# .#.#... ......# ......# #....#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# #....#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# #....#. ######. ######. ....#.. .#...#. #.....#
#.....# ...#... ....#.. ..####. ####### ......# #.....# ....#.. ..###.. .######
#.....# ...#... ...#... ......# .....#. ......# #.....# ...#... .#...#. ......#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
#.....# ...#... #...... ......# .....#. ......# #.....# ..#.... #.....# ......#
#.....# ...#... #...... #.....# .....#. #.....# #.....# .#..... #.....# .....#.
.#####. .#####. ####### .#####. .....#. .#####. .#####. .#..... .#####. .####..
"""


def squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2 x / 3), which maps 1 to 1 and -1 to -1."""
    return F.tanh(x * (2 / 3)) * 1.7159


def codes(num_classes: int, generator: Generator | None = None) -> np.ndarray[Any, np.dtype[Any]]:
    """A row of 84 numbers -1 or 1 per class: pictures of the ten digits, chance where there are other classes."""
    if num_classes == 10:
        rows = [line.split(" ") for line in _DIGITS.split("\n")[1:-1]]
        pictures = [[[1.0 if one == "#" else -1.0 for one in row[digit]] for row in rows] for digit in range(10)]
        return np.array(pictures, np.float32).reshape(10, 84)
    drawn = Parameter(np.zeros((num_classes, 84), np.float32))
    return np.where(init.uniform_(drawn, -1.0, 1.0, generator).numpy() < 0, np.float32(-1), np.float32(1))


class Subsampling(Module):
    """Sums of 2 x 2 places times a trained number per map, plus another one.

    Shape: x (N, channels, H, W) -> y (N, channels, H // 2, W // 2).
    """

    def __init__(self, channels: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.weight = Parameter(np.zeros((channels, 1, 1), np.float32))
        self.bias = Parameter(np.zeros((channels, 1, 1), np.float32))
        init.uniform_(self.weight, -0.6, 0.6, generator)  # 2.4 over the fan-in of 4

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, H // 2, W // 2)."""
        return F.avg_pool2d(x, 2, divisor_override=1) * self.weight + self.bias


class SomeMaps(Module):
    """A convolution of 5 x 5 whose maps see different maps of x, by `C3_TABLE`.

    Maps that see equally many are one convolution, with a group for each, of the maps they see one after another.

    Shape: x (N, 6, H, W) -> y (N, 16, H - 4, W - 4).
    """

    def __init__(self, generator: Generator | None = None) -> None:
        super().__init__()
        parts: list[list[tuple[int, ...]]] = [[one for one in C3_TABLE if len(one) == size] for size in (3, 4, 6)]
        self.seen = [[channel for one in part for channel in one] for part in parts]
        self.convs = ModuleList(
            Conv2d(len(seen), len(part), 5, groups=len(part), generator=generator)
            for seen, part in zip(self.seen, parts, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 6, H, W) -> (N, 16, H - 4, W - 4)."""
        return cat([conv(x[:, seen]) for conv, seen in zip(self.convs, self.seen, strict=True)], 1)


@register("lenet5_1998")
class LeNet5(Module):
    """LeNet-5 as published: 60,000 trained parameters, in C1 156, S2 12, C3 1,516, S4 32, C5 48,120 and F6 10,164.

    The squared distance of F6's 84 numbers from a class's code, a picture of the digit, is its penalty. The penalties'
    negatives are the logits here, so that the largest wins and `cross_entropy` is the criterion of the paper's equation
    9 without its constant. The pictures of figure 3 are drawn anew; they are a buffer, `codes`, and stay as they are.
    Weights are uniform in [-2.4 / n_in, 2.4 / n_in), biases zero.

    Args:
        num_classes, in_channels, generator: as `create`. Other classes than ten digits get codes by chance.
        image_size: 28, padded by 2 as the paper does, or 32.

    Shape: x (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("lenet5_1998")
    >>> sum(parameter.numel() for parameter in net.parameters())
    60000
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        generator: Generator | None = None,
        *,
        image_size: int = 28,
    ) -> None:
        super().__init__()
        if image_size not in (28, 32):
            raise bad_value("lenet5_1998", "image_size", image_size, "28 or 32")
        self.c1 = Conv2d(in_channels, 6, 5, padding=(32 - image_size) // 2, generator=generator)
        self.s2 = Subsampling(6, generator)
        self.c3 = SomeMaps(generator)
        self.s4 = Subsampling(16, generator)
        self.c5 = Conv2d(16, 120, 5, generator=generator)
        self.f6 = Linear(120, 84, generator=generator)
        for layer in self.modules():
            if isinstance(layer, (Conv2d, Linear)):
                bound = 2.4 / math.prod(layer.weight.shape[1:])
                init.uniform_(layer.weight, -bound, bound, generator)
                if layer.bias is not None:
                    init.zeros_(layer.bias)
        self.register_buffer("codes", codes(num_classes, generator))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, image_size, image_size) -> logits (N, num_classes)."""
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = squash(layer(x))
        x = squash(self.f6(x.flatten(1)))
        away: Tensor = x.unsqueeze(1) - self.codes  # (N, num_classes, 84)
        return -(away * away).sum(2)
