"""Losses of differences as modules."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.kernels.scalars import as_number
from tatamikomi.nn.loss_base import Loss


class MSELoss(Loss):
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


class L1Loss(Loss):
    """|x - target| of every element, then their mean (or sum, or all of them).

    Args:
        reduction: "mean", "sum" or "none".

    Shape: x and target alike -> (), or their shape for "none".

    Raises:
        ValueError: an unknown reduction; at the call, what `functional.l1_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.L1Loss()([1.0, 3.0], [1.0, 2.0]).item()
    0.5
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of shapes that broadcast."""
        return F.l1_loss(x, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """d**2 / (2 beta) where |d| < beta, else |d| - beta / 2, d = x - target; then the mean (or sum, or all of them).

    Args:
        reduction: "mean", "sum" or "none".
        beta: where the parabola ends, beta >= 0; 0 is L1Loss.

    Shape: x and target alike -> (), or their shape for "none".

    Raises:
        TypeError: beta is no number.
        ValueError: an unknown reduction, beta < 0; at the call, what `functional.smooth_l1_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.SmoothL1Loss(reduction="none")([1.0, 3.0], [0.0, 0.0]).tolist()
    [0.5, 2.5]
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.beta = as_number("SmoothL1Loss", "beta", beta)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of shapes that broadcast."""
        return F.smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = x - target; averaged (or summed, or neither).

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the parabola ends, delta > 0.

    Shape: x and target alike -> (), or their shape for "none".

    Raises:
        TypeError: delta is no number.
        ValueError: an unknown reduction, delta <= 0; at the call, what `functional.huber_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.HuberLoss("none", delta=2.0)([1.0, 3.0], [0.0, 0.0]).tolist()
    [0.5, 4.0]
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = as_number("HuberLoss", "delta", delta)
        if self.delta == 0:
            raise bad_value("HuberLoss", "delta", delta, "a number > 0")

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of shapes that broadcast."""
        return F.huber_loss(x, target, self.reduction, self.delta)
