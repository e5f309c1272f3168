"""What layers do behind the same values: a ReLU inside of the layer before it, and packed weights at inference."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn
from tatamikomi.nn import container


def image(*shape):
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def gradients(net, x):
    net.zero_grad()
    given = tk.tensor(x, requires_grad=True)
    y = net(given)
    y.backward(image(*y.shape))
    return [y.numpy(), given.grad.numpy(), *(one.grad.numpy() for one in net.parameters())]


@pytest.fixture
def net():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, stride=2), nn.ReLU(), nn.Conv2d(24, 5, 1)
    )


def test_sequential_runs_a_relu_inside_of_the_layer_before_it(net, monkeypatch):
    x = image(2, 3, 15, 17)
    fused = gradients(net, x)
    monkeypatch.setattr(container, "_is_plain_relu", lambda module: False)
    for one, other in zip(fused, gradients(net, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(fused[0], gradients(net, x)[0])


def test_hooks_see_what_each_module_gave(net):
    x = image(2, 3, 15, 17)
    expected, seen = net(x).numpy(), []
    net[0].register_forward_hook(lambda module, args, output: seen.append(output.numpy().min()))
    net[3].register_forward_hook(lambda module, args, output: seen.append(output.numpy().min()))
    np.testing.assert_array_equal(net(x).numpy(), expected)
    assert seen[0] < 0, "the convolution's own output, before ReLU"
    assert seen[1] == 0


def test_a_layer_of_its_own_activation(net):
    layer = nn.Conv2d(3, 16, 3, padding=1, activation="relu")
    assert "activation='relu'" in repr(layer)
    layer.load_state_dict(net[0].state_dict())
    x = image(2, 3, 15, 17)
    np.testing.assert_array_equal(layer(x).numpy(), tk.functional.relu(net[0](x)).numpy())
    with pytest.raises(ValueError, match="Conv2d: activation: expected one of 'relu', got 'tanh'"):
        nn.Conv2d(3, 16, 3, activation="tanh")
    with pytest.raises(ValueError, match="conv2d: activation: expected one of 'relu', got 'tanh'"):
        tk.functional.conv2d(x, net[0].weight, activation="tanh")


def test_packs_are_kept_until_the_weight_changes():
    layer, x = nn.Conv2d(8, 16, 3, padding=1), image(2, 8, 12, 12)
    expected = layer(x).numpy()
    assert not layer._packs
    with tk.no_grad():
        np.testing.assert_array_equal(layer(x).numpy(), expected)
        (pack,) = layer._packs.values()
        np.testing.assert_array_equal(layer(x[:1]).numpy(), expected[:1])
        assert list(layer._packs.values()) == [pack], "another batch, the same pack"
        layer.weight.data *= 2
        layer.bias.data *= 2
        np.testing.assert_array_equal(layer(x).numpy(), 2 * expected)
        assert pack not in layer._packs.values()
        for size in range(5, 15):
            layer(image(1, 8, size, size))
        assert len(layer._packs) <= 4
    layer(x).sum().backward()


def test_optimizers_make_packs_stale():
    layer, x = nn.Conv2d(8, 16, 3), image(2, 8, 12, 12)
    with tk.no_grad():
        before = layer(x).numpy()
    layer(x).sum().backward()
    tk.optim.SGD(layer.parameters(), lr=0.1).step()
    with tk.no_grad():
        after = layer(x).numpy()
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, layer(x).numpy())


def test_writable_exports_switch_packs_off():
    layer, x = nn.Conv2d(8, 16, 3), image(2, 8, 12, 12)
    with tk.no_grad():
        layer(x)
        outside = np.from_dlpack(layer.weight)
        if not outside.flags.writeable:
            outside = np.frombuffer(memoryview(outside), outside.dtype)
        assert layer.weight.exported
        assert layer._packed(x, layer.weight, (1, 0, 1, 1)) is layer.weight


def test_packs_do_not_travel():
    layer, x = nn.Conv2d(8, 16, 3), image(2, 8, 12, 12)
    with tk.no_grad():
        expected = layer(x).numpy()
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert not other._packs
            np.testing.assert_array_equal(other(x).numpy(), expected)
        with tk.backend("reference"):
            np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-4, atol=1e-5)
        with tk.set_conv_algorithm("plain"):
            layer(x)
            assert list(layer._packs.values())[-1].algorithm == "plain"


def test_a_relu_inside_of_batch_normalisation(monkeypatch):
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.BatchNorm2d(16, affine=False), nn.ReLU())
    keys = list(net.state_dict())
    x = image(2, 3, 15, 17)
    fused = gradients(net, x)
    seen = []
    forward = tk.functional.relu
    monkeypatch.setattr(tk.functional, "relu", lambda *args: seen.append(1) or forward(*args))
    for one, other in zip(fused, gradients(net, x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not seen, "the fused passes rectify"
    monkeypatch.setattr(container, "_is_plain_relu", lambda module: False)
    for one, other in zip(fused, gradients(net, x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(seen) == 2
    assert list(net.state_dict()) == keys
    with pytest.raises(ValueError, match="BatchNorm2d: activation: expected one of 'relu', got 'tanh'"):
        nn.BatchNorm2d(3, activation="tanh")
    assert "activation='relu'" in repr(nn.BatchNorm1d(3, activation="relu"))
    with pytest.raises(ValueError, match=r"^batch_norm: activation: expected one of 'relu', got 'tanh'"):
        tk.functional.batch_norm(x, None, None, training=True, activation="tanh")


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1)], ids=["apart", "overlapping"])
def test_a_relu_before_max_pooling_runs_inside_of_the_pool(pool, monkeypatch):
    first, middle = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
    net = nn.Sequential(first, nn.ReLU(), pool, middle, nn.ReLU(), pool, nn.Conv2d(16, 4, 3))
    x = image(2, 3, 17, 18) - 0.5
    x[0, 0, 3, 4] = np.nan
    seen = []
    for module in ("relu_backward", "relu_forward"):
        real = getattr(tk.kernels, module)
        monkeypatch.setattr(tk.kernels, module, lambda *args, real=real, **more: seen.append(1) or real(*args, **more))
    pooled, forward = [], tk.kernels.max_pool_forward
    monkeypatch.setattr(
        *(tk.kernels, "max_pool_forward"),
        lambda *args, activation, **more: pooled.append(activation) or forward(*args, activation=activation, **more),
    )
    fused = gradients(net, x)
    assert not seen, "layers rectify in their own passes"
    assert pooled == ["relu", "relu"]
    with tk.no_grad():
        np.testing.assert_array_equal(net(x).numpy(), fused[0])
    assert pooled[2:] == [None, None], "without gradients the layer before the pool rectifies"
    monkeypatch.setattr(container, "_is_plain_relu", lambda module: False)
    for one, other in zip(fused, gradients(net, x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(seen) == 4


def test_a_max_pool_with_an_activation_of_its_own():
    pool, x = nn.MaxPool2d(2, activation="relu"), image(2, 3, 8, 8) - 1
    assert "activation='relu'" in repr(pool)
    given, expected = tk.tensor(x, requires_grad=True), tk.tensor(x, requires_grad=True)
    y, z = pool(given), nn.ReLU()(nn.MaxPool2d(2)(expected))
    np.testing.assert_array_equal(y.numpy(), z.numpy())
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_array_equal(given.grad.numpy(), expected.grad.numpy())
    with pytest.raises(ValueError, match="MaxPool2d: activation: expected one of 'relu', got 'tanh'"):
        nn.MaxPool2d(2, activation="tanh")


def test_a_relu_behind_indices_stays_a_module_of_its_own():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.MaxPool2d(2, return_indices=True))
    x = image(2, 3, 8, 8)
    y, indices = net(x)
    expected = tk.functional.max_pool2d(tk.functional.relu(net[0](x)), 2, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), expected[0].numpy())
    np.testing.assert_array_equal(indices.numpy(), expected[1].numpy())
