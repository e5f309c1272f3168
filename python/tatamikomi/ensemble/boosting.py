"""AdaBoost: each model looks harder at what those before it got wrong."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.data.labels import checked_weights
from tatamikomi.ensemble.averaging import Averaging
from tatamikomi.errors import bad_value
from tatamikomi.optim import checks
from tatamikomi.random import child_seed
from tatamikomi.training import Fitter, Predictor
from tatamikomi.training.learner import arrays, fitter, labelled


class AdaBoost:
    """Boosting for several classes, SAMME.

    With weights w of the samples, of sum 1, a member's error is e = sum of w over what it gets wrong, its vote
    a = rate (log((1 - e) / e) + log(K - 1)); then w grows by e^a where it was wrong, and is scaled to sum 1. It ends
    early with a member that gets all right, which then stands alone, or with one that is no better than chance,
    e >= 1 - 1/K, which is left out.

    Args:
        learner: of the members, which it gives weights of samples, of mean 1.
        members: how many at most, >= 1.
        rate: of the votes, > 0.

    Source: J. Zhu, H. Zou, S. Rosset, T. Hastie, "Multi-class AdaBoost", Statistics and Its Interface 2 (2009).

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), epochs=9, batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> boosted = ensemble.AdaBoost(learner, 3).fit(x, y, seed=1)
    >>> boosted.predict(x[::8]).tolist()
    [0, 1, 2]
    """

    def __init__(self, learner: Fitter, members: int = 10, *, rate: float = 1.0) -> None:
        self.learner = fitter("AdaBoost", "learner", learner)
        self.members = checks.integer("AdaBoost", "members", members, 1)
        if not 0 < rate < math.inf:
            raise bad_value("AdaBoost", "rate", rate, "a finite number > 0")
        self.rate = float(rate)

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Averaging:
        """Fit the members one after the other; number i has the seed `child_seed(seed, i)`.

        Returns:
            An Averaging whose weights are the votes, voting "hard".

        Raises:
            ValueError: fewer than two classes, or the first member is no better than chance.
        """
        op = "AdaBoost.fit"
        given, target, _ = arrays(op, x, y)
        labels, count = labelled(op, target, classes)
        if count < 2:
            raise bad_value(op, "classes", count, "at least two classes")
        share = np.ones(len(given)) if weights is None else checked_weights(op, weights, len(given)).astype(np.float64)
        if not share.sum() > 0:
            raise bad_value(op, "weights", "a sum of 0", "a sum > 0")
        models: list[Predictor] = []
        votes: list[float] = []
        for member in range(self.members):
            share /= share.mean()
            model = self.learner.fit(given, labels, weights=share, classes=count, seed=child_seed(seed, member))
            wrong = model.predict(given) != labels
            error = float(share[wrong].sum() / share.sum())
            if error >= 1 - 1 / count:
                break
            if error == 0:
                return Averaging([model], voting="hard")
            vote = self.rate * (math.log((1 - error) / error) + math.log(count - 1))
            models.append(model)
            votes.append(vote)
            share[wrong] *= math.exp(min(vote, 700.0))
        if not models:
            raise bad_value(op, "learner", f"an error of {error:.3f}", f"less than {1 - 1 / count:.3f}, that of chance")
        return Averaging(models, votes, voting="hard")
