"""Optimizer steps on lists of arrays: by sums and means of squares, by signs, by the ratio of norms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike

from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.optimizer_lists import checked_betas, checked_lists
from tatamikomi.kernels.scalars import as_integer, as_number


def adagrad_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    sums: Sequence[Array],
    *,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of Adagrad, in place.

        g = grad + weight_decay * w
        s = s + g**2,  w = w - lr * g / (sqrt(s) + eps)

    Args:
        params: the arrays w, updated in place: C-contiguous, writable, of one dtype, float32 or float64.
        grads: one per parameter, its shape and dtype.
        sums: the arrays s, one per parameter, updated in place.
        lr, eps, weight_decay: >= 0.
        maximize: go up: -grad stands for grad.

    Raises:
        TypeError: an argument is of the wrong kind or dtype; the message names the index in its list.
        ValueError: lists, shapes or options do not fit together, an array cannot be updated in place, or arrays
            that are written share memory with others.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", JMLR 12, 2011.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, s = np.array([1.0]), np.zeros(1)
    >>> tk.kernels.adagrad_step([w], [np.array([3.0])], [s], lr=0.5, eps=0.0)
    >>> w.tolist(), s.tolist()
    ([0.5], [9.0])
    """
    op = "adagrad_step"
    rate, small = as_number(op, "lr", lr), as_number(op, "eps", eps)
    decay = as_number(op, "weight_decay", weight_decay)
    w, g, kept = checked_lists(op, params, grads, {"sums": sums})
    active().adagrad_step(w, g, *kept.values(), rate, small, decay, bool(maximize))


def adadelta_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    square_avgs: Sequence[Array],
    acc_deltas: Sequence[Array],
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of Adadelta, in place.

        g = grad + weight_decay * w
        s = rho * s + (1 - rho) * g**2,  d = g * sqrt(a + eps) / sqrt(s + eps)
        a = rho * a + (1 - rho) * d**2,  w = w - lr * d

    Args:
        params, grads, lr, eps, weight_decay, maximize: as in `adagrad_step`.
        square_avgs, acc_deltas: the arrays s and a, one each per parameter, zeros before the first step.
        rho: how much of the means stays, from 0 to 1.

    Raises:
        TypeError, ValueError: as `adagrad_step` does.

    Source: M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv 1212.5701, 2012.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, s, a = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.adadelta_step([w], [np.array([3.0])], [s], [a], rho=0.0, eps=16.0)
    >>> w.round(6).tolist(), s.tolist(), a.round(6).tolist()
    ([-1.4], [9.0], [5.76])
    """
    op = "adadelta_step"
    rate, keep = as_number(op, "lr", lr), as_number(op, "rho", rho, high=1.0)
    small, decay = as_number(op, "eps", eps), as_number(op, "weight_decay", weight_decay)
    w, g, kept = checked_lists(op, params, grads, {"square_avgs": square_avgs, "acc_deltas": acc_deltas})
    active().adadelta_step(w, g, *kept.values(), rate, keep, small, decay, bool(maximize))


def rmsprop_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    square_avgs: Sequence[Array],
    momentum_buffers: Sequence[Array] | None = None,
    grad_avgs: Sequence[Array] | None = None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of RMSprop, in place.

        g = grad + weight_decay * w
        s = alpha * s + (1 - alpha) * g**2,  d = g / (sqrt(s) + eps)
        with grad_avgs: m = alpha * m + (1 - alpha) * g, and max(s - m**2, 0) stands for s below the root
        w = w - lr * (d if momentum = 0, else b = momentum * b + d)

    Args:
        params, grads, lr, eps, weight_decay, maximize: as in `adagrad_step`.
        square_avgs: the arrays s, one per parameter, zeros before the first step.
        momentum_buffers: the arrays b, alike; not used where momentum is 0.
        grad_avgs: the arrays m, alike; None for the uncentered method.
        alpha: how much of the means stays, from 0 to 1.
        momentum: >= 0.

    Raises:
        TypeError, ValueError: as `adagrad_step` does.

    Source: T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; centered: A. Graves, "Generating
    Sequences With Recurrent Neural Networks", arXiv 1308.0850, 2013; in the form of torch.optim.RMSprop.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, s = np.array([1.0]), np.zeros(1)
    >>> tk.kernels.rmsprop_step([w], [np.array([3.0])], [s], lr=0.5, alpha=0.75, eps=0.0)
    >>> w.tolist(), s.tolist()
    ([0.0], [2.25])
    """
    op = "rmsprop_step"
    rate, keep = as_number(op, "lr", lr), as_number(op, "alpha", alpha, high=1.0)
    small, decay = as_number(op, "eps", eps), as_number(op, "weight_decay", weight_decay)
    friction = as_number(op, "momentum", momentum)
    states: dict[str, object] = {"square_avgs": square_avgs}
    if friction:
        states["momentum_buffers"] = momentum_buffers
    if grad_avgs is not None:
        states["grad_avgs"] = grad_avgs
    w, g, kept = checked_lists(op, params, grads, states)
    buffers, means = kept.get("momentum_buffers", []), kept.get("grad_avgs", [])
    active().rmsprop_step(w, g, kept["square_avgs"], buffers, means, rate, keep, small, decay, friction, bool(maximize))


