"""Initialisers: bounds and moments derived from the definitions, not from a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.nn import init

SHAPE = (40, 20, 3, 3)  # n_in = 20 * 9 = 180, n_out = 40 * 9 = 360
N_IN, N_OUT = 180, 360
COUNT = 40 * 20 * 9


def blank() -> tk.Tensor:
    return tk.tensor(np.full(SHAPE, np.nan))


UNIFORM = [
    (init.uniform_, {"a": -2.0, "b": 2.0}, 2.0),
    (init.xavier_uniform_, {}, math.sqrt(6 / (N_IN + N_OUT))),
    (init.xavier_uniform_, {"gain": 3.0}, 3 * math.sqrt(6 / (N_IN + N_OUT))),
    (init.kaiming_uniform_, {}, math.sqrt(6 / N_IN)),
    (init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(6 / N_OUT)),
    (init.kaiming_uniform_, {"a": math.sqrt(5)}, math.sqrt(1 / N_IN)),
    (init.kaiming_uniform_, {"nonlinearity": "tanh"}, 5 / 3 * math.sqrt(3 / N_IN)),
]
NORMAL = [
    (init.normal_, {"std": 0.5}, 0.5),
    (init.xavier_normal_, {}, math.sqrt(2 / (N_IN + N_OUT))),
    (init.kaiming_normal_, {}, math.sqrt(2 / N_IN)),
    (init.kaiming_normal_, {"mode": "fan_out"}, math.sqrt(2 / N_OUT)),
    (init.lecun_normal_, {}, math.sqrt(1 / N_IN)),
]


def five_sigma(values: np.ndarray, std: float, kurtosis: float) -> None:
    """Mean and variance lie within five standard errors: var(mean) = s^2/n, var(s^2) = s^4 (kurtosis -
    1)/n."""
    n = values.size
    assert abs(values.mean()) < 5 * std / math.sqrt(n)
    assert abs(np.mean(values**2) - std**2) < 5 * std**2 * math.sqrt((kurtosis - 1) / n)


@pytest.mark.parametrize(("fill", "options", "bound"), UNIFORM)
def test_uniform_families(fill, options, bound):
    tensor = blank()
    assert fill(tensor, **options, generator=tk.Generator(1)) is tensor
    values = tensor.numpy()
    assert np.abs(values).max() <= bound
    # the largest of n uniform numbers misses the bound by a part t with probability (1 - t)^n
    assert np.abs(values).max() > bound * (1 - 30 / COUNT)
    five_sigma(values, bound / math.sqrt(3), 9 / 5)


@pytest.mark.parametrize(("fill", "options", "std"), NORMAL)
def test_normal_families(fill, options, std):
    tensor = blank()
    assert fill(tensor, **options, generator=tk.Generator(2)) is tensor
    five_sigma(tensor.numpy(), std, 3)
    assert np.abs(tensor.numpy()).max() > 2 * std


def test_mean_of_normal():
    values = init.normal_(blank(), mean=10.0, std=2.0, generator=tk.Generator(3)).numpy()
    five_sigma(values - 10.0, 2.0, 3)


def test_linear_fans_are_columns_and_rows():
    assert init.fans("test", tk.tensor(np.zeros((3, 5)))) == (5, 3)
    assert init.fans("test", blank()) == (N_IN, N_OUT)


def test_constants_bump_the_version():
    parameter = tk.nn.Parameter([1.0, 2.0])
    for fill, expected in ((init.zeros_, 0.0), (init.ones_, 1.0)):
        version = parameter.version
        fill(parameter)
        assert parameter.numpy().tolist() == [expected, expected]
        assert parameter.version == version + 1
    version = parameter.version
    init.normal_(parameter)
    assert parameter.version == version + 1


def test_the_generator_decides():
    one, two, three = (init.normal_(blank(), generator=tk.Generator(seed)).numpy() for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)
    tk.manual_seed(5)
    assert np.array_equal(init.normal_(blank()).numpy(), one)
    assert not np.array_equal(init.normal_(blank()).numpy(), one)


def test_aliases():
    assert init.glorot_uniform_ is init.xavier_uniform_
    assert init.glorot_normal_ is init.xavier_normal_
    assert init.he_uniform_ is init.kaiming_uniform_
    assert init.he_normal_ is init.kaiming_normal_


def test_gains_are_those_of_torch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"calculate_gain: nonlinearity: expected one of 'linear'.*'leaky_relu'"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match=r"calculate_gain: param: expected None for 'relu', got 0.1"):
        init.calculate_gain("relu", 0.1)
    with pytest.raises(ValueError, match=r"kaiming_normal_: tensor: expected at least 2 axes .*, got shape \(3,\)"):
        init.kaiming_normal_(tk.tensor(np.zeros(3)))
    with pytest.raises(ValueError, match=r"kaiming_uniform_: mode: expected one of 'fan_in', 'fan_out', got 'in'"):
        init.kaiming_uniform_(blank(), mode="in")
    with pytest.raises(TypeError, match=r"zeros_|constant_: tensor: expected a Tensor, got ndarray"):
        init.zeros_(np.zeros(3))
    with pytest.raises(ValueError, match=r"uniform_: a, b: expected a <= b, got \(2.0, 1.0\)"):
        init.uniform_(blank(), 2, 1)
    with pytest.raises(ValueError, match=r"normal_: std: expected a number >= 0, got -1.0"):
        init.normal_(blank(), std=-1)
    with pytest.raises(TypeError, match=r"normal_: generator: expected a tatamikomi Generator or None, got Generator"):
        init.normal_(blank(), generator=np.random.default_rng())
    with pytest.raises(ValueError, match=r"xavier_normal_: gain: expected a number >= 0, got -1.0"):
        init.xavier_normal_(blank(), gain=-1)
    with pytest.raises(ValueError, match=r"constant_: val: expected a finite number, got nan"):
        init.constant_(blank(), math.nan)
