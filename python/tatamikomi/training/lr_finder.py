"""A learning rate from a short trial: raise it step by step and watch the loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import CrossEntropyLoss, Module
from tatamikomi.optim import Optimizer
from tatamikomi.random import default_generator
from tatamikomi.training.batches import batches, expect_iterable
from tatamikomi.training.weighing import mean_loss

_DIVERGED = 4.0  # times the best loss


class LRTrial(NamedTuple):
    """What a trial saw.

    Attributes:
        rates: the learning rates tried, growing.
        losses: the smoothed loss at each.
        suggestion: the rate where the loss fell fastest; None where it never fell.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float | None


def find_lr(
    model: Module,
    optimizer: Optimizer,
    loader: Any,
    loss: Callable[[Any, Any], Tensor] | None = None,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.95,
) -> LRTrial:
    """Train a few steps with a learning rate that grows from `low` to `high`; nothing of it stays.

    The rate of step i is low (high / low)^(i / (steps - 1)); the loss is smoothed, e = smoothing e + (1 - smoothing)
    loss, over 1 - smoothing^(i + 1). The trial ends early where it passes four times the best one, or is not finite.
    Model, optimizer and the default generator are then as they were.

    Args:
        model, optimizer: what will be trained.
        loader: batches (x, labels) or (x, labels, weights), gone through as often as it takes.
        loss: called as loss(output, labels); CrossEntropyLoss when None.
        low, high: 0 < low < high.
        steps: at least 2.
        smoothing: 0 <= smoothing < 1.

    Raises:
        ValueError: a number out of range, or a loader without batches.
        TypeError: a loader that is not iterable.

    Source: L. N. Smith, "Cyclical learning rates for training neural networks", arXiv:1506.01186.

    >>> import numpy as np, tatamikomi as tk
    >>> x, y = np.eye(4, dtype=np.float32), np.arange(4)
    >>> model = tk.nn.Linear(4, 4)
    >>> trial = tk.training.find_lr(model, tk.optim.SGD(model.parameters(), lr=1.0), [(x, y)], low=1e-3, high=1e3)
    >>> 1e-3 < trial.suggestion < 1e3
    True
    """
    op = "find_lr"
    if not 0 < low < high < math.inf:
        raise bad_value(op, "low and high", (low, high), "0 < low < high")
    if steps < 2:
        raise bad_value(op, "steps", steps, "an integer >= 2")
    if not 0 <= smoothing < 1:
        raise bad_value(op, "smoothing", smoothing, "0 <= smoothing < 1")
    expect_iterable(op, "loader", loader)
    measure = CrossEntropyLoss() if loss is None else loss
    kept = _kept(model, optimizer)
    mode = model.training
    try:
        model.train()
        return _trial(model, optimizer, loader, measure, np.geomspace(low, high, steps), smoothing)
    finally:
        _restore(model, optimizer, kept)
        model.train(mode)


def _trial(
    model: Module, optimizer: Optimizer, loader: Any, loss: Any, rates: np.ndarray[Any, Any], smoothing: float
) -> LRTrial:
    tried: list[float] = []
    smoothed: list[float] = []
    mean, epoch = 0.0, 0
    while len(tried) < len(rates):
        before = len(tried)
        for x, labels, weights in batches("find_lr", "loader", loader, epoch):
            rate = float(rates[len(tried)])
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            value, _ = mean_loss("find_lr", loss, model(as_tensor(x)), labels, weights)
            mean = smoothing * mean + (1 - smoothing) * value.item()
            level = mean / (1 - smoothing ** (len(tried) + 1))
            if not math.isfinite(level) or (smoothed and level > _DIVERGED * min(smoothed)):
                return LRTrial(tried, smoothed, _steepest(tried, smoothed))
            tried.append(rate)
            smoothed.append(level)
            if len(tried) == len(rates):
                break
            value.backward()
            optimizer.step()
        if len(tried) == before:
            raise bad_value("find_lr", "loader", "no batch", "at least one")
        epoch += 1
    return LRTrial(tried, smoothed, _steepest(tried, smoothed))


def _steepest(rates: list[float], losses: list[float]) -> float | None:
    if len(losses) < 2:
        return None
    slopes = np.gradient(np.array(losses), np.log(np.array(rates)))
    at = int(slopes.argmin())
    return rates[at] if slopes[at] < 0 else None


def _kept(model: Module, optimizer: Optimizer) -> Any:
    arrays = {name: np.array(value) for name, value in model.state_dict().items()}
    return arrays, copy.deepcopy(optimizer.state_dict()), default_generator().state()


def _restore(model: Module, optimizer: Optimizer, kept: Any) -> None:
    arrays, state, generator = kept
    model.load_state_dict(arrays)
    optimizer.load_state_dict(state)
    optimizer.zero_grad()
    default_generator().set_state(generator)
