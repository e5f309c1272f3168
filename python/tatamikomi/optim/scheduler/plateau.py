"""A rate that falls when a measure no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler, per_group

_STATE = ("lrs", "best", "num_bad_epochs", "cooldown_counter")


class ReduceLROnPlateau(LRScheduler):
    """lr = max(lr * factor, min_lr), whenever more than `patience` steps in a row brought nothing better.

    Better than the best so far is, of metrics m,

        mode "min"   m < best * (1 - threshold) if "rel", m < best - threshold if "abs"
        mode "max"   m > best * (1 + threshold) if "rel", m > best + threshold if "abs"

    so NaN never is, and relative to a negative best even somewhat worse metrics are, as in torch. A `Trainer` hands
    over a measure of its history, see `monitor` there.

    Args:
        optimizer: whose rates are set; they stay as they are until the first fall.
        mode: "min" or "max", which metrics are better.
        factor: 0 <= factor < 1.
        patience: steps without anything better that are borne, >= 0.
        threshold: by how much metrics have to be better, >= 0.
        threshold_mode: "rel" or "abs", a part of the best or a number.
        cooldown: steps after a fall of which none counts as bad, >= 0.
        min_lr: where the rate ends, >= 0; a list has one for each group.
        eps: a change that is not larger than this is left out, >= 0.

    Attributes:
        best: the best metrics so far.
        num_bad_epochs: steps without anything better since the best or the last fall.
        cooldown_counter: steps that are left of the cooldown.

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> sgd = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8)
    >>> schedule = tk.optim.ReduceLROnPlateau(sgd, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [4.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        op = "ReduceLROnPlateau"
        if mode not in ("min", "max"):
            raise unknown_name(op, "mode", mode, ["min", "max"])
        if threshold_mode not in ("rel", "abs"):
            raise unknown_name(op, "threshold_mode", threshold_mode, ["rel", "abs"])
        self.mode = mode
        self.factor = checks.number(op, "factor", factor, below=1.0)
        self.patience = checks.integer(op, "patience", patience)
        self.threshold = checks.number(op, "threshold", threshold)
        self.threshold_mode = threshold_mode
        self.cooldown = checks.integer(op, "cooldown", cooldown)
        self.min_lrs = [checks.number(op, "min_lr", one) for one in per_group(op, "min_lr", min_lr, optimizer)]
        self.eps = checks.number(op, "eps", eps)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The rates as they are: they follow from the metrics, not from the step count."""
        return self.get_last_lr()

    def step(self, metrics: float | None = None) -> None:
        """Move on by one, having measured `metrics`.

        Raises:
            TypeError: metrics is not a number; it has to be given.
            ValueError: the optimizer has more groups than when this was built.
        """
        self.welcome()
        value = _measured("ReduceLROnPlateau.step", "metrics", metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def _better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1.0 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold

    def _reduce(self) -> None:
        for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lower = max(group["lr"] * self.factor, low)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: the rates as they are, the best metrics and the counters, too."""
        own = (self.get_last_lr(), self.best, self.num_bad_epochs, self.cooldown_counter)
        return {**super().state_dict(), **dict(zip(_STATE, own, strict=True))}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken, and set the rates.

        Raises:
            TypeError, ValueError: a key is missing or does not fit; nothing is loaded.
        """
        op = "ReduceLROnPlateau.load_state_dict"
        if not set(_STATE) <= set(state_dict):
            raise bad_value(op, "state_dict", sorted(state_dict), f"the keys {', '.join(_STATE)}")
        rates = self.checked_rates(op, "lrs", state_dict["lrs"])
        best = _measured(op, "best", state_dict["best"])
        bad, cooling = (checks.integer(op, key, state_dict[key]) for key in _STATE[2:])
        super().load_state_dict(state_dict)
        self.best, self.num_bad_epochs, self.cooldown_counter = best, bad, cooling
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def _measured(op: str, argument: str, value: object) -> float:
    """Any number, NaN and infinity too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, type(value).__name__, "a number")
    return float(value)
