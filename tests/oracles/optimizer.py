"""Optimizer steps number by number in extended precision, each with the size of what was added up.

The size of a sum is the sum of its terms' absolute values: rounding errors are measured against it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WIDE = np.longdouble


class Sized(NamedTuple):
    value: np.longdouble
    size: np.longdouble

    def plus(self, factor: float | np.longdouble, other: Sized) -> Sized:
        """self + factor * other"""
        return Sized(self.value + factor * other.value, self.size + abs(factor) * other.size)

    def times(self, factor: float | np.longdouble) -> Sized:
        return Sized(self.value * factor, self.size * abs(factor))


def number(value: float) -> Sized:
    return Sized(WIDE(value), abs(WIDE(value)))


def sgd(w, grad, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """(w, v) after a step; v is None without momentum."""
    w, g = number(w), number(grad)
    g = g.plus(weight_decay, w)
    if not momentum:
        return w.plus(-WIDE(lr), g), None
    v = g if first else number(v).times(momentum).plus(1 - WIDE(dampening), g)
    return w.plus(-WIDE(lr), g.plus(momentum, v) if nesterov else v), v


def adam(w, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """(w, m, v, moved) after a step; moved is the size of the move and what v's size says of its error."""
    w, g = number(w), number(grad)
    beta1, beta2 = WIDE(beta1), WIDE(beta2)
    if decoupled:
        w = w.times(1 - WIDE(lr) * WIDE(weight_decay))
    else:
        g = g.plus(weight_decay, w)
    m = number(m)
    m = m.plus(1 - beta1, g.plus(-1, m))
    v = Sized(beta2 * WIDE(v) + (1 - beta2) * g.value**2, beta2 * WIDE(v) + (1 - beta2) * g.size**2)
    rate = WIDE(lr) / (1 - beta1**step)
    denominator = np.sqrt(v.value / (1 - beta2**step)) + WIDE(eps)
    moved = rate * m.size / denominator * (v.size / v.value if v.value else WIDE(1))
    return Sized(w.value - rate * m.value / denominator, w.size), m, v, moved
