"""Losses of yes or no as modules."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.functional.inputs import TensorLike
from tatamikomi.functional.loss_binary import focal_weights
from tatamikomi.kernels.scalars import as_number
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


class FocalLoss(Loss):
    """a q**gamma times the binary cross-entropy of sigmoid(x), what is easily classified played down; see
    `functional.focal_loss`.

    Args:
        alpha: the weight of positives, from 0 to 1, or -1 for none.
        gamma: how much to play down, gamma >= 0.
        reduction: "none", "mean" or "sum".

    Shape: logits x and target alike -> their shape, or () for "mean" and "sum".

    Raises:
        TypeError: alpha or gamma are no numbers.
        ValueError: an unknown reduction; at the call, what `functional.focal_loss` raises.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017, arXiv:1708.02002.

    >>> import tatamikomi as tk
    >>> tk.nn.FocalLoss(alpha=0.75, gamma=1.0)([0.0, 0.0], [1.0, 0.0])
    tensor([0.2599302, 0.0866434])
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "none") -> None:
        super().__init__(reduction=reduction)
        self.alpha, self.gamma = focal_weights(type(self).__name__, alpha, gamma)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of one shape."""
        return F.focal_loss(x, target, self.alpha, self.gamma, self.reduction)


class DiceLoss(Loss):
    """1 - D for each mask, with D = (2 sum(p t) + eps) / (sum(p**2) + sum(t**2) + eps); then their mean (or sum, or
    all of them).

    Args:
        reduction: "mean", "sum" or "none".
        eps: makes two empty masks agree, eps >= 0.

    Shape: probabilities p and masks t (N, C, d1, ...) -> (), or (N, C) for "none".

    Raises:
        TypeError: eps is no number.
        ValueError: an unknown reduction, or eps < 0; at the call, what `functional.dice_loss` raises.

    Source: F. Milletari, N. Navab and S.-A. Ahmadi, "V-Net: fully convolutional neural networks for volumetric medical
    image segmentation", 3DV 2016, arXiv:1606.04797, equation 3.

    >>> import tatamikomi as tk
    >>> tk.nn.DiceLoss(eps=0.0)([[[1.0, 0.0, 1.0, 0.0]]], [[[1.0, 1.0, 0.0, 0.0]]])
    tensor(0.5)
    """

    def __init__(self, *, reduction: str = "mean", eps: float = 1e-6) -> None:
        super().__init__(reduction=reduction)
        self.eps = as_number(type(self).__name__, "eps", eps)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x from 0 to 1, and target of its shape, with at least three axes."""
        return F.dice_loss(x, target, reduction=self.reduction, eps=self.eps)


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
