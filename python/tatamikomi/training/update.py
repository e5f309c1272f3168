"""Update: from the losses of batches to a step of the optimizer, and what happens on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import utils
from tatamikomi.optim import ElasticNet, MaxNorm, Optimizer


class Update:
    """Gradients of several batches averaged, the penalty's added, clipped; the step; what follows it.

    Args:
        optimizer: whose parameters are changed.
        accumulate: batches per step, >= 1.
        clip_grad_value, agc, clip_grad_norm: limits of `nn.utils.clip_grad_value_`, `adaptive_clip_grad_` and
            `clip_grad_norm_`, in this order; None for no limit.
        regularizer: of the parameters of two or more axes; its penalty, or where it is proximal its step.
        constraint: of the same parameters, after each step.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> from tatamikomi.training.update import Update
    >>> w = tk.nn.Parameter([1.0])
    >>> update = Update(tk.optim.SGD([w], lr=1.0), accumulate=2)
    >>> update.begin()
    >>> update.add((w * 4.0).sum(), 1), update.add((w * 1.0).sum(), 3)
    (False, True)
    >>> w.item()
    -0.75
    """

    def __init__(
        self,
        optimizer: Optimizer,
        accumulate: int = 1,
        clip_grad_norm: float | None = None,
        clip_grad_value: float | None = None,
        agc: float | None = None,
        regularizer: ElasticNet | None = None,
        constraint: MaxNorm | None = None,
    ) -> None:
        if isinstance(accumulate, bool) or not isinstance(accumulate, (int, np.integer)):
            raise bad_type("Trainer", "accumulate", type(accumulate).__name__, "an integer")
        if accumulate < 1:
            raise bad_value("Trainer", "accumulate", int(accumulate), "an integer >= 1")
        for name, kind, given in (("regularizer", ElasticNet, regularizer), ("constraint", MaxNorm, constraint)):
            if given is not None and not isinstance(given, kind):
                raise bad_type("Trainer", name, type(given).__name__, f"an instance of {kind.__name__}")
        self.optimizer = optimizer
        self.accumulate = int(accumulate)
        self.clips: list[tuple[Callable[..., Any], float]] = [
            (clip, _limit(name, limit))
            for name, clip, limit in (
                ("clip_grad_value", utils.clip_grad_value_, clip_grad_value),
                ("agc", utils.adaptive_clip_grad_, agc),
                ("clip_grad_norm", utils.clip_grad_norm_, clip_grad_norm),
            )
            if limit is not None
        ]
        self.regularizer = regularizer
        self.constraint = constraint
        self._batches = 0
        self._weight = 0.0

    def reset(self) -> None:
        """Forget what was added since the last step."""
        self._batches, self._weight = 0, 0.0

    def begin(self) -> None:
        """Before a batch: the gradients of the step before are not needed any more."""
        if not self._batches:
            self.optimizer.zero_grad()

    def add(self, loss: Tensor, weight: float) -> bool:
        """Add the gradients of a batch's mean loss; step if it is the last batch of a step, and say so.

        `weight` is what the batch counts among those of a step: its samples, or the sum of their weights.
        """
        if self.accumulate == 1:
            loss.backward()
        else:  # sums over samples, whose number is known at the end: batches may differ in size
            loss.backward(np.asarray(weight, loss.dtype))
        self._batches += 1
        self._weight += weight
        return self._batches == self.accumulate and self.flush()

    def flush(self) -> bool:
        """Step with the batches added since the last step, if there are any; whether there were."""
        if not self._batches:
            return False
        params = [param for group in self.optimizer.param_groups for param in group["params"]]
        if self.accumulate > 1 and self._weight:
            for param in params:
                if param.grad is not None:
                    param.grad = param.grad.data / np.asarray(self._weight, param.dtype)
        self.reset()
        if self.regularizer is not None and not self.regularizer.proximal:
            for param in self._weights():
                self.regularizer.penalty(param).backward()
        for clip, limit in self.clips:
            clip(params, limit)
        self.optimizer.step()
        if self.regularizer is not None and self.regularizer.proximal:
            for group in self.optimizer.param_groups:
                if weights := [param for param in group["params"] if param.ndim > 1]:
                    self.regularizer.prox_(weights, group["lr"])
        if self.constraint is not None:
            for param in self._weights():
                self.constraint.apply_(param)
        return True

    def _weights(self) -> list[Tensor]:
        return [
            param
            for group in self.optimizer.param_groups
            for param in group["params"]
            if param.ndim > 1 and param.requires_grad
        ]


def _limit(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type("Trainer", name, type(value).__name__, "a number or None")
    if not (math.isfinite(value) and value > 0):
        raise bad_value("Trainer", name, float(value), "a finite number > 0")
    return float(value)
