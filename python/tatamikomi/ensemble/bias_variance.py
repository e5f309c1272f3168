"""What the error of a model is made of: bias, variance and noise, over fits to bootstrap samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.optim import checks
from tatamikomi.random import bootstrap, child_seed
from tatamikomi.training import Fitter
from tatamikomi.training.learner import arrays, fitter, labelled

Array = NDArray[Any]


class Decomposition(NamedTuple):
    """loss = bias + variance + noise, each a mean over the samples.

    Attributes:
        loss: expected over models and targets.
        bias: squared, for the squared loss.
        variance: for the zero-one loss that of unbiased samples less what biased ones gain by theirs.
        noise: what no model can avoid; for the zero-one loss times its factor c1.
    """

    loss: float
    bias: float
    variance: float
    noise: float


def bias_variance_decomposition(predictions: ArrayLike, targets: ArrayLike, *, loss: str = "squared") -> Decomposition:
    """Decompose the expected loss of models, each fitted to another training set.

    Per sample, with the best prediction y* (of the targets there: mean, or most frequent class) and the main one m (of
    the models' predictions, likewise):

        squared    bias (m - y*)^2, variance E (p - m)^2, noise E (t - y*)^2
        zero_one   bias [m != y*], variance c2 P(p != m), noise c1 P(t != y*), where
                   c2 = 1 for m = y*, else -P(p = y* | p != m), and c1 = P(p = y*) - P(p = t | t != y*)

    Of equally frequent classes the lowest is taken.

    Args:
        predictions: (models, N) values, or with "zero_one" classes, integers >= 0.
        targets: (N,), or (draws, N) for several draws of each sample's target; one alone shows no noise.
        loss: "squared" or "zero_one".

    Source: P. Domingos, "A unified bias-variance decomposition", ICML 2000.

    Raises:
        ValueError: shapes do not fit, nothing to decompose, a value that is not finite, or an unknown loss.
        TypeError: classes that are no integers.

    >>> from tatamikomi import ensemble
    >>> ensemble.bias_variance_decomposition([[1.0], [3.0]], [[0.0], [2.0]])
    Decomposition(loss=3.0, bias=1.0, variance=1.0, noise=1.0)
    >>> ensemble.bias_variance_decomposition([[0], [0], [1]], [1], loss="zero_one").bias
    1.0
    """
    op = "bias_variance_decomposition"
    if loss not in ("squared", "zero_one"):
        raise unknown_name(op, "loss", loss, ["squared", "zero_one"])
    made, drawn = np.asarray(predictions), np.atleast_2d(np.asarray(targets))
    if made.ndim != 2 or drawn.ndim != 2 or made.shape[1] != drawn.shape[1] or not (made.size and drawn.size):
        raise bad_value(op, "targets", f"shape {drawn.shape} for {made.shape}", "(draws, N) for (models, N)")
    if loss == "zero_one":
        columns = [[labelled(op, one, None)[0] for one in table.T] for table in (made, drawn)]
        samples = [_zero_one(p, t) for p, t in zip(*columns, strict=True)]
        return Decomposition(*np.mean(samples, axis=0).tolist())
    made, drawn = made.astype(np.float64), drawn.astype(np.float64)
    if not (np.isfinite(made).all() and np.isfinite(drawn).all()):
        raise bad_value(op, "predictions", "NaN or infinity", "finite numbers")
    main, best = made.mean(0), drawn.mean(0)
    parts = [(main - best) ** 2, (made - main) ** 2, (drawn - best) ** 2]
    expected = ((made[:, None] - drawn) ** 2).mean()
    return Decomposition(float(expected), *(float(part.mean()) for part in parts))


def _zero_one(made: NDArray[np.int64], drawn: NDArray[np.int64]) -> tuple[float, float, float, float]:
    """(loss, bias, variance, noise) of one sample."""
    main, best = int(np.bincount(made).argmax()), int(np.bincount(drawn).argmax())
    off = made[made != main]
    c2 = 1.0 if main == best else -float((off == best).mean()) if off.size else 0.0
    noisy = drawn[drawn != best]
    met = float((made[:, None] == noisy).mean()) if noisy.size else 0.0
    c1 = float((made == best).mean()) - met
    expected = float((made[:, None] != drawn).mean())
    return expected, float(main != best), c2 * off.size / made.size, c1 * noisy.size / drawn.size


def bias_variance(
    learner: Fitter,
    x: ArrayLike,
    y: ArrayLike,
    test_x: ArrayLike,
    test_y: ArrayLike,
    *,
    rounds: int = 20,
    loss: str = "squared",
    seed: int = 0,
) -> Decomposition:
    """Fit to `rounds` bootstrap samples of the training data, and decompose the loss on the test data.

    Args:
        learner: a Learner or an ensemble, of values for "squared" and of classes for "zero_one".
        x, y: (N, ...) and (N,), the training data.
        test_x, test_y: (M, ...) and (M,), or (draws, M) for several draws of the targets.
        rounds: how many fits, >= 2; number i draws with (seed, i) and has the seed `child_seed(seed, i)`.
        loss: as in `bias_variance_decomposition`.

    Raises:
        TypeError, ValueError: as there, and as the learner's `fit`.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import ensemble
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), loss=tk.nn.MSELoss())
    >>> x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    >>> parts = ensemble.bias_variance(learner, x, x[:, 0] ** 2, x, x[:, 0] ** 2, rounds=4)
    >>> abs(parts.bias + parts.variance + parts.noise - parts.loss) < 1e-9, parts.bias > parts.variance
    (True, True)
    """
    op = "bias_variance"
    fitter(op, "learner", learner)
    count = checks.integer(op, "rounds", rounds, 2)
    given, target, classes = arrays(op, x, y)
    asked = np.asarray(test_x)
    made = []
    for number in range(count):
        drawn = bootstrap(seed, (number,), len(given))
        fitted = learner.fit(given[drawn], target[drawn], classes=classes, seed=child_seed(seed, number))
        made.append(fitted.predict(asked))
    return bias_variance_decomposition(np.array(made), test_y, loss=loss)
