"""Losses of differences: squared, absolute, and what is both."""

from __future__ import annotations

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, own_names
from tatamikomi.functional.loss_inputs import pair, reduce
from tatamikomi.kernels.scalars import as_number


def _huber(difference: Tensor, delta: float) -> Tensor:
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta/2): c (d - c/2) with c = d held within +-delta."""
    held = difference.clip(-delta, delta)
    return held * (difference - held * 0.5)


@own_names()
def mse_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """(input - target)**2, averaged.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it (with a warning where it is another), the same dtype.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the squares.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not broadcast, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.mse_loss([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """
    x, t = pair("mse_loss", input, target, warn=True)
    return reduce("mse_loss", (x - t) ** 2, reduction)


@own_names()
def l1_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """|input - target|, averaged; the gradient where they are equal is 0.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it (with a warning where it is another), the same dtype.
        reduction: "mean", "sum", or "none".

    Returns:
        A 0-d Tensor, or with "none" the absolute differences.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not broadcast, or an unknown reduction.

    >>> import tatamikomi as tk
    >>> tk.functional.l1_loss([1.0, 2.0], [1.0, 5.0])
    tensor(1.5)
    """
    x, t = pair("l1_loss", input, target, warn=True)
    return reduce("l1_loss", (x - t).abs(), reduction)


@own_names()
def smooth_l1_loss(input: TensorLike, target: TensorLike, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d**2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = input - target; averaged.

    `huber_loss` with delta = beta, divided by it: slopes stay within +-1. beta 0 gives `l1_loss`.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it (with a warning where it is another), the same dtype.
        reduction: "mean", "sum", or "none".
        beta: where the parabola ends, beta >= 0.

    Returns:
        A 0-d Tensor, or with "none" all losses.

    Raises:
        TypeError: other or mixed dtypes, or beta is no number.
        ValueError: shapes that do not broadcast, beta < 0, or an unknown reduction.

    Source: R. Girshick, "Fast R-CNN", ICCV 2015, arXiv:1504.08083.

    >>> import tatamikomi as tk
    >>> tk.functional.smooth_l1_loss([0.0, 0.0], [1.0, 4.0], beta=2.0, reduction="none")
    tensor([0.25, 3.  ])
    """
    op = "smooth_l1_loss"
    x, t = pair(op, input, target, warn=True)
    end = as_number(op, "beta", beta)
    return reduce(op, _huber(x - t, end) / end if end > 0 else (x - t).abs(), reduction)


@own_names()
def huber_loss(input: TensorLike, target: TensorLike, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d**2 / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = input - target; averaged.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it (with a warning where it is another), the same dtype.
        reduction: "mean", "sum", or "none".
        delta: where the parabola ends, delta > 0.

    Returns:
        A 0-d Tensor, or with "none" all losses.

    Raises:
        TypeError: other or mixed dtypes, or delta is no number.
        ValueError: shapes that do not broadcast, delta <= 0, or an unknown reduction.

    Source: P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).

    >>> import tatamikomi as tk
    >>> tk.functional.huber_loss([0.0, 0.0], [1.0, 4.0], "none", delta=2.0)
    tensor([0.5, 6. ])
    """
    op = "huber_loss"
    x, t = pair(op, input, target, warn=True)
    end = as_number(op, "delta", delta)
    if end == 0:
        raise bad_value(op, "delta", delta, "a number > 0")
    return reduce(op, _huber(x - t, end), reduction)
