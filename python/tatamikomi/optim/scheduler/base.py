"""LRScheduler: the rate as a function of the step count alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer


class LRScheduler:
    """Base class of the schedules.

    Building one sets the rates for step 0; each `step()` moves on by one, an epoch or a batch as the caller
    decides. Every group starts from its own "lr", which the first schedule of an optimizer notes as "initial_lr"
    of the group: those built later start there, too, as in torch. A group added later joins at the next step, its own
    "lr" being the base; where the schedule has values per group, that is an error. Of two schedules that both move,
    the rate is that of the last; `SequentialLR` runs several one after another. torch's argument `last_epoch` is
    `load_state_dict` here.

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
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        self.last_epoch = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.apply(self.base_lrs, 0)

    def rate(self, base: float, step: int) -> float:
        """The learning rate at `step` of a group that started with `base`; every schedule gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no rate()")

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The groups' rates at `step`; schedules that treat groups differently give their own."""
        return [self.rate(base, step) for base in bases]

    def apply(self, bases: Sequence[float], step: int) -> None:
        """Write the rates at `step` of groups that started with `bases` into the groups."""
        for group, rate in zip(self.optimizer.param_groups, self.rates(bases, step), strict=True):
            group["lr"] = rate

    def step(self) -> None:
        """Move on by one and set the rates.

        Raises:
            ValueError: the optimizer has more groups than this schedule has values for.
        """
        self.welcome()
        self.apply(self.base_lrs, self.last_epoch + 1)
        self.last_epoch += 1

    def is_per_group(self) -> bool:
        """Whether groups have values of their own beside their base rates."""
        return type(self).rates is not LRScheduler.rates

    def welcome(self) -> None:
        """Take in the groups that the optimizer was given since."""
        groups, known = self.optimizer.param_groups, len(self.base_lrs)
        if len(groups) > known and self.is_per_group():
            rule = f"{known} groups, for which there are values"
            raise bad_value(type(self).__name__, "optimizer", len(groups), rule)
        for group in groups[known:]:
            group.setdefault("initial_lr", group["lr"])
            self.base_lrs.append(float(group["initial_lr"]))

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
        rates = self.checked_rates(op, "base_lrs", state_dict["base_lrs"])
        last_epoch = checks.integer(op, "last_epoch", state_dict["last_epoch"])
        self.apply(rates, last_epoch)
        self.last_epoch, self.base_lrs = last_epoch, rates

    def checked_rates(self, op: str, argument: str, values: Iterable[object]) -> list[float]:
        """One rate per group; TypeError or ValueError if they are not."""
        rates = [checks.number(op, argument, rate) for rate in values]
        if len(rates) != len(self.optimizer.param_groups):
            raise bad_value(op, argument, rates, f"{len(self.optimizer.param_groups)} numbers")
        return rates


def checked_optimizer(op: str, optimizer: object) -> Optimizer:
    """The optimizer of a schedule; TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise bad_type(op, "optimizer", type(optimizer).__name__, "an Optimizer")
    return optimizer


def per_group(op: str, argument: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """A list or tuple with one element per group as a list; anything else once per group."""
    groups = len(checked_optimizer(op, optimizer).param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise bad_value(op, argument, f"{len(value)} values", f"{groups}, one per group")
    return list(value)
