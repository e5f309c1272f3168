"""Weights that are computed from others: by norm and direction, by the largest singular value, in one's own way."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim
from tatamikomi.nn.utils import parametrizations, parametrize

LAYERS = {
    "linear": (lambda room, options: room.Linear(6, 4, **options), (3, 6)),
    "conv": (lambda room, options: room.Conv2d(3, 5, 3, **options), (2, 3, 6, 6)),
}
NORMS = {
    "weight, 0": lambda room, layer: room.weight_norm(layer),
    "weight, 1": lambda room, layer: room.weight_norm(layer, dim=1),
    "weight, all": lambda room, layer: room.weight_norm(layer, dim=None),
    "weight, bias": lambda room, layer: room.weight_norm(layer, "bias"),
    "spectral": lambda room, layer: room.spectral_norm(layer),
    "spectral, 1": lambda room, layer: room.spectral_norm(layer, n_power_iterations=3, dim=1),
    "spectral, bias": lambda room, layer: room.spectral_norm(layer, "bias"),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_training_as_in_torch(layer, norm):
    """Outputs, gradients and state over several steps; the state goes both ways."""
    torch = pytest.importorskip("torch")
    make, shape = LAYERS[layer]
    ours = NORMS[norm](parametrizations, make(nn, {"dtype": "f8"}))
    theirs = NORMS[norm](torch.nn.utils.parametrizations, make(torch.nn, {"dtype": torch.double}))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({key: torch.tensor(value) for key, value in ours.state_dict().items()})
    step, other = optim.SGD(ours.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(shape)
        for optimizer in (step, other):
            optimizer.zero_grad()
        y, z = ours(x), theirs(torch.tensor(x))
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-12)
        (y * y).sum().backward()
        (z * z).sum().backward()
        for (name, one), (twin, two) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert name == twin
            np.testing.assert_allclose(one.grad.numpy(), two.grad.numpy(), rtol=1e-9, atol=1e-7)
        step.step()
        other.step()
    ours.load_state_dict(theirs.state_dict())
    with tk.no_grad(), torch.no_grad():
        np.testing.assert_allclose(
            ours.eval()(x).numpy(), theirs.eval()(torch.tensor(x)).numpy(), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("norm", [name for name in NORMS if name.startswith("weight")])
def test_weight_norm_begins_where_the_weight_is(norm):
    layer = nn.Conv2d(3, 5, 3, dtype="f8")
    before = {name: value.numpy().copy() for name, value in layer.named_parameters()}
    NORMS[norm](parametrizations, layer)
    for name, value in before.items():
        np.testing.assert_allclose(getattr(layer, name).numpy(), value, rtol=1e-14)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_spectral_norm_divides_by_the_largest_singular_value(dim):
    layer = nn.Conv2d(3, 5, 3, dtype="f8")
    weight = np.moveaxis(layer.weight.numpy(), dim or 0, 0).reshape(layer.weight.shape[dim or 0], -1)
    largest = np.linalg.svd(weight, compute_uv=False)[0]
    expected = layer.weight.numpy() / largest
    parametrizations.spectral_norm(layer, n_power_iterations=100, dim=dim)
    np.testing.assert_allclose(layer.weight.numpy(), expected, rtol=1e-6)
    u = layer.parametrizations["weight"][0]._u.copy()
    layer.eval()
    layer.weight  # noqa: B018
    assert np.array_equal(layer.parametrizations["weight"][0]._u, u)  # moves in training only


def test_transposed_convolutions_keep_their_second_axis():
    class ConvTranspose2d(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(np.random.default_rng(0).standard_normal((3, 5, 2, 2)))

    layer = parametrizations.spectral_norm(ConvTranspose2d())
    assert layer.parametrizations["weight"][0]._u.shape == (5,)


def test_inference_sees_every_change_of_the_weight():
    """No packed weight of before answers."""
    layer = parametrizations.weight_norm(nn.Conv2d(3, 16, 3))
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    with tk.no_grad():
        first = layer(x).numpy().copy()
        layer.parametrizations["weight"].original0.data *= 2
        layer.bias.data *= 0
        second = layer(x).numpy()
    assert not np.allclose(first, second)
    plain = nn.Conv2d(3, 16, 3)
    plain.load_state_dict({"weight": layer.weight.numpy(), "bias": layer.bias.numpy()})
    with tk.no_grad():
        np.testing.assert_allclose(plain(x).numpy(), second, rtol=1e-5, atol=1e-6)


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, value):
        return value * self.factor

    def right_inverse(self, value):
        return tk.autograd.as_tensor(value) / self.factor


class Squared(nn.Module):
    def forward(self, value):
        return value * value


def test_one_after_another_and_back():
    layer = nn.Linear(2, 1, bias=False)
    original, before = layer.weight, layer.weight.numpy().copy()
    parametrize.register_parametrization(layer, "weight", Squared())
    parametrize.register_parametrization(layer, "weight", Scaled(4.0))
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert isinstance(layer, nn.Linear)
    np.testing.assert_allclose(layer.weight.numpy(), before**2 * 4, rtol=1e-6)
    assert list(layer.parameters()) == [original]  # an optimizer that holds it goes on with it
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert type(layer) is nn.Linear
    assert layer.weight is original
    assert np.array_equal(layer.weight.numpy(), before)
    assert list(layer.state_dict()) == ["weight"]


def test_removing_leaves_the_value():
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    layer.parametrizations["weight"].original0.data *= 3
    value = layer.weight.numpy()
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)
    assert np.array_equal(layer.weight.numpy(), value)


def test_assigning_finds_the_original():
    layer = nn.Linear(2, 1)
    parametrize.register_parametrization(layer, "weight", Scaled(4.0))
    layer.weight = np.array([[8.0, 4.0]], np.float32)
    assert layer.weight.tolist() == [[8, 4]]
    assert layer.parametrizations["weight"].original.tolist() == [[2, 1]]
    both = parametrizations.weight_norm(nn.Linear(2, 1))
    both.weight = np.array([[3.0, 4.0]], np.float32)
    assert both.parametrizations["weight"].original0.tolist() == [[5]]
    assert both.weight.tolist() == [[3, 4]]
    parametrize.register_parametrization(layer, "bias", Squared())
    with pytest.raises(NotImplementedError, match=r"Squared has no right_inverse\(\)"):
        layer.bias = np.ones(1, np.float32)


def test_copies_are_their_own_and_pickles_are_refused():
    layer = parametrizations.spectral_norm(nn.Linear(3, 2))
    other = copy.deepcopy(layer)
    other.parametrizations["weight"].original.data *= 0
    assert layer.weight.numpy().any()
    with pytest.raises(TypeError, match="ParametrizedLinear: a parametrized module is not pickled"):
        pickle.dumps(layer)


class Other(nn.Module):
    def forward(self, value):
        return value.sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parametrizations.weight_norm(3), "^weight_norm: module: expected a Module, got int"),
        (
            lambda: parametrizations.weight_norm(nn.Linear(2, 2), "gain"),
            r"^weight_norm: name: .*\(weight, bias\), got 'gain'",
        ),
        (
            lambda: parametrizations.weight_norm(nn.Linear(2, 2), dim=2),
            "^weight_norm: dim: expected an axis of 2, got 2",
        ),
        (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0), "n_power_iterations: "),
        (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), eps=0), "^spectral_norm: eps: "),
        (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), dim="0"), "^spectral_norm: dim: expected an integer"),
        (
            lambda: parametrize.register_parametrization(nn.Linear(2, 2), "weight", Other()),
            r"^register_parametrization: parametrization: expected one that gives float32 \(2, 2\), got float32 \(\)",
        ),
        (
            lambda: parametrize.register_parametrization(nn.Linear(2, 2), "weight", lambda value: value),
            "^register_parametrization: parametrization: expected a Module, got function",
        ),
        (
            lambda: parametrize.register_parametrization(nn.Linear(2, 2, bias=False), "bias", Squared()),
            r"^register_parametrization: tensor_name: expected a parameter of Linear \(weight\), got 'bias'",
        ),
        (
            lambda: parametrize.remove_parametrizations(nn.Linear(2, 2), "weight"),
            "tensor_name: expected a parametrized",
        ),
        (
            lambda: parametrize.remove_parametrizations(parametrizations.weight_norm(nn.Linear(2, 2)), "weight", False),
            "leave_parametrized: expected True for 2 originals",
        ),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_refused_parametrization_changes_nothing():
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="parametrization"):
        parametrize.register_parametrization(layer, "weight", Other())
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["weight", "bias"]
