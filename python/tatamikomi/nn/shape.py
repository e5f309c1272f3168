"""Layers that change the shape only, or nothing."""

from __future__ import annotations

from typing import Any

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.errors import bad_type
from tatamikomi.nn.module import Module


class Flatten(Module):
    """Axes start_dim to end_dim, both included, as one.

    Shape: (N, C, H, W) -> (N, C * H * W) with the defaults.

    Raises:
        TypeError: an argument is not an integer.
        ValueError: at the call, x lacks one of the axes.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Flatten()(np.ones((2, 3, 4, 5), np.float32)).shape
    (2, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        for name, value in (("start_dim", start_dim), ("end_dim", end_dim)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise bad_type("Flatten", name, type(value).__name__, "an integer")
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with the axes -> one axis in their place."""
        return as_tensor(x).flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes, as torch writes them."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """y = x; a place to put something else later.

    >>> import tatamikomi as tk
    >>> tk.nn.Identity()(7)
    7
    """

    def forward(self, x: Any) -> Any:
        """Anything -> the same object."""
        return x
