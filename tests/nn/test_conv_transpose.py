"""Transposed convolution layers: sizes that are asked for, parameters, text, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

LAYERS = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_options_are_passed_on(axes):
    sizes, kernel, stride = (5, 4, 3)[:axes], (3, 2, 2)[:axes], (3, 2, 3)[:axes]
    padding, extra, dilation = (2, 0, 1)[:axes], (1, 1, 2)[:axes], (2, 3, 1)[:axes]
    layer = LAYERS[axes](4, 6, kernel, stride, padding, extra, 2, True, dilation, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((2, 4, *sizes))
    function = getattr(tk.functional, f"conv_transpose{axes}d")
    options = layer.weight, layer.bias, stride, padding, extra, 2, dilation
    assert np.array_equal(layer(x).numpy(), function(x, *options).numpy())
    assert np.array_equal(layer(x[0]).numpy(), function(x[0], *options).numpy())


def test_output_size_chooses_among_those_that_a_convolution_maps_here():
    layer = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    x = np.ones((1, 3, 5, 6), np.float32)
    assert layer(x).shape == (1, 2, 9, 11)
    for height in (9, 10):
        y = layer(x, output_size=(height, 12))
        assert y.shape == (1, 2, height, 12)
        assert tk.functional.conv2d(y, layer.weight, stride=2, padding=1).shape == x.shape
    assert layer(x, (1, 2, 10, 11)).shape == layer(x[0], (10, 11)).unsqueeze(0).shape == (1, 2, 10, 11)
    for wrong in ((8, 11), (11, 11), (9, 13)):
        with pytest.raises(ValueError, match=r"output_size: expected sizes from \(9, 11\) to \(10, 12\)"):
            layer(x, wrong)
    with pytest.raises(ValueError, match="output_size: expected 2 sizes, or as many as x"):
        layer(x, (9,))


def test_parameters():
    layer = nn.ConvTranspose2d(8, 12, (3, 5), groups=4, dtype=np.float64, generator=tk.random.Generator(3))
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert layer.weight.shape == (8, 3, 3, 5)
    bound = 1 / np.sqrt(3 * 15)
    assert 0.9 * bound < np.abs(layer.weight.numpy()).max() < bound
    assert 0 < np.abs(layer.bias.numpy()).max() < bound
    assert nn.ConvTranspose1d(2, 3, 4, bias=False).bias is None


def test_text():
    assert repr(nn.ConvTranspose1d(2, 3, 4)) == "ConvTranspose1d(2, 3, kernel_size=(4,), stride=(1,))"
    layer = nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False, 2)
    assert repr(layer) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "output_padding=(1, 1), groups=2, bias=False)"
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"groups": 3}, "groups: expected a divisor of in_channels=4, got 3"),
        ({"groups": 4}, "groups: expected a divisor of out_channels=6, got 4"),
        ({"padding": -1}, "padding: expected"),
        ({"output_padding": -1}, "output_padding: expected"),
        ({"padding_mode": "reflect"}, "padding_mode: expected one of 'zeros', got 'reflect'"),
    ],
)
def test_errors(options, match):
    with pytest.raises(ValueError, match=f"^ConvTranspose2d: {match}"):
        nn.ConvTranspose2d(4, 6, 3, **options)
