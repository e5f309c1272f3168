"""nn.utils.optimize_for_inference: what it folds, what it leaves alone, and what the result refuses."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.nn.test_utils_fusion import draw, settle

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn
from tatamikomi.nn.utils import optimize_for_inference

X = draw(2, 3, 8, 8)


class Net(nn.Module):
    """conv, norm and relu, and `way`, which says how they are called."""

    def __init__(self, way, norm=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = norm or nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.way = way

    def forward(self, x):
        return self.way(self, x)


def optimized(net, x=X, close=True):
    """The copy, after its outputs were compared."""
    settle(net)
    fast = optimize_for_inference(net, x)
    with tk.no_grad():
        for batch in (x, x[:1]) if close else ():
            got, expected = fast(batch), net(batch)
            for one, other in zip(flat(got), flat(expected), strict=True):
                np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)
    return fast


def flat(y):
    return y if isinstance(y, tuple) else (y,)


def kinds(net, *names):
    return [type(net.get_submodule(name)).__name__ for name in names]


def straight(net, x):
    return net.relu(net.norm(net.conv(x)))


def test_norm_and_relu_go_into_the_convolution():
    net = Net(straight)
    fast = optimized(net)
    assert kinds(fast, "conv", "norm", "relu") == ["Conv2d", "Identity", "Identity"]
    assert fast.conv.activation == "relu"
    assert list(fast.state_dict()) == ["conv.weight", "conv.bias"]
    assert kinds(net, "norm", "relu") == ["BatchNorm2d", "ReLU"]
    assert net.conv.activation is None
    assert net.conv.weight.requires_grad


def twice(net, x):
    y = net.conv(x)
    return net.relu(net.norm(y)) + y


def returned(net, x):
    y = net.conv(x)
    return net.relu(net.norm(y)), y


def kept(net, x):
    net.last = net.conv(x)
    return net.relu(net.norm(net.last))


def changed_between(net, x):
    return net.relu(net.norm(net.conv(x) * 2.0))


def read_outside(net, x):
    y = net.conv(x)
    return net.relu(net.norm(y)) * float(y.numpy().mean())


def seen_from_inside(net, x):
    """The norm's output by way of an attribute of NumPy's."""
    y = net.conv(x)
    return net.norm(y) + np.asarray(y)


def shared_conv(net, x):
    return net.norm(net.conv(x)) + net.relu(net.conv(x))


def shared_norm(net, x):
    return net.norm(net.conv(x)) + net.norm(x[:, :1].expand(2 if len(x) == 2 else 1, 4, 8, 8))


@pytest.mark.parametrize(
    "way", [twice, returned, kept, changed_between, read_outside, seen_from_inside, shared_conv, shared_norm]
)
def test_an_output_that_somebody_else_sees_is_left_alone(way):
    fast = optimized(Net(lambda net, x: way(net, tk.tensor(x))))
    assert kinds(fast, "conv", "norm") == ["Conv2d", "BatchNorm2d"]


def test_a_sum_comes_between_norm_and_relu():
    fast = optimized(Net(lambda net, x: net.relu(net.norm(net.conv(x)) + 1.0)))
    assert kinds(fast, "norm", "relu") == ["Identity", "ReLU"]
    assert fast.conv.activation is None


def test_a_pair_that_serves_two_places_is_one_convolution():
    fast = optimized(Net(lambda net, x: straight(net, x) + straight(net, X[:1] * 2)))
    assert kinds(fast, "norm", "relu") == ["Identity", "Identity"]


def test_a_relu_of_several_layers_is_taken_by_all_or_none():
    def both(net, x):
        return net.relu(net.norm(net.relu(net.conv(x))))

    fast = optimized(Net(both))
    assert kinds(fast, "norm", "relu") == ["BatchNorm2d", "Identity"]
    assert (fast.conv.activation, fast.norm.activation) == ("relu", "relu")
    fast = optimized(Net(lambda net, x: net.relu(net.norm(net.relu(net.conv(x))) + 1.0)))
    assert kinds(fast, "norm", "relu") == ["BatchNorm2d", "ReLU"]


@pytest.mark.parametrize("name", ["conv", "norm", "relu"])
@pytest.mark.parametrize("kind", ["forward", "pre", "backward"])
def test_what_has_hooks_stays(name, kind):
    net = Net(straight)
    seen = []
    place = net.get_submodule(name)
    if kind == "forward":
        place.register_forward_hook(lambda module, args, output: seen.append(output.numpy().min()))
    elif kind == "pre":
        place.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape))
    else:
        place.register_full_backward_hook(lambda module, dx, dy: None)
    fast = optimized(net)
    assert kinds(fast, name) == kinds(net, name)
    assert (kinds(fast, "norm") == ["Identity"]) == (name == "relu")


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(4, track_running_stats=False), nn.GroupNorm(2, 4)])
def test_norms_that_look_at_the_batch_or_at_the_sample_stay(norm):
    fast = optimized(Net(straight, norm), close=False)
    assert type(fast.norm) is type(norm)


def test_layers_of_other_classes_stay():
    class Doubled(nn.Conv2d):
        def forward(self, x, activation=None):
            return super().forward(x) * 2.0

    net = Net(straight)
    net.conv = Doubled(3, 4, 3, padding=1)
    assert kinds(optimized(net), "conv", "norm", "relu") == ["Doubled", "BatchNorm2d", "Identity"]
    net = Net(straight)
    nn.utils.parametrizations.weight_norm(net.conv)
    assert kinds(optimized(net), "norm") == ["BatchNorm2d"]


def test_activations_between_convolution_and_norm():
    net = Net(lambda net, x: net.norm(net.conv(x, activation="relu")))
    assert kinds(optimized(net), "norm") == ["BatchNorm2d"]
    net = Net(lambda net, x: net.norm(net.conv(x)))
    net.conv.activation = "relu"
    assert kinds(optimized(net), "norm") == ["BatchNorm2d"]
    net = Net(straight, nn.BatchNorm2d(4, activation="relu"))
    assert optimized(net).conv.activation == "relu"


def test_lists_of_the_same_modules_agree():
    """A module held outside of the tree as well is the same one there."""
    net = Net(lambda net, x: net.order[2](net.order[1](net.order[0](x))))
    net.order = [net.conv, net.norm, net.relu]
    assert kinds(optimized(net), "norm", "relu") == ["Identity", "Identity"]


def test_other_layers():
    down, up = nn.Conv1d(4, 6, 3), nn.ConvTranspose1d(6, 5, 3, 2)
    layers = [down, nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), up, nn.BatchNorm1d(5, activation="relu")]
    fast = optimized(nn.Sequential(*layers, nn.Flatten(), nn.Linear(95, 7), nn.BatchNorm1d(7)), draw(2, 4, 11))
    expected = ["Conv1d", "Identity", "Identity", "Dropout", "ConvTranspose1d", "ReLU", "Flatten", "Linear", "Identity"]
    assert [type(one).__name__ for one in fast] == expected


def test_channels_that_are_not_on_axis_1():
    """(C, L) without a batch is (N, C) for the norm, (N, T, C) has its channels at the end."""
    with tk.no_grad():
        net = settle(nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)))
        x = draw(3, 6)
        fast = optimize_for_inference(net, x)
        np.testing.assert_allclose(fast(x).numpy(), net(x).numpy(), rtol=1e-5)
        assert type(fast[1]) is nn.BatchNorm1d
    fast = optimized(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(4)), draw(2, 4, 3))
    assert type(fast[1]) is nn.BatchNorm1d


def test_inplace_relus_are_taken_over():
    net = Net(straight)
    net.relu = nn.ReLU(inplace=True)
    assert kinds(optimized(net), "norm", "relu") == ["Identity", "Identity"]


def test_sixteen_bits_stay_as_they_are():
    net = settle(Net(straight)).half()
    fast = optimize_for_inference(net, X.astype(np.float16))
    assert kinds(fast, "norm", "relu") == ["BatchNorm2d", "Identity"]
    with tk.no_grad():
        np.testing.assert_array_equal(fast(X.astype(np.float16)).numpy(), net(X.astype(np.float16)).numpy())


def test_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Net(straight), Net(straight)

        def forward(self, x, y):
            return self.a(x) + self.b(y)

    two = settle(Two())
    fast = optimize_for_inference(two, (X, 2 * X))
    np.testing.assert_allclose(fast(X, X).numpy(), two(X, X).numpy(), rtol=1e-4, atol=1e-5)
    assert kinds(fast, "a.norm", "b.norm") == ["Identity", "Identity"]


def test_it_is_asked_of_evaluated_modules():
    net = Net(straight).eval()
    net.norm.train()
    message = (
        r"optimize_for_inference: model: expected evaluation mode throughout: call eval\(\) first, got norm in train"
    )
    with pytest.raises(ValueError, match=message):
        optimize_for_inference(net, X)
    with pytest.raises(TypeError, match="optimize_for_inference: model: expected a Module, got str"):
        optimize_for_inference("net", X)


@pytest.mark.parametrize("path", ["", "conv", "norm"])
def test_it_is_neither_trained_nor_loaded(path):
    net = Net(straight)
    fast = optimized(net).get_submodule(path)
    state = net.get_submodule(path).state_dict()
    again = "the model that it was made of, and optimise anew"
    with pytest.raises(RuntimeError, match=f"train: {type(fast).__name__} was optimised for inference: train {again}"):
        fast.train()
    with pytest.raises(RuntimeError, match=f"load_state_dict: .* was optimised for inference: load into {again}"):
        fast.load_state_dict(state, strict=False)
    with pytest.raises(RuntimeError, match=f"requires_grad_: .* optimised for inference: train {again}"):
        fast.requires_grad_()
    whole = nn.Sequential(nn.Conv2d(3, 3, 1), optimized(net))
    with pytest.raises(RuntimeError, match=f"train: 1 was optimised for inference: train {again}"):
        whole.train()
    assert not fast.training
    assert not fast.eval().requires_grad_(False).training


def test_packs_are_held_with_and_without_a_tape(monkeypatch):
    fast = optimized(Net(straight))
    expected = fast(X).numpy()

    def refuse(*args):
        raise AssertionError("packed anew")

    monkeypatch.setattr(nn.conv, "conv_pack_weight", refuse)
    np.testing.assert_array_equal(fast(X).numpy(), expected)
    with tk.no_grad():
        np.testing.assert_array_equal(fast(X[1:]).numpy(), expected[1:])
    monkeypatch.undo()
    fast.conv.weight.data *= 2.0  # noticed
    with tk.no_grad():
        y = F.conv2d(X, fast.conv.weight, fast.conv.bias, padding=1, activation="relu")
        np.testing.assert_array_equal(fast(X).numpy(), y.numpy())


def test_gradients_reach_the_input():
    net = settle(Net(straight))
    fast = optimize_for_inference(net, X)
    found = []
    for one in (net, fast):
        x = tk.tensor(X, requires_grad=True)
        one(x).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_stay_for_inference(how):
    fast = optimized(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
    other = how(fast)
    np.testing.assert_array_equal(other(X).numpy(), fast(X).numpy())
    with pytest.raises(RuntimeError, match="was optimised for inference"):
        other.train()


def test_bits_do_not_depend_on_threads_or_batch():
    fast = optimized(nn.Sequential(nn.Conv2d(3, 40, 3), nn.BatchNorm2d(40), nn.ReLU(), nn.Conv2d(40, 8, 3)))
    expected = fast(X).numpy()
    for count in (1, 2, 7):
        with tk.threads(count):
            np.testing.assert_array_equal(fast(X).numpy(), expected)
            np.testing.assert_array_equal(fast(X[:1]).numpy(), expected[:1])


def test_a_forward_that_fails_leaves_the_model_alone():
    def fail(net, x):
        net.conv(x)
        raise ValueError("no")

    net = settle(Net(fail))
    with pytest.raises(ValueError, match="no"):
        optimize_for_inference(net, X)
    net.way = straight
    assert net(X).shape == (2, 4, 8, 8)
    assert not net.conv.has_hooks()
