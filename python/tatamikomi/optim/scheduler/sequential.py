"""Several schedules, one after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler
from tatamikomi.optim.scheduler.plateau import ReduceLROnPlateau


class SequentialLR(LRScheduler):
    """The first schedule before step milestones[0], the second, counting from there, before milestones[1], ...

    All have the base rates of this one, and move with it: their own `step()` is not to be called. Its
    `state_dict()` says everything about them.

    Args:
        optimizer: whose rates are set.
        schedulers: schedules of this optimizer, at least one, of any kind but `ReduceLROnPlateau`.
        milestones: where the next one begins, one fewer than schedulers: integers >= 0 in their order.

    Source: torch.optim.lr_scheduler.SequentialLR.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: no schedule, one of another optimizer, a `ReduceLROnPlateau`, or milestones that do not fit.

    >>> import tatamikomi as tk
    >>> sgd = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8)
    >>> parts = [tk.optim.ConstantLR(sgd, 0.5), tk.optim.ExponentialLR(sgd, 0.25)]
    >>> schedule, seen = tk.optim.SequentialLR(sgd, parts, milestones=[2]), []
    >>> for _ in range(4):
    ...     seen += schedule.get_last_lr()
    ...     schedule.step()
    >>> seen
    [4.0, 4.0, 8.0, 2.0]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        op = "SequentialLR"
        for argument, given in (("schedulers", schedulers), ("milestones", milestones)):
            if not isinstance(given, (list, tuple)):
                raise bad_type(op, argument, type(given).__name__, "a list")
        if not schedulers:
            raise bad_value(op, "schedulers", "none", "at least one schedule")
        for index, one in enumerate(schedulers):
            argument = f"schedulers[{index}]"
            if not isinstance(one, LRScheduler):
                raise bad_type(op, argument, type(one).__name__, "an LRScheduler")
            if isinstance(one, ReduceLROnPlateau):
                raise bad_value(op, argument, type(one).__name__, "a schedule whose step() takes no metrics")
            if one.optimizer is not optimizer:
                raise bad_value(op, argument, "a schedule of another optimizer", "one of the same optimizer")
        if len(milestones) != len(schedulers) - 1:
            raise bad_value(op, "milestones", f"{len(milestones)} of them", f"{len(schedulers) - 1}, one between two")
        self.milestones = [checks.integer(op, "milestones", one) for one in milestones]
        if self.milestones != sorted(self.milestones):
            raise bad_value(op, "milestones", self.milestones, "integers in their order")
        self.schedulers = list(schedulers)
        super().__init__(optimizer)

    def apply(self, bases: Sequence[float], step: int) -> None:
        """Let the schedule whose turn it is set what it sets."""
        index = bisect_right(self.milestones, step)
        begin = self.milestones[index - 1] if index else 0
        self.schedulers[index].apply(bases, step - begin)

    def is_per_group(self) -> bool:
        """Whether one of the schedules is."""
        return any(one.is_per_group() for one in self.schedulers)
