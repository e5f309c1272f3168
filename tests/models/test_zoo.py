"""Every network of the zoo: parameters counted, shapes, channels and classes, and one step of training."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.zoo import DIGITS, ZOO

import tatamikomi as tk
from tatamikomi import models, nn

NAMES = sorted(ZOO)
SMALL = [name for name in NAMES if ZOO[name].parameters < 1_000_000]


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_zoo_is_whole():
    registered = {name for name in models.list() if not name.endswith(("-example", "-test"))}
    assert registered == set(ZOO) | DIGITS


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_output(name, bare):
    known = ZOO[name]
    net = models.create(name).eval()
    assert count(net) == known.parameters
    with tk.no_grad():
        assert net(np.zeros((2, *known.x), np.float32)).shape == (2, *known.y)


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_channels(name, bare):
    """Five classes and two channels; beside the first layer and those that know the classes, all keep their shapes."""
    known = ZOO[name]
    usual, net = models.create(name), models.create(name, 5, 2).eval()
    if known.parameters < 6_000_000:
        with tk.no_grad():
            assert net(np.zeros((1, 2, *known.x[1:]), np.float32)).shape == (1, 5, *known.y[1:])
    changed = [
        (a.shape, b.shape) for a, b in zip(usual.parameters(), net.parameters(), strict=True) if a.shape != b.shape
    ]
    (before, after), *heads = changed
    assert (before[1], after[1]) == (known.x[0], 2)
    assert before[2:] == after[2:]
    assert heads
    assert {(before[0], after[0]) for before, after in heads} == {(known.y[0], 5)}


@pytest.mark.parametrize("name", SMALL)
def test_a_step_downhill(name):
    """The loss falls by about rate * |gradient|^2, for a rate that is small enough."""
    known = ZOO[name]
    net = models.create(name, seed=1).double()
    random = np.random.default_rng(0)
    x = random.normal(size=(4, *known.x))
    target = random.integers(0, known.y[0], (4, *known.y[1:]))
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # the same function before and after
    loss = tk.functional.cross_entropy(net(x), target)
    loss.backward()
    square = sum(float((parameter.grad.numpy() ** 2).sum()) for parameter in net.parameters())
    rate = 1e-4 * loss.item() / square
    tk.optim.SGD(net.parameters(), lr=rate).step()
    fall = loss.item() - tk.functional.cross_entropy(net(x), target).item()
    assert 0.9 * rate * square < fall < 1.1 * rate * square


STATES = [name for name in NAMES if ZOO[name].parameters < 6_000_000]


@pytest.mark.parametrize("name", STATES)
def test_state_goes_round(name):
    net, other = models.create(name, seed=1).eval(), models.create(name, seed=2).eval()
    x = np.random.default_rng(0).normal(size=(1, *ZOO[name].x)).astype(np.float32)
    with tk.no_grad():
        y, z = net(x).numpy(), other(x).numpy()
        assert np.isfinite(y).all()
        assert y.std() > 0
        assert not np.array_equal(y, z)
        other.load_state_dict(net.state_dict())
        assert np.array_equal(other(x).numpy(), y)
    assert all(
        np.array_equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", STATES)
def test_seed_decides_the_initial_values(name):
    before = tk.default_generator().state()
    one, two = models.create(name, seed=3).state_dict(), models.create(name, generator=tk.Generator(3)).state_dict()
    assert tk.default_generator().state() == before
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one.values(), two.values(), strict=True))
