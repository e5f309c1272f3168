"""Blocks against the same blocks written in torch, whose state they share."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn


def separable(torch, options):
    depth = options.get("depth_multiplier", 1)
    own = {name: options[name] for name in ("stride", "padding", "dilation") if name in options}
    twin = torch.nn.Sequential()
    twin.add_module("depthwise", torch.nn.Conv2d(4, 4 * depth, 3, groups=4, bias=False, **own))
    twin.add_module("pointwise", torch.nn.Conv2d(4 * depth, 6, 1, bias=options.get("bias", True)))
    return twin


def excitation(torch):
    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = torch.nn.Conv2d(4, 2, 1), torch.nn.Conv2d(2, 4, 1)

        def forward(self, x):
            means = x.mean((2, 3), keepdim=True)
            return torch.sigmoid(self.fc2(torch.relu(self.fc1(means)))) * x

    return Twin()


def pyramid(torch, rates):
    t = torch.nn

    def branch(*layers, channels=4, size=1, **options):
        return t.Sequential(*layers, t.Conv2d(channels, 6, size, bias=False, **options), t.BatchNorm2d(6), t.ReLU())

    class Twin(t.Module):
        def __init__(self):
            super().__init__()
            self.convs = t.ModuleList(
                [
                    branch(),
                    *(branch(size=3, padding=rate, dilation=rate) for rate in rates),
                    branch(t.AdaptiveAvgPool2d(1)),
                ]
            )
            self.project = branch(channels=6 * len(self.convs))
            self.project.append(t.Dropout(0.0))

        def forward(self, x):
            *branches, means = [conv(x) for conv in self.convs]
            means = t.functional.interpolate(means, x.shape[-2:], mode="bilinear", align_corners=False)
            return self.project(torch.cat([*branches, means], 1))

    return Twin()


CASES = {
    "separable": (lambda: nn.SeparableConv2d(4, 6, 3, dtype="f8"), lambda torch: separable(torch, {})),
    "separable, options": (
        lambda: nn.SeparableConv2d(4, 6, 3, 2, 1, depth_multiplier=3, bias=False, dtype="f8"),
        lambda torch: separable(torch, {"stride": 2, "padding": 1, "depth_multiplier": 3, "bias": False}),
    ),
    "separable, dilation": (
        lambda: nn.SeparableConv2d(4, 6, 3, dilation=2, dtype="f8"),
        lambda torch: separable(torch, {"dilation": 2}),
    ),
    "excitation": (lambda: nn.SqueezeExcitation(4, 2, dtype="f8"), excitation),
    "pyramid": (lambda: nn.ASPP(4, (2, 3), 6, dropout=0.0, dtype="f8"), lambda torch: pyramid(torch, (2, 3))),
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_torch(case):
    torch = pytest.importorskip("torch")
    make, twin = CASES[case]
    ours, theirs = make(), twin(torch).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({key: torch.tensor(value) for key, value in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((3, 4, 9, 8))
    weight = None
    for training in (True, False):
        here = tk.tensor(x, requires_grad=True)
        there = torch.tensor(x, requires_grad=True)
        y, z = ours.train(training)(here), theirs.train(training)(there)
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-12)
        weight = np.random.default_rng(1).standard_normal(y.shape)
        (y * weight).sum().backward()
        (z * torch.tensor(weight)).sum().backward()
        np.testing.assert_allclose(here.grad.numpy(), there.grad.numpy(), rtol=1e-8, atol=1e-10)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-8, atol=1e-10)
    ours.load_state_dict(theirs.state_dict())


def test_without_torch_a_separable_convolution_is_two():
    layer = nn.SeparableConv2d(2, 3, 3, padding=1, depth_multiplier=2, dtype="f8")
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 4))
    depth, point = layer.depthwise.weight.numpy(), layer.pointwise.weight.numpy()[:, :, 0, 0]
    dense = np.zeros((3, 2, 3, 3))
    for out in range(3):
        for between in range(4):
            dense[out, between // 2] += point[out, between] * depth[between, 0]
    whole = nn.Conv2d(2, 3, 3, padding=1, dtype="f8")
    whole.load_state_dict({"weight": dense, "bias": layer.pointwise.bias.numpy()})
    np.testing.assert_allclose(layer(x).numpy(), whole(x).numpy(), rtol=1e-12, atol=1e-14)
    assert layer(x[0]).shape == (3, 4, 4)


def test_relu_at_the_end_of_a_separable_convolution():
    layer = nn.SeparableConv2d(2, 3, 1, activation="relu")
    assert layer(np.random.default_rng(0).standard_normal((4, 2, 5, 5)).astype("f")).numpy().min() == 0


def test_other_activations_of_the_excitation():
    layer = nn.SqueezeExcitation(4, 2, nn.Tanh, nn.Tanh, dtype="f8")
    x = np.random.default_rng(0).standard_normal((2, 4, 3, 3))
    means = x.mean((2, 3))
    w1, b1, w2, b2 = (one.numpy() for one in layer.parameters())
    scale = np.tanh(np.tanh(means @ w1[:, :, 0, 0].T + b1) @ w2[:, :, 0, 0].T + b2)
    np.testing.assert_allclose(layer(x).numpy(), x * scale[:, :, None, None], rtol=1e-12)


def test_dropout_ends_the_pyramid():
    block = nn.ASPP(2, [1], 3, dropout=0.9, generator=tk.Generator(0))
    x = np.random.default_rng(0).standard_normal((2, 2, 20, 20)).astype("f")
    assert (block(x).numpy() == 0).mean() > 0.8
    assert (block.eval()(x).numpy() == 0).mean() < 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.SeparableConv2d(2, 3, 3, depth_multiplier=0), "^SeparableConv2d: depth_multiplier: "),
        (lambda: nn.SeparableConv2d(0, 3, 3), "^SeparableConv2d: in_channels: "),
        (lambda: nn.SqueezeExcitation(4, 0), "^SqueezeExcitation: squeeze_channels: "),
        (lambda: nn.SqueezeExcitation(4, 2, nn.ReLU()), "^SqueezeExcitation: activation: expected what makes a module"),
        (lambda: nn.ASPP(4, 3), "^ASPP: atrous_rates: expected a list of integers, got int"),
        (lambda: nn.ASPP(4, []), "^ASPP: atrous_rates: expected at least one rate, got none"),
        (lambda: nn.ASPP(4, [2, 0]), r"^ASPP: atrous_rates\[1\]: "),
        (lambda: nn.ASPP(4, [2], dropout=2), "^Dropout: p: "),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
