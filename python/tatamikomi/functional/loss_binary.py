"""Losses of yes or no: binary cross-entropy of probabilities and of logits, and its kin; overlap of masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.autograd import Function, Tensor
from tatamikomi.errors import bad_value
from tatamikomi.functional.activation import sigmoid
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.loss_inputs import fitting, pair, reduce, same_shape
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_number

_LOWEST_LOG = -100.0
_LOWEST_DIVISOR = 1e-12


class _Softplus(Function):
    """log(1 + e**x), accurate in both tails; its slope is the sigmoid."""

    saves = ((0,),)

    def forward(self, x: Array) -> Any:
        return np.logaddexp(x.dtype.type(0), x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * sigmoid(self.saved(0))


class _BoundedLog(Function):
    """max(log x, -100) for x >= 0; its slope is 1 / max(x, 1e-12)."""

    saves = ((0,),)

    def forward(self, x: Array) -> Any:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(x), x.dtype.type(_LOWEST_LOG))

    def backward(self, dy: Tensor) -> Tensor:
        return dy / self.saved(0).clip(min=_LOWEST_DIVISOR)


def _softplus(x: Tensor) -> Tensor:
    return _Softplus()(x)


def _bounded_log(x: Tensor) -> Tensor:
    return _BoundedLog()(x)


def _check_probabilities(op: str, argument: str, x: Tensor) -> None:
    values = x.data
    if not ((values >= 0) & (values <= 1) | np.isnan(values)).all():
        outside = values[(values < 0) | (values > 1)].flat[0]
        raise bad_value(op, argument, float(outside), "values from 0 to 1")


@own_names()
def binary_cross_entropy(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-weight (target log input + (1 - target) log(1 - input)), averaged.

    Logarithms are at least -100, and in gradients 1/input and 1/(1 - input) at most 1e12: nothing is infinite. Of
    logits, `binary_cross_entropy_with_logits` is the accurate way.

    Args:
        input: probabilities from 0 to 1, any shape, float32 or float64.
        target: from 0 to 1, the same shape and dtype.
        weight: a factor of each loss, of a shape that broadcasts to the input's.
        reduction: "mean" (over all elements, whatever their weights), "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" all losses.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: values outside of 0 to 1, shapes that do not fit, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.binary_cross_entropy([0.5, 0.0], [1.0, 1.0], reduction="none")
    tensor([  0.6931472, 100.       ])
    """
    op = "binary_cross_entropy"
    x = as_input(op, "input", input)
    t = same_shape(op, "target", target, x)
    _check_probabilities(op, "input", x)
    _check_probabilities(op, "target", t)
    losses = -(t * _bounded_log(x) + (1.0 - t) * _bounded_log(1.0 - x))
    return reduce(op, losses if weight is None else losses * fitting(op, "weight", weight, x), reduction)


@own_names()
def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    reduction: str = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:
    """weight (pos_weight target softplus(-input) + (1 - target) softplus(input)), averaged.

    That is the binary cross-entropy of sigmoid(input), finite and accurate for every finite logit: softplus(x) =
    log(1 + e**x) is -log sigmoid(-x).

    Args:
        input: logits, any shape, float32 or float64.
        target: the same shape and dtype, as a rule from 0 to 1.
        weight: a factor of each loss, of a shape that broadcasts to the input's.
        reduction: "mean" (over all elements, whatever their weights), "sum", or "none".
        pos_weight: a factor of the positive part, such as (C,) for (N, C), of a shape that broadcasts to the input's.

    Returns:
        A 0-d Tensor, or with "none" all losses.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.binary_cross_entropy_with_logits([0.0, -1000.0], [1.0, 1.0], reduction="none")
    tensor([6.931472e-01, 1.000000e+03])
    """
    op = "binary_cross_entropy_with_logits"
    x = as_input(op, "input", input)
    t = same_shape(op, "target", target, x)
    positive = t if pos_weight is None else t * fitting(op, "pos_weight", pos_weight, x)
    losses = positive * _softplus(-x) + (1.0 - t) * _softplus(x)
    return reduce(op, losses if weight is None else losses * fitting(op, "weight", weight, x), reduction)


@own_names()
def soft_margin_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """log(1 + e**(-target input)), averaged; accurate and finite for every finite product.

    Args:
        input: scores, any shape, float32 or float64.
        target: 1 or -1, a shape that broadcasts with it, the same dtype.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" all losses.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not broadcast, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.soft_margin_loss([0.0, 1000.0], [1.0, -1.0], reduction="none")
    tensor([6.931472e-01, 1.000000e+03])
    """
    x, t = pair("soft_margin_loss", input, target)
    return reduce("soft_margin_loss", _softplus(-(t * x)), reduction)


