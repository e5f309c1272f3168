"""What losses share: operands that fit each other, and what becomes of the losses of a batch."""

from __future__ import annotations

import warnings

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.inputs import TensorLike, as_input

_REDUCTIONS = ("mean", "sum", "none")


def reduce(
    op: str, losses: Tensor, reduction: str, weights: Tensor | int | None = None, batch: int | None = None
) -> Tensor:
    """The mean of losses, their sum, or all of them.

    The mean divides by `weights` where they are given; where `batch` is, "batchmean" divides by that.
    """
    known = _REDUCTIONS if batch is None else ("batchmean", *_REDUCTIONS)
    if reduction not in known:
        raise unknown_name(op, "reduction", reduction, known)
    if reduction == "none":
        return losses
    if reduction == "mean" and weights is None:
        return losses.mean()
    total = losses.sum()
    if reduction == "batchmean":
        return total / (batch or 1)
    return total if reduction == "sum" or weights is None else total / weights


def operand(op: str, argument: str, value: TensorLike, x: Tensor, owner: str = "input") -> Tensor:
    """A Tensor of the dtype of x, the argument `owner`."""
    other = as_input(op, argument, value)
    if other.dtype != x.dtype:
        raise bad_type(op, argument, other.dtype.name, x.dtype.name, as_other=owner)
    return other


def same_shape(op: str, argument: str, value: TensorLike, x: Tensor) -> Tensor:
    """A Tensor of the input's dtype and shape."""
    other = operand(op, argument, value, x)
    if other.shape != x.shape:
        raise bad_value(op, argument, f"shape {other.shape}", f"shape {x.shape}, as input has")
    return other


def fitting(op: str, argument: str, value: TensorLike, x: Tensor) -> Tensor:
    """A Tensor of the input's dtype, and of a shape that broadcasts to the input's."""
    other = operand(op, argument, value, x)
    if _common(x, other) != x.shape:
        rule = f"a shape that broadcasts to {x.shape}, the input's"
        raise bad_value(op, argument, f"shape {other.shape}", rule)
    return other


def pair(op: str, input: TensorLike, target: TensorLike, warn: bool = False) -> tuple[Tensor, Tensor]:
    """Input and target of one dtype, whose shapes broadcast; `warn` tells where they differ."""
    x = as_input(op, "input", input)
    t = operand(op, "target", target, x)
    if _common(x, t) is None:
        raise bad_value(op, "target", f"shape {t.shape}", f"a shape that broadcasts with {x.shape}, the input's")
    if warn and x.shape != t.shape:
        warnings.warn(f"{op}: target: shape {t.shape} is broadcast with input's {x.shape}", stacklevel=4)
    return x, t


def _common(a: Tensor, b: Tensor) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None
