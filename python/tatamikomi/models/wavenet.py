"""WaveNet: convolutions over time that look back only, ever further apart."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.models.registry import register
from tatamikomi.nn import Conv1d, Module, ModuleList, ReLU, Sequential
from tatamikomi.random import Generator


class CausalConv1d(Conv1d):
    """A convolution over time whose output at t sees x up to t: all padding is before the first step."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        generator: Generator | None = None,
    ) -> None:
        past = (kernel_size - 1) * dilation
        super().__init__(
            in_channels, out_channels, kernel_size, padding=((past, 0),), dilation=dilation, generator=generator
        )


class GatedLayer(Module):
    """tanh(filter * x) sigmoid(gate * x), through 1 x 1: added to x for the next layer, and handed to the output.

    The `last` layer has no next one, and hands on x.

    Shape: x (N, residual, T) -> x for the next layer (N, residual, T), what the output gets (N, skip, T).
    """

    residual: Conv1d | None

    def __init__(
        self,
        residual: int,
        skip: int,
        kernel_size: int,
        dilation: int,
        last: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.filter = CausalConv1d(residual, residual, kernel_size, dilation, generator)
        self.gate = CausalConv1d(residual, residual, kernel_size, dilation, generator)
        self.residual = None if last else Conv1d(residual, residual, 1, generator=generator)
        self.skip = Conv1d(residual, skip, 1, generator=generator)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, residual, T) -> (N, residual, T), (N, skip, T)."""
        z = F.tanh(self.filter(x)) * F.sigmoid(self.gate(x))
        return x if self.residual is None else x + self.residual(z), self.skip(z)


@register("wavenet", "sequence")
class WaveNet(Module):
    """Logits for the next value after each step of a sequence, from that step and those before it.

    Args:
        num_classes, in_channels, generator: as `create`; 256 classes are the levels of mu-law coded sound.
        residual: channels that go from layer to layer.
        skip: channels that go from each layer to the output.
        kernel_size: taps of each convolution.
        dilations: the distance of the taps, layer by layer; the paper repeats 1, 2, 4, ..., 512.

    Shape: x (N, in_channels, T) -> logits (N, num_classes, T); those at t see x at t and the
        `receptive_field` - 1 steps before it.

    Attributes:
        receptive_field: 1 + (kernel_size - 1) (1 + sum of dilations), as the first convolution has taps, too.

    Source: A. van den Oord et al., "WaveNet: a generative model for raw audio", arXiv:1609.03499, 2016.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("wavenet", 4, dilations=(1, 2, 4, 8))
    >>> net(np.zeros((2, 1, 50), np.float32)).shape, net.receptive_field
    ((2, 4, 50), 17)
    """

    def __init__(
        self,
        num_classes: int = 256,
        in_channels: int = 1,
        generator: Generator | None = None,
        *,
        residual: int = 32,
        skip: int = 64,
        kernel_size: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        if not dilations:
            raise bad_value("WaveNet", "dilations", "none", "at least one")
        self.start = CausalConv1d(in_channels, residual, kernel_size, generator=generator)
        self.layers = ModuleList(
            GatedLayer(residual, skip, kernel_size, rate, i == len(dilations) - 1, generator)
            for i, rate in enumerate(dilations)
        )
        self.head = Sequential(
            ReLU(),
            Conv1d(skip, skip, 1, generator=generator),
            ReLU(),
            Conv1d(skip, num_classes, 1, generator=generator),
        )
        self.receptive_field = 1 + (kernel_size - 1) * (1 + sum(dilations))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, T) -> logits (N, num_classes, T)."""
        x = self.start(x)
        total: Tensor | None = None
        for layer in self.layers:
            x, skipped = layer(x)
            total = skipped if total is None else total + skipped
        y: Tensor = self.head(total)
        return y
