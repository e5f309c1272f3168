"""Batch normalisation in evaluation folded into the layer before it; named as in torch.nn.utils.fusion.

In evaluation it is one factor and one shift per channel, and what comes before is linear:

    (w * x + b - mean) / sqrt(var + eps) * gamma + beta = (s w) * x + (b - mean) s + beta,  s = gamma / sqrt(var + eps)
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from tatamikomi.autograd import Parameter, Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike
from tatamikomi.kernels.half import is_half, narrow, widen
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tatamikomi.nn.utils.parametrize import is_parametrized

Array = np.ndarray[Any, np.dtype[Any]]
M = TypeVar("M", bound=Module)

CONVS = (Conv1d, Conv2d, Conv3d)
TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


def _exact(op: str, argument: str, value: TensorLike) -> Array:
    """As float64: sums and roots are taken there, and rounded once."""
    data = as_tensor(value, op, argument).data
    if data.dtype.kind != "f" and not is_half(data.dtype):
        raise bad_type(op, argument, str(data.dtype), "a float dtype")
    return np.asarray(widen(data), np.float64)


def _rounded(values: Array, weight: TensorLike) -> Parameter:
    """A Parameter of the dtype of `weight`, which wants a gradient if that does."""
    dtype = as_tensor(weight).dtype
    data = narrow(values.astype(np.float32), dtype) if is_half(dtype) else values.astype(dtype)
    return Parameter(data, isinstance(weight, Tensor) and weight.requires_grad)


def _fold(
    op: str,
    weight: TensorLike,
    bias: TensorLike | None,
    mean: TensorLike,
    var: TensorLike,
    eps: float,
    gamma: TensorLike | None,
    beta: TensorLike | None,
    transpose: bool,
) -> tuple[Parameter, Parameter]:
    names = op.partition("_bn")[0].removeprefix("fuse_")
    w, average = _exact(op, f"{names}_w", weight), _exact(op, "bn_rm", mean)
    channels = average.size
    per_channel = [(f"{names}_b", bias, 0.0), ("bn_rv", var, 1.0), ("bn_w", gamma, 1.0), ("bn_b", beta, 0.0)]
    vectors = [np.full(channels, least) if one is None else _exact(op, name, one) for name, one, least in per_channel]
    for (name, _, _), vector in zip(per_channel, vectors, strict=True):
        if vector.shape != (channels,):
            raise bad_value(op, name, f"shape {vector.shape}", f"shape ({channels},), one per channel as in bn_rm")
    axis = 1 if transpose else 0
    fits = w.ndim >= 2 and (channels % w.shape[1] == 0 if transpose else w.shape[0] == channels)
    if not fits or (transpose and w.shape[0] % (channels // w.shape[1])):
        expected = f"{channels} output channels, as in bn_rm"
        raise bad_value(op, f"{names}_w", f"shape {w.shape}", expected)
    b, variance, factor, shift = vectors
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = factor / np.sqrt(variance + eps)
    if transpose:  # (ic, oc / groups, ...): the channels of one group after another's
        groups = channels // w.shape[axis]
        by_group = w.reshape(groups, w.shape[0] // groups, w.shape[1], -1) * scale.reshape(groups, 1, w.shape[1], 1)
        folded = by_group.reshape(w.shape)
    else:
        folded = w * scale.reshape(-1, *(1,) * (w.ndim - 1))
    return _rounded(folded, weight), _rounded((b - average) * scale + shift, weight)


def fuse_conv_bn_weights(
    conv_w: TensorLike,
    conv_b: TensorLike | None,
    bn_rm: TensorLike,
    bn_rv: TensorLike,
    bn_eps: float,
    bn_w: TensorLike | None,
    bn_b: TensorLike | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that a convolution and a batch norm in evaluation are together.

        weight = conv_w * s,  bias = (conv_b - bn_rm) * s + bn_b,  s = bn_w / sqrt(bn_rv + bn_eps)

    computed in float64, rounded once to the dtype of conv_w.

    Args:
        conv_w: (OC, IC / groups, *kernel); transposed (IC, OC / groups, *kernel).
        conv_b: (OC,), or None: 0.
        bn_rm, bn_rv: (OC,), running mean and variance.
        bn_eps: added to the variance; NaN comes out where bn_rv + bn_eps < 0, as of the batch norm.
        bn_w, bn_b: (OC,), or None: 1 and 0.
        transpose: whether conv_w is that of a transposed convolution.

    Returns:
        (weight, bias), new Parameters, which want a gradient if conv_w does.

    Source: torch.nn.utils.fusion.

    Raises:
        TypeError: an argument is no array of floats.
        ValueError: shapes do not fit together.

    >>> import numpy as np, tatamikomi as tk
    >>> one = np.ones(1)
    >>> weight, bias = tk.nn.utils.fuse_conv_bn_weights(np.ones((1, 1, 1, 1)), None, 3 * one, 4 * one, 0.0, one, one)
    >>> weight.item(), bias.item()
    (0.5, -0.5)
    """
    return _fold("fuse_conv_bn_weights", conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose)


