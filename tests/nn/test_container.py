"""Sequential and ModuleList."""

from __future__ import annotations

from collections import OrderedDict

import pytest

from tatamikomi import nn


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_children()]


def test_sequential_calls_in_order_and_takes_names():
    net = nn.Sequential(OrderedDict(a=nn.Identity(), b=nn.Flatten()))
    assert names(net) == ["a", "b"]
    assert net.a is net[0]
    assert net[-1] is net.b
    assert len(net) == 2
    assert list(net) == [net.a, net.b]


def test_sequential_slices_share_modules_and_keep_names():
    net = nn.Sequential(*[nn.Identity() for _ in range(4)])
    part = net[1:3]
    assert isinstance(part, nn.Sequential)
    assert names(part) == ["1", "2"]
    assert part[0] is net[1]


def test_sequential_changes():
    net = nn.Sequential(nn.Identity())
    relu, tanh = nn.ReLU(), nn.Tanh()
    assert net.append(relu) is net
    net.extend([tanh])
    assert names(net) == ["0", "1", "2"]
    del net[0]
    assert names(net) == ["0", "1"]
    assert list(net) == [relu, tanh]
    net[0] = tanh
    assert list(net) == [tanh, tanh]


def test_sequential_refuses_what_is_no_module():
    with pytest.raises(TypeError, match="Sequential: module 1: expected a Module, got function"):
        nn.Sequential(nn.Identity(), lambda x: x)
    with pytest.raises(TypeError, match=r"Sequential.append: module: expected a Module, got int"):
        nn.Sequential().append(3)
    with pytest.raises(IndexError, match="Sequential: index: expected -1 <= index < 1, got 1"):
        nn.Sequential(nn.Identity())[1]
    with pytest.raises(TypeError, match="Sequential: index: expected an integer or a slice, got str"):
        nn.Sequential(nn.Identity())["0"]


def test_append_beside_a_name_that_is_a_number_is_refused():
    net = nn.Sequential(OrderedDict({"1": nn.Identity()}))
    with pytest.raises(ValueError, match=r"Sequential.append: module: expected a number not used"):
        net.append(nn.Identity())


def test_module_list_is_a_list():
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    first = layers[0]
    layers.insert(0, nn.ReLU())
    assert names(layers) == ["0", "1", "2"]
    assert layers[1] is first
    assert len(list(layers.parameters())) == 4
    assert isinstance(layers[1:], nn.ModuleList)
    assert len(layers[1:]) == 2
    del layers[1]
    assert len(layers) == 2
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        layers(1)
    for change in (layers.append, lambda module: layers.insert(0, module)):
        with pytest.raises(TypeError, match="expected a Module, got NoneType"):
            change(None)
