"""Losses over classes as modules."""

from __future__ import annotations

from typing import Any

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.functional.inputs import TensorLike
from tatamikomi.kernels.scalars import as_integer, as_number
from tatamikomi.nn import checks
from tatamikomi.nn.loss_base import Loss


class _OfClasses(Loss):
    def __init__(self, weight: TensorLike | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self._register_weight("weight", weight)
        self.ignore_index = as_integer(type(self).__name__, "ignore_index", ignore_index, low=-(1 << 63))


class CrossEntropyLoss(_OfClasses):
    """-log(softmax(logits)[label]) of every sample, then their mean (or sum, or all of them).

    Args:
        weight: one factor per class (C,), of logits' dtype; a buffer.
        ignore_index: the label of what counts nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: how much of the target is spread evenly over all classes, from 0 to 1.

    Shape: logits (N, C) with labels (N,), or (N, C, d1, ...) with (N, d1, ...), or either with probabilities of its own
        shape -> (), or the shape without C for "none".

    Raises:
        TypeError: an option that is no number, or a weight of another dtype than float32 or float64.
        ValueError: an unknown reduction, a label_smoothing out of range; at the call, what
            `functional.cross_entropy` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.CrossEntropyLoss()([[0.0, 0.0]], [1]).item()
    0.693147...
    """

    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)
        self.label_smoothing = as_number("CrossEntropyLoss", "label_smoothing", label_smoothing, high=1.0)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits (N, C, ...), labels (N, ...) of integers in [0, C), or probabilities (N, C, ...)."""
        return F.cross_entropy(
            logits,
            labels,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_OfClasses):
    """-log_probs[label] of every sample, then their mean (or sum, or all of them).

    Args:
        weight: one factor per class (C,), of log_probs' dtype; a buffer.
        ignore_index: the label of what counts nothing.
        reduction: "mean" (the sum over the sum of all weights that count), "sum" or "none".

    Shape: log_probs (N, C) with labels (N,), or (N, C, d1, ...) with (N, d1, ...) -> (), or labels' shape for
        "none".

    Raises:
        TypeError: an ignore_index that is no integer, or a weight of another dtype than float32 or float64.
        ValueError: an unknown reduction; at the call, what `functional.nll_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.NLLLoss()([[-1.0, -2.0]], [1]).item()
    2.0
    """

    def forward(self, log_probs: Tensor, labels: Tensor) -> Tensor:
        """log_probs (N, C, ...), labels (N, ...) of integers in [0, C)."""
        return F.nll_loss(log_probs, labels, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class KLDivLoss(Loss):
    """target (log target - log_probs) of every element, then their mean (or sum, or all of them).

    Args:
        reduction: "batchmean" (the divergence, averaged over the first dimension), "mean", "sum" or "none".
        log_target: the target is log-probabilities too.

    Shape: log_probs and target alike -> (), or their shape for "none".

    Raises:
        TypeError: a log_target that is neither True nor False.
        ValueError: an unknown reduction; at the call, what `functional.kl_div` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.KLDivLoss(reduction="batchmean")([[-1.0, 0.0]], [[1.0, 0.0]]).item()
    1.0
    """

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__()
        self.reduction = checks.reduction("KLDivLoss", reduction, "batchmean")
        self.log_target = checks.flag("KLDivLoss", "log_target", log_target)

    def forward(self, log_probs: Tensor, target: Tensor) -> Tensor:
        """log_probs and target of shapes that broadcast."""
        return F.kl_div(log_probs, target, reduction=self.reduction, log_target=self.log_target)


class CTCLoss(Loss):
    """-log of the probability that a sequence spells its target; see `functional.ctc_loss`.

    Args:
        blank: the class that stands for no label.
        reduction: "mean" (each loss over its target's length first), "sum" or "none".
        zero_infinity: give 0 where no path fits.

    Shape: log_probs (T, N, C), targets (N, longest) or all in one row, input_lengths and target_lengths (N,) -> (),
        or (N,) for "none".

    Raises:
        TypeError: an option of another kind.
        ValueError: an unknown reduction; at the call, what `functional.ctc_loss` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> even = np.log(np.full((2, 1, 2), 0.5, np.float32))
    >>> round(tk.nn.CTCLoss()(even, [[1]], [2], [1]).item(), 4)
    0.2877
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = checks.integer("CTCLoss", "blank", blank, low=0)
        self.zero_infinity = checks.flag("CTCLoss", "zero_infinity", zero_infinity)

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        """log_probs (T, N, C), targets (N, longest), lengths (N,)."""
        lengths = input_lengths, target_lengths
        return F.ctc_loss(log_probs, targets, *lengths, self.blank, self.reduction, self.zero_infinity)
