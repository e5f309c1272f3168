"""A table of vectors, one per number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import checks, init
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class Embedding(Module):
    """Rows of a table by their numbers: y = weight[x].

    Args:
        num_embeddings, embedding_dim: rows and columns of the table.
        padding_idx: a row that starts as zeros and gets no gradient; negative counts from the end.
        max_norm, norm_type: rows that are taken are first scaled to this norm where theirs is larger.
        scale_grad_by_freq: divide a row's gradient by how often it was taken.
        dtype: float32 (None) or float64.
        generator: where the initial values come from; the default Generator when None.

    Shape: x of integers, any -> (*x.shape, embedding_dim).

    Attributes:
        weight: (num_embeddings, embedding_dim), standard normal.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a size that is not positive, a padding_idx outside of the table; at the call, as
            `functional.embedding`.

    >>> import tatamikomi as tk
    >>> tk.nn.Embedding(10, 3)([[1, 2], [4, 9]]).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = checks.integer("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = checks.integer("Embedding", "embedding_dim", embedding_dim)
        rows = self.num_embeddings
        if padding_idx is not None:
            padding_idx = checks.integer("Embedding", "padding_idx", padding_idx, low=-rows)
            if padding_idx >= rows:
                raise bad_value("Embedding", "padding_idx", padding_idx, f"-{rows} <= padding_idx < {rows}")
            padding_idx %= rows
        self.padding_idx = padding_idx
        self.max_norm = None if max_norm is None else checks.real("Embedding", "max_norm", max_norm)
        self.norm_type = checks.real("Embedding", "norm_type", norm_type)
        self.scale_grad_by_freq = checks.flag("Embedding", "scale_grad_by_freq", scale_grad_by_freq)
        shape, kind = (rows, self.embedding_dim), checks.floating("Embedding", dtype)
        self.weight = Parameter(checks.zeros("Embedding", "weight", shape, kind))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            values = np.array(self.weight.data)
            values[self.padding_idx] = 0
            self.weight.copy_(values)

    def forward(self, x: Tensor) -> Tensor:
        """Integers of any shape -> (*x.shape, embedding_dim)."""
        options = self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        return F.embedding(x, self.weight, *options)

    def extra_repr(self) -> str:
        """The sizes, as torch writes them."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        for name, default in defaults.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text
