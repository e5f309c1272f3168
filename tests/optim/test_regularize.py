"""Penalties and their gradients, proximal steps, limits of norms."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim

DRAW = np.random.default_rng(2)
ARRAYS = [DRAW.standard_normal(shape) for shape in ((3, 4), (2, 3, 2, 2), (5,))]


def params(dtype=np.float64) -> list[nn.Parameter]:
    return [nn.Parameter(one.astype(dtype)) for one in ARRAYS]


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2), (0.0, 0.0)])
def test_penalty_and_gradient(l1, l2):
    weights = params()
    penalty = optim.ElasticNet(l1, l2).penalty(weights)
    assert penalty.shape == ()
    expected = sum(l1 * np.abs(one).sum() + l2 * (one**2).sum() for one in ARRAYS)
    assert penalty.item() == pytest.approx(expected, rel=1e-13)
    penalty.backward()
    for param, one in zip(weights, ARRAYS, strict=True):
        if l1 or l2:
            np.testing.assert_allclose(param.grad.numpy(), l1 * np.sign(one) + 2 * l2 * one, rtol=1e-13)


def test_l1_and_l2_are_the_halves_of_an_elastic_net():
    weights = params()
    both = optim.L1(0.3).penalty(weights).item() + optim.L2(0.2).penalty(weights).item()
    assert optim.ElasticNet(0.3, 0.2).penalty(weights).item() == pytest.approx(both, rel=1e-13)


@pytest.mark.parametrize(("l1", "l2"), [(0.8, 0.0), (0.0, 0.4), (0.8, 0.4)])
def test_the_proximal_step_is_where_its_definition_is_smallest(l1, l2):
    """On a fine grid: lr (l1 |z| + l2 z^2) + (z - w)^2 / 2."""
    lr, grid = 0.5, np.linspace(-4, 4, 80_001)
    weights = params()
    optim.ElasticNet(l1, l2).prox_(weights, lr)
    for param, before in zip(weights, ARRAYS, strict=True):
        for ours, w in zip(param.numpy().ravel(), before.ravel(), strict=True):
            best = grid[np.argmin(lr * (l1 * np.abs(grid) + l2 * grid**2) + (grid - w) ** 2 / 2)]
            assert abs(ours - best) <= 1.01e-4
            if l1 and abs(w) <= lr * l1:
                assert ours == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_place_and_counted(dtype):
    (weight, *_) = params(dtype)
    array = weight.data
    optim.ElasticNet(0.1, 0.1).prox_(weight, 0.5)
    optim.MaxNorm(0.1).apply_(weight)
    assert weight.data is array
    assert weight.dtype == dtype
    assert weight.version == 2


def test_max_norm_shortens_units_and_leaves_the_others():
    weights = params()
    optim.MaxNorm(2.0).apply_(weights)
    seen = set()
    for param, before in zip(weights, ARRAYS, strict=True):
        units = zip(param.numpy(), before, strict=True) if before.ndim > 1 else [(param.numpy(), before)]
        for ours, unit in units:
            norm = np.linalg.norm(unit)
            seen.add(bool(norm > 2))
            if norm > 2:
                np.testing.assert_allclose(ours, unit * (2 / norm), rtol=1e-14)
            else:
                assert ours.tobytes() == unit.tobytes()
    assert seen == {True, False}


def test_max_norm_of_zeros():
    weight = nn.Parameter(np.zeros((2, 3)))
    optim.MaxNorm(1.0).apply_([weight])
    assert weight.numpy().tolist() == [[0] * 3] * 2


def test_of_a_module_the_weights_without_biases():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    assert optim.L1(1.0).penalty(net).item() == pytest.approx(np.abs(net[0].weight.numpy()).sum(), rel=1e-6)
    before = net[1].weight.numpy().copy()
    optim.L1(1e9).prox_(net, 1.0)
    assert not net[0].weight.numpy().any()
    assert np.array_equal(net[1].weight.numpy(), before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.L1(-1), "^L1: l1: expected a finite number >= 0"),
        (lambda: optim.L2("a"), "^L2: l2: expected a number, got str"),
        (lambda: optim.ElasticNet(proximal=1), "^ElasticNet: proximal: expected True or False"),
        (lambda: optim.L1().penalty([]), "^L1.penalty: parameters: expected at least one Tensor, got none"),
        (lambda: optim.L1().penalty([np.ones(2)]), "^L1.penalty: parameters: expected Tensors, got ndarray"),
        (lambda: optim.L2().penalty(3), "^L2.penalty: parameters: expected Tensors or a Module, got int"),
        (lambda: optim.L2().penalty(nn.ReLU()), "^L2.penalty: parameters: expected at least one Tensor"),
        (lambda: optim.L1().prox_([tk.nn.Parameter([1.0])], -1), "^L1.prox_: lr: "),
        (lambda: optim.MaxNorm(0), "^MaxNorm: c: expected a number > 0, got 0"),
        (lambda: optim.MaxNorm(1).apply_([1.0]), "^MaxNorm.apply_: parameters: expected Tensors, got float"),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_texts():
    assert repr(optim.L1(0.5)) == "L1(l1=0.5, l2=0, proximal=False)"
    assert repr(optim.MaxNorm(2)) == "MaxNorm(2)"
