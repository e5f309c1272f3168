"""Losses of yes or no as modules."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.functional.inputs import TensorLike
from tatamikomi.nn.loss_base import Loss


class BCELoss(Loss):
    """-(target log x + (1 - target) log(1 - x)) of every element, then their mean (or sum, or all of them).

    Args:
        weight: a factor of each loss, of x's dtype; a buffer.
        reduction: "mean", "sum" or "none".

    Shape: probabilities x and target alike, weight broadcasts to them -> (), or their shape for "none".

    Raises:
        TypeError: a weight of another dtype than float32 or float64.
        ValueError: an unknown reduction; at the call, what `functional.binary_cross_entropy` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.BCELoss()([0.5, 0.5], [1.0, 0.0]).item()
    0.693147...
    """

    def __init__(self, weight: TensorLike | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._register_weight("weight", weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x from 0 to 1, and target of its shape."""
        return F.binary_cross_entropy(x, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The binary cross-entropy of sigmoid(x), accurate for every x; then the mean (or sum, or all of them).

    Args:
        weight: a factor of each loss, of x's dtype; a buffer.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor of the positive part of each loss, such as (C,) for (N, C); a buffer.

    Shape: logits x and target alike, weights broadcast to them -> (), or their shape for "none".

    Raises:
        TypeError: a weight of another dtype than float32 or float64.
        ValueError: an unknown reduction; at the call, what `functional.binary_cross_entropy_with_logits` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.BCEWithLogitsLoss()([0.0, 0.0], [1.0, 0.0]).item()
    0.693147...
    """

    def __init__(
        self, weight: TensorLike | None = None, *, reduction: str = "mean", pos_weight: TensorLike | None = None
    ) -> None:
        super().__init__(reduction=reduction)
        self._register_weight("weight", weight)
        self._register_weight("pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of one shape."""
        return F.binary_cross_entropy_with_logits(
            x, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class SoftMarginLoss(Loss):
    """log(1 + exp(-target x)) of every element, then their mean (or sum, or all of them).

    Args:
        reduction: "mean", "sum" or "none".

    Shape: x and target (1 or -1) alike -> (), or their shape for "none".

    Raises:
        ValueError: an unknown reduction; at the call, what `functional.soft_margin_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.SoftMarginLoss()([0.0, 0.0], [1.0, -1.0]).item()
    0.693147...
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of shapes that broadcast."""
        return F.soft_margin_loss(x, target, reduction=self.reduction)
