"""The mean loss of a batch and how much it counts among others: weights of samples and of classes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.data.labels import as_labels, check_range, checked_weights
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import CrossEntropyLoss, NLLLoss
from tatamikomi.nn.loss_base import Loss

Array = NDArray[Any]


def class_weights(labels: ArrayLike, classes: int | None = None) -> NDArray[np.float32]:
    """One weight per class, N / (C n_c) for n_c of N labels: each class that occurs then counts the same in all.

    For `nn.CrossEntropyLoss(weight=...)`. A class without samples has weight 0, and C counts the others.

    Args:
        labels: (N,) integers.
        classes: how many there are; one more than the largest label when None.

    Returns:
        (classes,) float32; the mean over the samples is 1.

    Raises:
        TypeError: labels are no integers.
        ValueError: no label, or one out of range.

    >>> import tatamikomi as tk
    >>> tk.training.class_weights([0, 0, 0, 1], classes=3).tolist()
    [0.6666666865348816, 2.0, 0.0]
    """
    known = as_labels("class_weights", "labels", labels)
    if not len(known):
        raise bad_value("class_weights", "labels", "none", "at least one label")
    count = int(known.max()) + 1 if classes is None else classes
    check_range("class_weights", "labels", known, count)
    sizes = np.bincount(known, minlength=count)
    share = len(known) / ((sizes > 0).sum() * np.maximum(sizes, 1))
    return np.where(sizes > 0, share, 0).astype(np.float32)


def mean_loss(
    op: str, loss: Callable[[Any, Any], Tensor], output: Tensor, labels: Any, weights: ArrayLike | None
) -> tuple[Tensor, float]:
    """(loss, weight): a batch's mean loss, and what it counts in a mean over several batches.

    With weights s of the samples and w of their classes: sum of s w l over sum of s w, and that sum; labels to be
    ignored count nothing. Without either the loss as it is, and the number of labels.

    Args:
        op: who asks, for messages.
        loss: called as loss(output, labels).
        output, labels: of N samples.
        weights: (N,) finite numbers >= 0, or None. They want a loss of `nn` whose reduction is "mean".

    Raises:
        TypeError: weights for another loss, or that are no numbers.
        ValueError: weights of another shape, out of range, or that are all 0.

    >>> import tatamikomi as tk
    >>> from tatamikomi.training.weighing import mean_loss
    >>> output = tk.tensor([[1.0], [3.0]])
    >>> mean_loss("fit", tk.nn.MSELoss(), output, [[0.0], [0.0]], [3.0, 1.0])
    (tensor(3.), 4.0)
    """
    if weights is None:
        value = loss(output, labels)
        return value, _counted(loss, labels) if isinstance(loss, (CrossEntropyLoss, NLLLoss)) else len(output)
    if not isinstance(loss, Loss) or loss.reduction != "mean":
        raise bad_type(op, "loss", _told(loss), 'one of nn with reduction "mean", for batches with weights')
    share = checked_weights(op, weights, len(output))
    alone = copy.copy(loss)
    alone.reduction = "none"
    losses = alone(output, labels)  # (N, ...)
    spread = share.reshape(-1, *[1] * (losses.ndim - 1))
    if isinstance(loss, (CrossEntropyLoss, NLLLoss)):
        total = _counted(loss, labels, spread)
    else:
        total = float(share.sum(dtype=np.float64)) * losses.numel() / max(len(share), 1)
    if not total > 0:
        raise bad_value(op, "weights", f"a sum of {total:g}", "a sum > 0 in every batch")
    return (losses * as_tensor(spread.astype(losses.dtype))).sum() / total, total


def _counted(loss: CrossEntropyLoss | NLLLoss, labels: Any, spread: Array | None = None) -> float:
    """The sum of the weights of all labels that count; the number of samples where they are probabilities."""
    known = np.asarray(labels)
    if known.dtype.kind == "f":
        ones = np.ones((known.shape[0], *known.shape[2:]))
    else:
        kept = known != loss.ignore_index
        ones = kept.astype(np.float64)
        if loss.weight is not None:
            ones *= np.asarray(loss.weight)[np.where(kept, known, 0)]
    return float((ones if spread is None else ones * spread).sum(dtype=np.float64))


def _told(loss: object) -> str:
    return f"{type(loss).__name__} with reduction {loss.reduction!r}" if isinstance(loss, Loss) else type(loss).__name__
