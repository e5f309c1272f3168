"""Layers that pad, convolutions that pad in other ways than with zeros, and layers that shuffle."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

F = tk.functional
MODES = {"ReflectionPad": "reflect", "ReplicationPad": "replicate", "CircularPad": "circular"}
X = np.random.default_rng(0).standard_normal((2, 4, 5, 6, 7)).astype(np.float32)


def images(axes: int) -> np.ndarray:
    """(2, 4, *sizes)"""
    return np.ascontiguousarray(X[(slice(None), slice(None), *(0,) * (3 - axes))])


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("name", MODES)
def test_modes_are_passed_on(name, axes):
    layer_class, x = getattr(nn, f"{name}{axes}d"), images(axes)
    sides = (1, 2, 3, 0, 2, 1)[: 2 * axes]
    assert np.array_equal(layer_class(sides)(x).numpy(), F.pad(x, sides, MODES[name]).numpy())
    assert np.array_equal(layer_class(2)(x).numpy(), F.pad(x, (2, 2) * axes, MODES[name]).numpy())
    assert np.array_equal(layer_class(sides)(x[0]).numpy(), layer_class(sides)(x).numpy()[0])


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_constants_are_passed_on(axes):
    x, sides = images(axes), (1, 2, -1, 0, 2, 1)[: 2 * axes]
    constant, zero = getattr(nn, f"ConstantPad{axes}d"), getattr(nn, f"ZeroPad{axes}d")
    assert np.array_equal(constant(sides, 2.5)(x).numpy(), F.pad(x, sides, value=2.5).numpy())
    assert np.array_equal(constant(1, -np.inf)(x).numpy(), F.pad(x, (1, 1) * axes, value=-np.inf).numpy())
    assert np.array_equal(zero(sides)(x).numpy(), F.pad(x, sides).numpy())


def test_text():
    assert repr(nn.ReflectionPad2d(1)) == "ReflectionPad2d((1, 1, 1, 1))"
    assert repr(nn.CircularPad1d((1, 2))) == "CircularPad1d((1, 2))"
    assert repr(nn.ZeroPad2d((1, 2, 0, 1))) == "ZeroPad2d((1, 2, 0, 1))"
    assert repr(nn.ConstantPad1d(2, 3.5)) == "ConstantPad1d(padding=(2, 2), value=3.5)"
    assert repr(nn.PixelShuffle(2)) == "PixelShuffle(upscale_factor=2)"
    assert repr(nn.PixelUnshuffle(2)) == "PixelUnshuffle(downscale_factor=2)"
    assert repr(nn.ChannelShuffle(3)) == "ChannelShuffle(groups=3)"


def test_sides_are_checked_when_built():
    with pytest.raises(ValueError, match=r"^ZeroPad2d: padding: expected an integer, or 4: .*got \(1, 1\)"):
        nn.ZeroPad2d((1, 1))
    with pytest.raises(TypeError, match=r"^ReflectionPad1d: padding: expected an integer, got float"):
        nn.ReflectionPad1d((1, 1.5))
    with pytest.raises(ValueError, match=r"^PixelShuffle: upscale_factor: expected an integer >= 1, got 0"):
        nn.PixelShuffle(0)


CONVS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("padding", [2, ((1, 2), (0, 3), (2, 1)), "same", "valid"])
def test_convolutions_pad_first(axes, mode, padding):
    x = images(axes)
    padding = padding[:axes] if isinstance(padding, tuple) else padding
    layer = CONVS[axes](4, 3, 3, 1, padding, 2, padding_mode=mode)
    pairs = {2: [(2, 2)] * axes, "same": [(2, 2)] * axes, "valid": [(0, 0)] * axes}.get(padding, padding)
    flat = [side for pair in reversed(pairs) for side in pair]
    plain = CONVS[axes](4, 3, 3, 1, 0, 2)
    plain.load_state_dict(layer.state_dict())
    for grad in (True, False):  # without a tape the weight is packed
        with tk.enable_grad() if grad else tk.no_grad():
            for one in (x, x[0]):
                assert np.array_equal(layer(one).numpy(), plain(F.pad(one, flat, mode)).numpy())


def test_a_convolution_padded_with_zeros_pads_itself():
    x = images(2)
    layer = nn.Conv2d(4, 3, 3, 1, 1, 1, 1, True, "zeros")
    assert np.array_equal(layer(x).numpy(), F.conv2d(x, layer.weight, layer.bias, padding=1).numpy())
    assert "padding_mode" not in repr(layer)
    assert repr(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")) == (
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), padding_mode='reflect')"
    )


def test_gradients_reach_through_the_padding():
    layer = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular", dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((2, 2, 4, 5))
    assert tk.gradcheck(layer, [tk.tensor(x, requires_grad=True)])


def test_shuffles_undo_each_other():
    x = np.random.default_rng(2).standard_normal((2, 8, 4, 6)).astype(np.float32)
    assert np.array_equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)).numpy(), x)
    assert np.array_equal(nn.ChannelShuffle(4)(nn.ChannelShuffle(2)(x)).numpy(), x)
    assert not np.array_equal(nn.ChannelShuffle(2)(x).numpy(), x)


def test_a_convolution_pads_with_a_constant():
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(np.float32)
    layer = tk.nn.Conv2d(3, 4, 3, padding=((1, 0), (2, 1)), padding_mode="constant", padding_value=-1.5)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 1)), constant_values=-1.5)
    assert np.allclose(layer(x).numpy(), tk.functional.conv2d(padded, layer.weight, layer.bias).numpy(), atol=1e-6)
    assert "padding_mode='constant', padding_value=-1.5" in repr(layer)
    with pytest.raises(ValueError, match='Conv1d: padding_value: expected padding_mode="constant" with it, got 2'):
        tk.nn.Conv1d(1, 1, 3, padding_value=2)
