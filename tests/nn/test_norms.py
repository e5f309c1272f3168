"""Normalising layers: torch's numbers, names and states; batch norm's momentum, its one error and how it is frozen."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# Layers of float64 by name, arguments and the shape of x.
LAYERS = {
    "group": ("GroupNorm", (2, 6), {}, (3, 6, 4, 5)),
    "group plain": ("GroupNorm", (3, 6), {"affine": False, "eps": 0.5}, (3, 6, 7)),
    "group without bias": ("GroupNorm", (3, 6), {"bias": False}, (3, 6)),
    "layer": ("LayerNorm", ((4, 5),), {}, (3, 2, 4, 5)),
    "layer of one axis": ("LayerNorm", (5,), {"eps": 0.5, "bias": False}, (3, 5)),
    "layer plain": ("LayerNorm", ([5],), {"elementwise_affine": False}, (3, 4, 5)),
    "rms": ("RMSNorm", ((4, 5),), {}, (3, 4, 5)),
    "rms plain": ("RMSNorm", (5,), {"elementwise_affine": False, "eps": 0.25}, (3, 5)),
    "instance 1d": ("InstanceNorm1d", (3,), {"affine": True}, (4, 3, 7)),
    "instance 2d": ("InstanceNorm2d", (3, 0.5, 0.25), {"track_running_stats": True}, (4, 3, 5, 6)),
    "instance without bias": ("InstanceNorm2d", (3,), {"affine": True, "bias": False}, (4, 3, 5, 6)),
    "instance 3d": ("InstanceNorm3d", (3, 1e-3, 0.5, True, True), {}, (4, 3, 2, 3, 4)),
    "instance, one image": ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (3, 5, 6)),
    "batch": ("BatchNorm2d", (3, 1e-3, 0.25), {}, (4, 3, 5, 6)),
    "batch without bias": ("BatchNorm1d", (3,), {"bias": False}, (4, 3)),
    "batch, plain mean": ("BatchNorm1d", (3,), {"momentum": None}, (4, 3, 5)),
    "local response": ("LocalResponseNorm", (3, 0.5, 0.75, 2.0), {}, (2, 5, 3, 4)),
}


def learned(layer):
    """Parameters that are neither ones nor zeros."""
    for seed, parameter in enumerate(layer.parameters()):
        parameter.copy_(draw(*parameter.shape, seed=seed + 1))
    return layer


@pytest.mark.parametrize("label", LAYERS)
def test_torch_gives_the_same_numbers(label):
    """In training, twice, then in evaluation; gradients, running statistics and text as well."""
    torch = pytest.importorskip("torch")
    name, args, options, shape = LAYERS[label]
    typed = {} if name == "LocalResponseNorm" else {"dtype": np.float64}
    layer = learned(getattr(nn, name)(*args, **options, **typed))
    other = getattr(torch.nn, name)(*args, **options).double()
    assert list(layer.state_dict()) == list(other.state_dict())
    other.load_state_dict({key: torch.tensor(value) for key, value in layer.state_dict().items()})
    for step in range(3):
        if step == 2:
            layer.eval()
            other.eval()
        x, dy = draw(*shape, seed=10 + step), draw(*shape, seed=20 + step)
        ours, theirs = tk.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        layer.zero_grad()
        other.zero_grad()
        y, z = layer(ours), other(theirs)
        y.backward(dy)
        z.backward(torch.tensor(dy))
        pairs = [(y, z), (ours.grad, theirs.grad)]
        pairs += [(one.grad, two.grad) for one, two in zip(layer.parameters(), other.parameters(), strict=True)]
        for one, two in pairs:
            np.testing.assert_allclose(one.numpy(), two.detach().numpy(), rtol=1e-9, atol=1e-9)
    for key, value in layer.state_dict().items():
        if not (key == "num_batches_tracked" and name.startswith("Instance")):  # torch counts none there
            np.testing.assert_allclose(value, other.state_dict()[key].numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("label", [label for label, case in LAYERS.items() if not case[0].startswith("Batch")])
def test_layers_print_as_torch_does(label):
    torch = pytest.importorskip("torch")
    name, args, options, _ = LAYERS[label]
    assert repr(getattr(nn, name)(*args, **options)) == repr(getattr(torch.nn, name)(*args, **options))


@pytest.mark.parametrize(
    "name", ["GroupNorm", "LayerNorm", "RMSNorm", "InstanceNorm2d", "BatchNorm2d", "LocalResponseNorm"]
)
def test_arguments_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    ours = inspect.signature(getattr(nn, name)).parameters
    theirs = inspect.signature(getattr(torch.nn, name)).parameters
    for key, parameter in theirs.items():
        if key != "device":
            assert ours[key].default == parameter.default, key


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.GroupNorm(4, 6), "GroupNorm: num_groups: expected a divisor of num_channels=6, got 4"),
        (lambda: nn.GroupNorm(0, 6), "GroupNorm: num_groups: expected an integer >= 1, got 0"),
        (lambda: nn.GroupNorm(2, 6, eps=-1), "GroupNorm: eps: expected a number >= 0, got -1.0"),
        (
            lambda: nn.GroupNorm(2, 6)(draw(3, 4)),
            r"GroupNorm: group_norm: x: expected \(N, 6, \*sizes\), got shape \(3, 4",
        ),
        (lambda: nn.LayerNorm(()), "LayerNorm: normalized_shape: expected one axis or more"),
        (lambda: nn.LayerNorm((3, 0)), "LayerNorm: normalized_shape: expected a shape, a sequence of integers >= 1"),
        (
            lambda: nn.LayerNorm(3, dtype=np.float64)(draw(2, 4)),
            r"LayerNorm: layer_norm: input: expected a shape \(\*, 3\)",
        ),
        (lambda: nn.RMSNorm(3, eps=-1.0), "RMSNorm: eps: expected a number >= 0"),
        (
            lambda: nn.InstanceNorm2d(3, momentum=1.5),
            "InstanceNorm2d: momentum: expected a number from 0 to 1, got 1.5",
        ),
        (
            lambda: nn.InstanceNorm2d(3)(draw(2, 4, 5, 5)),
            r"InstanceNorm2d: instance_norm: x: expected \(N, 3, \*2 axes\) or without N, got shape \(2, 4, 5, 5\)",
        ),
        (
            lambda: nn.InstanceNorm1d(3)(draw(2, 3, 1)),
            "InstanceNorm1d: instance_norm: input: expected more than one value per channel and image",
        ),
        (lambda: nn.LocalResponseNorm(0), "LocalResponseNorm: size: expected an integer >= 1, got 0"),
        (lambda: nn.BatchNorm2d(3, 1e-5, 0.5, decay=0.5), "BatchNorm2d: decay: expected one of them: decay is 1 - mom"),
        (lambda: nn.BatchNorm2d(3, momentum=0.1, decay=0.9), "BatchNorm2d: decay: expected .* got decay=0.9 and mom"),
        (lambda: nn.BatchNorm2d(3, momentum=None, decay=0.9), "BatchNorm2d: decay: expected .* got decay=0.9 and mom"),
        (lambda: nn.BatchNorm2d(3, decay=1.5), "BatchNorm2d: decay: expected a number from 0 to 1, got 1.5"),
    ],
)
def test_layers_check_their_arguments(build, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build()


def test_kinds_are_checked():
    for build in (
        lambda: nn.GroupNorm(2.0, 4),
        lambda: nn.LayerNorm(True),
        lambda: nn.LayerNorm(3, elementwise_affine=1),
        lambda: nn.InstanceNorm2d(3, momentum=None),
        lambda: nn.LocalResponseNorm(3, within_channel=1),
        lambda: nn.BatchNorm2d(3, decay="0.9"),
        lambda: nn.BatchNorm2d(3, bias=0),
    ):
        with pytest.raises(TypeError):
            build()


def test_decay_is_what_momentum_leaves():
    one, other = nn.BatchNorm1d(2, momentum=0.25, dtype=np.float64), nn.BatchNorm1d(2, decay=0.75, dtype=np.float64)
    assert (other.momentum, nn.BatchNorm1d(2).momentum, nn.BatchNorm1d(2, momentum=0.1).momentum) == (0.25, 0.1, 0.1)
    x = draw(5, 2)
    one(x)
    other(x)
    for key, value in one.state_dict().items():
        assert np.array_equal(other.state_dict()[key], value), key


def test_one_value_per_channel_names_layer_shape_and_remedies():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    x = draw(1, 3, 3, 3).astype(np.float32)
    message = (
        r"^1 \(BatchNorm2d\): batch_norm: input: expected more than one value per channel to train on; remedies: "
        r"a larger batch, eval\(\) or nn.utils.freeze_bn\(\), or GroupNorm or LayerNorm, which need no batch, "
        r"got a batch of shape \(1, 4, 1, 1\), one value per channel$"
    )
    with pytest.raises(ValueError, match=message):
        net(x)
    assert int(net[1].num_batches_tracked) == 0
    assert net.eval()(x).shape == (1, 4, 1, 1)
    assert nn.utils.freeze_bn(net.train())(x).shape == (1, 4, 1, 1)
    with pytest.raises(ValueError, match=r"BatchNorm1d: .* remedies: .* got a batch of shape \(1, 2\)"):
        nn.BatchNorm1d(2, track_running_stats=False).eval()(draw(1, 2).astype(np.float32))


def test_frozen_batch_norms_stay_as_they_are():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4, affine=False)))
    assert nn.utils.freeze_bn(net) is net
    frozen = {key: value.copy() for key, value in net[1].state_dict().items()}
    for model in (net, copy.deepcopy(net)):
        for _ in range(2):
            model.train()
            assert [model.training, model[0].training] == [True, True]
            assert [model[1].training, model[2].training, model[2][0].training] == [False, True, False]
            model(draw(2, 3, 5, 5).astype(np.float32)).sum().backward()
            model.eval()
        assert model[0].weight.grad is not None
        assert model[1].weight.grad is model[1].bias.grad is None
        for key, value in model[1].state_dict().items():
            assert np.array_equal(value, frozen[key]), key
    layer = nn.BatchNorm1d(2)
    assert not nn.utils.freeze_bn(layer).train().training


def test_freeze_bn_checks_first():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))
    with pytest.raises(ValueError, match=r"^freeze_bn: module: expected running statistics, got 1 without"):
        nn.utils.freeze_bn(net)
    assert net[0].training
    assert net[0].weight.requires_grad
    with pytest.raises(TypeError, match=r"^freeze_bn: module: expected a Module, got list"):
        nn.utils.freeze_bn([net])


def test_local_response_within_channels():
    x = draw(2, 3, 5, 5)
    layer = nn.LocalResponseNorm(3, 0.5, within_channel=True)
    assert repr(layer) == "LocalResponseNorm(3, alpha=0.5, beta=0.75, k=1.0, within_channel=True)"
    padded = np.pad(x**2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    base = sum(padded[:, :, i : i + 5, j : j + 5] for i in range(3) for j in range(3)) / 9 * 0.5 + 1
    np.testing.assert_allclose(layer(tk.tensor(x)).numpy(), x / base**0.75, rtol=1e-12)


def test_instance_norm_counts_batches_and_takes_lists():
    layer = nn.InstanceNorm1d(1, track_running_stats=True, momentum=1.0, eps=0.0)
    assert layer([[1.0, 3.0]]).numpy().tolist() == [[-1, 1]]
    assert (int(layer.num_batches_tracked), layer.running_mean.tolist()) == (1, [2])
    assert layer.running_var.tolist() == [2]
    assert layer.eval()([[[2.0, 2.0]]]).numpy().tolist() == [[[0, 0]]]
    assert int(layer.num_batches_tracked) == 1
