"""Auxiliary classifiers of GoogLeNet and Inception v3: torchvision's sizes and names, and what training sees."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import models
from tatamikomi.models.googlenet import Auxiliary, auxiliary_loss
from tatamikomi.models.inception import AuxiliaryV3


@pytest.mark.parametrize(
    ("name", "parameters", "first"),
    [("googlenet", 13_004_888, "aux1.conv.conv.weight"), ("inception_v3", 27_161_264, "AuxLogits.conv0.conv.weight")],
)
def test_sizes_and_names(name, parameters, first, bare):
    net = models.create(name, aux_logits=True)
    assert sum(one.numel() for one in net.parameters()) == parameters
    keys = list(net.state_dict())
    plain = list(models.create(name).state_dict())
    assert [key for key in keys if "aux" not in key.lower()] == plain
    before = {"googlenet": "inception5b.branch4.1.bn", "inception_v3": "Mixed_6e.branch_pool.bn"}[name]
    assert keys[keys.index(first) - 1] == f"{before}.num_batches_tracked"


def test_training_sees_them_and_evaluation_does_not():
    net = models.create("googlenet", 3, 1, seed=1, aux_logits=True)
    seen = {}
    for name in ("inception4a", "inception4d", "aux1", "aux2"):
        getattr(net, name).register_forward_hook(lambda layer, args, y, name=name: seen.update({name: (args[0], y)}))
    x, target = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32), np.array([0, 2])
    output = net(x)
    assert seen["aux1"][0] is seen["inception4a"][1]
    assert seen["aux2"][0] is seen["inception4d"][1]
    assert output.auxiliary == (seen["aux1"][1], seen["aux2"][1])
    loss = auxiliary_loss(output, target, 0.5)
    parts = [tk.functional.cross_entropy(one, target).item() for one in (output.logits, *output.auxiliary)]
    assert loss.item() == pytest.approx(parts[0] + 0.5 * (parts[1] + parts[2]), rel=1e-6)
    loss.backward()
    assert all(one.grad is not None for one in net.parameters())
    y = net.eval()(x)
    assert y.shape == (2, 3)
    assert auxiliary_loss(y, target).item() == tk.functional.cross_entropy(y, target).item()


def test_v3_has_one_after_6e():
    net = models.create("inception_v3", 3, 1, aux_logits=True)
    for name in net._order:
        setattr(net, name, tk.nn.Identity())
    for name, factor in (("Mixed_6d", 2), ("Mixed_6e", 3), ("Mixed_7a", 5)):
        getattr(net, name).register_forward_hook(lambda layer, args, y, factor=factor: y * factor)
    seen = []
    net.AuxLogits = AuxiliaryV3(4, 3)
    net.AuxLogits.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    net.fc = tk.nn.Linear(4, 3)
    x = tk.tensor(np.random.default_rng(0).normal(size=(2, 4, 17, 17)).astype(np.float32))
    output = net(x)
    assert len(seen) == 1
    assert np.array_equal(seen[0].numpy(), 6 * x.numpy())
    assert [one.shape for one in (output.logits, *output.auxiliary)] == [(2, 3), (2, 3)]


def test_a_means_of_few_places():
    """Four by four places whatever the size: 2,048 inputs of the first linear layer."""
    assert Auxiliary(6, 5).eval()(np.zeros((2, 6, 7, 9), np.float32)).shape == (2, 5)