def lion_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of Lion, in place: every weight moves by lr.

        w = (1 - lr * weight_decay) * w - lr * sign(beta1 * m + (1 - beta1) * grad)
        m = beta2 * m + (1 - beta2) * grad, afterwards

    Args:
        params, grads, lr, weight_decay, maximize: as in `adagrad_step`.
        exp_avgs: the arrays m, one per parameter, zeros before the first step.
        betas: (beta1, beta2), each >= 0 and < 1.

    Raises:
        TypeError, ValueError: as `adagrad_step` does.

    Source: X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m = np.array([1.0, 1.0]), np.zeros(2)
    >>> tk.kernels.lion_step([w], [np.array([3.0, -0.1])], [m], lr=0.25)
    >>> w.tolist()
    [0.75, 1.25]
    """
    op = "lion_step"
    beta1, beta2 = checked_betas(op, betas)
    rate, decay = as_number(op, "lr", lr), as_number(op, "weight_decay", weight_decay)
    w, g, kept = checked_lists(op, params, grads, {"exp_avgs": exp_avgs})
    active().lion_step(w, g, *kept.values(), rate, beta1, beta2, decay, bool(maximize))


def lamb_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of LAMB, in place: Adam's direction, every parameter at a rate that fits its norm.

        m = beta1 * m + (1 - beta1) * grad,  v = beta2 * v + (1 - beta2) * grad**2
        u = (m / (1 - beta1**step)) / (sqrt(v / (1 - beta2**step)) + eps) + weight_decay * w
        w = w - lr * |w| / |u| * u, the ratio being 1 where one of the two norms is 0

    |.| is the Euclidean norm of a whole parameter.

    Args:
        params, grads, lr, eps, weight_decay, maximize: as in `adagrad_step`.
        exp_avgs, exp_avg_sqs: the arrays m and v, one each per parameter, zeros before the first step.
        step: number of this step, 1 for the first.
        betas: (beta1, beta2), each >= 0 and < 1.

    Raises:
        TypeError, ValueError: as `adagrad_step` does.

    Source: Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR 2020,
    algorithm 2.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, v = np.array([3.0, 4.0]), np.zeros(2), np.zeros(2)
    >>> tk.kernels.lamb_step([w], [np.array([2.0, 0.0])], [m], [v], step=1, lr=0.2)
    >>> w.round(6).tolist()
    [2.0, 4.0]
    """
    op = "lamb_step"
    beta1, beta2 = checked_betas(op, betas)
    rate, number = as_number(op, "lr", lr), as_integer(op, "step", step, low=1)
    small, decay = as_number(op, "eps", eps), as_number(op, "weight_decay", weight_decay)
    unbias1, unbias2 = 1 / (1 - beta1**number), 1 / math.sqrt(1 - beta2**number)
    w, g, kept = checked_lists(op, params, grads, {"exp_avgs": exp_avgs, "exp_avg_sqs": exp_avg_sqs})
    active().lamb_step(w, g, *kept.values(), rate, beta1, beta2, unbias1, unbias2, small, decay, bool(maximize))