def focal_weights(op: str, alpha: object, gamma: object) -> tuple[float, float]:
    """The two numbers of the focal loss, checked."""
    share = as_number(op, "alpha", alpha, low=-1.0, high=1.0)
    if -1 < share < 0:
        raise bad_value(op, "alpha", alpha, "0 <= alpha <= 1, or -1")
    return share, as_number(op, "gamma", gamma)


@own_names()
def focal_loss(
    input: TensorLike, target: TensorLike, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "none"
) -> Tensor:
    """a q**gamma BCE, the binary cross-entropy of logits with what is easily classified played down.

    With p = sigmoid(input), q = (1 - p) target + p (1 - target) is the probability of being wrong, and
    a = alpha target + (1 - alpha)(1 - target); alpha = -1 stands for a = 1. Arguments, defaults and values are those of
    torchvision.ops.sigmoid_focal_loss.

    Args:
        input: logits, any shape, float32 or float64.
        target: from 0 to 1, the same shape and dtype.
        alpha: the weight of positives, 0 <= alpha <= 1, or -1.
        gamma: how much to play down, gamma >= 0; 0 is the cross-entropy itself.
        reduction: "none", "mean", or "sum".

    Returns:
        All losses, or with "mean" and "sum" a 0-d Tensor.

    Raises:
        TypeError: other or mixed dtypes; alpha or gamma are no numbers.
        ValueError: different shapes, alpha or gamma out of range, or an unknown reduction.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017, arXiv:1708.02002.

    >>> import tatamikomi as tk
    >>> tk.functional.focal_loss([0.0, 0.0], [1.0, 0.0], alpha=0.75, gamma=1.0)
    tensor([0.2599302, 0.0866434])
    """
    op = "focal_loss"
    x = as_input(op, "input", input)
    t = same_shape(op, "target", target, x)
    share, power = focal_weights(op, alpha, gamma)
    losses = t * _softplus(-x) + (1.0 - t) * _softplus(x)
    if power > 0:
        wrong = t * sigmoid(-x) + (1.0 - t) * sigmoid(x)
        lowest = float(np.sqrt(np.finfo(x.dtype).tiny))  # at 0 slopes may be infinite
        losses = losses * wrong.clip(min=lowest) ** power
    if share >= 0:
        losses = losses * (share * t + (1.0 - share) * (1.0 - t))
    return reduce(op, losses, reduction)


@own_names()
def dice_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean", eps: float = 1e-6) -> Tensor:
    """1 - D with D = (2 sum(p t) + eps) / (sum(p**2) + sum(t**2) + eps), for each mask; averaged.

    p are the probabilities of the input, t the target, sums run over the positions of one channel of one sample. D is
    Dice's coefficient of overlap; eps, which the source lacks, makes two empty masks agree.

    Args:
        input: probabilities (N, C, d1, ...), float32 or float64.
        target: masks, the same shape and dtype, 0 or 1 (or between).
        reduction: "mean" (over N and C), "sum", or "none".
        eps: eps >= 0; 0 is the source's formula, NaN for two empty masks.

    Returns:
        A 0-d Tensor, or with "none" the losses (N, C).

    Raises:
        TypeError: other or mixed dtypes, or eps is no number.
        ValueError: fewer than three dimensions, different shapes, eps < 0, or an unknown reduction.

    Source: F. Milletari, N. Navab and S.-A. Ahmadi, "V-Net: fully convolutional neural networks for volumetric medical
    image segmentation", 3DV 2016, arXiv:1606.04797, equation 3.

    >>> import tatamikomi as tk
    >>> tk.functional.dice_loss([[[1.0, 0.0, 1.0, 0.0]]], [[[1.0, 1.0, 0.0, 0.0]]], eps=0.0)
    tensor(0.5)
    """
    op = "dice_loss"
    x = as_input(op, "input", input)
    if x.ndim < 3:
        raise bad_value(op, "input", f"shape {x.shape}", "a shape (N, C, d1, ...)")
    t = same_shape(op, "target", target, x)
    small = as_number(op, "eps", eps)
    p, t = x.flatten(2), t.flatten(2)
    overlap = (p * t).sum(2) * 2.0 + small
    return reduce(op, 1.0 - overlap / ((p * p).sum(2) + (t * t).sum(2) + small), reduction)