def fuse_linear_bn_weights(
    linear_w: TensorLike,
    linear_b: TensorLike | None,
    bn_rm: TensorLike,
    bn_rv: TensorLike,
    bn_eps: float,
    bn_w: TensorLike | None,
    bn_b: TensorLike | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the linear layer that a linear layer and a batch norm in evaluation are together.

    Arguments, result and errors as in `fuse_conv_bn_weights`, with linear_w (out_features, in_features) and vectors of
    out_features.

    >>> import numpy as np, tatamikomi as tk
    >>> one = np.ones(1)
    >>> weight, bias = tk.nn.utils.fuse_linear_bn_weights(np.ones((1, 2)), one, one, 4 * one, 0.0, one, None)
    >>> weight.tolist(), bias.tolist()
    ([[0.5, 0.5]], [0.0])
    """
    return _fold("fuse_linear_bn_weights", linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, False)


def is_foldable(norm: Module) -> bool:
    """Whether a batch norm is one factor and one shift per channel: in evaluation, with running statistics."""
    return type(norm) in NORMS and not norm.training and norm.running_mean is not None


def fold(layer: Module, norm: Any, transpose: bool, op: str = "fuse_conv_bn_weights") -> None:
    """Give `layer` the weight and bias of both, and the norm's activation where it takes one."""
    statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    layer.weight, layer.bias = _fold(op, layer.weight, layer.bias, *statistics, transpose)
    if norm.activation is not None:
        layer.activation = norm.activation


def _fused(op: str, argument: str, layer: M, norm: Module, kinds: tuple[type, ...], transpose: bool) -> M:
    if not isinstance(layer, kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise bad_type(op, argument, type(layer).__name__, f"one of {names}")
    if not isinstance(norm, NORMS):
        raise bad_type(op, "bn", type(norm).__name__, "a BatchNorm1d, BatchNorm2d or BatchNorm3d")
    for name, one in ((argument, layer), ("bn", norm)):
        if one.training:
            raise bad_value(op, name, "a layer in training mode", "one in evaluation mode: call eval() first")
    channels = layer.weight.shape[0] if not transpose else layer.out_channels
    if norm.num_features != channels:
        raise bad_value(op, "bn", f"{norm.num_features} features", f"{channels}, as {argument} gives")
    if is_parametrized(layer):
        raise bad_value(op, argument, "a parametrized layer", "a plain one: call remove_parametrizations first")
    if norm.running_mean is None:
        raise bad_value(op, "bn", "a batch norm without running statistics", "one with track_running_stats=True")
    if getattr(layer, "activation", None) is not None:
        raise bad_value(op, argument, f"activation={layer.activation!r}", "no activation before the batch norm")
    if transpose and norm.activation is not None:
        raise bad_value(op, "bn", f"activation={norm.activation!r}", "none: a transposed convolution has no activation")
    result = deepcopy(layer)
    fold(result, norm, transpose, op.replace("_eval", "_weights"))
    return result


def fuse_conv_bn_eval(conv: M, bn: Module, transpose: bool = False) -> M:
    """The one convolution that a convolution and the batch norm after it are in evaluation; both stay as they are.

    Args:
        conv: a Conv1d, Conv2d or Conv3d; with transpose=True a ConvTranspose1d, ConvTranspose2d or ConvTranspose3d.
        bn: the batch norm that takes its output; its activation becomes the convolution's.
        transpose: whether conv is a transposed convolution.

    Returns:
        A copy of conv with `fuse_conv_bn_weights`; it has a bias.

    Source: torch.nn.utils.fusion.

    Raises:
        TypeError: an argument is another module.
        ValueError: one of them is in training mode, channels differ, bn has no running statistics, conv has an
            activation of its own or is parametrized, or a transposed one would need an activation.

    >>> import numpy as np, tatamikomi as tk
    >>> conv, bn = tk.nn.Conv2d(3, 8, 3).eval(), tk.nn.BatchNorm2d(8).eval()
    >>> x = np.ones((1, 3, 5, 5), np.float32)
    >>> bool(np.allclose(tk.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6))
    True
    """
    kinds = TRANSPOSED if transpose else CONVS
    return _fused("fuse_conv_bn_eval", "conv", conv, bn, kinds, transpose)


def fuse_linear_bn_eval(linear: Linear, bn: Module) -> Linear:
    """The one linear layer that a linear layer and the batch norm after it are in evaluation; both stay as they are.

    Args:
        linear: a Linear, whose output (N, out_features) the batch norm takes.
        bn: its activation becomes the linear layer's.

    Returns:
        A copy of linear with `fuse_linear_bn_weights`; it has a bias. Errors as in `fuse_conv_bn_eval`.

    >>> import tatamikomi as tk
    >>> linear, bn = tk.nn.Linear(3, 8, bias=False).eval(), tk.nn.BatchNorm1d(8, activation="relu").eval()
    >>> tk.nn.utils.fuse_linear_bn_eval(linear, bn)
    Linear(in_features=3, out_features=8, bias=True, activation='relu')
    """
    return _fused("fuse_linear_bn_eval", "linear", linear, bn, (Linear,), False)
