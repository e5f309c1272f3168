"""How well something fits what it has not seen: k-fold cross-validation and learning curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data import stratified_folds
from tatamikomi.data.labels import as_labels
from tatamikomi.errors import bad_value
from tatamikomi.metrics import accuracy
from tatamikomi.optim import checks
from tatamikomi.random import child_seed
from tatamikomi.training.learner import Fitter, arrays

Array = NDArray[Any]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
Score = Callable[[Array, Array], float]


class CrossValidation(NamedTuple):
    """Attributes: scores, (repeats * folds,), one per fit; their mean, and their standard deviation (N - 1)."""

    scores: NDArray[np.float64]
    mean: float
    std: float


class LearningCurve(NamedTuple):
    """Attributes: sizes (S,); train and validation, (S, folds) scores on what was learnt and on what was not seen."""

    sizes: NDArray[np.int64]
    train: NDArray[np.float64]
    validation: NDArray[np.float64]


def kfold(n: int, folds: int = 5, *, labels: ArrayLike | None = None, repeats: int = 1, seed: int = 0) -> list[Fold]:
    """Cut n samples into folds at random; each is held out once.

    Args:
        n: how many samples.
        folds: 2 <= folds <= n; their sizes differ by one at most.
        labels: (n,) integers. With them each class is spread over the folds, its numbers there differing by one at
            most; a class of fewer samples than folds is missing in some.
        repeats: how often all of it is done, with other folds each time.
        seed: 0 <= seed < 2**63.

    Returns:
        repeats * folds pairs (train, held) of indices, in random order.

    Raises:
        TypeError, ValueError: a number is no integer or out of range, or there are not n labels.

    >>> import tatamikomi as tk
    >>> [len(held) for train, held in tk.training.kfold(7, 3)]
    [3, 2, 2]
    """
    op = "kfold"
    checks.integer(op, "folds", folds, 2)
    checks.integer(op, "repeats", repeats, 1)
    if folds > n:
        raise bad_value(op, "folds", int(folds), f"at most as many as samples, {n}")
    known = None if labels is None else as_labels(op, "labels", labels)
    if known is not None and len(known) != n:
        raise bad_value(op, "labels", len(known), f"one per sample, {n}")
    dealt = np.zeros(n, np.int64) if known is None else known
    return [fold for repeat in range(repeats) for fold in stratified_folds(dealt, folds, child_seed(seed, repeat))]


def cross_validate(
    learner: Fitter,
    x: ArrayLike,
    y: ArrayLike,
    *,
    folds: int = 5,
    repeats: int = 1,
    stratified: bool | None = None,
    score: Score | None = None,
    seed: int = 0,
) -> CrossValidation:
    """Fit to all folds but one, score on that one, for each of them.

    Args:
        learner: a Learner or an ensemble of such.
        x, y: (N, ...) samples; (N,) labels or values.
        folds, repeats, seed: as in `kfold`; fit number i has the seed `child_seed(seed, i)`.
        stratified: spread classes over folds; None does where y is integers.
        score: called as score(predictions, y); accuracy when None, or of values the mean squared error.

    Source: M. Stone, "Cross-validatory choice and assessment of statistical predictions", J. R. Stat. Soc. B 36 (1974).

    Raises:
        TypeError, ValueError: as `kfold` and the learner's `fit`.

    >>> import numpy as np, tatamikomi as tk
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> tk.training.cross_validate(learner, x, y, folds=2)
    CrossValidation(scores=array([1., 1.]), mean=1.0, std=0.0)
    """
    x, y, classes = arrays("cross_validate", x, y)
    cut = kfold(len(x), folds, labels=_labels(y, stratified), repeats=repeats, seed=seed)
    scores = np.empty(len(cut))
    for number, (train, held) in enumerate(cut):
        fitted = learner.fit(x[train], y[train], classes=classes, seed=child_seed(seed, number))
        scores[number] = _score(score, fitted.predict(x[held]), y[held])
    return CrossValidation(scores, float(scores.mean()), float(scores.std(ddof=1)))


def learning_curve(
    learner: Fitter,
    x: ArrayLike,
    y: ArrayLike,
    sizes: Sequence[int | float] = (0.1, 0.25, 0.5, 0.75, 1.0),
    *,
    folds: int = 5,
    stratified: bool | None = None,
    score: Score | None = None,
    seed: int = 0,
) -> LearningCurve:
    """Scores by the number of training samples, cross-validated.

    In each fold the smaller training sets are parts of the larger ones, all measured on the same held samples.

    Args:
        learner, x, y, folds, stratified, score, seed: as in `cross_validate`.
        sizes: numbers of samples, or fractions in (0, 1] of the smallest training part, rounded down.

    Raises:
        TypeError, ValueError: as `cross_validate`, or a size is out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> curve = tk.training.learning_curve(learner, x, y, [2, 1.0], folds=2)
    >>> curve.sizes.tolist(), curve.validation[1].tolist()
    ([2, 12], [1.0, 1.0])
    """
    x, y, classes = arrays("learning_curve", x, y)
    cut = kfold(len(x), folds, labels=_labels(y, stratified), seed=seed)
    largest = min(len(train) for train, _ in cut)
    counts = [int(size * largest) if isinstance(size, float) and size <= 1 else size for size in sizes]
    for count, size in zip(counts, sizes, strict=True):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= largest:
            raise bad_value(
                "learning_curve", "sizes", repr(size), f"integers from 1 to {largest}, or fractions of that"
            )
    table = np.empty((2, len(counts), len(cut)))
    for number, (train, held) in enumerate(cut):
        for row, count in enumerate(counts):
            part = train[:count]
            fitted = learner.fit(x[part], y[part], classes=classes, seed=child_seed(seed, number))
            for which, seen in enumerate((part, held)):
                table[which, row, number] = _score(score, fitted.predict(x[seen]), y[seen])
    return LearningCurve(np.array(counts, np.int64), table[0], table[1])


def _labels(y: Array, stratified: bool | None) -> Array | None:
    return y if (y.dtype.kind in "iu" and y.ndim == 1 if stratified is None else stratified) else None


def _score(score: Score | None, predictions: Array, y: Array) -> float:
    if score is not None:
        return float(score(predictions, y))
    if predictions.dtype.kind in "iu":
        return accuracy(predictions, y)
    return float(np.mean((predictions.astype(np.float64) - y) ** 2))
