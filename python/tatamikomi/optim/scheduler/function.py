"""Rates that a function of one's own gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tatamikomi.errors import bad_type
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler, per_group

Function = Callable[[int], float]


class LambdaLR(LRScheduler):
    """lr = base * lr_lambda(step).

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the step count, or a list of them, one per group; it is not part of
            `state_dict()`.

    Raises:
        TypeError: lr_lambda is not callable.
        ValueError: a list with another length than there are groups.

    >>> import tatamikomi as tk
    >>> optimizer = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5)
    >>> tk.optim.LambdaLR(optimizer, lambda step: 1 / (step + 2)).get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function]) -> None:
        self.lr_lambdas = _functions("LambdaLR", lr_lambda, optimizer)
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The learning rates at `step`."""
        return [base * function(step) for base, function in zip(bases, self.lr_lambdas, strict=True)]


class MultiplicativeLR(LRScheduler):
    """lr = base * lr_lambda(1) * lr_lambda(2) * ... * lr_lambda(step).

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the step count, or a list of them, one per group; it is not part of
            `state_dict()`. After loading, the product is formed anew.

    Source: torch.optim.lr_scheduler.MultiplicativeLR.

    Raises:
        TypeError: lr_lambda is not callable.
        ValueError: a list with another length than there are groups.

    >>> import tatamikomi as tk
    >>> optimizer = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=6)
    >>> schedule = tk.optim.MultiplicativeLR(optimizer, lambda step: 1 / (step + 1))
    >>> for _ in range(2):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Function | Sequence[Function]) -> None:
        self.lr_lambdas = _functions("MultiplicativeLR", lr_lambda, optimizer)
        self._product = (0, [1.0] * len(self.lr_lambdas))  # a step, and what the functions come to there
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The learning rates at `step`."""
        reached, factors = self._product
        if step < reached:
            reached, factors = 0, [1.0] * len(factors)
        for at in range(reached + 1, step + 1):
            factors = [factor * function(at) for factor, function in zip(factors, self.lr_lambdas, strict=True)]
        self._product = (step, factors)
        return [base * factor for base, factor in zip(bases, factors, strict=True)]


def _functions(op: str, lr_lambda: Function | Sequence[Function], optimizer: Optimizer) -> list[Function]:
    functions = per_group(op, "lr_lambda", lr_lambda, optimizer)
    for one in functions:
        if not callable(one):
            raise bad_type(op, "lr_lambda", type(one).__name__, "a function of the step count")
    return functions
