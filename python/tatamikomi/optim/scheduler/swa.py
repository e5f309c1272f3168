"""The rate while weights are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tatamikomi.errors import unknown_name
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler, per_group


class SWALR(LRScheduler):
    """From the rates as they are when it is built to swa_lr, where they stay: for `SWA`.

        a = min(step / anneal_epochs, 1), or 1 where anneal_epochs is 0
        lr = swa_lr + (start - swa_lr) * (1 + cos(pi a)) / 2, or with "linear" start + (swa_lr - start) * a

    Args:
        optimizer: whose rates are set.
        swa_lr: the rate to end at, or a list of one per group, >= 0.
        anneal_epochs: steps on the way there, >= 0.
        anneal_strategy: "cos" or "linear".

    Source: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, in the
    form of torch.optim.swa_utils.SWALR.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range or unknown, or a list has another length than there are groups.

    >>> import tatamikomi as tk
    >>> schedule = tk.optim.SWALR(tk.optim.SGD([tk.nn.Parameter([1.0])], lr=8), 2, 2, "linear")
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [5.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise unknown_name("SWALR", "anneal_strategy", anneal_strategy, ["cos", "linear"])
        self.swa_lrs = [
            checks.number("SWALR", "swa_lr", one) for one in per_group("SWALR", "swa_lr", swa_lr, optimizer)
        ]
        self.anneal_epochs = checks.integer("SWALR", "anneal_epochs", anneal_epochs)
        self.anneal_strategy = anneal_strategy
        starts = [float(group["lr"]) for group in optimizer.param_groups]
        super().__init__(optimizer)
        self.base_lrs = starts
        self.apply(starts, 0)

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The learning rates at `step`."""
        way = min(step / self.anneal_epochs, 1.0) if self.anneal_epochs else 1.0
        if self.anneal_strategy == "cos":
            way = (1 - math.cos(math.pi * way)) / 2
        return [base * (1 - way) + end * way for base, end in zip(bases, self.swa_lrs, strict=True)]
