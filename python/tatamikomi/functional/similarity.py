"""How alike two vectors are."""

from __future__ import annotations

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.autograd.arrays import as_dim
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.geometry import flag
from tatamikomi.kernels.scalars import as_number


def _pair(op: str, x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    a, b = as_input(op, "x1", x1), as_input(op, "x2", x2)
    if a.dtype != b.dtype:
        raise bad_type(op, "x2", b.dtype.name, a.dtype.name, as_other="x1")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise bad_value(op, "x2", f"shape {b.shape}", f"a shape that broadcasts with x1's {a.shape}") from None
    return a, b


@own_names()
def cosine_similarity(x1: TensorLike, x2: TensorLike, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`: the cosine of the angle between two vectors.

    Args:
        x1, x2: shapes that broadcast, one dtype, float32 or float64.
        dim: the dimension of the vectors, counted in the broadcast shape.
        eps: the shortest length divided by.

    Returns:
        The broadcast shape without `dim`.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not broadcast, or no such dimension.

    >>> import tatamikomi as tk
    >>> tk.functional.cosine_similarity([[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [3.0, 0.0]])
    tensor([1., 0.])
    """
    op = "cosine_similarity"
    a, b = _pair(op, x1, x2)
    least = as_number(op, "eps", eps)
    shape = np.broadcast_shapes(a.shape, b.shape)
    axis = as_dim(op, dim, max(len(shape), 1))
    if not shape:
        a, b = a.reshape(1), b.reshape(1)
        shape = (1,)
    a, b = a.expand(*shape), b.expand(*shape)
    return (_unit(a, axis, least) * _unit(b, axis, least)).sum(axis)


def _unit(x: Tensor, axis: int, eps: float) -> Tensor:
    """x over its length, the length held above eps; at 0 the length has no slope."""
    squares = (x * x).sum(axis, keepdim=True)
    return x / squares.clip(min=eps * eps if eps else float(np.finfo(x.dtype).tiny)).sqrt()


@own_names()
def pairwise_distance(
    x1: TensorLike, x2: TensorLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """(sum |x1 - x2 + eps|**p)**(1/p) over the last dimension.

    Args:
        x1, x2: (..., features), shapes that broadcast, one dtype, float32 or float64.
        p: of the norm; infinity takes the largest difference, 0 counts those that are not 0.
        eps: added to the differences, so that the distance has a slope where they are 0.
        keepdim: keep the last dimension, of size 1.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not broadcast or have no dimension.

    >>> import tatamikomi as tk
    >>> tk.functional.pairwise_distance([[0.0, 0.0]], [[3.0, 4.0]], eps=0.0)
    tensor([5.])
    """
    op = "pairwise_distance"
    a, b = _pair(op, x1, x2)
    if not (a.ndim or b.ndim):
        raise bad_value(op, "x1", "shape ()", "(..., features)")
    kept = flag(op, "keepdim", keepdim)
    difference = (a - b + as_number(op, "eps", eps)).abs()
    if p == float("inf"):
        return difference.amax(-1, kept)
    power = as_number(op, "p", p, low=-float("inf"))
    if power == 0:
        return (difference != 0).to(difference.dtype).sum(-1, kept)
    if power == 1:
        return difference.sum(-1, kept)
    return (difference**power).sum(-1, kept) ** (1 / power)
