"""Optimizer steps on lists of arrays: one call updates every parameter in place. SGD, Adam and Adam's kin."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.optimizer_lists import checked_betas, checked_lists
from tatamikomi.kernels.scalars import as_integer, as_number


def sgd_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    velocities: Sequence[Array] | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    maximize: bool = False,
) -> None:
    """One step of stochastic gradient descent, in place.

        g = grad + weight_decay * w
        v = g at the first step, momentum * v + (1 - dampening) * g afterwards
        w = w - lr * (g if momentum = 0, g + momentum * v if nesterov, else v)

    Args:
        params: the arrays w, updated in place: C-contiguous, writable, of one dtype, float32 or float64.
        grads: one per parameter, its shape and dtype.
        velocities: the arrays v, one per parameter, updated in place; not used where momentum is 0.
        lr, momentum, dampening, weight_decay: >= 0.
        nesterov: needs momentum > 0 and dampening = 0.
        first: velocities hold nothing yet.
        maximize: go up: -grad stands for grad.

    Raises:
        TypeError: an argument is of the wrong kind or dtype; the message names the index in its list.
        ValueError: lists, shapes or options do not fit together, an array cannot be updated in place, or arrays
            that are written share memory with others.

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013,
    in the form of torch.optim.SGD.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w = np.array([1.0, 2.0])
    >>> tk.kernels.sgd_step([w], [np.array([1.0, 0.0])], lr=0.5)
    >>> w.tolist()
    [0.5, 2.0]
    """
    op = "sgd_step"
    rate, friction = as_number(op, "lr", lr), as_number(op, "momentum", momentum)
    damp, decay = as_number(op, "dampening", dampening), as_number(op, "weight_decay", weight_decay)
    if nesterov and not (friction > 0 and damp == 0):
        given = f"momentum={momentum}, dampening={dampening}"
        raise bad_value(op, "nesterov", given, "momentum > 0 and dampening = 0")
    w, g, kept = checked_lists(op, params, grads, {"velocities": velocities} if friction else {})
    v = kept.get("velocities", [])
    active().sgd_step(w, g, v, rate, friction, damp, decay, bool(nesterov), bool(first), bool(maximize))


def adam_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    max_exp_avg_sqs: Sequence[Array] | None = None,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """One step of Adam, or of AdamW if decoupled, in place.

        g = grad + weight_decay * w                    (decoupled: g = grad, and w *= 1 - lr * weight_decay)
        m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**step)) / (sqrt(v / (1 - beta2**step)) + eps)

    Args:
        params: the arrays w, updated in place: C-contiguous, writable, of one dtype, float32 or float64.
        grads: one per parameter, its shape and dtype.
        exp_avgs, exp_avg_sqs: the arrays m and v, one each per parameter, zeros before the first step.
        max_exp_avg_sqs: AMSGrad: the largest v so far, zeros before the first step, which stand for v below the root.
        step: number of this step, 1 for the first.
        lr, eps, weight_decay: >= 0.
        betas: (beta1, beta2), each >= 0 and < 1.
        decoupled: AdamW's weight decay.
        maximize: go up: -grad stands for grad.

    Raises:
        TypeError: an argument is of the wrong kind or dtype; the message names the index in its list.
        ValueError: lists, shapes or options do not fit together, an array cannot be updated in place, or arrays
            that are written share memory with others.

    Source: D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; I. Loshchilov,
    F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019; S. J. Reddi, S. Kale, S. Kumar, "On the
    Convergence of Adam and Beyond", ICLR 2018.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.adam_step([w], [np.array([3.0])], [m], [v], step=1, lr=0.5, eps=0.0)
    >>> w.tolist()
    [0.5]
    """
    op = "adam_step"
    beta1, beta2 = checked_betas(op, betas)
    rate, number = as_number(op, "lr", lr), as_integer(op, "step", step, low=1)
    states = {"exp_avgs": exp_avgs, "exp_avg_sqs": exp_avg_sqs}
    if max_exp_avg_sqs is not None:
        states["max_exp_avg_sqs"] = max_exp_avg_sqs
    parts = rate / (1 - beta1**number), 1.0, 0.0
    unbias = 1 / math.sqrt(1 - beta2**number)
    _moments(op, params, grads, states, parts, (beta1, beta2), unbias, eps, rate, weight_decay, decoupled, maximize)


def nadam_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    *,
    step: int,
    mu: float,
    mu_next: float,
    mu_product: float,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """One step of NAdam, Adam with Nesterov's momentum, in place.

        m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g**2, as in `adam_step`
        w = w - lr * (mu_next * m / (1 - mu_product * mu_next) + (1 - mu) * g / (1 - mu_product))
                / (sqrt(v / (1 - beta2**step)) + eps)

    Args:
        params, grads, exp_avgs, exp_avg_sqs, step, lr, betas, eps, weight_decay, decoupled, maximize: as in
            `adam_step`.
        mu, mu_next: the momentum of this step and of the next, >= 0 and < 1.
        mu_product: the product of all mu so far, this step's included, >= 0 and < 1.

    Raises:
        TypeError, ValueError: as `adam_step` does.

    Source: T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.nadam_step([w], [np.array([3.0])], [m], [v], step=1, mu=0, mu_next=0, mu_product=0, lr=0.5, eps=0)
    >>> w.tolist()
    [0.5]
    """
    op = "nadam_step"
    now, coming = as_number(op, "mu", mu, below=1.0), as_number(op, "mu_next", mu_next, below=1.0)
    product = as_number(op, "mu_product", mu_product, below=1.0)
    beta1, beta2 = checked_betas(op, betas)
    rate, number = as_number(op, "lr", lr), as_integer(op, "step", step, low=1)
    parts = rate, coming / (1 - product * coming), (1 - now) / (1 - product)
    states, unbias = {"exp_avgs": exp_avgs, "exp_avg_sqs": exp_avg_sqs}, 1 / math.sqrt(1 - beta2**number)
    _moments(op, params, grads, states, parts, (beta1, beta2), unbias, eps, rate, weight_decay, decoupled, maximize)


def radam_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """One step of RAdam, Adam whose first steps do not trust the few squares seen so far, in place.

        m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g**2, as in `adam_step`
        R = 2 / (1 - beta2) - 1,  r = R - 2 * step * beta2**step / (1 - beta2**step)
        w = w - lr * m / (1 - beta1**step) * (1 if r <= 5 else
                sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r)) * sqrt(1 - beta2**step) / (sqrt(v) + eps))

    Args:
        params, grads, exp_avgs, exp_avg_sqs, step, lr, betas, eps, weight_decay, decoupled, maximize: as in
            `adam_step`.

    Raises:
        TypeError, ValueError: as `adam_step` does.

    Source: L. Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020, in the form of
    torch.optim.RAdam.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.radam_step([w], [np.array([3.0])], [m], [v], step=1, lr=0.25, betas=(0.5, 0.999))
    >>> w.tolist()
    [0.25]
    """
    op = "radam_step"
    beta1, beta2 = checked_betas(op, betas)
    rate, number = as_number(op, "lr", lr), as_integer(op, "step", step, low=1)
    unbiased, seen = rate / (1 - beta1**number), 1 - beta2**number
    most = 2 / (1 - beta2) - 1
    length = most - 2 * number * beta2**number / seen
    trusts = length > 5
    if trusts:
        rectified = math.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
        unbiased *= rectified * math.sqrt(seen)
    states, parts = {"exp_avgs": exp_avgs, "exp_avg_sqs": exp_avg_sqs}, (unbiased, 1.0, 0.0)
    unbias = 1.0 if trusts else 0.0
    _moments(op, params, grads, states, parts, (beta1, beta2), unbias, eps, rate, weight_decay, decoupled, maximize)


def _moments(
    op: str,
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    states: dict[str, Sequence[Array]],
    parts: tuple[float, float, float],
    betas: tuple[float, float],
    unbias: float,
    eps: float,
    lr: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """The backends' adam_step: w moves by a rate times parts of the mean and of the gradient."""
    small, decay = as_number(op, "eps", eps), as_number(op, "weight_decay", weight_decay)
    shrink, pull = (1 - lr * decay, 0.0) if decoupled else (1.0, decay)
    w, g, kept = checked_lists(op, params, grads, dict(states))
    m, v, largest = kept["exp_avgs"], kept["exp_avg_sqs"], kept.get("max_exp_avg_sqs", [])
    active().adam_step(w, g, m, v, largest, *parts, *betas, unbias, small, shrink, pull, bool(maximize))


