"""Layers: what they check when built, how they print, and that they compute what the arithmetic says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

CONVS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def integers(*shape: int, seed: int = 0, low: int = -3, high: int = 4) -> np.ndarray:
    """Small integers in float32: sums of their products are exact."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.float32)


def plain_conv(x, weight, bias, stride, before, dilation, groups, out_sizes):
    """Loops over every output and tap; `before` zeros are thought before each axis."""
    n, axes = len(x), weight.ndim - 2
    y = np.zeros((n, len(weight), *out_sizes))
    per_group = len(weight) // groups
    for index in np.ndindex(y.shape):
        sample, oc, at = index[0], index[1], index[2:]
        total = 0.0 if bias is None else float(bias[oc])
        for tap in np.ndindex(weight.shape[1:]):
            place = [at[i] * stride[i] + tap[1 + i] * dilation[i] - before[i] for i in range(axes)]
            if all(0 <= p < size for p, size in zip(place, x.shape[2:], strict=True)):
                channel = oc // per_group * weight.shape[1] + tap[0]
                total += float(x[(sample, channel, *place)]) * float(weight[(oc, *tap)])
        y[index] = total
    return y


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_pass_every_option_on(axes):
    sizes = (7, 6, 5)[:axes]
    kernel, stride, dilation = (3, 2, 2)[:axes], (2, 1, 3)[:axes], (2, 3, 1)[:axes]
    pairs = ((1, 2), (0, 3), (2, 0))[:axes]
    layer = CONVS[axes](4, 6, kernel, stride, pairs, dilation, groups=2)
    layer.weight.copy_(integers(*layer.weight.shape, seed=1))
    layer.bias.copy_(integers(6, seed=2))
    x = integers(2, 4, *sizes, seed=3)
    out = [
        (size + sum(pair) - d * (k - 1) - 1) // s + 1
        for size, pair, d, k, s in zip(sizes, pairs, dilation, kernel, stride, strict=True)
    ]
    before = [pair[0] for pair in pairs]
    expected = plain_conv(x, layer.weight.data, layer.bias.data, stride, before, dilation, 2, out)
    assert np.array_equal(layer(x).numpy(), expected)
    assert np.array_equal(layer(x[0]).numpy(), expected[0])


def test_convolution_same_and_without_bias():
    layer = nn.Conv2d(1, 2, 3, padding="same", bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    layer.weight.copy_(integers(2, 1, 3, 3, seed=1))
    x = integers(1, 1, 4, 5, seed=2)
    expected = plain_conv(x, layer.weight.data, None, (1, 1), (1, 1), (1, 1), 1, (4, 5))
    assert np.array_equal(layer(x).numpy(), expected)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution_shapes_and_default_initialisation(axes):
    layer = CONVS[axes](6, 30, 3, groups=3, generator=tk.Generator(1))
    assert layer.weight.shape == (30, 2, *(3,) * axes)
    bound = 1 / math.sqrt(2 * 3**axes)
    for parameter in (layer.weight, layer.bias):
        assert parameter.dtype == np.float32
        assert np.abs(parameter.numpy()).max() <= np.float32(bound)
        assert np.abs(parameter.numpy()).max() > 0.8 * bound  # of 30 numbers, all below: 0.8**30 = 0.001
    again = CONVS[axes](6, 30, 3, groups=3, generator=tk.Generator(1))
    assert np.array_equal(again.weight.numpy(), layer.weight.numpy())
    wide = CONVS[axes](1, 1, 1, dtype=np.float64)
    assert wide.weight.dtype == wide.bias.dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1, 3), ValueError, r"Conv2d: in_channels: expected an integer >= 1, got 0"),
        ((1, 1.5, 3), TypeError, r"Conv2d: out_channels: expected an integer, got float"),
        ((1, 1, (3, 3, 3)), ValueError, r"Conv2d: kernel_size: .*2 integers.*, got \(3, 3, 3\)"),
        ((1, 1, 3, 0), ValueError, r"Conv2d: stride: "),
        ((1, 1, 3, 1, -1), ValueError, r"Conv2d: padding: "),
        ((1, 1, 3, 1, "full"), ValueError, r"Conv2d: padding: expected one of 'same', 'valid', got 'full'"),
        ((1, 1, 3, 1, ((1, 2),)), ValueError, r"Conv2d: padding: expected 2 pairs \(before, after\)"),
        ((1, 1, 3, 1, ((1, 2), 3)), (TypeError, ValueError), r"Conv2d: padding: "),
        ((1, 1, 3, 1, None), TypeError, r"Conv2d: padding: "),
        ((1, 1, 3, 1, 0, 0), ValueError, r"Conv2d: dilation: "),
        ((3, 4, 3, 1, 0, 1, 2), ValueError, r"Conv2d: groups: expected a divisor of in_channels=3, got 2"),
        ((4, 3, 3, 1, 0, 1, 2), ValueError, r"Conv2d: groups: expected a divisor of out_channels=3, got 2"),
        ((1, 1, 3, 1, 0, 1, 1, 1), TypeError, r"Conv2d: bias: expected True or False, got int"),
    ],
)
def test_convolution_checks_when_built(arguments, error, message):
    with pytest.raises(error, match=message):
        nn.Conv2d(*arguments)


