"""Several models as one: averages, bagging, AdaBoost, stacking, snapshots; and what error is made of.

Each is a recipe with `fit(x, y, seed=...)`, as a `training.Learner` is, and stands wherever a Learner may: in another
ensemble, in cross-validation. What `fit` gives has `predict_proba` and `predict`.
"""

from __future__ import annotations

from tatamikomi.ensemble.averaging import Averaging, Bagged, Bagging, Snapshots
from tatamikomi.ensemble.bias_variance import Decomposition, bias_variance, bias_variance_decomposition
from tatamikomi.ensemble.boosting import AdaBoost
from tatamikomi.ensemble.stacking import Stacked, Stacking

__all__ = [
    "AdaBoost",
    "Averaging",
    "Bagged",
    "Bagging",
    "Decomposition",
    "Snapshots",
    "Stacked",
    "Stacking",
    "bias_variance",
    "bias_variance_decomposition",
]
