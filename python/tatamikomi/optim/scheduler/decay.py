"""Rates that only fall: in steps, exponentially, along a polynomial."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from tatamikomi.errors import bad_type
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler


class StepLR(LRScheduler):
    """lr = base * gamma ** (step // step_size).

    Args:
        optimizer: whose rates are set.
        step_size: steps between two changes, >= 1.
        gamma: the factor, >= 0.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.StepLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5), step_size=2)
    >>> for _ in range(2):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.05]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = checks.integer("StepLR", "step_size", step_size, 1)
        self.gamma = checks.number("StepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return base * self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """lr = base * gamma ** (how many milestones are <= step).

    Args:
        optimizer: whose rates are set.
        milestones: the steps of the changes, integers >= 0; one that stands there twice counts twice.
        gamma: the factor, >= 0.

    Source: torch.optim.lr_scheduler.MultiStepLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.MultiStepLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), [1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [2.0]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        if not isinstance(milestones, Iterable):
            raise bad_type("MultiStepLR", "milestones", type(milestones).__name__, "an iterable of integers")
        self.milestones = sorted(checks.integer("MultiStepLR", "milestones", one) for one in milestones)
        self.gamma = checks.number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return base * self.gamma ** bisect_right(self.milestones, step)


class ExponentialLR(LRScheduler):
    """lr = base * gamma ** step.

    Args:
        optimizer: whose rates are set.
        gamma: the factor, >= 0.

    Source: torch.optim.lr_scheduler.ExponentialLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.ExponentialLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), gamma=0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [4.0]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = checks.number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return float(base * self.gamma**step)


class PolynomialLR(LRScheduler):
    """lr = base * (1 - min(step, total_iters) / total_iters) ** power, from base down to 0.

    Args:
        optimizer: whose rates are set.
        total_iters: steps of the way down, >= 1.
        power: of the polynomial, >= 0.

    Source: torch.optim.lr_scheduler.PolynomialLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.PolynomialLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), 2, power=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [2.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters = checks.integer("PolynomialLR", "total_iters", total_iters, 1)
        self.power = checks.number("PolynomialLR", "power", power)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return float(base * (1.0 - min(step, self.total_iters) / self.total_iters) ** self.power)
