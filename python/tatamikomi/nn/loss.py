"""Losses as modules."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class _Loss(Module):
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = checks.reduction(type(self).__name__, reduction)


class CrossEntropyLoss(_Loss):
    """-log(softmax(logits)[label]) of every sample, then their mean (or sum, or all of them).

    Args:
        reduction: "mean", "sum" or "none".

    Shape: logits (N, C) with labels (N,), or (N, C, d1, ...) with (N, d1, ...) -> (), or labels' shape for
        "none".

    Raises:
        ValueError: an unknown reduction; at the call, what `functional.cross_entropy` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.CrossEntropyLoss()([[0.0, 0.0]], [1]).item()
    0.693147...
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits (N, C, ...), labels (N, ...) of integers in [0, C)."""
        return F.cross_entropy(logits, labels, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - target)**2 of every element, then their mean (or sum, or all of them).

    Args:
        reduction: "mean", "sum" or "none".

    Shape: x and target alike -> (), or their shape for "none".

    Raises:
        ValueError: an unknown reduction; at the call, what `functional.mse_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.MSELoss()([1.0, 3.0], [1.0, 1.0]).item()
    2.0
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of one shape."""
        return F.mse_loss(x, target, reduction=self.reduction)
