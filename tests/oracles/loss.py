"""Cross-entropy of a softmax, label by label, in extended precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """losses[n, i] = log(sum over c of exp(logits[n, c, i])) - logits[n, label, i]"""
    losses = np.zeros(labels.shape, np.longdouble)
    for index in np.ndindex(labels.shape):
        row = logits[(index[0], slice(None), *index[1:])].astype(np.longdouble)
        top = max(row)
        losses[index] = np.log(sum(np.exp(v - top) for v in row)) + (top - row[labels[index]])
    return losses


def softmax_cross_entropy_backward(dlosses: Array, log_probs: Array, labels: Array) -> Array:
    """dlogits[n, c, i] = dlosses[n, i] (exp(log_probs[n, c, i]) - (c = label))"""
    dlogits = np.zeros(log_probs.shape, np.longdouble)
    for index in np.ndindex(labels.shape):
        for c in range(log_probs.shape[1]):
            at = (index[0], c, *index[1:])
            difference = np.exp(np.longdouble(log_probs[at])) - int(c == labels[index])
            dlogits[at] = difference * np.longdouble(dlosses[index])
    return dlogits
