"""Stacking: a model that learns from what other models predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi import nn
from tatamikomi.data.labels import checked_weights
from tatamikomi.errors import bad_value
from tatamikomi.optim import checks
from tatamikomi.random import child_seed
from tatamikomi.training import Fitter, Learner, Predictor, kfold
from tatamikomi.training.learner import arrays, fitter, labelled

Array = NDArray[Any]


class Stacked:
    """What `Stacking.fit` gives: the models below, and the one above them.

    Attributes:
        models: those below, fitted to all samples.
        meta: the one above.
        out_of_fold: (N, models * classes) what `meta` was fitted to.
    """

    def __init__(self, models: Sequence[Predictor], meta: Predictor, out_of_fold: Array) -> None:
        self.models, self.meta, self.out_of_fold = list(models), meta, out_of_fold

    def predict_proba(self, x: Array) -> Array:
        """(N, classes)."""
        return self.meta.predict_proba(_beside(self.models, x))

    def predict(self, x: Array) -> Array:
        """(N,): the most probable class."""
        return self.meta.predict(_beside(self.models, x))


class Stacking:
    """Fit a model to the probabilities that others give for samples which they have not seen.

    Those are out of fold: of k models each is fitted to all folds but one and asked about that one. In the end each
    learner is fitted to all samples.

    Args:
        learners: of the models below, at least one.
        meta: of the model above, for x (N, models * classes); a linear one when None.
        folds: >= 2, each with its share of every class.

    Source: D. H. Wolpert, "Stacked generalization", Neural Networks 5 (1992).

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), epochs=9, batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> stacked = ensemble.Stacking([learner, learner], folds=2).fit(x, y, seed=1)
    >>> stacked.predict(x[::8]).tolist(), stacked.out_of_fold.shape
    ([0, 1, 2], (24, 6))
    """

    def __init__(self, learners: Sequence[Fitter], meta: Fitter | None = None, *, folds: int = 5) -> None:
        self.learners = [fitter("Stacking", "learners", one) for one in learners]
        if not self.learners:
            raise bad_value("Stacking", "learners", "none", "at least one")
        self.meta: Fitter = Learner(_linear, epochs=50) if meta is None else fitter("Stacking", "meta", meta)
        self.folds = checks.integer("Stacking", "folds", folds, 2)

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Stacked:
        """Fit all: learner i to fold f with the seed `child_seed(seed, i, f)`, to all samples as if f = folds."""
        op = "Stacking.fit"
        given, target, _ = arrays(op, x, y)
        labels, count = labelled(op, target, classes)
        share = None if weights is None else checked_weights(op, weights, len(given))
        cut = kfold(len(given), self.folds, labels=labels, seed=seed)
        table = np.empty((len(given), len(self.learners) * count), np.float32)
        models = []
        for i, learner in enumerate(self.learners):
            columns = slice(i * count, (i + 1) * count)
            for fold, (train, held) in enumerate([*cut, (np.arange(len(given)), None)]):
                own = None if share is None else share[train]
                options: dict[str, Any] = {"weights": own, "classes": count, "seed": child_seed(seed, i, fold)}
                model = learner.fit(given[train], labels[train], **options)
                if held is not None:
                    table[held, columns] = model.predict_proba(given[held])
            models.append(model)
        meta = self.meta.fit(table, labels, weights=share, classes=count, seed=seed)
        return Stacked(models, meta, table)


def _linear(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Linear(shape[0], outputs)


def _beside(models: Sequence[Predictor], x: Array) -> Array:
    return np.concatenate([model.predict_proba(x) for model in models], axis=1).astype(np.float32, copy=False)
