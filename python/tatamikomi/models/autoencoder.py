"""An autoencoder of convolutions: x through a narrow place and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.models.common import start
from tatamikomi.models.registry import register
from tatamikomi.nn import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Module, ReLU, Sequential
from tatamikomi.random import Generator

_KINDS: dict[int, tuple[Any, Any]] = {1: (Conv1d, ConvTranspose1d), 2: (Conv2d, ConvTranspose2d)}


@register("autoencoder", "reconstruction")
class Autoencoder(Module):
    """Convolutions of stride 2 down to the code, transposed ones up again: y is to be x.

    Trained on what is usual, it reconstructs what is not badly: the error tells. It has no classes.

    Args:
        in_channels, generator: as `create`.
        axes: 1 for series, 2 for images.
        widths: channels after each halving of the size; the last are the code's.

    Shape: x (N, in_channels, *sizes) -> y alike; 2^len(widths) divides every size. `encoder` and `decoder` are its
    halves.

    Source: J. Masci, U. Meier, D. Cireşan, J. Schmidhuber, "Stacked convolutional auto-encoders for hierarchical
    feature extraction", ICANN 2011, with strides in place of pooling.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("autoencoder", widths=(16, 4))
    >>> x = np.zeros((2, 1, 28, 28), np.float32)
    >>> net.encoder(x).shape, net(x).shape
    ((2, 4, 7, 7), (2, 1, 28, 28))
    """

    def __init__(
        self,
        in_channels: int = 1,
        generator: Generator | None = None,
        *,
        axes: int = 2,
        widths: Sequence[int] = (16, 8),
    ) -> None:
        super().__init__()
        if axes not in _KINDS:
            raise bad_value("Autoencoder", "axes", axes, "1 or 2")
        if not widths:
            raise bad_value("Autoencoder", "widths", "none", "at least one")
        conv, back = _KINDS[axes]
        encoder: list[Module] = []
        decoder: list[Module] = []
        channels = in_channels
        for width in widths:
            encoder += [conv(channels, width, 3, 2, 1, generator=generator), ReLU()]
            decoder[:0] = [back(width, channels, 2, 2, generator=generator), ReLU()]
            channels = width
        self.encoder, self.decoder = Sequential(*encoder), Sequential(*decoder[:-1])
        start(self, generator, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, *sizes) -> the same."""
        sizes, unit = np.shape(x)[2:], 2 ** (len(self.encoder) // 2)
        if any(size % unit for size in sizes):
            raise bad_value("Autoencoder", "x", f"shape {np.shape(x)}", f"sizes that {unit} divides")
        y: Tensor = self.decoder(self.encoder(x))
        return y
