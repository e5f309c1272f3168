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
    for name in (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
        "conv_transpose2d",
    ):
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


def test_gains_by_hand():
    expected = {"linear": 1.0, "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": 2**0.5, "selu": 0.75}
    assert {name: init.calculate_gain(name) for name in expected} == expected


def test_identities():
    assert init.eye_(tk.tensor(np.full((3, 2), 7.0))).numpy().tolist() == [[1, 0], [0, 1], [0, 0]]
    for axes in (1, 2, 3):
        weight = tk.tensor(np.full((6, 2, *(3, 4, 5)[:axes]), np.nan))
        expected = np.zeros(weight.shape)
        for out, channel in ((0, 0), (1, 1), (3, 0), (4, 1)):  # groups of 3 outputs, 2 inputs
            expected[(out, channel, *(1, 2, 2)[:axes])] = 1
        assert np.array_equal(init.dirac_(weight, 2).numpy(), expected)


def test_dirac_hands_the_input_on():
    x = np.arange(2 * 4 * 5.0).reshape(1, 2, 4, 5)
    weight = init.dirac_(tk.tensor(np.zeros((2, 2, 3, 3))))
    assert np.array_equal(tk.functional.conv2d(tk.tensor(x), weight, padding=1).numpy(), x)


def test_dirac_against_torch():
    torch = pytest.importorskip("torch")
    for shape, groups in (((6, 4, 3), 3), ((4, 7, 2, 5), 1), ((8, 2, 3, 1, 4), 2)):
        ours = init.dirac_(tk.tensor(np.zeros(shape)), groups).numpy()
        assert np.array_equal(ours, torch.nn.init.dirac_(torch.zeros(shape), groups).numpy())


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 3, 3), (20, 2, 3), (0, 3)])
def test_orthogonal_matrices(shape):
    weight = init.orthogonal_(tk.tensor(np.zeros(shape)), gain=-2.0, generator=tk.Generator(1)).numpy()
    matrix = weight.reshape(shape[0], math.prod(shape[1:]))
    product = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    # Householder's QR: below 8 roundings for each row and column, each of numbers up to gain^2
    assert np.abs(product - 4 * np.eye(len(product))).max(initial=0) <= 8 * sum(matrix.shape) * 4 * 2.0**-53


def test_orthogonal_signs_are_even():
    """Without R's signs LAPACK's Q has a diagonal that is seldom positive."""
    generator = tk.Generator(4)
    corners = [init.orthogonal_(tk.tensor(np.zeros((2, 2))), generator=generator).numpy()[0, 0] for _ in range(400)]
    assert abs(np.mean(np.sign(corners))) < 5 / math.sqrt(400)


def test_sparse_columns():
    weight = init.sparse_(tk.tensor(np.full((300, 50), np.nan)), 0.331, 0.5, tk.Generator(1)).numpy()
    assert ((weight == 0).sum(axis=0) == 100).all()  # ceil(99.3)
    assert not np.array_equal(weight[:, 0] == 0, weight[:, 1] == 0)
    five_sigma(weight[weight != 0], 0.5, 3)


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"), [(0.0, 1.0, -2.0, 2.0), (1.0, 0.5, 0.0, 3.0), (0.0, 1.0, 1.5, 4.0), (3, 1, -1, 1)]
)
def test_truncated_normal_numbers(mean, std, low, high):
    """Mean and variance of a truncated normal distribution, from its density and distribution function."""
    values = init.trunc_normal_(blank(), mean, std, low, high, tk.Generator(2)).numpy()
    assert low <= values.min() < low + 0.5
    assert high - 2 < values.max() <= high
    density = [math.exp(-(((one - mean) / std) ** 2) / 2) / math.sqrt(2 * math.pi) for one in (low, high)]
    below = [math.erf((one - mean) / std / math.sqrt(2)) / 2 for one in (low, high)]
    expected = mean + std * (density[0] - density[1]) / (below[1] - below[0])
    assert abs(values.mean() - expected) < 5 * std / math.sqrt(COUNT)  # truncation only lowers the variance


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.eye_(blank()), r"eye_: tensor: expected 2 axes \(out, in\), got shape \(40, 20, 3, 3\)"),
        (lambda: init.eye_(3), "eye_: tensor: expected a Tensor, got int"),
        (lambda: init.dirac_(tk.tensor([1.0])), r"dirac_: tensor: expected 3 to 5 axes .*, got shape \(1,\)"),
        (lambda: init.dirac_(blank(), 7), "dirac_: groups: expected a divisor of 40 output channels, got 7"),
        (lambda: init.orthogonal_(tk.tensor([1.0])), r"orthogonal_: tensor: expected at least 2 axes"),
        (lambda: init.orthogonal_(blank(), "2"), "orthogonal_: gain: expected a number, got str"),
        (lambda: init.sparse_(blank(), 0.1), r"sparse_: tensor: expected 2 axes"),
        (lambda: init.sparse_(tk.tensor([[1.0]]), 2), r"sparse_: sparsity: expected a number from 0 to 1, got 2.0"),
        (lambda: init.sparse_(tk.tensor([[1.0]]), 0, -1), r"sparse_: std: expected a number >= 0, got -1.0"),
        (lambda: init.trunc_normal_(blank(), std=0), r"trunc_normal_: std: expected a number > 0, got 0.0"),
        (lambda: init.trunc_normal_(blank(), a=2), r"trunc_normal_: a, b: expected a < b, got \(2.0, 2.0\)"),
    ],
)
def test_errors_of_matrices_and_bounds(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
