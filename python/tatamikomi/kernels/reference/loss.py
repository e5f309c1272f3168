"""Softmax and cross-entropy in one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import LossShape, SoftmaxShape
from tatamikomi.kernels.reference.activation import log_softmax_forward

Array = NDArray[Any]


def _within(labels: Array, s: LossShape) -> bool:
    return bool(np.all((labels >= 0) & (labels < s.classes)))


def softmax_cross_entropy_forward(losses: Array, log_probs: Array, logits: Array, labels: Array, s: LossShape) -> bool:
    """log_probs = log_softmax(logits); losses = -log_probs at the labels. False, and nothing done: one is no class."""
    if not _within(labels, s):
        return False
    log_softmax_forward(log_probs, logits, SoftmaxShape(*s))
    at_label = np.take_along_axis(log_probs.reshape(s), labels.reshape(s.n, 1, s.inner), axis=1)
    losses[...] = 0 - at_label.reshape(losses.shape)
    return True


def softmax_cross_entropy_backward(
    dlogits: Array, dlosses: Array, log_probs: Array, labels: Array, s: LossShape
) -> bool:
    """dlogits = (exp(log_probs) - onehot(labels)) * dlosses. False, and nothing done: a label is no class."""
    if not _within(labels, s):
        return False
    onehot = np.arange(s.classes).reshape(1, -1, 1) == labels.reshape(s.n, 1, s.inner)
    difference = np.exp(log_probs.reshape(s)) - onehot
    np.multiply(difference, dlosses.reshape(s.n, 1, s.inner), out=dlogits.reshape(s))
    return True
