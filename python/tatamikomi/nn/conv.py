"""Convolution layers in one, two and three dimensions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, is_grad_enabled
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.geometry import Padding, Size, per_axis, window
from tatamikomi.kernels import PackedWeight, conv_pack_weight, get_conv_algorithm, get_workspace_limit
from tatamikomi.kernels.backend import engine
from tatamikomi.kernels.half import widen
from tatamikomi.nn import checks
from tatamikomi.nn.linear import init_weight_and_bias
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular", "constant")
_PACKS = 4  # geometries for which a layer keeps its packed weight


def _padding_mode(op: str, value: object) -> str:
    if not isinstance(value, str):
        raise bad_type(op, "padding_mode", value, "the name of a mode")
    if value not in _PADDING_MODES:
        raise unknown_name(op, "padding_mode", value, _PADDING_MODES)
    return value


class _Conv(Module):
    """What Conv1d, Conv2d and Conv3d share: the arguments, the parameters, the text."""

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        padding_value: float = 0.0,
        activation: str | None = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        op, axes = type(self).__name__, self.axes
        self.in_channels = checks.integer(op, "in_channels", in_channels)
        self.out_channels = checks.integer(op, "out_channels", out_channels)
        self.kernel_size = per_axis(op, "kernel_size", kernel_size, axes, 1)
        self.stride = per_axis(op, "stride", stride, axes, 1)
        self.padding = checks.padding(op, padding, axes)
        self.dilation = per_axis(op, "dilation", dilation, axes, 1)
        self.groups = checks.integer(op, "groups", groups)
        self.padding_mode = _padding_mode(op, padding_mode)
        self.padding_value = checks.real(op, "padding_value", padding_value)
        if self.padding_value and self.padding_mode != "constant":
            raise bad_value(op, "padding_value", padding_value, 'padding_mode="constant" with it')
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise bad_value(op, "groups", self.groups, f"a divisor of {name}={channels}")
        kind = checks.floating(op, dtype)
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(checks.zeros(op, "weight", shape, kind))
        self.bias = Parameter(np.zeros(self.out_channels, kind)) if checks.flag(op, "bias", bias) else None
        self.activation = checks.activation(op, activation)
        self._packs: OrderedDict[Any, PackedWeight] = OrderedDict()
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        init_weight_and_bias(self.weight, self.bias, generator)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """x (N, in_channels, *spatial) or (in_channels, *spatial) -> the same with out_channels.

        `activation` stands in for the layer's own where that is None.
        """
        options: tuple[Any, ...] = self.stride, self.padding, self.dilation, self.groups
        if self.padding_mode != "zeros":
            x, options = self._padded(x), (self.stride, 0, *options[2:])
        weight, bias = self.weight, self.bias
        taped = is_grad_enabled() and any(getattr(one, "requires_grad", False) for one in (x, weight, bias))
        laid_out = weight if taped else self._packed(x, weight, options)
        return type(self).function(x, laid_out, bias, *options, activation=self.activation or activation)

    def _padded(self, x: Tensor) -> Tensor:
        """x with what its padding_mode says around it."""
        op, sizes = type(self).__name__, np.shape(x)[-self.axes :]
        around = window(op, sizes, self.kernel_size, self.stride, self.padding, self.dilation)
        pairs = zip(reversed(around.before), reversed(around.after), strict=True)
        value = self.padding_value if self.padding_mode == "constant" else None
        return F.pad(x, [number for pair in pairs for number in pair], self.padding_mode, value)

    def _packed(self, x: Tensor, weight: Tensor, options: tuple[Any, ...]) -> Tensor | PackedWeight:
        """The weight laid out for x's sizes, kept while nobody writes to it; itself, where writes can go unseen, and
        where it is computed anew for every call, as a parametrized one is."""
        shape = np.shape(x)
        if not isinstance(weight, Parameter):
            return weight
        if weight.exported or len(shape) != self.axes + 2 or shape[1] != self.in_channels:
            return weight
        values = weight._storage, weight.version  # another Parameter has another storage
        key = *values, shape[1:], get_conv_algorithm(), get_workspace_limit(), *engine()
        found = self._packs.get(key)
        if found is None:
            if self._packs and next(iter(self._packs))[:2] != values:
                self._packs.clear()
            found = self._packs[key] = conv_pack_weight(widen(weight.data), shape, *options)
            if len(self._packs) > _PACKS:
                self._packs.popitem(last=False)
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Packs stay behind: they are made anew from the weight."""
        return {**self.__dict__, "_packs": OrderedDict()}

    def extra_repr(self) -> str:
        """The options that differ from their defaults, as torch writes them."""
        ones = (1,) * self.axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in ((0,) * self.axes, "valid"):
            text += f", padding={self.padding!r}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode!r}"
        if self.padding_value:
            text += f", padding_value={self.padding_value}"
        return text if self.activation is None else text + f", activation={self.activation!r}"


class Conv1d(_Conv):
    """Convolution (cross-correlation) over one axis; arguments, attributes and errors as in `Conv2d`.

    Shape: x (N, in_channels, L) or (in_channels, L) -> y (N, out_channels, oL) or (out_channels, oL).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Conv1d(2, 4, 3, padding="same")(np.ones((5, 2, 10), np.float32)).shape
    (5, 4, 10)
    """

    axes = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution (cross-correlation) over images.

    y[n, oc, oh, ow] = bias[oc] + sum over ic, kh, kw of
    weight[oc, ic, kh, kw] * x[n, ic, oh * sh + kh * dil_h - ph, ow * sw + kw * dil_w - pw]

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: one integer, or one per axis, as stride and dilation.
        stride: step between two outputs.
        padding: around x: an integer, one per axis, a (before, after) pair per axis, "valid" (none) or
            "same" (output size ceil(input / stride)).
        dilation: step between two taps.
        groups: blocks of channels that do not see each other; divides in_channels and out_channels.
        bias: whether there is a bias.
        padding_mode: the padding: "zeros", "constant" (padding_value), "reflect", "replicate" or "circular", as in
            `functional.pad`.
        padding_value: what surrounds the input with padding_mode "constant".
        activation: None, or "relu": max(y, 0) in the same passes, forward and backward.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (N, in_channels, H, W) or (in_channels, H, W) -> y (N, out_channels, oH, oW) or (out_channels,
        oH, oW), with oH = floor((H + pads - dilation * (kernel - 1) - 1) / stride) + 1.

    Attributes:
        weight: (out_channels, in_channels / groups, kH, kW), uniform in [-b, b) with b = 1 / sqrt(n_in).
        bias: (out_channels,), drawn alike, or None.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.conv2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.Conv2d(1, 16, 3, padding=1)
    >>> layer
    Conv2d(1, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> layer(np.ones((5, 1, 28, 28), np.float32)).shape
    (5, 16, 28, 28)
    """

    axes = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution (cross-correlation) over volumes; arguments, attributes and errors as in `Conv2d`.

    Shape: x (N, in_channels, D, H, W) or (in_channels, D, H, W) -> y (N, out_channels, oD, oH, oW), unbatched
        alike.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Conv3d(1, 2, 3, stride=(1, 2, 2))(np.ones((5, 1, 4, 9, 9), np.float32)).shape
    (5, 2, 2, 4, 4)
    """

    axes = 3
    function = staticmethod(F.conv3d)
