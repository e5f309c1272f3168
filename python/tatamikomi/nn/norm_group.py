"""Layers that normalise every image by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, as_tensor
from tatamikomi.errors import bad_value
from tatamikomi.geometry import as_shape
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import ChannelNorm


def _eps(op: str, eps: float) -> float:
    value = checks.real(op, "eps", eps)
    if value < 0:
        raise bad_value(op, "eps", value, "a number >= 0")
    return value


class GroupNorm(Module):
    """Normalisation of groups of neighbouring channels, each image by itself; alike in training and evaluation.

    y = (x - mean) / sqrt(var + eps) * weight + bias, mean and (biased) var over a group's channels and all sizes.

    Args:
        num_groups: a divisor of num_channels. 1 is one group of all, num_channels instance normalisation.
        num_channels: channels of x.
        eps: added to the variance.
        affine: whether there are weight and bias.
        bias: False leaves the bias out.
        dtype: float32 (None) or float64, of parameters.

    Shape: x (N, num_channels, *sizes) -> the same.

    Attributes:
        weight, bias: (num_channels,) ones and zeros, or None.

    Source: Y. Wu, K. He, "Group normalization", ECCV 2018.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, x has other channels.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.GroupNorm(2, 6)(np.ones((5, 6, 4, 4), np.float32)).shape
    (5, 6, 4, 4)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.num_groups = checks.integer(op, "num_groups", num_groups)
        self.num_channels = checks.integer(op, "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise bad_value(op, "num_groups", self.num_groups, f"a divisor of num_channels={self.num_channels}")
        self.eps = _eps(op, eps)
        self.affine = checks.flag(op, "affine", affine)
        kind = checks.floating(op, dtype)
        self.weight = Parameter(np.ones(self.num_channels, kind)) if self.affine else None
        shifted = checks.flag(op, "bias", bias) and self.affine
        self.bias = Parameter(np.zeros(self.num_channels, kind)) if shifted else None

    def forward(self, x: Tensor) -> Tensor:
        """x (N, num_channels, *sizes) -> the same shape, normalised per group."""
        if np.ndim(x) < 2 or np.shape(x)[1] != self.num_channels:
            raise bad_value("group_norm", "x", f"shape {np.shape(x)}", f"(N, {self.num_channels}, *sizes)")
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        shifted = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={shifted}"


def _axes(op: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    one = isinstance(normalized_shape, (int, np.integer)) and not isinstance(normalized_shape, bool)
    shape = as_shape(op, "normalized_shape", (normalized_shape,) if one else normalized_shape, 1)
    if not shape:
        raise bad_value(op, "normalized_shape", shape, "one axis or more")
    return shape


class LayerNorm(Module):
    """Normalisation over the last axes, element by element; alike in training and evaluation.

    y = (x - mean) / sqrt(var + eps) * weight + bias, mean and (biased) var over the last axes.

    Args:
        normalized_shape: the last axes of x; an integer is one axis.
        eps: added to the variance.
        elementwise_affine: whether there are weight and bias.
        bias: False leaves the bias out.
        dtype: float32 (None) or float64, of parameters.

    Shape: x (*, *normalized_shape) -> the same.

    Attributes:
        weight, bias: of normalized_shape, ones and zeros, or None.

    Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, x ends in other axes.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LayerNorm((4, 6))(np.ones((5, 3, 4, 6), np.float32)).shape
    (5, 3, 4, 6)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.normalized_shape = _axes(op, normalized_shape)
        self.eps = _eps(op, eps)
        self.elementwise_affine = checks.flag(op, "elementwise_affine", elementwise_affine)
        kind = checks.floating(op, dtype)
        self.weight = Parameter(np.ones(self.normalized_shape, kind)) if self.elementwise_affine else None
        shifted = checks.flag(op, "bias", bias) and self.elementwise_affine
        self.bias = Parameter(np.zeros(self.normalized_shape, kind)) if shifted else None

    def forward(self, x: Tensor) -> Tensor:
        """x (*, *normalized_shape) -> the same shape, normalised over the last axes."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        shifted = self.bias is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={shifted}"


class RMSNorm(Module):
    """Division by the root mean square over the last axes: y = x / sqrt(mean of x^2 + eps) * weight.

    Args:
        normalized_shape: the last axes of x; an integer is one axis.
        eps: added to the mean square; None is the spacing of numbers at 1 in x's dtype.
        elementwise_affine: whether there is a weight.
        dtype: float32 (None) or float64, of the weight.

    Shape: x (*, *normalized_shape) -> the same.

    Attributes:
        weight: of normalized_shape, ones, or None.

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, x ends in other axes.

    >>> import tatamikomi as tk
    >>> tk.nn.RMSNorm(2, eps=0.0)([[3.0, -3.0]])
    tensor([[ 1., -1.]], requires_grad=True)
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.normalized_shape = _axes(op, normalized_shape)
        self.eps = None if eps is None else _eps(op, eps)
        self.elementwise_affine = checks.flag(op, "elementwise_affine", elementwise_affine)
        kind = checks.floating(op, dtype)
        self.weight = Parameter(np.ones(self.normalized_shape, kind)) if self.elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        """x (*, *normalized_shape) -> the same shape, divided."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class _InstanceNorm(ChannelNorm):
    """What InstanceNorm1d, InstanceNorm2d and InstanceNorm3d share: all but the number of axes."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, affine, bias, track_running_stats, dtype)
        op = type(self).__name__
        self.momentum = checks.real(op, "momentum", momentum)
        if not 0 <= self.momentum <= 1:
            raise bad_value(op, "momentum", self.momentum, "a number from 0 to 1")

    def forward(self, x: Tensor) -> Tensor:
        """x (N, num_features, *spatial) or without N -> the same shape, every channel of every image normalised."""
        shape, rank = np.shape(x), self.ranks[0]
        single = len(shape) == rank - 1
        if len(shape) not in (rank - 1, rank) or shape[-rank + 1] != self.num_features:
            expected = f"(N, {self.num_features}, *{rank - 2} axes) or without N"
            raise bad_value("instance_norm", "x", f"shape {shape}", expected)
        own = self.training or self.running_mean is None
        images = as_tensor(x).unsqueeze(0) if single else x
        arrays = (self.running_mean, self.running_var, self.weight, self.bias)
        y = F.instance_norm(images, *arrays, own, self.momentum, self.eps)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return y.squeeze(0) if single else y

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of every channel of every sequence; arguments, attributes and errors as in `InstanceNorm2d`.

    Shape: x (N, num_features, L) or (num_features, L) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.InstanceNorm1d(3)(np.ones((5, 3, 4), np.float32)).shape
    (5, 3, 4)
    """

    ranks = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of every channel of every image.

    y = (x - mean) / sqrt(var + eps) * weight + bias with the mean and (biased) var of the channel's image. Running
    statistics, where they are tracked, move in training towards the means over the batch, with the unbiased var, and
    stand in for the image's own in evaluation.

    Args:
        num_features: channels of x.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        affine: whether there are weight and bias.
        track_running_stats: whether there are running statistics.
        bias: False leaves the bias out.
        dtype: float32 (None) or float64, of parameters and buffers.

    Shape: x (N, num_features, H, W) or (num_features, H, W) -> the same.

    Attributes:
        weight, bias: (num_features,) ones and zeros, or None.
        running_mean, running_var: buffers (num_features,), zeros and ones, or None.
        num_batches_tracked: buffer () int64, batches seen in training, or None.

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization", 2016.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, x has another number of axes or channels, or one value
            per channel and image.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.InstanceNorm2d(3)(np.ones((5, 3, 4, 4), np.float32)).shape
    (5, 3, 4, 4)
    """

    ranks = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of every channel of every volume; arguments, attributes and errors as in `InstanceNorm2d`.

    Shape: x (N, num_features, D, H, W) or (num_features, D, H, W) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.InstanceNorm3d(3)(np.ones((5, 3, 2, 2, 2), np.float32)).shape
    (5, 3, 2, 2, 2)
    """

    ranks = (5,)


class LocalResponseNorm(Module):
    """Division by a power of the mean square of neighbouring channels, or places.

    y = x / (k + alpha * mean of x^2 over the window)^beta; the window holds the channels c - size // 2 to
    c + (size - 1) // 2, with within_channel as many places on every axis; what it lacks at the edge counts as 0.

    Args:
        size: channels of a window, or places on each axis.
        alpha, beta, k: numbers of the formula.
        within_channel: windows over places instead of channels.

    Shape: x (N, C, *sizes) -> the same.

    Source: A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: size is below 1; at the call, what `functional.local_response_norm` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)(np.ones((2, 8, 4, 4), np.float32)).shape
    (2, 8, 4, 4)
    """

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, *, within_channel: bool = False
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.size = checks.integer(op, "size", size)
        self.alpha, self.beta = checks.real(op, "alpha", alpha), checks.real(op, "beta", beta)
        self.k = checks.real(op, "k", k)
        self.within_channel = checks.flag(op, "within_channel", within_channel)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, *sizes) -> the same shape."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k, within_channel=self.within_channel)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        text = f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
        return text + ", within_channel=True" if self.within_channel else text