def adamax_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_infs: Sequence[Array],
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """One step of Adamax, Adam with a fading maximum in the place of the mean square, in place.

        g = grad + weight_decay * w
        m = beta1 * m + (1 - beta1) * g,  u = max(beta2 * u, |g| + eps)
        w = w - lr / (1 - beta1**step) * m / u

    Args:
        params, grads, step, lr, betas, eps, weight_decay, maximize: as in `adam_step`.
        exp_avgs, exp_infs: the arrays m and u, one each per parameter, zeros before the first step.

    Raises:
        TypeError, ValueError: as `adam_step` does.

    Source: D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, section 7.1.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, u = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.adamax_step([w], [np.array([3.0])], [m], [u], step=1, lr=0.5, betas=(0.5, 0.9), eps=0.0)
    >>> w.tolist()
    [0.5]
    """
    op = "adamax_step"
    beta1, beta2 = checked_betas(op, betas)
    small, decay = as_number(op, "eps", eps), as_number(op, "weight_decay", weight_decay)
    rate = as_number(op, "lr", lr) / (1 - beta1 ** as_integer(op, "step", step, low=1))
    w, g, kept = checked_lists(op, params, grads, {"exp_avgs": exp_avgs, "exp_infs": exp_infs})
    active().adamax_step(w, g, *kept.values(), rate, beta1, beta2, small, decay, bool(maximize))
