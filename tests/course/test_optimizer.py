"""Optimizers against the lessons' formulas, step by step in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.course import optimizer

LR = 0.05


def sgd(w, g, s, t, lr):
    return w - lr * g


def momentum(w, g, s, t, lr):
    s["v"] = 0.9 * s.get("v", 0) - lr * g
    return w + s["v"]


def nesterov(w, g, s, t, lr):
    s["v"] = 0.9 * s.get("v", 0) - lr * g
    return w + 0.9 * s["v"] - lr * g


def adagrad(w, g, s, t, lr):
    s["h"] = s.get("h", 0) + g * g
    return w - lr * g / (np.sqrt(s["h"]) + 1e-7)


def rmsprop(w, g, s, t, lr):
    s["h"] = 0.99 * s.get("h", 0) + 0.01 * g * g
    return w - lr * g / (np.sqrt(s["h"]) + 1e-7)


def adam(w, g, s, t, lr):
    s["m"] = s.get("m", 0) + 0.1 * (g - s.get("m", 0))
    s["v"] = s.get("v", 0) + 0.001 * (g * g - s.get("v", 0))
    return w - lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * s["m"] / (np.sqrt(s["v"]) + 1e-7)


RULES = [
    (optimizer.SGD, sgd),
    (optimizer.Momentum, momentum),
    (optimizer.Nesterov, nesterov),
    (optimizer.AdaGrad, adagrad),
    (optimizer.RMSprop, rmsprop),
    (optimizer.Adam, adam),
]


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_four_steps(kind, rule, backend):
    """The rate changes on the way; tiny gradients show where the 1e-7 stands; arrays of all kinds in one dictionary."""
    draw = np.random.default_rng(1)
    w = {"W1": draw.standard_normal((3, 4)), "b1": draw.standard_normal(4), "x": -7.0}
    w["single"] = draw.standard_normal(5).astype(np.float32)
    w["turned"] = draw.standard_normal((2, 3)).T
    w["row"] = draw.standard_normal((1, 4))
    params = {name: np.array(value, order="K") if name != "x" else value for name, value in w.items()}
    held, states = dict(params), {name: {} for name in w}
    chosen = kind(learning_rate=LR)
    with tk.backend(backend):
        for t in range(1, 5):
            grads = {name: draw.standard_normal(np.shape(value)) * 10.0 ** -(2 * t) for name, value in w.items()}
            grads["row"] = grads["row"][0]
            kept = {name: np.copy(value) for name, value in grads.items()}
            chosen.learning_rate = lr = LR / t
            chosen.update(params, grads)
            w = {name: rule(value, grads[name], states[name], t, lr) for name, value in w.items()}
            for name, value in w.items():
                np.testing.assert_allclose(params[name], value, rtol=1e-6 if name == "single" else 1e-13, err_msg=name)
                assert np.array_equal(grads[name], kept[name])
    assert chosen.lr == LR / 4
    assert all(params[name] is held[name] for name in params if name != "x")
    for attribute in states["W1"]:
        np.testing.assert_allclose(getattr(chosen, attribute)["W1"], states["W1"][attribute], rtol=1e-12)


def test_keywords_and_defaults():
    assert optimizer.Adam(0.5, 0.8, 0.9).lr == optimizer.Adam(learning_rate=0.5).learning_rate == 0.5
    assert optimizer.Adam().lr == 0.001
    assert optimizer.SGD().lr == optimizer.Momentum().lr == optimizer.RMSprop().lr == 0.01
    assert optimizer.RMSProp is optimizer.RMSprop
    assert optimizer.Momentum(0.1, 0.5).momentum == 0.5
    assert optimizer.RMSprop(0.1, 0.5).decay_rate == 0.5
    assert optimizer.Momentum().v is optimizer.AdaGrad().h is optimizer.Adam().m is None
    with pytest.raises(TypeError, match="Adam: learning_rate: expected lr or learning_rate, got both"):
        optimizer.Adam(lr=0.1, learning_rate=0.1)


@pytest.mark.parametrize("kind", [optimizer.Momentum, optimizer.Nesterov])
def test_without_momentum_it_is_sgd(kind):
    params = {"W": np.array([1.0])}
    kind(0.5, momentum=0.0).update(params, {"W": np.array([1.0])})
    assert params["W"].tolist() == [0.5]


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="update: grads: expected a gradient for every parameter, got none for 'b'"):
        optimizer.SGD().update({"W": np.ones(2), "b": np.ones(2)}, {"W": np.ones(2)})
    with pytest.raises(ValueError, match=r"grads\['W'\]: expected shape \(2,\) as its parameter, got shape \(3,\)"):
        optimizer.SGD().update({"W": np.ones(2)}, {"W": np.ones(3)})
    with pytest.raises(TypeError, match=r"params\['W'\]: expected float32 or float64, got int64"):
        optimizer.SGD().update({"W": np.arange(2)}, {"W": np.ones(2)})
