"""Losses over classes: cross-entropy with labels or distributions, of logits or log-probabilities; KL divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, scatter_add, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.activation import log_softmax, softmax
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.loss_inputs import operand, pair, reduce
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.loss import as_labels
from tatamikomi.kernels.scalars import as_integer, as_number

_NO_LABEL = -100


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


class _Labels:
    """Labels (N, *d) of an input (N, C, *d) as int64; those to be ignored are 0, and `ignored` tells where, if any."""

    def __init__(self, op: str, labels: Array, x: Tensor, ignore_index: int) -> None:
        if x.ndim < 2 or labels.shape != (x.shape[0], *x.shape[2:]):
            rule = f"(N, *d) for an input (N, C, *d) of shape {x.shape}"
            raise bad_value(op, "target", f"shape {labels.shape}", rule)
        ignored = labels == as_integer(op, "ignore_index", ignore_index, low=-(1 << 63))
        self.ignored = ignored if ignored.any() else None
        kept = labels if self.ignored is None else np.where(ignored, 0, labels)
        self.values: Array = kept.astype(np.int64, copy=False)

    def reduce(self, op: str, losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
        """Losses without those ignored, and a mean that divides by the weights of all others."""
        weights: Tensor | int | None = None
        if weight is not None:
            each = weight[self.values]
            weights = (each if self.ignored is None else where(self.ignored, 0.0, each)).sum()
        if self.ignored is not None:
            losses = where(self.ignored, 0.0, losses)
            weights = int((~self.ignored).sum()) if weights is None else weights
        return reduce(op, losses, reduction, weights)


def _array(op: str, target: TensorLike, shape: tuple[int, ...] | None = None) -> Array:
    """Labels, or where `shape` is given probabilities of that shape."""
    try:
        array = np.array(target)  # a copy: labels are needed again in the backward pass
    except ValueError as error:
        raise bad_value(op, "target", "a ragged list", "integer labels") from error
    if array.dtype.kind in "iu" or (array.dtype.kind == "f" and array.shape == shape):
        return array
    rule = "integer labels" if shape is None else f"integer labels, or probabilities of shape {shape}"
    raise bad_type(op, "target", array.dtype.name, rule)


def _class_weight(op: str, weight: TensorLike | None, x: Tensor) -> Tensor | None:
    if weight is None:
        return None
    w = operand(op, "weight", weight, x)
    if w.shape != x.shape[1:2]:
        raise bad_value(op, "weight", f"shape {w.shape}", f"shape {x.shape[1:2]}, one per class")
    return w


def _over_classes(probs: Tensor | float, log_probs: Tensor, weight: Tensor | None) -> Tensor:
    """-sum over c of weight[c] probs[:, c] log_probs[:, c]"""
    terms = log_probs * probs
    if weight is not None:
        terms = terms * weight.reshape(-1, *[1] * (terms.ndim - 2))
    return -terms.sum(1)


@own_names(labels="target")
def nll_loss(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    ignore_index: int = _NO_LABEL,
    reduction: str = "mean",
) -> Tensor:
    """-weight[target] input[target]: the negative log-likelihood of labels.

    Args:
        input: log-probabilities (N, C) or (N, C, *d), or (C,) for one sample; float32 or float64.
        target: labels 0 <= label < C, integers (N) or (N, *d), or a single one.
        weight: one factor per class (C,), of input's dtype.
        ignore_index: the label of what counts nothing.
        reduction: "mean" (the sum over the sum of all weights that count), "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses in the shape of target. The mean of nothing is NaN.

    Raises:
        TypeError: labels that are no integers, other or mixed dtypes.
        ValueError: shapes that do not fit, a label out of range, an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.nll_loss([[-1.0, -2.0], [-3.0, -4.0]], [1, 0], weight=[3.0, 1.0])
    tensor(2.75)
    """
    op = "nll_loss"
    x, labels = as_input(op, "input", input), _array(op, target)
    if x.ndim == 1 and labels.ndim == 0:
        losses = nll_loss(x.unsqueeze(0), labels[None], weight, ignore_index=ignore_index, reduction=reduction)
        return losses.squeeze(0) if reduction == "none" else losses
    known = _Labels(op, labels, x, ignore_index)
    w = _class_weight(op, weight, x)
    at = as_labels(op, known.values, x.shape)
    losses = -x.gather(1, at[:, None]).squeeze(1)
    return known.reduce(op, losses if w is None else losses * w[at], w, reduction)


@own_names(logits="input", labels="target")
def cross_entropy(
    input: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    ignore_index: int = _NO_LABEL,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-sum over c of weight[c] q[c] log softmax(input)[c]: of a distribution q and the one that logits stand for.

    q is 1 at the label, or given whole; smoothing makes it (1 - label_smoothing) q + label_smoothing / C.

    Args:
        input: logits (N, C) or (N, C, *d), or (C,) for one sample; float32 or float64.
        target: labels 0 <= label < C, integers (N) or (N, *d), or a single one; or probabilities, floats of input's
            shape and dtype.
        weight: one factor per class (C,), of input's dtype.
        ignore_index: the label of what counts nothing; goes with labels only.
        reduction: "mean", "sum", or "none". With labels the mean is the sum over the sum of all weight[label] that
            count, with probabilities over the number of losses.
        label_smoothing: from 0 to 1.

    Returns:
        A 0-d Tensor, or with "none" the losses (N) or (N, *d), or () of one sample. The mean of nothing is NaN.

    Raises:
        TypeError: a target of another kind, other or mixed dtypes, an option that is no number.
        ValueError: shapes that do not fit, a label out of range, an ignore_index with probabilities, a
            label_smoothing out of range, an unknown reduction.

    Source: smoothing: C. Szegedy et al., "Rethinking the Inception architecture for computer vision",
    arXiv:1512.00567.

    >>> import tatamikomi as tk
    >>> tk.functional.cross_entropy([[0.0, 0.0]], [1])
    tensor(0.6931472)
    >>> tk.functional.cross_entropy([[0.0, 0.0]], [[0.25, 0.75]])
    tensor(0.6931472)
    """
    op = "cross_entropy"
    logits = as_input(op, "input", input)
    array = _array(op, target, logits.shape)
    whole = array.dtype.kind == "f"
    if logits.ndim == 1 and (whole or array.ndim == 0):
        batch = operand(op, "target", target, logits).unsqueeze(0) if whole else array[None]
        options: dict[str, Any] = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
        losses = cross_entropy(logits.unsqueeze(0), batch, weight, **options, reduction=reduction)
        return losses.squeeze(0) if reduction == "none" else losses
    smoothing = as_number(op, "label_smoothing", label_smoothing, high=1.0)
    if whole and logits.ndim > 1:
        if ignore_index != _NO_LABEL:
            raise bad_value(op, "ignore_index", ignore_index, f"{_NO_LABEL}, the default, where target is no labels")
        probs = operand(op, "target", target, logits)
        if smoothing:
            probs = probs * (1.0 - smoothing) + smoothing / (logits.shape[1] or 1)
        w = _class_weight(op, weight, logits)
        return reduce(op, _over_classes(probs, log_softmax(logits, 1), w), reduction)
    known = _Labels(op, array, logits, ignore_index)
    w = _class_weight(op, weight, logits)
    losses = _SoftmaxCrossEntropy(known.values)(logits)
    if w is not None:
        losses = losses * w[known.values]
    if smoothing:
        even = _over_classes(smoothing / (logits.shape[1] or 1), log_softmax(logits, 1), w)
        losses = losses * (1.0 - smoothing) + even
    return known.reduce(op, losses, w, reduction)


