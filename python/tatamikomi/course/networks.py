"""The networks of the lessons by their names, their params (W1, b1, ...) and their layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tatamikomi.course.dtypes import drawn
from tatamikomi.course.layers import Affine, Convolution, Dropout, Pooling, Relu
from tatamikomi.course.network import Network
from tatamikomi.course.util import conv_output_size

__all__ = ["DeepConvNet", "DoubleConvNet", "SimpleConvNet", "TwoLayerNet"]

Options = Mapping[str, int]


def _conv(filters: int, size: int, pad: int, stride: int = 1) -> dict[str, int]:
    return {"filter_num": filters, "filter_size": size, "pad": pad, "stride": stride}


class _ConvNet(Network):
    """Convolutions with ReLU, pools of 2 where asked for, then two affine layers; layers and params count from 1."""

    def __init__(self, input_dim: tuple[int, int, int]) -> None:
        super().__init__()
        self._shape = input_dim

    def _add_conv(self, option: Options, std: float | None) -> None:
        """A convolution and ReLU; normal filters, of He's spread where std is None."""
        channels, h, w = self._shape
        filters, size, stride, pad = (option[key] for key in ("filter_num", "filter_size", "stride", "pad"))
        scale = math.sqrt(2 / (channels * size * size)) if std is None else std
        W, b = self._weights(drawn(scale, filters, channels, size, size))
        self._add("Conv", Convolution(W, b, stride, pad))
        self._add("Relu", Relu())
        h, w = (conv_output_size(side, size, stride, pad) for side in (h, w))
        self._shape = (filters, h, w)

    def _add_pool(self) -> None:
        channels, h, w = self._shape
        self._add("Pool", Pooling(pool_h=2, pool_w=2, stride=2))
        self._shape = (channels, conv_output_size(h, 2, 2), conv_output_size(w, 2, 2))

    def _add_affine(self, units: int, std: float | None) -> None:
        inputs = math.prod(self._shape)
        self._add("Affine", Affine(*self._weights(drawn(math.sqrt(2 / inputs) if std is None else std, inputs, units))))
        self._shape = (units, 1, 1)


class TwoLayerNet(Network):
    """affine - relu - affine - softmax; `layers` by name (Affine1, Relu1, Affine2).

    Args:
        input_size, hidden_size, output_size: numbers of units.
        weight_init_std: standard deviation of the normal weights; biases are zeros.

    >>> import numpy as np
    >>> from tatamikomi.course.networks import TwoLayerNet
    >>> net = TwoLayerNet(input_size=4, hidden_size=3, output_size=2)
    >>> {name: grad.shape for name, grad in net.gradient(np.ones((5, 4)), np.zeros(5, int)).items()}
    {'W1': (4, 3), 'b1': (3,), 'W2': (3, 2), 'b2': (2,)}
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01) -> None:
        super().__init__()
        self._add("Affine", Affine(*self._weights(drawn(weight_init_std, input_size, hidden_size))))
        self._add("Relu", Relu())
        self._add("Affine", Affine(*self._weights(drawn(weight_init_std, hidden_size, output_size))))


class SimpleConvNet(_ConvNet):
    """conv - relu - pool - affine - relu - affine - softmax; `layers` by name (Conv1, Relu1, Pool1, ...).

    Args:
        input_dim: (C, H, W).
        conv_param: filter_num, filter_size, pad and stride.
        hidden_size, output_size: numbers of units.
        weight_init_std: standard deviation of the normal weights; biases are zeros.

    >>> from tatamikomi.course.networks import SimpleConvNet
    >>> sum(array.size for array in SimpleConvNet().params.values())
    433890
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param: Options = _conv(30, 5, 0),  # noqa: B008 - read only
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        super().__init__(input_dim)
        self._add_conv(conv_param, weight_init_std)
        self._add_pool()
        self._add_affine(hidden_size, weight_init_std)
        self._add("Relu", Relu())
        self._add_affine(output_size, weight_init_std)


class DoubleConvNet(_ConvNet):
    """conv - relu - conv - relu - pool - affine - relu - affine - softmax; `layers` by name.

    Args:
        input_dim: (C, H, W).
        conv_param_1, conv_param_2: filter_num, filter_size, pad and stride.
        hidden_size, output_size: numbers of units.
        weight_init_std: standard deviation of the normal weights; biases are zeros.

    >>> from tatamikomi.course.networks import DoubleConvNet
    >>> DoubleConvNet().params["W2"].shape
    (20, 10, 3, 3)
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param_1: Options = _conv(10, 7, 1),  # noqa: B008
        conv_param_2: Options = _conv(20, 3, 1),  # noqa: B008
        hidden_size: int = 50,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        super().__init__(input_dim)
        self._add_conv(conv_param_1, weight_init_std)
        self._add_conv(conv_param_2, weight_init_std)
        self._add_pool()
        self._add_affine(hidden_size, weight_init_std)
        self._add("Relu", Relu())
        self._add_affine(output_size, weight_init_std)


class DeepConvNet(_ConvNet):
    """Six 3 x 3 convolutions, 16-16-pool-32-32-pool-64-64-pool, affine 50, dropout, affine, dropout, softmax.

    He's spread throughout; `layers` is a list of 20. loss and gradient drop, predict and accuracy do not.

    Args:
        input_dim: (C, H, W).
        conv_param_1 to conv_param_6: filter_num, filter_size, pad and stride.
        hidden_size, output_size: numbers of units.

    >>> from tatamikomi.course.networks import DeepConvNet
    >>> net = DeepConvNet()
    >>> sum(array.size for array in net.params.values()), len(net.layers)
    (123552, 20)
    """

    drops_in_loss = True

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param_1: Options = _conv(16, 3, 1),  # noqa: B008
        conv_param_2: Options = _conv(16, 3, 1),  # noqa: B008
        conv_param_3: Options = _conv(32, 3, 1),  # noqa: B008
        conv_param_4: Options = _conv(32, 3, 2),  # noqa: B008
        conv_param_5: Options = _conv(64, 3, 1),  # noqa: B008
        conv_param_6: Options = _conv(64, 3, 1),  # noqa: B008
        hidden_size: int = 50,
        output_size: int = 10,
    ) -> None:
        super().__init__(input_dim)
        options = (conv_param_1, conv_param_2, conv_param_3, conv_param_4, conv_param_5, conv_param_6)
        for number, option in enumerate(options, 1):
            self._add_conv(option, None)
            if number % 2 == 0:
                self._add_pool()
        self._add_affine(hidden_size, None)
        self._add("Relu", Relu())
        self._add("Dropout", Dropout(0.5))
        self._add_affine(output_size, None)
        self._add("Dropout", Dropout(0.5))
        self.layers: Any = list(self.layers.values())
