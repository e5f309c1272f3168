"""Hooks before and after forward, and on the way back."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn


def leaf(*values: float) -> tk.Tensor:
    return tk.tensor(np.array(values), requires_grad=True)


def test_pre_hooks_see_and_replace_the_arguments_until_removed():
    layer, seen = nn.Identity(), []
    first = layer.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    second = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    third = layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    after = layer.register_forward_hook(lambda module, args, output: seen.append((args, output)))
    assert layer(3) == 7
    assert seen == [(layer, (3,)), ((7,), 7)]
    second.remove()
    assert layer(3) == 4
    for handle in (first, third, after):
        handle.remove()
    assert layer(3) == 3
    assert not layer.has_hooks()
    assert len(seen) == 4


def test_a_handle_removes_its_own_hook_only():
    layer, seen = nn.Identity(), []
    first = layer.register_forward_hook(lambda *given: seen.append("first"))
    first.remove()
    layer.register_forward_hook(lambda *given: seen.append("second"))
    first.remove()
    layer(1)
    assert seen == ["second"]


def test_a_pre_hook_keeps_a_relu_from_running_inside_of_the_layer_before():
    net, seen = nn.Sequential(nn.Linear(3, 3), nn.ReLU()), []
    net[1].register_forward_pre_hook(lambda module, args: seen.append(args[0].numpy().min()))
    net(np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32))
    assert seen[0] < 0


def test_backward_hooks_see_both_gradients():
    layer, seen = nn.Tanh(), []
    layer.register_full_backward_hook(lambda *given: seen.append(given))
    x = leaf(0.5, -1.0)
    (layer(x) * np.array([2.0, 3.0])).sum().backward()
    ((module, grad_input, grad_output),) = seen
    assert module is layer
    assert [one.numpy().tolist() for one in grad_output] == [[2, 3]]
    np.testing.assert_allclose(grad_input[0].numpy(), [2, 3] * (1 - np.tanh(x.numpy()) ** 2), rtol=1e-12)
    assert np.array_equal(x.grad.numpy(), grad_input[0].numpy())


@pytest.mark.parametrize("form", [lambda gradient: gradient, lambda gradient: (gradient,)])
def test_backward_hooks_replace_the_gradient_until_removed(form):
    layer = nn.Identity()
    first = layer.register_full_backward_hook(lambda module, grad_input, grad_output: form(grad_input[0] * 2))
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: form(grad_input[0] + 1))
    x = leaf(1.0)
    layer(x).sum().backward()
    assert x.grad.item() == 3
    first.remove()
    x.grad = None
    layer(x).sum().backward()
    assert x.grad.item() == 2


def test_backward_hooks_fire_for_a_first_layer_whose_input_wants_nothing():
    layer, seen = nn.Linear(2, 1, dtype="f8"), []
    layer.register_full_backward_hook(lambda module, into, out: seen.append((into, out[0].numpy().tolist())))
    layer(np.ones((3, 2))).sum().backward()
    assert seen == [((None,), [[1], [1], [1]])]
    with tk.no_grad():
        layer(np.ones((3, 2)))
    assert len(seen) == 1


def test_an_input_used_twice_is_seen_once_with_its_whole_gradient():
    class Square(nn.Module):
        def forward(self, x):
            return x * x + x

    layer, seen = Square(), []
    layer.register_full_backward_hook(lambda module, into, out: seen.append(into[0].numpy().tolist()))
    x = leaf(3.0)
    layer(x * 1.0).sum().backward()
    assert seen == [[7.0]]
    assert x.grad.tolist() == [7.0]


def test_gradients_of_gradients_pass_backward_hooks():
    layer = nn.Tanh()
    seen = []
    layer.register_full_backward_hook(lambda module, into, out: seen.append(into))
    assert tk.gradgradcheck(layer, [leaf(0.3, -0.2)])
    assert seen


def test_backward_hooks_as_in_torch():
    torch = pytest.importorskip("torch")
    ours, theirs = [], []
    net = nn.Sequential(nn.Linear(4, 5, dtype="f8"), nn.Tanh(), nn.Linear(5, 2, dtype="f8"))
    twin = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)).double()
    twin.load_state_dict({key: torch.tensor(value) for key, value in net.state_dict().items()})
    for layers, seen in ((net, ours), (twin, theirs)):
        for layer in layers:
            layer.register_full_backward_hook(
                lambda module, into, out, seen=seen: seen.extend(one.detach().numpy() for one in (*into, *out))
            )
    x = np.random.default_rng(0).standard_normal((3, 4))
    net(leaf(*x.ravel()).reshape(3, 4)).sum().backward()
    twin(torch.tensor(x, requires_grad=True)).sum().backward()
    assert len(ours) == len(theirs) == 6
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_what_the_tape_cannot_follow_is_refused():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    for layer in (Two(), Pair()):
        layer.register_full_backward_hook(lambda *given: None)
    x = leaf(1.0)
    assert Two()(x, x).item() == 2
    layer = Two()
    layer.register_full_backward_hook(lambda module, into, out: None)
    layer(x, np.ones(1)).backward()
    with pytest.raises(RuntimeError, match="Two: full backward hook: expected at most one argument that requires"):
        layer(x, x)
    pair = Pair()
    pair.register_full_backward_hook(lambda *given: None)
    with pytest.raises(TypeError, match="Pair: full backward hook: output: expected a single Tensor, got tuple"):
        pair(x)
    for register in ("forward_hook", "forward_pre_hook", "full_backward_hook"):
        with pytest.raises(TypeError, match=rf"^register_{register}: hook: expected a function, got int"):
            getattr(nn.Identity(), f"register_{register}")(3)
