"""Dicts of modules, lists and dicts of parameters; looking things up by path; changing dtype."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim


def test_module_dict_is_a_dict():
    layers = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Tanh()})
    layers["c"] = nn.Linear(3, 2)
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"]
    assert "b" in layers
    assert len(layers) == 3
    assert [name for name, _ in layers.named_parameters()] == ["a.weight", "a.bias", "c.weight", "c.bias"]
    assert layers["a"] is layers.a is next(iter(layers.values()))
    tanh = layers["b"]
    assert layers.pop("b") is tanh
    del layers["a"]
    layers.update([("d", tanh)])
    layers.update(nn.ModuleDict({"e": tanh}))
    assert list(layers.items()) == [("c", layers["c"]), ("d", tanh), ("e", tanh)]
    layers.clear()
    assert len(layers) == 0
    for wrong, message in (({"a": 3}, "add_module: a: expected a Module"), (3, "modules: expected a mapping")):
        with pytest.raises(TypeError, match=message):
            nn.ModuleDict(wrong)
    with pytest.raises(ValueError, match="without dots"):
        nn.ModuleDict({"a.b": tanh})
    with pytest.raises(KeyError):
        layers["a"]


def test_parameter_list_is_a_list():
    weights = nn.ParameterList([[1.0, 2.0], np.ones((2, 2))])
    assert [name for name, _ in weights.named_parameters()] == ["0", "1"]
    assert weights.append([3.0]) is weights
    weights.extend([[4.0]])
    last = weights[-1]
    assert len(weights) == 4
    assert last.item() == 4
    weights[0] = [5.0]
    assert weights[0].tolist() == [5]
    assert [one.shape for one in weights] == [(1,), (2, 2), (1,), (1,)]
    assert weights[2:][1] is last
    assert repr(weights[:1]) == "ParameterList(\n  (0): float32 (1,)\n)"
    with pytest.raises(IndexError, match="ParameterList: index: expected -4 <= index < 4, got 4"):
        weights[4]
    with pytest.raises(TypeError, match="ParameterList: index: expected an integer or a slice, got str"):
        weights["0"]


def test_parameter_dict_is_a_dict():
    scales = nn.ParameterDict({"a": [1.0]})
    scales["b"] = nn.Parameter([2.0])
    scales.update({"keys": [3.0]})
    assert list(scales) == list(scales.keys()) == ["a", "b", "keys"]
    assert [one.item() for one in scales.values()] == [1, 2, 3]
    assert "a" in scales
    del scales["a"]
    assert len(scales) == 2
    assert [name for name, _ in scales.items()] == ["b", "keys"]


def test_their_state_is_torchs():
    torch = pytest.importorskip("torch")
    values = [np.ones((2, 3)), np.arange(4.0)]
    ours = nn.ParameterList(values)
    theirs = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(one.shape, dtype=torch.double)) for one in values])
    theirs.load_state_dict({key: torch.tensor(value) for key, value in ours.state_dict().items()})
    ours.load_state_dict({key: value * 2 for key, value in theirs.state_dict().items()})
    assert np.array_equal(ours[1].numpy(), values[1] * 2)


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()))


def test_things_are_found_by_path():
    one = net()
    assert one.get_submodule("") is one
    assert one.get_submodule("1.0") is one[1][0]
    assert one.get_parameter("1.0.weight") is one[1][0].weight
    assert one.get_buffer("1.0.running_mean") is one[1][0].running_mean
    for call, message in (
        (lambda: one.get_submodule("1.3.a"), r"get_submodule: '1.3.a': no module '3' at '1'; there is 0, 1"),
        (lambda: one.get_submodule("0.a"), r"no module 'a' at '0'; there is none"),
        (
            lambda: one.get_parameter("0.gamma"),
            r"get_parameter: '0.gamma': no parameter 'gamma'; there is weight, bias",
        ),
        (lambda: one.get_buffer("0.x"), r"get_buffer: '0.x': no buffer 'x'; there is none"),
    ):
        with pytest.raises(AttributeError, match=message):
            call()


def test_duplicates_are_given_when_asked_for():
    layer = nn.Linear(1, 1)
    both = nn.Sequential(layer, layer)
    assert [name for name, _ in both.named_modules()] == ["", "0"]
    assert [name for name, _ in both.named_modules(remove_duplicate=False)] == ["", "0", "1"]
    assert [name for name, _ in both.named_parameters()] == ["0.weight", "0.bias"]
    assert len(list(both.named_parameters(remove_duplicate=False))) == 4


def test_dtype_changes_under_the_same_objects():
    one = net()
    params, counter = list(one.parameters()), one[1][0].num_batches_tracked
    optimizer = optim.SGD(params, lr=0.5)
    one(np.random.default_rng(0).standard_normal((2, 1, 5, 5)).astype("f")).sum().backward()
    before = [param.numpy().copy() for param in params]
    assert one.double() is one
    assert all(now is param for now, param in zip(one.parameters(), params, strict=True))
    assert {param.dtype for param in params} == {np.dtype("f8")}
    assert {param.grad.dtype for param in params} == {np.dtype("f8")}
    assert one[1][0].running_mean.dtype == np.float64
    assert one[1][0].num_batches_tracked is counter
    for param, old in zip(params, before, strict=True):
        assert np.array_equal(param.numpy(), old)
    assert one(np.ones((2, 1, 5, 5))).dtype == np.float64
    optimizer.step()
    assert not np.array_equal(params[0].numpy(), before[0])
    assert one.float()(np.ones((2, 1, 5, 5), np.float32)).dtype == np.float32
    with pytest.raises(TypeError, match=r"^to: dtype: expected float32 or float64"):
        one.to("int64")
    with pytest.raises(TypeError, match=r"^Parameter.cast_: dtype: expected float32 or float64"):
        params[0].cast_("int64")


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells_begin_in_their_weights_dtype(kind):
    layer = getattr(nn, kind)(2, 3).double()
    result = layer(np.ones((1, 2)))
    assert (result[0] if isinstance(result, tuple) else result).dtype == np.float64


def test_a_tape_from_before_the_change_raises():
    layer = nn.Linear(2, 1)
    y = layer(tk.tensor([[1.0, 2.0]], requires_grad=True)).sum()
    layer.double()
    with pytest.raises(RuntimeError, match="was overwritten"):
        y.backward()


def test_packed_weights_follow_the_dtype():
    layer = nn.Conv2d(3, 16, 3)
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    with tk.no_grad():
        first = layer(x)
        wide = layer.double()(x.astype(np.float64))
        np.testing.assert_allclose(wide.numpy(), first.numpy(), rtol=1e-4, atol=1e-5)
        assert layer.float()(x).numpy().tobytes() == first.numpy().tobytes()


def test_copies_have_hooks_and_buffers_of_their_own():
    one = net()
    other = copy.deepcopy(one)
    other[1][0].running_mean += 1
    assert not one[1][0].running_mean.any()
