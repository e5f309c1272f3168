"""Averaging: the mean of what several models predict, or their vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.nn import Module
from tatamikomi.training import Predictor, Trained

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
