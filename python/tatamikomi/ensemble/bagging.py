"""Bagging: the same model fitted to samples drawn with replacement, averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.labels import checked_weights
from tatamikomi.ensemble import checks
from tatamikomi.ensemble.averaging import Averaging
from tatamikomi.random import bootstrap, child_seed
from tatamikomi.training import Fitter, Predictor

Array = NDArray[Any]


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
        self.learner = checks.fitter("Bagging", "learner", learner)
        self.members = checks.integer("Bagging", "members", members)

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Bagged:
        """Fit all members; number i draws with (seed, i) and has the seed `child_seed(seed, i)`."""
        given, target = checks.samples("Bagging.fit", x, y)
        if classes is None and target.dtype.kind in "iu":
            classes = int(target.max()) + 1  # a draw may miss the last class
        share = None if weights is None else checked_weights("Bagging.fit", weights, len(given))
        unseen = np.ones((self.members, len(given)), bool)
        models = []
        for member in range(self.members):
            drawn = bootstrap(seed, (member,), len(given))
            unseen[member, drawn] = False
            own = None if share is None else share[drawn]
            options: dict[str, Any] = {"weights": own, "classes": classes, "seed": child_seed(seed, member)}
            models.append(self.learner.fit(given[drawn], target[drawn], **options))
        return Bagged(models, unseen)
