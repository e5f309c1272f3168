"""Models: exact parameter counts, shapes, keys, seeds, and the registry's errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import models, nn


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("simple_convnet", {}, 433_890),
        ("deep_convnet", {}, 123_552),
        ("lenet5", {}, 61_706),
        ("lenet5", {"image_size": 32}, 61_706),
        # one more input channel is 9 * 16 weights more; one class more 50 weights and a bias
        ("deep_convnet", {"in_channels": 2, "num_classes": 11}, 123_552 + 9 * 16 + 51),
        # 32 pixels pool to 16, 9 (after padding 2: 18), 4: 64 * 16 inputs as before
        ("deep_convnet", {"image_size": 32}, 123_552),
    ],
)
def test_parameter_counts_and_output(name, options, parameters):
    net = models.create(name, **options).eval()
    assert count(net) == parameters
    size, channels = options.get("image_size", 28), options.get("in_channels", 1)
    y = net(np.zeros((2, channels, size, size), np.float32))
    assert y.shape == (2, options.get("num_classes", 10))


def test_deep_convnet_is_the_network_of_the_course():
    net = models.create("deep_convnet")
    kinds = [type(layer).__name__ for half in net for layer in half]
    assert kinds == (
        ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"] * 3
        + ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "Dropout"]
    )
    convs = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [16, 16, 32, 32, 64, 64]
    assert [conv.padding for conv in convs] == [(1, 1), (1, 1), (1, 1), (2, 2), (1, 1), (1, 1)]
    assert [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    keys = list(net.state_dict())
    assert (keys[0], keys[-1]) == ("features.0.weight", "classifier.4.bias")


def test_initial_values():
    net = models.create("deep_convnet", seed=1)
    layer = net.features[-3]
    assert isinstance(layer, nn.Conv2d)
    values = layer.weight.numpy()
    n, variance = values.size, 2 / (64 * 9)
    assert abs(np.mean(values.astype(np.float64) ** 2) - variance) < 5 * variance * math.sqrt(2 / n)
    assert not any(p.numpy().any() for name, p in net.named_parameters() if name.endswith("bias"))
    simple = models.create("simple_convnet", seed=1)
    values = simple.classifier[1].weight.numpy()
    assert abs(np.mean(values.astype(np.float64) ** 2) - 1e-4) < 5e-4 * math.sqrt(2 / values.size)


@pytest.mark.parametrize("name", ["deep_convnet", "simple_convnet", "lenet5"])
def test_seed_and_generator_decide_the_initial_values(name):
    def state(**options):
        return b"".join(value.tobytes() for value in models.create(name, **options).state_dict().values())

    one = state(seed=4)
    before = tk.default_generator().state()
    assert state(seed=4) == one == state(generator=tk.Generator(4))
    assert tk.default_generator().state() == before
    assert state(seed=5) != one
    tk.manual_seed(4)
    assert state() == one


def test_registry():
    assert {"deep_convnet", "lenet5", "simple_convnet"} <= set(models.list())
    assert models.list() == sorted(models.list())

    @models.register("only-in-this-test")
    def build(num_classes=10, in_channels=1, generator=None, *, width=3):
        return nn.Linear(width, num_classes, generator=generator)

    assert models.create("only-in-this-test", 4, width=7).weight.shape == (4, 7)
    with pytest.raises(ValueError, match="register: name: expected a name that is not taken, got 'lenet5'"):
        models.register("lenet5")(build)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("lenet6",), {}, ValueError, "create: name: expected one of 'alexnet', .*'lenet5', .* got 'lenet6'"),
        ((5,), {}, TypeError, "create: name: expected a string, got int"),
        (("lenet5",), {"seed": 1, "generator": tk.Generator(1)}, ValueError, "create: seed: expected None"),
        (("lenet5",), {"image_size": 30}, ValueError, "lenet5: image_size: expected 28 or 32, got 30"),
        (("deep_convnet",), {"image_size": 1}, ValueError, "deep_convnet: image_size: "),
        (("simple_convnet",), {"image_size": 5}, ValueError, "simple_convnet: image_size: "),
        (("lenet5", 0), {}, ValueError, "Linear: out_features: expected an integer >= 1, got 0"),
        (("lenet5",), {"width": 2}, TypeError, "width"),
    ],
)
def test_bad_arguments_are_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        models.create(*arguments, **options)
