"""Optimizer steps, array by array, in place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sgd_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    velocities: Sequence[Array],
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
) -> None:
    """v = momentum * v + (1 - dampening) * g, or g at first; w -= lr * (g + momentum * v if nesterov else v)."""
    for i, (w, grad) in enumerate(zip(params, grads, strict=True)):
        g = grad + weight_decay * w if weight_decay else grad
        if momentum:
            v = velocities[i]
            v[...] = g if first else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        w[...] = w - lr * g


def adam_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    step: int,
) -> None:
    """w -= lr * mhat / (sqrt(vhat) + eps) with mhat = m / (1 - beta1**step), vhat = v / (1 - beta2**step)."""
    rate, root = lr / (1 - beta1**step), math.sqrt(1 - beta2**step)
    for w, grad, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        if decoupled:
            w[...] = (1 - lr * weight_decay) * w
        g = grad + weight_decay * w if weight_decay and not decoupled else grad
        m[...] = m + (1 - beta1) * (g - m)
        v[...] = beta2 * v + (1 - beta2) * g * g
        w[...] = w - rate * (m / (np.sqrt(v) / root + eps))
