"""Optimizer steps, array by array, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Sequence[Array]


def _slope(w: Array, grad: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient to go down: turned round to go up, with the weights' own pull added."""
    g = -grad if maximize else grad
    return g + weight_decay * w if weight_decay else g


def sgd_step(
    params: Arrays,
    grads: Arrays,
    velocities: Arrays,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
    maximize: bool,
) -> None:
    """v = momentum * v + (1 - dampening) * g, or g at first; w -= lr * (g + momentum * v if nesterov else v)."""
    for i, (w, grad) in enumerate(zip(params, grads, strict=True)):
        g = _slope(w, grad, weight_decay, maximize)
        if momentum:
            v = velocities[i]
            v[...] = g if first else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        w[...] = w - lr * g


def adam_step(
    params: Arrays,
    grads: Arrays,
    exp_avgs: Arrays,
    exp_avg_sqs: Arrays,
    max_exp_avg_sqs: Arrays,
    rate: float,
    mean_part: float,
    grad_part: float,
    beta1: float,
    beta2: float,
    unbias: float,
    eps: float,
    shrink: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """w = shrink * w - rate * (mean_part * m + grad_part * g) / (sqrt(v) * unbias + eps), plain where unbias is 0."""
    for i, (w, grad, m, v) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, strict=True)):
        w[...] = shrink * w
        g = _slope(w, grad, weight_decay, maximize)
        m[...] = m + (1 - beta1) * (g - m)
        v[...] = beta2 * v + (1 - beta2) * g * g
        largest = v
        if max_exp_avg_sqs:
            largest = max_exp_avg_sqs[i]
            np.maximum(largest, v, out=largest)
        move = mean_part * m + grad_part * g if grad_part else mean_part * m
        w[...] = w - rate * (move / (np.sqrt(largest) * unbias + eps) if unbias else move)


def adamax_step(
    params: Arrays,
    grads: Arrays,
    exp_avgs: Arrays,
    exp_infs: Arrays,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """u = max(beta2 * u, |g| + eps); w -= rate * m / u."""
    for w, grad, m, u in zip(params, grads, exp_avgs, exp_infs, strict=True):
        g = _slope(w, grad, weight_decay, maximize)
        m[...] = m + (1 - beta1) * (g - m)
        u[...] = np.maximum(beta2 * u, np.abs(g) + eps)
        w[...] = w - rate * (m / u)


def lion_step(
    params: Arrays,
    grads: Arrays,
    exp_avgs: Arrays,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """w = (1 - lr * weight_decay) * w - lr * sign(m + (1 - beta1) * (g - m)); then m += (1 - beta2) * (g - m)."""
    for w, grad, m in zip(params, grads, exp_avgs, strict=True):
        ahead = _slope(w, grad, 0.0, maximize) - m
        w[...] = (1 - lr * weight_decay) * w - lr * np.sign(m + (1 - beta1) * ahead)
        m[...] = m + (1 - beta2) * ahead


def adagrad_step(
    params: Arrays, grads: Arrays, sums: Arrays, lr: float, eps: float, weight_decay: float, maximize: bool
) -> None:
    """s += g**2; w -= lr * g / (sqrt(s) + eps)."""
    for w, grad, s in zip(params, grads, sums, strict=True):
        g = _slope(w, grad, weight_decay, maximize)
        s[...] = s + g * g
        w[...] = w - lr * (g / (np.sqrt(s) + eps))


def adadelta_step(
    params: Arrays,
    grads: Arrays,
    square_avgs: Arrays,
    acc_deltas: Arrays,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """s and a: running means of g**2 and d**2, d = g * sqrt(a + eps) / sqrt(s + eps); w -= lr * d."""
    for w, grad, s, a in zip(params, grads, square_avgs, acc_deltas, strict=True):
        g = _slope(w, grad, weight_decay, maximize)
        s[...] = rho * s + (1 - rho) * g * g
        delta = np.sqrt(a + eps) / np.sqrt(s + eps) * g
        a[...] = rho * a + (1 - rho) * delta * delta
        w[...] = w - lr * delta


def rmsprop_step(
    params: Arrays,
    grads: Arrays,
    square_avgs: Arrays,
    momentum_buffers: Arrays,
    grad_avgs: Arrays,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """d = g / (sqrt(s) + eps), s less the mean's square if there are means; b = momentum * b + d; w -= lr * b."""
    for i, (w, grad, s) in enumerate(zip(params, grads, square_avgs, strict=True)):
        g = _slope(w, grad, weight_decay, maximize)
        s[...] = alpha * s + (1 - alpha) * g * g
        spread = s
        if grad_avgs:
            m = grad_avgs[i]
            m[...] = m + (1 - alpha) * (g - m)
            spread = np.maximum(s - m * m, 0)
        move = g / (np.sqrt(spread) + eps)
        if momentum_buffers:
            b = momentum_buffers[i]
            b[...] = momentum * b + move
            move = b
        w[...] = w - lr * move


def lamb_step(
    params: Arrays,
    grads: Arrays,
    exp_avgs: Arrays,
    exp_avg_sqs: Arrays,
    lr: float,
    beta1: float,
    beta2: float,
    unbias1: float,
    unbias2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """u = unbias1 * m / (sqrt(v) * unbias2 + eps) + weight_decay * w; w -= lr * |w| / |u| * u."""
    for w, grad, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        g = _slope(w, grad, 0.0, maximize)
        m[...] = m + (1 - beta1) * (g - m)
        v[...] = beta2 * v + (1 - beta2) * g * g
        u = unbias1 * m / (np.sqrt(v) * unbias2 + eps) + weight_decay * w
        size, length = float(np.sqrt(np.sum(w * w))), float(np.sqrt(np.sum(u * u)))
        w[...] = w - (lr * (size / length) if size and length else lr) * u
