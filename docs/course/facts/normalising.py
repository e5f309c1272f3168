"""Batch normalisation and its kin."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def bn_of_four():
    """x = (1, 3, 5, 7): mean, variance, normalised values, and gamma = 2, beta = 1 of them."""
    x = np.array([[1.0], [3.0], [5.0], [7.0]])
    mean, var = float(x.mean()), float(x.var())
    xhat = F.batch_norm(x, None, None, None, None, True, eps=0.0).numpy().ravel()
    y = F.batch_norm(x, None, None, np.array([2.0]), np.array([1.0]), True, eps=0.0).numpy().ravel()
    return [mean, var, xhat.round(3).tolist(), y.round(3).tolist()]


def bn_rows():
    """The same as rows: x, x - mean, xhat, y."""
    mean, _, xhat, y = bn_of_four()
    return [[x, x - mean, f"{a:.3f}", f"{b:.3f}"] for x, a, b in zip((1.0, 3.0, 5.0, 7.0), xhat, y, strict=True)]


def gamma_scales_the_normalised_value():
    """gamma = 2, beta = 1 on (1, 3, 5, 7): mean and deviation of y are beta and gamma, which gamma x + beta are not."""
    _, _, _, y = bn_of_four()
    wrong = 2.0 * np.array([1.0, 3.0, 5.0, 7.0]) + 1.0
    return [round(float(np.mean(y)), 2), round(float(np.std(y)), 2), float(wrong.mean()), round(float(wrong.std()), 2)]


def batch_and_running_variance():
    """Of (1, 3, 5, 7): what divides the batch (by N), and what the running variance gains (by N - 1)."""
    layer = nn.BatchNorm1d(1, momentum=1.0)
    layer(np.array([[1.0], [3.0], [5.0], [7.0]], np.float32))
    return [float(np.var([1, 3, 5, 7])), round(float(layer.running_var[0]), 4)]


def values_per_channel():
    """(32, 64, 56, 56): dE/dbeta of E = sum y counts the values that share a mean; gamma and beta per channel."""
    layer = nn.BatchNorm2d(64)
    layer(np.zeros((32, 64, 56, 56), np.float32)).sum().backward()
    return [int(layer.bias.grad[0].item()), layer.weight.shape[0], layer.bias.shape[0]]


def identity_is_reachable():
    """gamma = deviation and beta = mean give x back."""
    x = np.array([[1.0], [3.0], [5.0], [7.0]])
    y = F.batch_norm(x, None, None, np.array([x.std()]), np.array([x.mean()]), True, eps=0.0)
    return y.numpy().round(6).ravel().tolist()


def two_momenta():
    """Old value 0, new value 10: momentum=0.1 (PyTorch), decay=0.9 and decay=0.99 (Keras' momentum)."""
    x = np.array([[9.0], [11.0]], np.float32)
    seen = []
    for options in ({"momentum": 0.1}, {"decay": 0.9}, {"decay": 0.99}):
        layer = nn.BatchNorm1d(1, **options)
        layer(x)
        seen.append(round(float(layer.running_mean[0]), 4))
    return seen


def frozen_statistics():
    """Running mean after a training batch of mean 10, unfrozen and frozen."""
    x = np.array([[9.0], [11.0]], np.float32)
    seen = []
    for freeze in (False, True):
        net = nn.Sequential(nn.BatchNorm1d(1))
        if freeze:
            nn.utils.freeze_bn(net)
        net.train()
        net(x)
        seen.append(float(round(float(net[0].running_mean[0]), 4)))
    return seen


def shift_moves_per_pixel_statistics():
    """A picture moved by one pixel: does its normalised output just move? Per channel it does, per pixel not."""
    x = np.random.default_rng(0).random((8, 2, 4, 4))
    moved = np.roll(x, 1, axis=3)
    channel, pixel = nn.BatchNorm2d(2, dtype=np.float64), nn.BatchNorm1d(32, dtype=np.float64)
    for one in (pixel.weight, pixel.bias):
        one.copy_(np.arange(32) / 32)  # as training leaves them: another one for each pixel
    answers = []
    for layer, flat in ((channel, False), (pixel, True)):
        shape = (8, 32) if flat else x.shape
        y, z = (layer(one.reshape(shape)).numpy().reshape(x.shape) for one in (x, moved))
        answers.append(bool(np.allclose(np.roll(y, 1, axis=3), z)))
    return answers


def speed_up_claims():
    """Steps with over steps without batch normalisation: of the round numbers often quoted, and of the paper's best."""
    return [round(4.5 / 0.3, 1), round(31.0 / 2.1, 1)]


def shares_of_the_kin():
    """Of x (2, 4, 3, 3): over how many values each kind of normalisation takes a mean, and how many means there are."""
    shape = (2, 4, 3, 3)
    rows = []
    for name, layer, axes in (
        ("BatchNorm", nn.BatchNorm2d(4), (0, 2, 3)),
        ("LayerNorm", nn.LayerNorm((4, 3, 3)), (1, 2, 3)),
        ("InstanceNorm", nn.InstanceNorm2d(4), (2, 3)),
        ("GroupNorm (2)", nn.GroupNorm(2, 4), (2, 3, 4)),
    ):
        x = np.random.default_rng(0).random(shape, np.float32)
        y = layer(x).numpy()
        split = y.reshape(2, 2, 2, 3, 3) if name.startswith("Group") else y
        assert np.abs(split.mean(axes)).max() < 1e-5  # the very axes over which the layer has made the mean 0
        count = int(np.prod([split.shape[axis] for axis in axes]))
        rows.append([name, count, y.size // count])
    return rows


def group_norm_ends():
    """GroupNorm with one group is layer normalisation over C, H, W; with C groups it is instance normalisation."""
    x = np.random.default_rng(0).random((2, 4, 3, 3))
    one, all_four = F.group_norm(x, 1).numpy(), F.group_norm(x, 4).numpy()
    layer, instance = F.layer_norm(x, (4, 3, 3)).numpy(), F.instance_norm(x).numpy()
    return [bool(np.allclose(one, layer)), bool(np.allclose(all_four, instance))]


def small_batches_are_noisy():
    """Deviation of the batch mean of N(0, 1) values over 4000 batches, beside 1 / sqrt(size)."""
    draw = tk.Generator(0).numpy()
    rows = []
    for size in (2, 8, 32):
        means = draw.standard_normal((4000, size)).mean(1)
        rows.append([size, f"{means.std():.2f}", f"{size**-0.5:.2f}"])
    return rows
