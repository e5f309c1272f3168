"""The mean of what several models predict: of given ones, of bagged ones, of snapshots of one training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.labels import checked_weights
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.nn import Module
from tatamikomi.optim import CosineAnnealingWarmRestarts, checks
from tatamikomi.random import bootstrap, child_seed
from tatamikomi.training import Callback, Fitter, Learner, Predictor, Trained
from tatamikomi.training.learner import arrays, fitter

if TYPE_CHECKING:
    from tatamikomi.training import Trainer

Array = NDArray[Any]


class Averaging:
    """Several models that predict together.

    Args:
        models: Modules whose outputs are scores of classes, or whatever has predict_proba and predict.
        weights: one number >= 0 for each, of sum > 0; alike when None.
        voting: "soft" for the weighted mean of the probabilities, "hard" for the weighted share of the models that
            name a class.

    Attributes:
        models: with predict_proba and predict.
        weights: (models,) float64, of sum 1.

    Raises:
        TypeError: something else among the models.
        ValueError: no model, other numbers of weights than models, or weights out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> both = ensemble.Averaging([tk.nn.Identity(), tk.nn.Identity()])
    >>> both.predict_proba(np.zeros((1, 2), np.float32)).tolist()
    [[0.5, 0.5]]
    """

    def __init__(
        self, models: Sequence[Module | Predictor], weights: ArrayLike | None = None, *, voting: str = "soft"
    ) -> None:
        op = "Averaging"
        if voting not in ("soft", "hard"):
            raise unknown_name(op, "voting", voting, ["soft", "hard"])
        self.models: list[Predictor] = [Trained(one) if isinstance(one, Module) else one for one in models]
        if not self.models:
            raise bad_value(op, "models", "none", "at least one")
        for one in self.models:
            if not (hasattr(one, "predict") and hasattr(one, "predict_proba")):
                raise bad_type(op, "models", type(one).__name__, "Modules, or what has predict and predict_proba")
        share = np.ones(len(self.models)) if weights is None else np.asarray(weights, np.float64)
        if share.shape != (len(self.models),):
            raise bad_value(op, "weights", f"shape {share.shape}", f"shape ({len(self.models)},), one per model")
        if not (np.isfinite(share).all() and share.min() >= 0 and share.sum() > 0):
            raise bad_value(op, "weights", share.tolist(), "finite numbers >= 0, one of them > 0")
        self.weights: NDArray[np.float64] = share / share.sum()
        self.voting = voting

    @property
    def regression(self) -> bool:
        """Whether the models predict values, no classes."""
        return all(getattr(one, "regression", False) for one in self.models)

    def predict_proba(self, x: Array) -> Array:
        """(N, classes): the mean of the models' probabilities, or their votes.

        Raises:
            ValueError: the models know different numbers of classes.
        """
        tables = [one.predict_proba(x) for one in self.models]
        if len({table.shape for table in tables}) > 1:
            raise bad_value("Averaging", "models", [table.shape for table in tables], "outputs of one shape")
        if self.voting == "hard":
            tables = [np.eye(table.shape[1], dtype=table.dtype)[table.argmax(1)] for table in tables]
        return self._mean(tables)

    def predict(self, x: Array) -> Array:
        """(N,): the class of largest mean probability or most votes, the first of equal ones; of values the mean."""
        if self.regression:
            return self._mean([one.predict(x) for one in self.models])
        return np.asarray(self.predict_proba(x).argmax(1))

    def _mean(self, tables: list[Array]) -> Array:
        total = sum(weight * table.astype(np.float64) for weight, table in zip(self.weights, tables, strict=True))
        return np.asarray(total, tables[0].dtype)


class Bagged(Averaging):
    """What `Bagging.fit` gives: an Averaging that knows which samples each model has not seen.

    Attributes:
        unseen: (models, N) bool.
    """

    def __init__(self, models: list[Predictor], unseen: NDArray[np.bool_]) -> None:
        super().__init__(models)
        self.unseen = unseen

    def out_of_bag(self, x: Array) -> NDArray[np.float64]:
        """Of the training samples x: the mean of the probabilities, or values, of the models that have not seen them.

        NaN where every model has; the error of the rest tells how good the whole is without a sample held out.
        """
        tables = [one.predict(x) if self.regression else one.predict_proba(x) for one in self.models]
        counts = self.unseen.sum(0).reshape(-1, *[1] * (tables[0].ndim - 1))
        total = np.zeros(tables[0].shape)
        for table, rows in zip(tables, self.unseen, strict=True):
            total[rows] += table[rows]
        means = np.full(total.shape, np.nan)
        np.divide(total, counts, out=means, where=counts > 0)
        return means


class Bagging:
    """Fit a model to as many bootstrap samples as there are members, and average: variance falls, bias stays.

    Args:
        learner: of the members; classes or values.
        members: how many, >= 1.

    Source: L. Breiman, "Bagging predictors", Machine Learning 24 (1996).

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), epochs=9, batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> bagged = ensemble.Bagging(learner, 3).fit(x, y, seed=1)
    >>> bagged.predict(x[::8]).tolist(), bagged.unseen.shape
    ([0, 1, 2], (3, 24))
    """

    def __init__(self, learner: Fitter, members: int = 10) -> None:
        self.learner = fitter("Bagging", "learner", learner)
        self.members = checks.integer("Bagging", "members", members, 1)

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Bagged:
        """Fit all members; number i draws with (seed, i) and has the seed `child_seed(seed, i)`."""
        given, target, found = arrays("Bagging.fit", x, y)
        share = None if weights is None else checked_weights("Bagging.fit", weights, len(given))
        unseen = np.ones((self.members, len(given)), bool)
        models = []
        for member in range(self.members):
            drawn = bootstrap(seed, (member,), len(given))
            unseen[member, drawn] = False
            own = None if share is None else share[drawn]
            options: dict[str, Any] = {"weights": own, "classes": classes or found, "seed": child_seed(seed, member)}
            models.append(self.learner.fit(given[drawn], target[drawn], **options))
        return Bagged(models, unseen)


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
        self.cycles = checks.integer("Snapshots", "cycles", cycles, 1)
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
        kept = _Kept(self.learner.epochs // self.cycles)
        self.learner.fit(np.asarray(x), y, weights=weights, classes=classes, seed=seed, callbacks=[kept])
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
