"""Adaptive, power-average and un-pooling layers: torch's numbers, arguments and text."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

LAYERS = {
    "average 1d": ("AdaptiveAvgPool1d", (5,), {}, (2, 3, 12)),
    "average 2d": ("AdaptiveAvgPool2d", ((None, 4),), {}, (2, 3, 6, 9)),
    "average 3d": ("AdaptiveAvgPool3d", (2,), {}, (3, 4, 5, 6)),
    "largest 1d": ("AdaptiveMaxPool1d", (5,), {}, (3, 12)),
    "largest 2d": ("AdaptiveMaxPool2d", ((3, 4), True), {}, (2, 3, 7, 9)),
    "largest 3d": ("AdaptiveMaxPool3d", ((2, None, 1),), {"return_indices": True}, (1, 2, 4, 5, 6)),
    "power 1d": ("LPPool1d", (2, 3), {"stride": 2}, (2, 3, 11)),
    "power 2d": ("LPPool2d", (3.0, (2, 3)), {"ceil_mode": True}, (2, 3, 7, 8)),
    "power 3d": ("LPPool3d", (1.5, 2), {}, (3, 4, 5, 6)),
}
UNPOOLS = {1: (2, 3, 8), 2: (2, 3, 6, 8), 3: (1, 2, 4, 6, 6)}


def both(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("label", LAYERS)
def test_torch_gives_the_same_numbers(label):
    torch = pytest.importorskip("torch")
    name, args, options, shape = LAYERS[label]
    x = np.random.default_rng(1).uniform(0.5, 2, shape)
    layer, other = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    assert repr(layer) == repr(other)
    ours, theirs = tk.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    results = list(zip(both(layer(ours)), both(other(theirs)), strict=True))
    for one, two in results:
        np.testing.assert_allclose(one.numpy(), two.detach().numpy(), rtol=1e-12)
    (results[0][0] ** 2).sum().backward()
    (results[0][1] ** 2).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "LPPool1d", "LPPool3d", "MaxUnpool2d"])
def test_arguments_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(one, name)).parameters for one in (nn, torch.nn))
    assert [(key, one.default) for key, one in ours.items()] == [(key, one.default) for key, one in theirs.items()]


@pytest.mark.parametrize("axes", UNPOOLS)
def test_unpooling_undoes_pooling(axes):
    """Pooled again it gives the same maxima, and torch agrees on every place."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(2).uniform(0.5, 2, UNPOOLS[axes])
    pool = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)
    unpool, other = getattr(nn, f"MaxUnpool{axes}d")(2), getattr(torch.nn, f"MaxUnpool{axes}d")(2)
    assert repr(unpool) == repr(other)
    y, indices = pool(x)
    back = unpool(y, indices)
    assert back.shape == x.shape
    assert np.array_equal(back.numpy()[back.numpy() != 0], x[back.numpy() != 0])
    assert np.array_equal(pool(back)[0].numpy(), y.numpy())
    assert np.array_equal(back.numpy(), other(torch.tensor(y.numpy()), torch.tensor(indices.numpy())).numpy())
    single = unpool(y[0], indices[0], output_size=x.shape[1:])
    assert np.array_equal(single.numpy(), back.numpy()[0])


def test_a_place_named_twice_holds_the_last_value():
    x = tk.tensor([[[1.0, 2.0]]], requires_grad=True)
    y = nn.MaxUnpool1d(2)(x, np.array([[[3, 3]]]))
    assert y.tolist() == [[[0, 0, 0, 2]]]
    y.backward([[[5.0, 6.0, 7.0, 8.0]]])
    assert x.grad.tolist() == [[[8, 8]]]


def test_power_pools_have_no_slope_at_zero():
    x = tk.tensor(np.zeros((1, 1, 4)), requires_grad=True)
    nn.LPPool1d(2, 2)(x).sum().backward()
    assert x.grad.tolist() == [[[0, 0, 0, 0]]]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), "AdaptiveAvgPool2d: output_size: expected an integer or 2 entries"),
        (lambda: nn.AdaptiveMaxPool1d(-1), "AdaptiveMaxPool1d: output_size: expected .*got -1"),
        (lambda: nn.LPPool2d(0, 2), "LPPool2d: norm_type: expected a number other than 0, got 0"),
        (lambda: nn.LPPool2d(2, 0), "LPPool2d: kernel_size: expected .*>= 1, got 0"),
        (lambda: nn.LPPool2d(2, 2, stride=0), "LPPool2d: stride: expected .*>= 1, got 0"),
        (lambda: nn.MaxUnpool2d(0), "MaxUnpool2d: kernel_size: expected .*>= 1, got 0"),
        (lambda: nn.MaxUnpool3d(2, padding=-1), "MaxUnpool3d: padding: expected .*>= 0, got -1"),
    ],
)
def test_layers_check_their_arguments(build, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        build()


def test_kinds_are_checked():
    for build in (
        lambda: nn.AdaptiveAvgPool2d(2.0),
        lambda: nn.AdaptiveMaxPool2d(2, 1),
        lambda: nn.LPPool2d("2", 2),
        lambda: nn.LPPool2d(2, 2, ceil_mode=1),
        lambda: nn.MaxUnpool2d(2, 1.5),
    ):
        with pytest.raises(TypeError):
            build()
