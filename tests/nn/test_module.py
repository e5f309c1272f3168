"""Module: registration, traversal, modes, hooks, text, and errors that name the path."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn


class Scale(nn.Module):
    """y = x * factor, the factor a parameter; counts its calls in a buffer."""

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.factor = nn.Parameter([factor])
        self.register_buffer("calls", np.zeros((), np.int64))
        self.register_buffer("scratch", np.zeros(3, np.float32), persistent=False)

    def forward(self, x):
        self.calls += 1
        return x * self.factor


class Net(nn.Module):
    """Two scales, one of them inside a Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Scale(2.0)
        self.rest = nn.Sequential(nn.Identity(), Scale(3.0))

    def forward(self, x):
        return self.rest(self.first(x))


def test_attributes_are_registered_in_order_under_dotted_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["first.factor", "rest.1.factor"]
    assert [name for name, _ in net.named_buffers()] == [
        "first.calls",
        "first.scratch",
        "rest.1.calls",
        "rest.1.scratch",
    ]
    assert [name for name, _ in net.named_children()] == ["first", "rest"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
    assert list(net.children()) == [net.first, net.rest]
    assert list(net.parameters()) == [net.first.factor, net.rest[1].factor]
    assert [name for name, _ in net.named_parameters(recurse=False)] == []
    assert [name for name, _ in net.first.named_parameters(prefix="p")] == ["p.factor"]
    assert len(list(net.modules())) == 5


def test_call_runs_forward_and_reaches_parameters():
    net = Net()
    y = net(tk.tensor([1.0, -1.0]))
    assert y.numpy().tolist() == [6.0, -6.0]
    y.sum().backward()
    assert net.first.factor.grad.numpy().tolist() == [0.0]
    assert int(net.first.calls) == 1
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_a_shared_parameter_is_listed_once_but_saved_twice():
    net = nn.Sequential(Scale(), Scale())
    net[1].factor = net[0].factor
    assert len(list(net.parameters())) == 1
    assert {"0.factor", "1.factor"} <= set(net.state_dict())


def test_reassignment_moves_a_name_from_room_to_room():
    module = Scale()
    old = module.factor
    module.factor = None
    assert module.factor is None
    assert list(module.parameters()) == []
    module.factor = old
    assert list(module.parameters()) == [old]
    module.factor = nn.Identity()
    assert list(module.parameters()) == []
    assert [name for name, _ in module.named_children()] == ["factor"]
    del module.factor
    assert not hasattr(module, "factor")
    with pytest.raises(AttributeError, match="Scale has no attribute 'factor'"):
        module.factor  # noqa: B018
    with pytest.raises(AttributeError):
        del module.nothing


def test_a_buffer_stays_a_buffer_when_replaced_by_an_array():
    module = Scale()
    module.calls = np.full((), 7, np.int64)
    assert int(module.state_dict()["calls"]) == 7
    assert "scratch" not in module.state_dict()
    module.calls = None
    assert "calls" not in module.state_dict()


def test_registration_checks_kinds_and_names():
    module = nn.Module()
    with pytest.raises(TypeError, match=r"register_parameter: p: expected a Parameter or None, got int"):
        module.register_parameter("p", 3)
    with pytest.raises(TypeError, match=r"register_buffer: b: expected a NumPy array or None, got list"):
        module.register_buffer("b", [1])
    with pytest.raises(TypeError, match=r"add_module: m: expected a Module, got str"):
        module.add_module("m", "x")
    for name in ("a.b", ""):
        with pytest.raises(ValueError, match="a non-empty string without dots"):
            module.add_module(name, nn.Identity())


def test_assigning_before_init_says_so():
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Identity()

    with pytest.raises(AttributeError, match=r"Early: call super\(\).__init__\(\) before assigning 'layer'"):
        Early()


def test_modes_reach_every_module():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match="train: mode: expected True or False, got 1"):
        net.train(1)


def test_requires_grad_and_zero_grad_reach_every_parameter():
    net = Net()
    net(tk.tensor([1.0])).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.requires_grad_(False) is net
    assert not net(tk.tensor([1.0])).requires_grad
    net.requires_grad_()
    assert net(tk.tensor([1.0])).requires_grad


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Scale", "Identity", "Scale", "Sequential", "Net"]


def test_hooks_see_and_replace_the_output_until_removed():
    layer, seen = nn.Identity(), []
    watch = layer.register_forward_hook(lambda module, args, output: seen.append((module, args, output)))
    change = layer.register_forward_hook(lambda module, args, output: output + 1)
    assert layer(1) == 2
    assert seen == [(layer, (1,), 1)]
    change.remove()
    change.remove()
    assert layer(5) == 5
    watch.remove()
    assert layer(6) == 6
    assert len(seen) == 2


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    twin.first.factor.copy_([9.0])
    assert net.first.factor.item() == 2.0
    assert isinstance(twin.first.factor, nn.Parameter)
    assert list(twin.state_dict()) == list(net.state_dict())
    assert twin(tk.tensor([1.0])).item() == 27.0


def test_repr_is_a_tree():
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Sequential(nn.ReLU()))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=False)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        ")"
    )


class Fails(nn.Module):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("kind", [ValueError, TypeError, RuntimeError, MemoryError, FloatingPointError])
def test_an_error_names_the_path_once(kind):
    net = nn.Sequential(nn.Identity(), nn.Sequential(nn.Identity(), Fails(kind("op: x: wrong"))))
    with pytest.raises(kind) as caught:
        net(1)
    assert str(caught.value) == "1.1 (Fails): op: x: wrong"
    alone = Fails(kind("op: x: wrong"))
    with pytest.raises(kind) as caught:
        alone(1)
    assert str(caught.value) == "Fails: op: x: wrong"


def test_an_error_with_no_message_of_ours_is_left_alone():
    for error in (KeyError("key"), ValueError(3), UnicodeDecodeError("utf-8", b"x", 0, 1, "why")):
        text = str(error)
        with pytest.raises(type(error)) as caught:
            nn.Sequential(Fails(error))(1)
        assert str(caught.value) == text


def test_a_layers_own_error_names_path_and_layer():
    net = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3))
    with pytest.raises(ValueError, match=r"^1 \(Conv2d\): conv"):
        net(np.ones((1, 2, 8, 8), np.float32))
