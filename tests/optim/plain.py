"""Optimizers as plain loops over steps, written from the papers' formulas: (start, gradients, options) -> end."""

from __future__ import annotations

import numpy as np


def turned(grads, maximize=False):
    return [-grad if maximize else grad for grad in grads]


def sgd(w, grads, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    velocity = None
    for grad in turned(grads, maximize):
        g = grad + weight_decay * w
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        w = w - lr * g
    return w


def moments(w, grads, betas, weight_decay, decoupled, lr, maximize):
    """(t, w, g, m, v) of every step; what comes back is sent in as the next w."""
    m = v = np.zeros_like(w)
    for t, grad in enumerate(turned(grads, maximize), 1):
        g = grad if decoupled else grad + weight_decay * w
        w = w * (1 - lr * weight_decay) if decoupled else w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        w = yield t, w, g, m, v


def walk(steps, w, move):
    """The last w, each one being move(t, w, g, m, v)."""
    try:
        now = next(steps)
        while True:
            w = move(*now)
            now = steps.send(w)
    except StopIteration:
        return w


def adam(
    w,
    grads,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    maximize=False,
    decoupled=False,
):
    largest = np.zeros_like(w)

    def move(t, w, g, m, v):
        nonlocal largest
        largest = np.maximum(largest, v)
        v = largest if amsgrad else v
        return w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)

    return walk(moments(w, grads, betas, weight_decay, decoupled, lr, maximize), w, move)


def adamw(w, grads, weight_decay=0.01, **options):
    return adam(w, grads, weight_decay=weight_decay, decoupled=True, **options)


def nadam(
    w,
    grads,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=4e-3,
    decoupled_weight_decay=False,
    maximize=False,
):
    def mu(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def move(t, w, g, m, v):
        product = np.prod([mu(i) for i in range(1, t + 1)])
        mean = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        return w - lr * mean / (np.sqrt(v / (1 - betas[1] ** t)) + eps)

    return walk(moments(w, grads, betas, weight_decay, decoupled_weight_decay, lr, maximize), w, move)


def radam(
    w,
    grads,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    most = 2 / (1 - betas[1]) - 1

    def move(t, w, g, m, v):
        mean = m / (1 - betas[0] ** t)
        r = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if r <= 5:
            return w - lr * mean
        careful = np.sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r))
        return w - lr * mean * careful * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)

    return walk(moments(w, grads, betas, weight_decay, decoupled_weight_decay, lr, maximize), w, move)


def adamax(w, grads, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    u = np.zeros_like(w)

    def move(t, w, g, m, v):
        nonlocal u
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        return w - lr / (1 - betas[0] ** t) * m / u

    return walk(moments(w, grads, betas, weight_decay, False, lr, maximize), w, move)


def lamb(w, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, maximize=False):
    def move(t, w, g, m, v):
        u = (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps) + weight_decay * w
        size, length = np.sqrt(np.sum(w * w)), np.sqrt(np.sum(u * u))
        return w - lr * (size / length if size > 0 and length > 0 else 1.0) * u

    return walk(moments(w, grads, betas, 0.0, False, lr, maximize), w, move)


def lion(w, grads, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
    m = np.zeros_like(w)
    for g in turned(grads, maximize):
        w = w - lr * (np.sign(betas[0] * m + (1 - betas[0]) * g) + weight_decay * w)
        m = betas[1] * m + (1 - betas[1]) * g
    return w


def adagrad(
    w, grads, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False
):
    s = np.full_like(w, initial_accumulator_value)
    for t, grad in enumerate(turned(grads, maximize)):
        g = grad + weight_decay * w
        s = s + g * g
        w = w - lr / (1 + t * lr_decay) * g / (np.sqrt(s) + eps)
    return w


def adadelta(w, grads, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    s = a = np.zeros_like(w)
    for grad in turned(grads, maximize):
        g = grad + weight_decay * w
        s = rho * s + (1 - rho) * g * g
        move = np.sqrt(a + eps) / np.sqrt(s + eps) * g
        a = rho * a + (1 - rho) * move * move
        w = w - lr * move
    return w


def rmsprop(w, grads, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False):
    s = m = b = np.zeros_like(w)
    for grad in turned(grads, maximize):
        g = grad + weight_decay * w
        s = alpha * s + (1 - alpha) * g * g
        m = alpha * m + (1 - alpha) * g
        move = g / (np.sqrt(np.maximum(s - m * m, 0) if centered else s) + eps)
        b = momentum * b + move
        w = w - lr * b
    return w
