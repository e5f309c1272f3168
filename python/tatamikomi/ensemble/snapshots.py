"""Snapshots: an ensemble out of one training, whose rate goes down again and again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from tatamikomi.ensemble import checks
from tatamikomi.ensemble.averaging import Averaging
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import Module
from tatamikomi.optim import CosineAnnealingWarmRestarts
from tatamikomi.training import Callback, Learner, Trained

if TYPE_CHECKING:
    from tatamikomi.training import Trainer


class Snapshots:
    """Train once, with a cosine schedule that begins anew each cycle, and average the states at its ends.

    At step t of T in all and C cycles, lr = base (1 + cos(pi (t mod T/C) / (T/C))) / 2.

    Args:
        learner: whose epochs are a multiple of cycles, and which has no schedule of its own.
        cycles: members of the ensemble, >= 1.

    Source: G. Huang et al., "Snapshot Ensembles: Train 1, get M for free", ICLR 2017.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), epochs=30, batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> shots = ensemble.Snapshots(learner, 3).fit(x, y, seed=1)
    >>> shots.predict(x[::8]).tolist(), len(shots.models)
    ([0, 1, 2], 3)
    """

    def __init__(self, learner: Learner, cycles: int = 5) -> None:
        if not isinstance(learner, Learner):
            raise bad_type("Snapshots", "learner", type(learner).__name__, "a Learner")
        self.cycles = checks.integer("Snapshots", "cycles", cycles)
        if learner.epochs % self.cycles:
            raise bad_value("Snapshots", "cycles", self.cycles, f"a divisor of the learner's epochs, {learner.epochs}")
        if learner.schedule is not None:
            raise bad_value("Snapshots", "learner", "a schedule", "None, the cycles being its schedule")
        self.learner = copy.copy(learner)
        self.learner.schedule = lambda optimizer, steps: CosineAnnealingWarmRestarts(optimizer, steps // self.cycles)

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Averaging:
        """Train, and average; as `Learner.fit`."""
        given, target = checks.samples("Snapshots.fit", x, y)
        kept = _Kept(self.learner.epochs // self.cycles)
        self.learner.fit(given, target, weights=weights, classes=classes, seed=seed, callbacks=[kept])
        return Averaging([Trained(model, self.learner.regression) for model in kept.models])


class _Kept(Callback):
    """Copies of the model after every so many epochs."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.models: list[Module] = []

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Copy."""
        if trainer.epoch % self.every == 0:
            trainer.optimizer.zero_grad()
            self.models.append(copy.deepcopy(trainer.model))
