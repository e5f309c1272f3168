"""Rates that begin small: a part of the base for some steps, or rising to it evenly."""

from __future__ import annotations

from tatamikomi.errors import bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler


class LinearLR(LRScheduler):
    """lr = base * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters).

    Args:
        optimizer: whose rates are set.
        start_factor: of the base at step 0, 0 < start_factor <= 1.
        end_factor: of the base from total_iters on, 0 <= end_factor <= 1.
        total_iters: steps from one to the other, >= 1.

    Source: P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, for warm-up, in
    the form of torch.optim.lr_scheduler.LinearLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.LinearLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), 0.5, total_iters=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [6.0]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor = checks.part("LinearLR", "start_factor", start_factor)
        if self.start_factor == 0:
            raise bad_value("LinearLR", "start_factor", self.start_factor, "a number > 0")
        self.end_factor = checks.part("LinearLR", "end_factor", end_factor)
        self.total_iters = checks.integer("LinearLR", "total_iters", total_iters, 1)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        done = min(step, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class ConstantLR(LRScheduler):
    """lr = base * factor before step total_iters, base from there on.

    Args:
        optimizer: whose rates are set.
        factor: 0 <= factor <= 1.
        total_iters: steps with the factor, >= 0.

    Source: torch.optim.lr_scheduler.ConstantLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.ConstantLR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), 0.5, total_iters=1)
    >>> schedule.get_last_lr()
    [4.0]
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [8.0]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        self.factor = checks.part("ConstantLR", "factor", factor)
        self.total_iters = checks.integer("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return base * self.factor if step < self.total_iters else base
