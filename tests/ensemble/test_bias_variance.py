"""Bias, variance and noise add up to the expected loss; known cases, and what bagging does to them."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import ensemble, nn
from tatamikomi.training import Learner

DRAW = np.random.default_rng(8)


def expected_loss(made, drawn, unlike):
    """Over all pairs of a model and a draw, in plain loops."""
    return np.mean([[unlike(p, t).mean() for t in np.atleast_2d(drawn)] for p in made])


@pytest.mark.parametrize("draws", [None, 1, 7])
def test_squared_parts_add_up(draws):
    made = DRAW.standard_normal((9, 31)).astype(np.float32)
    drawn = DRAW.standard_normal(31 if draws is None else (draws, 31))
    parts = ensemble.bias_variance_decomposition(made, drawn)
    assert parts.loss == pytest.approx(expected_loss(made.astype("f8"), drawn, lambda p, t: (p - t) ** 2), abs=1e-12)
    assert parts.bias + parts.variance + parts.noise == pytest.approx(parts.loss, abs=1e-12)
    assert parts.variance == pytest.approx(made.astype("f8").var(0).mean(), abs=1e-12)
    assert (parts.noise > 0) == (draws == 7)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("draws", [1, 7])
def test_zero_one_parts_add_up(classes, draws):
    made = DRAW.integers(0, classes, (9, 200))
    drawn = DRAW.integers(0, classes, (draws, 200))
    parts = ensemble.bias_variance_decomposition(made, drawn, loss="zero_one")
    assert parts.loss == pytest.approx(expected_loss(made, drawn, lambda p, t: p != t), abs=1e-12)
    assert parts.bias + parts.variance + parts.noise == pytest.approx(parts.loss, abs=1e-12)
    assert 0 < parts.bias < 1
    assert (parts.noise != 0) == (draws == 7)


def test_zero_one_variance_helps_where_the_main_prediction_is_wrong():
    """Domingos: with two classes the variance of biased samples is subtracted."""
    made = np.array([[0, 1], [0, 1], [1, 0]])
    parts = ensemble.bias_variance_decomposition(made, [0, 0], loss="zero_one")
    assert parts == pytest.approx((0.5, 0.5, (1 / 3 - 1 / 3) / 2, 0.0))
    assert ensemble.bias_variance_decomposition(made[:, :1], [0], loss="zero_one").variance == pytest.approx(1 / 3)
    assert ensemble.bias_variance_decomposition(made[:, 1:], [0], loss="zero_one").variance == pytest.approx(-1 / 3)


def test_over_bootstrap_fits_the_stiff_is_biased_and_bagging_lowers_variance():
    draw = np.random.default_rng(1)
    x = draw.uniform(-1, 1, (40, 1)).astype(np.float32)
    y = x[:, 0] ** 2 + 0.2 * draw.standard_normal(40).astype(np.float32)
    test_x = np.linspace(-1, 1, 25, dtype=np.float32)[:, None]
    test_y = test_x[:, 0] ** 2 + 0.2 * draw.standard_normal((50, 25))
    options = {"epochs": 30, "batch_size": 40, "loss": nn.MSELoss()}
    options["optimizer"] = lambda parameters: tk.optim.Adam(parameters, lr=0.05)
    stiff = Learner(lambda shape, outputs: nn.Linear(1, outputs), **options)
    free = Learner(lambda shape, outputs: nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, outputs)), **options)
    found = {
        name: ensemble.bias_variance(one, x, y, test_x, test_y, rounds=6, seed=1)
        for name, one in (("stiff", stiff), ("free", free), ("bagged", ensemble.Bagging(free, 4)))
    }
    for parts in found.values():
        assert abs(parts.bias + parts.variance + parts.noise - parts.loss) < 1e-6
        assert parts.noise == pytest.approx(0.04, rel=0.2)
    assert found["stiff"].bias > 2 * found["free"].bias
    assert found["bagged"].variance < found["free"].variance
    assert ensemble.bias_variance(stiff, x, y, test_x, test_y, rounds=6, seed=1) == found["stiff"]


def test_classes_over_bootstrap_fits():
    draw = np.random.default_rng(1)
    x = draw.standard_normal((40, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    learner = Learner(lambda shape, outputs: nn.Linear(2, outputs), epochs=20, batch_size=10)
    parts = ensemble.bias_variance(learner, x, y, x, y, rounds=4, loss="zero_one")
    assert abs(parts.bias + parts.variance + parts.noise - parts.loss) < 1e-6
    assert parts.loss < 0.4


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (
            ([[1.0]], [1.0, 2.0]),
            {},
            r"^bias_variance_decomposition: targets: expected \(draws, N\) for \(models, N\), got",
        ),
        (([1.0], [1.0]), {}, "^bias_variance_decomposition: targets: "),
        (([[np.nan]], [1.0]), {}, "^bias_variance_decomposition: predictions: expected finite numbers, got NaN"),
        (([[0.5]], [1]), {"loss": "zero_one"}, "^bias_variance_decomposition: y: expected integers, got float64"),
        (([[0]], [1]), {"loss": "hinge"}, "^bias_variance_decomposition: loss: expected one of 'squared', 'zero_one'"),
    ],
)
def test_bad_arguments_are_named(given, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ensemble.bias_variance_decomposition(*given, **options)
