"""Losses of distances and scores that are to keep a margin, as networks of twins and triplets learn from."""

from __future__ import annotations

import numpy as np

from tatamikomi.autograd import Tensor, minimum, where
from tatamikomi.autograd.arrays import as_array
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.loss_inputs import operand, reduce
from tatamikomi.functional.similarity import pairwise_distance
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_number


def _alike(op: str, first: tuple[str, TensorLike], *others: tuple[str, TensorLike]) -> list[Tensor]:
    """Tensors of one dtype, with as many dimensions, whose shapes broadcast."""
    name, value = first
    found = [as_input(op, name, value)]
    for argument, other in others:
        found.append(operand(op, argument, other, found[0], name))
        if found[-1].ndim != found[0].ndim:
            raise bad_value(op, argument, f"shape {found[-1].shape}", f"{found[0].ndim} dimensions, as {name} has")
    try:
        np.broadcast_shapes(*(one.shape for one in found))
    except ValueError:
        shapes = ", ".join(str(one.shape) for one in found)
        raise bad_value(op, name, f"shapes {shapes}", "shapes that broadcast") from None
    return found


def _signs(op: str, target: TensorLike, shape: tuple[int, ...]) -> Array:
    """1 or -1 of any dtype, for losses of this shape."""
    signs = as_array(op, "target", target.data if isinstance(target, Tensor) else target)
    try:
        fits = np.broadcast_shapes(signs.shape, shape) is not None
    except ValueError:
        fits = False
    if not fits:
        raise bad_value(op, "target", f"shape {signs.shape}", f"a shape that broadcasts with {shape}")
    return signs


@own_names()
def margin_ranking_loss(
    input1: TensorLike, input2: TensorLike, target: TensorLike, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target (input1 - input2)), averaged: input1 is to be the larger one where target is 1.

    Args:
        input1, input2: scores, float32 or float64.
        target: 1 where input1 is to rank higher, -1 where input2 is; as many dimensions and the same dtype.
        margin: by how much.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses, in the shape the three broadcast to.

    Raises:
        TypeError: other or mixed dtypes; margin is no number.
        ValueError: shapes that do not broadcast or have other numbers of dimensions, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.margin_ranking_loss([3.0, 3.0], [1.0, 1.0], [1.0, -1.0], margin=0.5, reduction="none")
    tensor([0. , 2.5])
    """
    op = "margin_ranking_loss"
    a, b, t = _alike(op, ("input1", input1), ("input2", input2), ("target", target))
    least = as_number(op, "margin", margin, low=-np.inf)
    return reduce(op, (least - t * (a - b)).clip(min=0.0), reduction)


@own_names()
def hinge_embedding_loss(
    input: TensorLike, target: TensorLike, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1, averaged; input is a distance.

    Args:
        input: distances, float32 or float64.
        target: 1 for what is alike, -1 for what is not, of any dtype, a shape that broadcasts with it.
        margin: how far apart is far enough.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses.

    Raises:
        TypeError: another dtype; margin is no number.
        ValueError: shapes that do not broadcast, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.hinge_embedding_loss([0.25, 0.25, 3.0], [1.0, -1.0, -1.0], reduction="none")
    tensor([0.25, 0.75, 0.  ])
    """
    op = "hinge_embedding_loss"
    x = as_input(op, "input", input)
    t = _signs(op, target, x.shape)
    far = (as_number(op, "margin", margin, low=-np.inf) - x).clip(min=0.0)
    return reduce(op, where(t == -1, 0.0, x) + where(t == 1, 0.0, far), reduction)


@own_names()
def triplet_margin_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), averaged, with d = `pairwise_distance`.

    Args:
        anchor, positive, negative: vectors (..., features) that broadcast, float32 or float64.
        margin: by how much a negative is to be farther off, margin > 0.
        p, eps: of the distance.
        swap: take the nearer of d(anchor, negative) and d(positive, negative).
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses, without the last dimension.

    Raises:
        TypeError: other or mixed dtypes; margin, p or eps are no numbers, swap is no bool.
        ValueError: shapes that do not broadcast or have other numbers of dimensions, margin <= 0, or an unknown
            reduction.

    Source: V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", BMVC 2016.

    >>> import tatamikomi as tk
    >>> tk.functional.triplet_margin_loss([[0.0, 0.0]], [[0.0, 1.0]], [[1.5, 0.0]], eps=0.0)
    tensor(0.5)
    """
    op = "triplet_margin_loss"
    a, near, far = _alike(op, ("anchor", anchor), ("positive", positive), ("negative", negative))
    if not a.ndim:
        raise bad_value(op, "anchor", "shape ()", "(..., features)")
    least = as_number(op, "margin", margin)
    if least == 0:
        raise bad_value(op, "margin", margin, "a finite number > 0")
    apart = pairwise_distance(a, far, p, eps)
    if flag(op, "swap", swap):
        apart = minimum(apart, pairwise_distance(near, far, p, eps))
    return reduce(op, (least + pairwise_distance(a, near, p, eps) - apart).clip(min=0.0), reduction)


@own_names()
def cosine_embedding_loss(
    input1: TensorLike, input2: TensorLike, target: TensorLike, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, averaged; cos of the vectors' angle.

    cos = x1 . x2 / sqrt((|x1|**2 + e)(|x2|**2 + e)) with e = 1e-12, which torch has too.

    Args:
        input1, input2: vectors (N, features) or (features), float32 or float64.
        target: 1 for what is alike, -1 for what is not, of any dtype, (N) or ().
        margin: how large the cosine of what is not alike may be.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the losses (N).

    Raises:
        TypeError: other or mixed dtypes; margin is no number.
        ValueError: other shapes, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> x1, x2 = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]]
    >>> tk.functional.cosine_embedding_loss(x1, x2, [1, -1], reduction="none")
    tensor([1., 1.])
    """
    op = "cosine_embedding_loss"
    a, b = _alike(op, ("input1", input1), ("input2", input2))
    if a.ndim not in (1, 2):
        raise bad_value(op, "input1", f"shape {a.shape}", "(N, features) or (features)")
    least = as_number(op, "margin", margin, low=-np.inf)
    lengths = ((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12)
    cosine = (a * b).sum(-1) / lengths.sqrt()
    t = _signs(op, target, cosine.shape)
    if t.ndim != cosine.ndim:
        raise bad_value(op, "target", f"shape {t.shape}", "(N) for two batches, () for two vectors")
    return reduce(op, where(t == 1, 1.0 - cosine, 0.0) + where(t == -1, (cosine - least).clip(min=0.0), 0.0), reduction)
