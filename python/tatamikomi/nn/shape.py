"""Layers that change the shape only, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import checks
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


class Unflatten(Module):
    """One axis as several: undoes `Flatten`.

    Args:
        dim: the axis, from the end if negative.
        unflattened_size: sizes of the new axes; one of them may be -1, for what is left.

    Shape: (N, C * H * W) -> (N, C, H, W) with dim = 1 and unflattened_size = (C, H, W).

    Raises:
        TypeError: dim is no integer, or unflattened_size no sequence of integers.
        ValueError: unflattened_size is empty; at the call, x lacks the axis, or the sizes are not those of as many
            elements as it has.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Unflatten(1, (3, -1, 5))(np.ones((2, 60), np.float32)).shape
    (2, 3, 4, 5)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = checks.integer("Unflatten", "dim", dim, low=-64)
        if not isinstance(unflattened_size, (tuple, list)):
            raise bad_type("Unflatten", "unflattened_size", type(unflattened_size).__name__, "a tuple of integers")
        if not unflattened_size:
            raise bad_value("Unflatten", "unflattened_size", unflattened_size, "at least one size")
        self.unflattened_size = tuple(
            checks.integer("Unflatten", "unflattened_size", one, low=-1) for one in unflattened_size
        )

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with the axis -> the new axes in its place."""
        return as_tensor(x).unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and its sizes, as torch writes them."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """y = x; a place to put something else later.

    >>> import tatamikomi as tk
    >>> tk.nn.Identity()(7)
    7
    """

    def forward(self, x: Any) -> Any:
        """Anything -> the same object."""
        return x
