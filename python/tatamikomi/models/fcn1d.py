"""A fully convolutional network for series."""

from __future__ import annotations

from tatamikomi.models.registry import register
from tatamikomi.nn import BatchNorm1d, Conv1d, Flatten, GlobalAvgPool, Linear, Module, ReLU, Sequential, init
from tatamikomi.random import Generator


@register("fcn1d")
def fcn1d(
    num_classes: int = 2, in_channels: int = 1, generator: Generator | None = None, *, width: int = 128
) -> Sequential:
    """Convolutions of 8, 5 and 3 taps with 128, 256 and 128 channels, each normalised - means over time - linear.

    Padded to keep the length; the eight taps see three steps before and four after. He's initialisation for the
    convolutions. 264,962 parameters for two classes.

    Args:
        num_classes, in_channels, generator: as `create`.
        width: channels of the first and the last convolution; the second has twice as many.

    Shape: x (N, in_channels, L) -> logits (N, num_classes).

    Source: Z. Wang, W. Yan, T. Oates, "Time series classification from scratch with deep neural networks: a strong
    baseline", arXiv:1611.06455, 2016.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("fcn1d")
    >>> sum(parameter.numel() for parameter in net.parameters())
    264962
    """
    layers: list[Module] = []
    channels = in_channels
    for out_channels, taps in ((width, 8), (2 * width, 5), (width, 3)):
        padding = ((taps - 1) // 2, taps // 2)
        conv = Conv1d(channels, out_channels, taps, padding=(padding,), generator=generator)
        assert conv.bias is not None
        init.zeros_(conv.bias)
        init.kaiming_normal_(conv.weight, generator=generator)
        layers += [conv, BatchNorm1d(out_channels), ReLU()]
        channels = out_channels
    return Sequential(*layers, GlobalAvgPool(), Flatten(), Linear(channels, num_classes, generator=generator))
