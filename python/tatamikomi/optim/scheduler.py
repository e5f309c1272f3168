"""Schedules of the learning rate, in closed form: the rate is a function of the step count alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer


class LRScheduler:
    """Base class of the schedules.

    Building one sets the rates for step 0; each `step()` moves on by one, an epoch or a batch as the caller
    decides. Every group starts from its own "lr".

    Args:
        optimizer: whose groups' "lr" are set.

    Attributes:
        last_epoch: how many steps were taken.

    Raises:
        TypeError: optimizer is not an Optimizer.

    A schedule of one's own gives `rate`:

    >>> import tatamikomi as tk
    >>> class Harmonic(tk.optim.LRScheduler):
    ...     def rate(self, base, step):
    ...         return base / (1 + step)
    >>> schedule = Harmonic(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise bad_type(type(self).__name__, "optimizer", type(optimizer).__name__, "an Optimizer")
        self.optimizer = optimizer
        self.last_epoch = 0
        self.base_lrs = [float(group["lr"]) for group in optimizer.param_groups]
        self._set()

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step` of a group that started with `base`; every schedule gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no rate()")

    def step(self) -> None:
        """Move on by one and set the rates."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The groups' rates as they are now."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: the step count and the rates of the beginning."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken, and set the rates.

        Raises:
            TypeError, ValueError: a key is missing or does not fit; nothing is loaded.
        """
        op = f"{type(self).__name__}.load_state_dict"
        if not {"last_epoch", "base_lrs"} <= set(state_dict):
            raise bad_value(op, "state_dict", sorted(state_dict), 'the keys "last_epoch" and "base_lrs"')
        rates = [checks.number(op, "base_lrs", rate) for rate in state_dict["base_lrs"]]
        if len(rates) != len(self.optimizer.param_groups):
            raise bad_value(op, "base_lrs", rates, f"{len(self.optimizer.param_groups)} numbers")
        self.last_epoch = checks.integer(op, "last_epoch", state_dict["last_epoch"])
        self.base_lrs = rates
        self._set()

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.last_epoch)


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


class LambdaLR(LRScheduler):
    """lr = base * lr_lambda(step).

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the step count; it is not part of `state_dict()`.

    Raises:
        TypeError: lr_lambda is not callable.

    >>> import tatamikomi as tk
    >>> optimizer = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=0.5)
    >>> tk.optim.LambdaLR(optimizer, lambda step: 1 / (step + 2)).get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise bad_type("LambdaLR", "lr_lambda", type(lr_lambda).__name__, "a function of the step count")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step`."""
        return base * self.lr_lambda(step)
