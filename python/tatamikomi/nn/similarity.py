"""How alike two batches of vectors are."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`; see `functional.cosine_similarity`.

    >>> import tatamikomi as tk
    >>> tk.nn.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])
    tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = checks.integer("CosineSimilarity", "dim", dim, low=-64)
        self.eps = checks.real("CosineSimilarity", "eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1 and x2 of shapes that broadcast -> that shape without `dim`."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)

    def extra_repr(self) -> str:
        """The options."""
        return f"dim={self.dim}, eps={self.eps}"


class PairwiseDistance(Module):
    """The p-norm of the difference of vectors along the last dimension; see `functional.pairwise_distance`.

    >>> import tatamikomi as tk
    >>> tk.nn.PairwiseDistance(p=1, eps=0)([[1.0, 2.0]], [[2.0, 4.0]])
    tensor([3.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = float(p)
        self.eps = checks.real("PairwiseDistance", "eps", eps)
        self.keepdim = checks.flag("PairwiseDistance", "keepdim", keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1 and x2 (..., features) -> (...)."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)

    def extra_repr(self) -> str:
        """The options."""
        return f"p={self.norm}, eps={self.eps}, keepdim={self.keepdim}"
