"""Formulas of composed losses on Rounded numbers: values and error bounds, written from the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.op_specs.spec import Array
from tests.oracles.rounding import Rounded


def _reduced(losses: Rounded, reduction: str, weights: Any = None) -> Rounded:
    if reduction == "none":
        return losses
    total = losses.reshape(losses.value.size).sum(0)
    if reduction == "sum":
        return total
    return total / (losses.value.size if weights is None else weights)


def _select(where: Array, a: Rounded, b: Rounded) -> Rounded:
    return Rounded(np.where(where, a.value, b.value), np.where(where, a.error, b.error), a.dtype)


def _abs(x: Rounded) -> Rounded:
    return Rounded(np.abs(x.value), x.error, x.dtype)


def _softplus(x: Rounded) -> Rounded:
    return (1 + x.exp()).log()


def squared(x: Rounded, target: Rounded, reduction: str = "mean") -> Rounded:
    return _reduced((x - target) * (x - target), reduction)


def l1(x: Rounded, target: Rounded, reduction: str = "mean") -> Rounded:
    return _reduced(_abs(x - target), reduction)


def huber(x: Rounded, target: Rounded, reduction: str = "mean", delta: float = 1.0) -> Rounded:
    d = x - target
    return _reduced(_select(np.abs(d.value) <= delta, d * d / 2, (_abs(d) - delta / 2) * delta), reduction)


def smooth_l1(x: Rounded, target: Rounded, reduction: str = "mean", beta: float = 1.0) -> Rounded:
    if beta == 0:
        return l1(x, target, reduction)
    d = x - target
    return _reduced(_select(np.abs(d.value) < beta, d * d / (2 * beta), _abs(d) - beta / 2), reduction)


def bce(x: Rounded, target: Rounded, weight: Any = 1, reduction: str = "mean") -> Rounded:
    return _reduced(-(target * x.log() + (1 - target) * (1 - x).log()) * weight, reduction)


def bce_logits(x: Rounded, target: Rounded, weight: Any = 1, reduction: str = "mean", pos_weight: Any = 1) -> Rounded:
    p = 1 / (1 + (-x).exp())
    q = 1 / (1 + x.exp())
    return _reduced(-(target * p.log() * pos_weight + (1 - target) * q.log()) * weight, reduction)


def kl(x: Rounded, target: Rounded, reduction: str = "mean", log_target: bool = False) -> Rounded:
    logs = target if log_target else _select(target.value > 0, target, Rounded(1, 0, target.dtype)).log()
    losses = (target.exp() if log_target else target) * (logs - x)
    return _reduced(losses, "sum") / len(x.value) if reduction == "batchmean" else _reduced(losses, reduction)


def soft_margin(x: Rounded, target: Rounded, reduction: str = "mean") -> Rounded:
    return _reduced(_softplus(-(target * x)), reduction)


def _clipped(x: Rounded) -> Rounded:
    """max(0, x): an error moves it by no more than itself."""
    return Rounded(np.maximum(x.value, 0), x.error, x.dtype)


def ranking(x1: Rounded, x2: Rounded, target: Rounded, margin: float = 0, reduction: str = "mean") -> Rounded:
    return _reduced(_clipped(margin - target * (x1 - x2)), reduction)


def hinge(x: Rounded, target: Array, margin: float = 1, reduction: str = "mean") -> Rounded:
    return _reduced(_select(target == 1, x, _clipped(margin - x)), reduction)


def _distance(a: Rounded, b: Rounded, eps: float) -> Rounded:
    apart = a - b + eps
    return (apart * apart).sum(-1).sqrt()


def triplet(
    anchor: Rounded,
    positive: Rounded,
    negative: Rounded,
    margin: float = 1,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Rounded:
    far = _distance(anchor, negative, eps)
    if swap:
        other = _distance(positive, negative, eps)
        far = Rounded(np.minimum(far.value, other.value), np.maximum(far.error, other.error), far.dtype)
    return _reduced(_clipped(_distance(anchor, positive, eps) - far + margin), reduction)


def cosine(x1: Rounded, x2: Rounded, target: Array, margin: float = 0, reduction: str = "mean") -> Rounded:
    squares = [(one * one).sum(-1) + 1e-12 for one in (x1, x2)]
    cos = (x1 * x2).sum(-1) / (squares[0] * squares[1]).sqrt()
    return _reduced(_select(target == 1, 1 - cos, _clipped(cos - margin)), reduction)


def focal(x: Rounded, target: Rounded, alpha: float = 0.25, gamma: float = 2, reduction: str = "none") -> Rounded:
    p = 1 / (1 + (-x).exp())
    right = p * target + (1 - p) * (1 - target)
    losses = bce_logits(x, target, reduction="none") * (((1 - right).log() * gamma).exp() if gamma else 1)
    if alpha >= 0:
        losses = losses * (alpha * target + (1 - alpha) * (1 - target))
    return _reduced(losses, reduction)


def dice(x: Rounded, target: Rounded, reduction: str = "mean", eps: float = 1e-6) -> Rounded:
    flat = (*x.value.shape[:2], -1)
    p, t = x.reshape(*flat), target.reshape(*flat)
    overlap = ((p * t).sum(2) * 2 + eps) / ((p * p).sum(2) + (t * t).sum(2) + eps)
    return _reduced(1 - overlap, reduction)


def _chosen(values: Rounded, labels: Array) -> Rounded:
    def take(array: Array) -> Array:
        return np.take_along_axis(array, labels[:, None], 1)[:, 0]

    return Rounded(take(values.value), take(np.array(values.error)), values.dtype)


def _log_softmax(x: Rounded) -> Rounded:
    shifted = x - x.max(1)
    return shifted - shifted.exp().sum(1, keepdims=True).log()


def _labelled(
    log_probs: Rounded, labels: Array, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Rounded:
    """(1 - s) w[label] (-log p[label]) + s/C sum over c of w[c] (-log p[c]); the mean over the sum of w[label]."""
    classes, dtype = log_probs.value.shape[1], log_probs.dtype
    factors = Rounded(np.ones(classes), 0, dtype) if weight is None else weight
    per_class = factors.reshape(-1, *[1] * (log_probs.value.ndim - 2))
    kept = labels != ignore_index
    at = np.where(kept, labels, 0)
    each = Rounded(factors.value[at] * kept, 0, dtype)
    losses = -(_chosen(log_probs, at) * each)
    if smoothing:
        even = (log_probs * per_class).sum(1) * (smoothing / classes)
        losses = losses * (1 - smoothing) - even * Rounded(kept, 0, dtype)
    return _reduced(losses, reduction, each.reshape(each.value.size).sum(0))


def nll(x: Rounded, labels: Array, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Rounded:
    return _labelled(x, labels, weight, ignore_index, reduction, 0)


def cross_entropy(
    x: Rounded,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Rounded:
    if not isinstance(target, Rounded):
        return _labelled(_log_softmax(x), target, weight, ignore_index, reduction, label_smoothing)
    classes = x.value.shape[1]
    smooth = target * (1 - label_smoothing) + label_smoothing / classes
    factors = 1 if weight is None else weight.reshape(-1, *[1] * (x.value.ndim - 2))
    return _reduced(-((_log_softmax(x) * smooth) * factors).sum(1), reduction)
