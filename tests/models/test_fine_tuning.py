"""Fine-tuning: a new head, layers held still by name, a learning rate per group, batch norms kept as they were."""

from __future__ import annotations

import re

import numpy as np

import tatamikomi as tk
from tatamikomi import models, nn


def test_a_new_head_on_frozen_features():
    net = models.create("mobilenet_v2", seed=1, width_mult=0.35).double()
    net.classifier[1] = nn.Linear(1280, 3, dtype=np.float64, generator=tk.Generator(2))
    nn.utils.freeze_bn(net)
    for name, parameter in net.named_parameters():
        if re.match(r"features\.([0-9]|1[0-6])\.", name):
            parameter.requires_grad_(False)
    last = [one for one in net.features.parameters() if one.requires_grad]
    assert {id(one) for one in last} == {
        id(layer.weight) for i in (17, 18) for layer in net.features[i].modules() if isinstance(layer, nn.Conv2d)
    }
    optimizer = tk.optim.SGD([{"params": last, "lr": 1e-4}, {"params": net.classifier.parameters()}], lr=1e-2)
    before = net.state_dict()
    random = np.random.default_rng(0)
    x, target = random.normal(size=(4, 3, 32, 32)), np.array([0, 1, 2, 0])
    losses = []
    net.train()
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    for _ in range(3):
        loss = tk.functional.cross_entropy(net(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == 1:
            first = {name: one.grad.numpy().copy() for name, one in net.named_parameters() if one.grad is not None}
            moved = {name: value - before[name] for name, value in net.state_dict().items()}
    assert losses[2] < losses[1] < losses[0]
    for name, change in moved.items():
        rate = {"features.17": 1e-4, "features.18": 1e-4, "classifier.1": 1e-2}.get(".".join(name.split(".")[:2]), 0.0)
        if name in first:
            np.testing.assert_allclose(change, -rate * first[name], rtol=0, atol=1e-15 * abs(before[name]).max())
            assert change.any(), name
        else:
            assert not change.any(), name
