"""Losses: cross-entropy of logits with labels, mean squared error."""

from __future__ import annotations

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, scatter_add
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.activation import softmax
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.kernels.arrays import Array

_REDUCTIONS = ("mean", "sum", "none")


class _SoftmaxCrossEntropy(Function):
    """losses (N, *d) of logits (N, C, *d): -log softmax(logits)[label]. Gradient: (softmax - one_hot) * dlosses."""

    saves = ((0,),)
    fresh = True

    def __init__(self, labels: Array) -> None:
        self.labels = labels

    def forward(self, logits: Array) -> Array:
        losses, self.log_probs = kernels.softmax_cross_entropy_forward(logits, self.labels)
        return losses

    def backward(self, dy: Tensor) -> Tensor:
        if not is_grad_enabled():
            return wrap(kernels.softmax_cross_entropy_backward(dy.data, self.log_probs, self.labels))
        d = dy.unsqueeze(1)
        return scatter_add(softmax(self.saved(0), 1) * d, 1, self.labels[:, None], -d)


def _reduce(op: str, losses: Tensor, reduction: str) -> Tensor:
    if reduction not in _REDUCTIONS:
        raise unknown_name(op, "reduction", reduction, _REDUCTIONS)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


@own_names(logits="input", labels="target")
def cross_entropy(input: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """-log softmax(input)[target]: the cross-entropy between labels and the distribution that logits stand for.

    Args:
        input: logits (N, C) or (N, C, *d), or (C,) for one sample; float32 or float64.
        target: labels 0 <= label < C, integers (N) or (N, *d), or a single one.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses in the shape of target.

    Raises:
        TypeError: labels that are no integers, or another dtype of input.
        ValueError: shapes that do not fit, a label out of range, an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.cross_entropy([[0.0, 0.0]], [1])
    tensor(0.6931472)
    """
    op = "cross_entropy"
    logits = as_input(op, "input", input)
    try:
        labels = np.array(target)  # a copy: it is needed again in the backward pass
    except ValueError as error:
        raise bad_value(op, "target", "a ragged list", "integer labels") from error
    if labels.dtype.kind not in "iu":
        raise bad_type(op, "target", labels.dtype.name, "integer labels")
    if logits.ndim == 1 and labels.ndim == 0:
        losses = cross_entropy(logits.unsqueeze(0), labels[None], reduction="none").squeeze(0)
        return _reduce(op, losses, reduction)
    if logits.ndim < 2 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        rule = f"(N, *d) for an input (N, C, *d) of shape {logits.shape}"
        raise bad_value(op, "target", f"shape {labels.shape}", rule)
    return _reduce(op, _SoftmaxCrossEntropy(labels.astype(np.int64, copy=False))(logits), reduction)


@own_names(other="target")
def mse_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """(input - target)**2, averaged.

    Args:
        input, target: one shape and dtype, float32 or float64.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the squares.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: different shapes, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.mse_loss([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """
    x, t = as_input("mse_loss", "input", input), as_input("mse_loss", "target", target)
    if x.shape != t.shape:
        raise bad_value("mse_loss", "target", f"shape {t.shape}", f"shape {x.shape}, as input has")
    return _reduce("mse_loss", (x - t) ** 2, reduction)
