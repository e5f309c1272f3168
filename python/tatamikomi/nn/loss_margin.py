"""Losses of distances and scores that are to keep a margin, as modules."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.loss_base import Loss


class _MarginLoss(Loss):
    """What they share: the margin."""

    def __init__(self, margin: float, reduction: str) -> None:
        super().__init__(reduction=reduction)
        self.margin = checks.real(type(self).__name__, "margin", margin)


class MarginRankingLoss(_MarginLoss):
    """max(0, margin - target (x1 - x2)) of every pair of scores, then their mean (or sum, or all of them).

    Args:
        margin: by how much x1 is to be the larger one where target is 1, x2 where it is -1.
        reduction: "mean", "sum" or "none".

    Shape: x1, x2 and target (1 or -1) broadcast -> (), or their shape for "none".

    Raises:
        TypeError: margin is no number.
        ValueError: an unknown reduction; at the call, what `functional.margin_ranking_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.MarginRankingLoss(margin=0.5)([3.0, 3.0], [1.0, 1.0], [1.0, -1.0]).item()
    1.25
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction)

    def forward(self, x1: Tensor, x2: Tensor, target: Tensor) -> Tensor:
        """Two batches of scores, and which of them is to be larger."""
        return F.margin_ranking_loss(x1, x2, target, self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(_MarginLoss):
    """x where target is 1, max(0, margin - x) where it is -1, then their mean (or sum, or all of them).

    Args:
        margin: how far apart is far enough.
        reduction: "mean", "sum" or "none".

    Shape: distances x and target alike -> (), or their shape for "none".

    Raises:
        TypeError: margin is no number.
        ValueError: an unknown reduction; at the call, what `functional.hinge_embedding_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.HingeEmbeddingLoss()([0.25, 0.25], [1.0, -1.0]).item()
    0.5
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x and target of shapes that broadcast."""
        return F.hinge_embedding_loss(x, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(_MarginLoss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), then their mean (or sum, or all of them).

    Args:
        margin: by how much a negative is to be farther off, margin > 0.
        p, eps: of the distance d, see `PairwiseDistance`.
        swap: take the nearer of d(anchor, negative) and d(positive, negative).
        reduction: "mean", "sum" or "none".

    Shape: three of (..., features) -> (), or (...) for "none".

    Raises:
        TypeError: margin, p or eps are no numbers, swap is no bool.
        ValueError: margin <= 0, or an unknown reduction; at the call, what `functional.triplet_margin_loss` raises.

    Source: V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", BMVC 2016.

    >>> import tatamikomi as tk
    >>> tk.nn.TripletMarginLoss(eps=0.0)([[0.0, 0.0]], [[0.0, 1.0]], [[1.5, 0.0]])
    tensor(0.5)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(margin, reduction)
        op = type(self).__name__
        if self.margin <= 0:
            raise bad_value(op, "margin", self.margin, "a number > 0")
        self.p, self.eps = checks.real(op, "p", p), checks.real(op, "eps", eps)
        self.swap = checks.flag(op, "swap", swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """What is compared, something like it, and something else."""
        options = (self.margin, self.p, self.eps, self.swap)
        return F.triplet_margin_loss(anchor, positive, negative, *options, reduction=self.reduction)


class CosineEmbeddingLoss(_MarginLoss):
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, then their mean (or sum, or all of them).

    Args:
        margin: how large the cosine of what is not alike may be.
        reduction: "mean", "sum" or "none".

    Shape: two of (N, features) and target (N) -> (), or (N) for "none".

    Raises:
        TypeError: margin is no number.
        ValueError: an unknown reduction; at the call, what `functional.cosine_embedding_loss` raises.

    >>> import tatamikomi as tk
    >>> tk.nn.CosineEmbeddingLoss()([[1.0, 0.0]], [[0.0, 2.0]], [1])
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction)

    def forward(self, x1: Tensor, x2: Tensor, target: Tensor) -> Tensor:
        """Two batches of vectors, and whether they are alike."""
        return F.cosine_embedding_loss(x1, x2, target, self.margin, reduction=self.reduction)
