"""Networks as scikit-learn estimators (extra `sklearn`): fit, predict, clone, cross-validate, search."""

from __future__ import annotations

from tatamikomi.estimators.networks import TatamikomiClassifier, TatamikomiRegressor

__all__ = ["TatamikomiClassifier", "TatamikomiRegressor"]
