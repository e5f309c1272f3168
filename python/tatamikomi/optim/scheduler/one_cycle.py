"""A rate that rises to a high peak and falls far below its beginning, with momentum the other way round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler.base import LRScheduler, per_group


class _Phase(NamedTuple):
    """Until step `end`, what the rate (a part of max_lr) and the momentum (0 base, 1 max) move between."""

    end: float
    rates: tuple[float, float]
    momenta: tuple[float, float]


class OneCycleLR(LRScheduler):
    """From low = max_lr / div_factor up to max_lr, then down to low / final_div_factor, in total_steps steps.

        step                                 lr                  momentum
        0                                    low                 max_momentum
        pct_start * total_steps - 1          max_lr              base_momentum
        2 * pct_start * total_steps - 2      low                 max_momentum      (if three_phase)
        total_steps - 1                      the end             max_momentum

    Between two of these rows, done being the part of the way behind, a value moves from a to b as
    b + (a - b) * (1 + cos(pi * done)) / 2, or a + (b - a) * done if "linear". The groups' own rates do not
    matter. One `step()` belongs to one batch: `Trainer(..., schedule="step")`.

    Args:
        optimizer: whose rates and momenta are set.
        max_lr: the peak, >= 0; a list has one for each group.
        total_steps: steps of the cycle, >= 1; epochs * steps_per_epoch when None.
        epochs: >= 1, with steps_per_epoch, in place of total_steps.
        steps_per_epoch: >= 1, with epochs.
        pct_start: the part of the cycle in which the rate rises, 0 to 1.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum ("momentum", or the first of "betas") moves, too.
        base_momentum: at the peak, 0 <= momentum < 1; a list has one for each group.
        max_momentum: at both ends, 0 <= momentum < 1; a list has one for each group.
        div_factor: > 0.
        final_div_factor: > 0.
        three_phase: come down to the beginning first, in as many steps as it took to rise.

    The step after the last, with which a loop over batches ends, keeps the end's values.

    Source: L. N. Smith, N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", 2018, in the form of torch.optim.lr_scheduler.OneCycleLR.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range; neither total_steps nor both of
            epochs and steps_per_epoch are given, or all are; the optimizer has no momentum to cycle. `step`
            raises past step total_steps.

    >>> import tatamikomi as tk
    >>> sgd = tk.optim.SGD([tk.nn.Parameter([1.0])], lr=1.0)
    >>> schedule, seen = tk.optim.OneCycleLR(sgd, 8.0, 5, pct_start=0.6, div_factor=4, final_div_factor=2), []
    >>> for _ in range(5):
    ...     seen.append((round(sgd.param_groups[0]["lr"], 9), round(sgd.param_groups[0]["momentum"], 9)))
    ...     schedule.step()
    >>> seen
    [(2.0, 0.95), (5.0, 0.9), (8.0, 0.85), (4.5, 0.9), (1.0, 0.95)]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        op = "OneCycleLR"
        self.max_lrs = [checks.number(op, "max_lr", one) for one in per_group(op, "max_lr", max_lr, optimizer)]
        self.total_steps = _total(op, total_steps, epochs, steps_per_epoch)
        if anneal_strategy not in ("cos", "linear"):
            raise unknown_name(op, "anneal_strategy", anneal_strategy, ["cos", "linear"])
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = checks.flag(op, "cycle_momentum", cycle_momentum)
        if self.cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise bad_value(op, "cycle_momentum", f"True with {type(optimizer).__name__}", "False without momentum")
        self.momenta = [
            tuple(checks.number(op, argument, one, below=1.0) for one in per_group(op, argument, given, optimizer))
            for argument, given in (("base_momentum", base_momentum), ("max_momentum", max_momentum))
        ]
        self._phases = _phases(
            self.total_steps,
            checks.part(op, "pct_start", pct_start),
            _divisor(op, "div_factor", div_factor),
            _divisor(op, "final_div_factor", final_div_factor),
            checks.flag(op, "three_phase", three_phase),
        )
        super().__init__(optimizer)

    def rates(self, bases: Sequence[float], step: int) -> list[float]:
        """The learning rates at `step`."""
        phase, done = self._place(step)
        return [peak * self._between(*phase.rates, done) for peak in self.max_lrs]

    def apply(self, bases: Sequence[float], step: int) -> None:
        """Write rates and momenta at `step` into the groups."""
        super().apply(bases, step)
        if not self.cycle_momentum:
            return
        phase, done = self._place(step)
        for group, base, high in zip(self.optimizer.param_groups, *self.momenta, strict=True):
            begin, end = (high if one else base for one in phase.momenta)
            momentum = self._between(begin, end, done)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum

    def _place(self, step: int) -> tuple[_Phase, float]:
        """The phase of a step, and the part of it that is behind."""
        if step > self.total_steps:
            raise bad_value("OneCycleLR", "step", step, f"at most total_steps = {self.total_steps}")
        begin = 0.0
        for phase in self._phases[:-1]:
            if step <= phase.end:
                return phase, (step - begin) / (phase.end - begin) if phase.end > begin else 1.0
            begin = phase.end
        last = self._phases[-1]
        return last, min((step - begin) / (last.end - begin), 1.0) if last.end > begin else 1.0

    def _between(self, begin: float, end: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return begin + (end - begin) * done
        return end + (begin - end) / 2.0 * (1.0 + math.cos(math.pi * done))


def _phases(total: int, part: float, divisor: float, final: float, three: bool) -> list[_Phase]:
    low = 1.0 / divisor
    up = _Phase(part * total - 1, (low, 1.0), (1.0, 0.0))
    if not three:
        return [up, _Phase(total - 1, (1.0, low / final), (0.0, 1.0))]
    down = _Phase(2 * part * total - 2, (1.0, low), (0.0, 1.0))
    return [up, down, _Phase(total - 1, (low, low / final), (1.0, 1.0))]


def _total(op: str, total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        if epochs is not None or steps_per_epoch is not None:
            raise bad_value(op, "total_steps", total_steps, "None beside epochs or steps_per_epoch")
        return checks.integer(op, "total_steps", total_steps, 1)
    if epochs is None or steps_per_epoch is None:
        raise bad_value(op, "total_steps", None, "an integer, or epochs and steps_per_epoch")
    return checks.integer(op, "epochs", epochs, 1) * checks.integer(op, "steps_per_epoch", steps_per_epoch, 1)


def _divisor(op: str, argument: str, value: float) -> float:
    if checks.number(op, argument, value) == 0:
        raise bad_value(op, argument, value, "a number > 0")
    return float(value)