@own_names()
def kl_div(input: TensorLike, target: TensorLike, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log target - input), elementwise: summed, the Kullback-Leibler divergence of the target from e**input.

    Args:
        input: log-probabilities, any shape, float32 or float64.
        target: probabilities, of a shape that broadcasts with it, the same dtype. Where it is 0, so are the loss and
            the target's gradient.
        reduction: "batchmean" (the sum over the length of input's first dimension: the divergence itself), "mean" (over
            all elements), "sum", or "none".
        log_target: the target is log-probabilities too, and the loss e**target (target - input).

    Returns:
        A 0-d Tensor, or with "none" all terms.

    Raises:
        TypeError: other or mixed dtypes, or a log_target that is neither True nor False.
        ValueError: shapes that do not broadcast, or an unknown reduction.

    Source: S. Kullback and R. A. Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).

    >>> import tatamikomi as tk
    >>> tk.functional.kl_div([[0.0, -1.0]], [[1.0, 0.0]], reduction="batchmean")
    tensor(0.)
    """
    op = "kl_div"
    x, t = pair(op, input, target)
    if flag(op, "log_target", log_target):
        losses = t.exp() * (t - x)
    else:
        nothing = t.data == 0
        losses = t * (where(nothing, 1.0, t).log() - where(nothing, 0.0, x))
    return reduce(op, losses, reduction, batch=x.shape[0] if x.ndim else 1)
