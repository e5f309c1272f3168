"""Every network optimised for inference: the outputs of the original, to rounding, in fewer passes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.zoo import ZOO

import tatamikomi as tk
from tatamikomi import models, nn
from tatamikomi.interpret.trace import arrays_in

DETECTORS = models.list("detection")
# Batch norms that stay: those after sums and concatenations, and those of several levels behind one convolution.
STAY = {"densenet121": 62, "efficientdet_d0": 30}
LIKE_OTHERS = {"resnet32_cifar", "resnet44_cifar", "yolox_m", "yolox_l", "yolox_x"} | {
    f"efficientnet_b{i}" for i in range(1, 4)
}
NAMES = sorted(
    {name for name, known in ZOO.items() if known.parameters < 13_000_000} - LIKE_OTHERS
    | {"resnet50", "inception_v3", "unet3d", "fcn"}
)


def settled(name):
    """In evaluation, with statistics and parameters as after some training."""
    net, random = models.create(name, seed=3).eval(), np.random.default_rng(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean[...] = random.normal(0, 0.1, module.num_features)
            module.running_var[...] = random.uniform(0.5, 2, module.num_features)
            for parameter in module.parameters():
                parameter.copy_(random.uniform(0.5, 1.5, module.num_features))
    return net


def norms_of(net):
    return sum(isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) for one in net.modules())


@pytest.mark.parametrize("name", NAMES + sorted(set(DETECTORS) - LIKE_OTHERS))
def test_outputs_agree(name):
    shape = ZOO[name].x if name in ZOO else (3, 64, 64)
    net, x = settled(name), np.random.default_rng(1).random((2, *shape), dtype=np.float32)
    before = {key: value.copy() for key, value in net.state_dict().items()}
    fast = tk.nn.utils.optimize_for_inference(net, x[:1])
    assert type(fast) is type(net)
    assert norms_of(fast) == STAY.get(name, 0)
    with tk.no_grad():
        pairs = list(zip(arrays_in(fast(x)), arrays_in(net(x)), strict=True))
    assert pairs
    for got, expected in pairs:
        want = expected.numpy()
        assert want.any()
        assert np.abs(got.numpy() - want).max() <= 1e-4 * np.abs(want).max()
    assert all(np.array_equal(value, before[key]) for key, value in net.state_dict().items())
