"""Dropout in all its forms: how often, what stays, what passes back."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F

# name: the shape of x for n independent draws
DRAWS = {
    "dropout": lambda n: (n,),
    "dropout1d": lambda n: (n // 8, 8, 2),
    "dropout2d": lambda n: (n // 8, 8, 2, 1),
    "dropout3d": lambda n: (n // 8, 8, 1, 2, 1),
    "alpha_dropout": lambda n: (n,),
    "feature_alpha_dropout": lambda n: (n // 8, 8, 2),
    "drop_connect": lambda n: (n // 8, 8),
    "drop_path": lambda n: (n, 3),
}
ALPHA = ("alpha_dropout", "feature_alpha_dropout")


def run(name, x, p, **options):
    return getattr(F, name)(x, p, training=True, generator=tk.Generator(7), **options)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", DRAWS)
def test_as_many_are_dropped_as_p_says(name, p):
    """n draws: by Hoeffding the rate is off by more with a probability below 1e-9."""
    n = 80_000
    y = run(name, np.ones(DRAWS[name](n)), p).numpy()
    low, high = np.unique(y)
    rate = (y == low).mean()
    assert abs(rate - p) <= math.sqrt(math.log(2e9) / (2 * n))
    if name not in ALPHA:
        assert (low, abs(high - 1 / (1 - p)) <= 4 * np.finfo(float).eps * high) == (0, True)


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout", "drop_path"])
def test_what_belongs_together_is_dropped_together(name):
    y = run(name, np.ones(DRAWS[name](800)), 0.5).numpy()
    whole = y.reshape(len(y), -1) if name == "drop_path" else y.reshape(*y.shape[:2], -1)
    assert np.array_equal(whole.min(-1), whole.max(-1))
    assert len(np.unique(whole.min(-1))) == 2


@pytest.mark.parametrize("name", DRAWS)
def test_the_gradient_is_the_factor(name):
    x = tk.tensor(np.ones(DRAWS[name](160)), requires_grad=True)
    y = run(name, x, 0.5)
    y.sum().backward()
    if name in ALPHA:
        factors = np.unique(x.grad.numpy())
        v = -1.0507009873554805 * 1.6732632423543772
        a = (0.5 * (1 + 0.5 * v * v)) ** -0.5
        assert factors[0] == 0
        assert abs(factors[1] - a) <= 8 * np.finfo(float).eps
        assert np.array_equal(x.grad.numpy() > 0, y.numpy() == y.numpy().max())
    else:
        assert np.array_equal(x.grad.numpy(), y.numpy())


@pytest.mark.parametrize("name", DRAWS)
def test_without_training_and_without_p_the_input_itself(name):
    x = tk.tensor(np.ones(DRAWS[name](16)))
    generator = tk.Generator(1)
    assert getattr(F, name)(x, 0.5, training=False, generator=generator) is x
    assert getattr(F, name)(x, 0.0, training=True, generator=generator) is x
    assert generator.state()["offset"] == 0
    getattr(F, name)(x, 0.5, training=True, generator=generator)
    assert generator.state()["offset"] == 1


@pytest.mark.parametrize("name", [name for name in DRAWS if name not in ("drop_connect", "drop_path")])
def test_inplace(name):
    x = tk.tensor(np.ones(DRAWS[name](16))) + 0.0
    expected = run(name, np.ones(x.shape), 0.5).numpy()
    assert run(name, x, 0.5, inplace=True) is x
    assert np.array_equal(x.numpy(), expected)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(p):
    """Six standard errors: of the mean sqrt(var / n), of the variance sqrt((fourth moment - var^2) / n)."""
    n = 400_000
    x = np.random.default_rng(3).standard_normal(n)
    y = run("alpha_dropout", x, p).numpy()
    assert abs(y.mean()) <= 6 * math.sqrt(1 / n)
    assert abs(y.var() - 1) <= 6 * math.sqrt((np.mean((y - y.mean()) ** 4) - 1) / n)


def test_whole_samples_may_keep_their_scale():
    y = run("drop_path", np.full((100, 2), 3.0), 0.25, scale_by_keep=False).numpy()
    assert set(np.unique(y)) == {0.0, 3.0}


def test_three_axes_have_a_batch_in_dropout2d_as_in_torch():
    y = F.dropout2d(np.ones((50, 4, 3)), generator=tk.Generator(2)).numpy()
    assert np.array_equal(y.min(2), y.max(2))
    assert not np.array_equal(y.min((1, 2)), y.max((1, 2)))