def test_options_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"Conv2d: padding_mode: expected one of 'zeros', .*got 'mirror'"):
        nn.Conv2d(1, 1, 3, padding_mode="mirror")
    with pytest.raises(TypeError, match="Conv2d: padding_mode: expected the name of a mode, got 1"):
        nn.Conv2d(1, 1, 3, padding_mode=1)
    with pytest.raises(TypeError, match=r"Conv2d: dtype: expected float32 or float64, got float16"):
        nn.Conv2d(1, 1, 3, dtype=np.float16)
    with pytest.raises(TypeError, match="Linear: dtype: expected float32 or float64"):
        nn.Linear(1, 1, dtype="no dtype")


def test_linear():
    layer = nn.Linear(3, 2)
    layer.weight.copy_([[1, 2, 3], [4, 5, 6]])
    layer.bias.copy_([10, 20])
    assert layer(tk.tensor([[1.0, 0.0, -1.0]])).numpy().tolist() == [[8.0, 18.0]]
    assert nn.Linear(3, 2, bias=False).bias is None
    assert layer(np.zeros((4, 5, 3), np.float32)).shape == (4, 5, 2)
    with pytest.raises(ValueError, match="Linear: out_features: expected an integer >= 1, got 0"):
        nn.Linear(3, 0)


def windows(x, kernel, stride):
    """(place, window) of every output of an unpadded 2-D pool."""
    rows, columns = ((size - k) // s + 1 for size, k, s in zip(x.shape, kernel, stride, strict=True))
    for r, c in np.ndindex(rows, columns):
        yield (r, c), x[r * stride[0] : r * stride[0] + kernel[0], c * stride[1] : c * stride[1] + kernel[1]]


def test_pools_pass_their_window_on():
    x = integers(1, 1, 6, 7, low=-9, high=9)
    largest = nn.MaxPool2d((2, 3), (2, 2))(x).numpy()[0, 0]
    means = nn.AvgPool2d((2, 4), (1, 2))(x).numpy()[0, 0]
    assert all(largest[at] == window.max() for at, window in windows(x[0, 0], (2, 3), (2, 2)))
    assert all(means[at] == window.mean() for at, window in windows(x[0, 0], (2, 4), (1, 2)))
    assert nn.MaxPool2d(3)(x).shape == (1, 1, 2, 2)


def test_pool_padding_dilation_and_ceil_mode():
    x = np.array([[[1.0, 5.0, 2.0, 8.0, 3.0]]], np.float32)
    assert nn.MaxPool1d(2, 2, ceil_mode=True)(x).numpy().tolist() == [[[5, 8, 3]]]
    assert nn.MaxPool1d(2, 1, dilation=3)(x).numpy().tolist() == [[[8, 5]]]
    assert nn.MaxPool1d(3, 2, padding=1)(x).numpy().tolist() == [[[5, 8, 8]]]
    assert nn.AvgPool1d(2, 2, padding=1)(x).numpy().tolist() == [[[0.5, 3.5, 5.5]]]
    assert nn.AvgPool1d(2, 2, padding=1, count_include_pad=False)(x).numpy().tolist() == [[[1, 3.5, 5.5]]]
    assert nn.AvgPool1d(2, 2, divisor_override=4)(x).numpy().tolist() == [[[1.5, 2.5]]]
    assert nn.AvgPool1d(2, 2, ceil_mode=True)(x).numpy().tolist() == [[[3, 5, 3]]]


def test_volumes_and_global_pools():
    x = integers(2, 3, 4, 2, 2, low=-9, high=9)
    assert np.array_equal(nn.MaxPool3d((4, 2, 2))(x).numpy()[..., 0, 0, 0], x.max((2, 3, 4)))
    assert np.array_equal(nn.AvgPool3d((4, 2, 2))(x).numpy()[..., 0, 0, 0], x.mean((2, 3, 4)))
    assert np.array_equal(nn.GlobalMaxPool()(x).numpy(), x.max((2, 3, 4), keepdims=True))
    assert np.array_equal(nn.GlobalAvgPool()(x).numpy(), x.mean((2, 3, 4), keepdims=True))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size: "),
        (lambda: nn.MaxPool2d(2, 0), "MaxPool2d: stride: "),
        (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation: "),
        (lambda: nn.MaxPool1d(2, padding=(1, 2)), "MaxPool1d: padding: "),
        (lambda: nn.MaxPool1d(2, ceil_mode="yes"), "MaxPool1d: ceil_mode: expected True or False, got str"),
        (lambda: nn.AvgPool3d((2, 2)), "AvgPool3d: kernel_size: "),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override: expected an integer other than 0"),
        (lambda: nn.AvgPool2d(2, divisor_override=0.5), "AvgPool2d: divisor_override: expected an integer"),
        (lambda: nn.AvgPool2d(2, count_include_pad=1), "AvgPool2d: count_include_pad: expected True or False"),
        (lambda: nn.Dropout(1.5), "Dropout: p: expected a number from 0 to 1, got 1.5"),
        (lambda: nn.Dropout("half"), "Dropout: p: expected a number, got str"),
        (lambda: nn.Dropout(generator=np.random.default_rng()), "Dropout: generator: expected a tatamikomi Generator"),
        (lambda: nn.Softmax(1.0), "Softmax: dim: expected an integer, got float"),
        (lambda: nn.Flatten("1"), "Flatten: start_dim: expected an integer, got str"),
        (lambda: nn.ReLU(1), "ReLU: inplace: expected True or False, got int"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features: expected an integer >= 1, got 0"),
        (lambda: nn.BatchNorm2d(2, eps=-1), "BatchNorm2d: eps: expected a number >= 0, got -1.0"),
        (lambda: nn.BatchNorm2d(2, momentum=2), "BatchNorm2d: momentum: expected a number from 0 to 1"),
        (
            lambda: nn.CrossEntropyLoss(reduction="max"),
            'CrossEntropyLoss: reduction: expected one of "none", "mean", "sum"',
        ),
    ],
)
def test_layers_check_when_built(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


def test_batch_norm_statistics():
    x = integers(4, 2, 3, seed=5)
    layer = nn.BatchNorm1d(2, momentum=0.25, dtype=np.float64)
    layer(x.astype(np.float64))
    mean, var = x.mean((0, 2), dtype=np.float64), x.var((0, 2), ddof=1, dtype=np.float64)
    # two roundings of a dozen float64 operations on numbers below 10
    bound = 64 * np.finfo(np.float64).eps * 10
    assert np.abs(layer.running_mean - 0.25 * mean).max() <= bound
    assert np.abs(layer.running_var - (0.75 + 0.25 * var)).max() <= bound
    assert int(layer.num_batches_tracked) == 1
    layer.eval()
    y = layer(x.astype(np.float64)).numpy()
    expected = (x - layer.running_mean[:, None]) / np.sqrt(layer.running_var[:, None] + layer.eps)
    assert np.abs(y - expected).max() <= bound
    assert int(layer.num_batches_tracked) == 1


def test_batch_norm_names_its_options():
    text = "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    assert repr(nn.BatchNorm2d(4)) == text


def test_batch_norm_keeps_a_plain_mean_without_momentum():
    layer = nn.BatchNorm1d(1, momentum=None, dtype=np.float64)
    for value in (1.0, 3.0, 8.0):
        layer(np.array([[value - 1], [value + 1]]))
    assert abs(layer.running_mean[0] - 4.0) <= 16 * np.finfo(np.float64).eps * 4
    assert int(layer.num_batches_tracked) == 3


def test_batch_norm_without_running_statistics_or_affine():
    layer = nn.BatchNorm2d(1, affine=False, track_running_stats=False).eval()
    assert layer.state_dict() == {}
    y = layer(np.array([0.0, 4.0], np.float32).reshape(2, 1, 1, 1)).numpy()
    assert y[1] == -y[0]
    assert 0.999 < y[1].item() < 1.0  # 2 / sqrt(4 + 1e-5)


def test_batch_norm_refuses_other_ranks():
    for layer, shape in (
        (nn.BatchNorm1d(2), (2, 2, 2, 2)),
        (nn.BatchNorm2d(2), (2, 2, 2)),
        (nn.BatchNorm3d(2), (2, 2)),
    ):
        with pytest.raises(ValueError, match=r"BatchNorm.d: batch_norm: x: expected .* axes.*, got shape"):
            layer(np.zeros(shape, np.float32))


def test_dropout_follows_mode_and_generator():
    x = np.ones((20, 50), np.float32)
    layer = nn.Dropout(0.5, generator=tk.Generator(3))
    first, second = layer(x).numpy(), layer(x).numpy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert not np.array_equal(first, second)
    again = nn.Dropout(0.5, generator=tk.Generator(3))
    assert np.array_equal(again(x).numpy(), first)
    before = tk.default_generator().state()
    assert np.array_equal(layer.eval()(x).numpy(), x)
    layer.train()(x)
    assert tk.default_generator().state() == before
    tk.manual_seed(3)
    assert np.array_equal(nn.Dropout(0.5)(x).numpy(), first)


def test_activations_flatten_and_losses():
    assert nn.ReLU()(tk.tensor([-1.0, 2.0])).numpy().tolist() == [0.0, 2.0]
    assert nn.Tanh()(tk.tensor([0.0])).item() == 0.0
    assert nn.Sigmoid()(tk.tensor([0.0])).item() == 0.5
    x = np.zeros((2, 3, 4, 5), np.float32)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    assert nn.Softmax(dim=1)(x).numpy()[0, 0, 0, 0] == np.float32(1 / 3)
    assert nn.LogSoftmax(dim=0)(np.zeros((2, 1))).shape == (2, 1)
    assert nn.MSELoss(reduction="sum")([1.0, 3.0], [0.0, 0.0]).item() == 10.0
    assert nn.MSELoss(reduction="none")([1.0, 3.0], [0.0, 0.0]).numpy().tolist() == [1.0, 9.0]
    uniform = nn.CrossEntropyLoss(reduction="sum")(np.zeros((3, 4)), [0, 1, 3]).item()
    assert abs(uniform - 3 * math.log(4)) <= 16 * np.finfo(np.float64).eps * 3 * math.log(4)


@pytest.mark.parametrize(
    ("ours", "name", "arguments"),
    [
        (nn.Conv2d, "Conv2d", (2, 4, 3, 1, 1)),
        (nn.Conv2d, "Conv2d", (2, 4, 3, 2, 0, 2, 2, False)),
        (nn.Conv1d, "Conv1d", (2, 4, 3)),
        (nn.Conv3d, "Conv3d", (2, 4, (1, 2, 3))),
        (nn.Linear, "Linear", (2, 4)),
        (nn.MaxPool2d, "MaxPool2d", (2,)),
        (nn.MaxPool1d, "MaxPool1d", (3, 2, 1)),
        (nn.AvgPool2d, "AvgPool2d", (2,)),
        (nn.ReLU, "ReLU", ()),
        (nn.ReLU, "ReLU", (True,)),
        (nn.Sigmoid, "Sigmoid", ()),
        (nn.Tanh, "Tanh", ()),
        (nn.Softmax, "Softmax", (1,)),
        (nn.LogSoftmax, "LogSoftmax", (1,)),
        (nn.Dropout, "Dropout", (0.3,)),
        (nn.Flatten, "Flatten", ()),
        (nn.Identity, "Identity", ()),
        (nn.CrossEntropyLoss, "CrossEntropyLoss", ()),
    ],
)
def test_repr_is_that_of_torch(ours, name, arguments):
    torch = pytest.importorskip("torch")
    assert repr(ours(*arguments)) == repr(getattr(torch.nn, name)(*arguments))


def test_max_pools_return_indices_at_torchs_place():
    x = integers(2, 3, 4, 6, seed=5)
    y, indices = nn.MaxPool2d(2, 2, 0, 1, True)(x)
    assert np.array_equal(
        np.take_along_axis(x.reshape(2, 3, 24), indices.numpy().reshape(2, 3, 6), 2), y.reshape(2, 3, 6)
    )
    assert np.array_equal(y, nn.MaxPool2d(2)(x))
    assert nn.MaxPool1d(2, 2, 0, 1, False, True)(x[0, :, :, :5]).shape == (3, 4, 3)
    with pytest.raises(TypeError, match="MaxPool3d: return_indices: expected True or False"):
        nn.MaxPool3d(2, return_indices=1)
    with pytest.raises(TypeError, match="positional"):
        nn.MSELoss("sum")


def test_pools_take_torchs_positional_arguments():
    torch = pytest.importorskip("torch")
    x = integers(2, 3, 5, 7, seed=6)
    for ours, theirs in [
        (nn.MaxPool2d(2, 2, 0, 1, False, True), torch.nn.MaxPool2d(2, 2, 0, 1, False, True)),
        (nn.AvgPool2d(2, 2, 1, True, False, 3), torch.nn.AvgPool2d(2, 2, 1, True, False, 3)),
    ]:
        assert np.allclose(ours(x), theirs(torch.from_numpy(x)).numpy())
    y, indices = nn.MaxPool2d(2, 2, 0, 1, True)(x)
    z, where = torch.nn.MaxPool2d(2, 2, 0, 1, True)(torch.from_numpy(x))
    assert np.array_equal(y, z.numpy())
    assert np.array_equal(indices, where.numpy())


@pytest.mark.parametrize("layer", [lambda n: nn.Conv2d(n, n, 3), lambda n: nn.Linear(n, 9 * n)])
def test_parameters_past_memory_are_told(layer):
    with pytest.raises(ValueError, match=r"^(Conv2d|Linear): weight: expected fewer than 2\*\*63 bytes, not \d+ bytes"):
        layer(1 << 30)
    with pytest.raises(MemoryError, match=rf"^(Conv2d|Linear): weight: no memory for {36 << 50} bytes, shape \("):
        layer(1 << 25)
