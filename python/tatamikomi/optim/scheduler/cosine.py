"""Rates along a cosine, once or again and again."""

from __future__ import annotations

import math

from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2, from base down to eta_min in T_max
    steps.

    Args:
        optimizer: whose rates are set.
        T_max: steps of the way down, >= 1; afterwards the rate rises again, as in torch.
        eta_min: the rate at its end, >= 0.
        warmup: steps before, in which the rate rises evenly: base * (step + 1) / (warmup + 1); t counts from
            their end.

    Source: I. Loshchilov, F. Hutter, "SGDR", ICLR 2017, without the restarts.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.CosineAnnealingLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5), T_max=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, *, warmup: int = 0) -> None:
        self.T_max = checks.integer("CosineAnnealingLR", "T_max", T_max, 1)
        self.eta_min = checks.number("CosineAnnealingLR", "eta_min", eta_min)
        self.warmup = checks.integer("CosineAnnealingLR", "warmup", warmup)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        if step < self.warmup:
            return base * (step + 1) / (self.warmup + 1)
        turn = math.cos(math.pi * (step - self.warmup) / self.T_max)
        return self.eta_min + (base - self.eta_min) * (1.0 + turn) / 2.0


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base - eta_min) * (1 + cos(pi * t / T)) / 2, t steps after the last restart, T steps
    before the next.

    The first run down has T_0 steps, each further one T_mult times as many as the one before it.

    Args:
        optimizer: whose rates are set.
        T_0: steps before the first restart, >= 1.
        T_mult: by how much runs grow, an integer >= 1.
        eta_min: what a run goes down to, >= 0.

    Source: I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> sgd = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5)
    >>> schedule = tk.optim.CosineAnnealingWarmRestarts(sgd, T_0=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        self.T_0 = checks.integer("CosineAnnealingWarmRestarts", "T_0", T_0, 1)
        self.T_mult = checks.integer("CosineAnnealingWarmRestarts", "T_mult", T_mult, 1)
        self.eta_min = checks.number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        since, length = step, self.T_0
        if self.T_mult == 1:
            since %= length
        while since >= length:
            since -= length
            length *= self.T_mult
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * since / length)) / 2.0
