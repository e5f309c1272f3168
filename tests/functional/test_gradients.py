"""First and second derivatives of every operation, against differences, for options of every kind."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F


def normal(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def distinct(*shape):
    """Values at least 0.1 apart, so that no maximum changes hands within a gradient check's steps."""
    size = int(np.prod(shape))
    return np.random.default_rng(size).permutation(size).reshape(shape) * 0.1


def off_zero(*shape):
    values = normal(*shape)
    return values + 0.1 * np.sign(values)


CASES = {
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2), [normal(2, 2, 7), normal(3, 2, 3), normal(3)]),
    "conv2d groups dilation": (
        lambda x, w, b: F.conv2d(x, w, b, (1, 2), ((1, 0), (2, 1)), (2, 1), 2),
        [normal(2, 4, 5, 4), normal(2, 2, 2, 3), normal(2)],
    ),
    "conv2d strided same": (
        lambda x, w: F.conv2d(x, w, stride=(2, 3), padding="same"),
        [normal(2, 1, 4, 5), normal(2, 1, 3, 2)],
    ),
    "conv2d unbatched": (lambda x, w: F.conv2d(x, w, padding=1), [normal(2, 3, 3), normal(1, 2, 2, 2)]),
    "conv3d": (
        lambda x, w: F.conv3d(x, w, None, (1, 2, 1), (0, 1, 1), 1, 2),
        [normal(2, 2, 2, 3, 2), normal(2, 1, 2, 1, 2)],
    ),
    "unfold": (lambda x: F.unfold(x, (2, 3), (1, 2), ((0, 1), (2, 1)), 2), [normal(2, 2, 3, 5)]),
    "unfold 1-d": (lambda x: F.unfold(x, (3,), padding=1), [normal(2, 2, 4)]),
    "fold": (lambda c: F.fold(c, (4, 5), (2, 2), stride=(2, 1)), [normal(2, 8, 8)]),
    "linear": (F.linear, [normal(2, 3, 4), normal(5, 4), normal(5)]),
    "linear one row": (F.linear, [normal(4), normal(3, 4)]),
    "max_pool1d": (lambda x: F.max_pool1d(x, 3, 1, 1), [distinct(2, 2, 6)]),
    "max_pool2d": (
        lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2), ceil_mode=True),
        [distinct(2, 2, 6, 5)],
    ),
    "max_pool3d": (lambda x: F.max_pool3d(x, 2, return_indices=True), [distinct(1, 2, 4, 2, 3)]),
    "max_pool2d unbatched": (lambda x: F.max_pool2d(x, 2), [distinct(2, 4, 4)]),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1), [normal(2, 2, 6)]),
    "avg_pool2d": (
        lambda x: F.avg_pool2d(x, (3, 2), 2, 1, ceil_mode=True, count_include_pad=False),
        [normal(2, 2, 5, 4)],
    ),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2, 1, divisor_override=3), [normal(1, 2, 2, 3, 3)]),
    "global_avg_pool": (F.global_avg_pool, [normal(2, 3, 2, 3)]),
    "global_max_pool": (F.global_max_pool, [distinct(2, 3, 2, 3)]),
    "batch_norm training": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        [normal(3, 2, 4), normal(2), normal(2)],
    ),
    "batch_norm training plain": (lambda x: F.batch_norm(x, None, None, training=True), [normal(4, 3)]),
    "batch_norm inference": (
        lambda x, w, b: F.batch_norm(x, np.array([0.1, 0.2]), np.array([1.5, 0.5]), w, b),
        [normal(3, 2, 4), normal(2), normal(2)],
    ),
    "batch_norm inference bias": (
        lambda x, b: F.batch_norm(x, np.array([0.1, 0.2]), np.array([1.5, 0.5]), None, b),
        [normal(3, 2), normal(2)],
    ),
    "batch_norm inference plain": (
        lambda x: F.batch_norm(x, np.array([0.1, 0.2]), np.array([1.5, 0.5])),
        [normal(3, 2, 2, 2)],
    ),
    "relu": (F.relu, [off_zero(3, 4)]),
    "sigmoid": (F.sigmoid, [normal(3, 4)]),
    "tanh": (F.tanh, [normal(3, 4)]),
    "softmax": (lambda x: F.softmax(x, 1), [normal(2, 4, 3)]),
    "log_softmax": (lambda x: F.log_softmax(x, -1), [normal(3, 4)]),
    "dropout": (lambda x: F.dropout(x, 0.4, generator=tk.Generator(3)), [normal(5, 4)]),
    "cross_entropy": (lambda x: F.cross_entropy(x, [2, 0, 1]), [normal(3, 4)]),
    "cross_entropy dense": (
        lambda x: F.cross_entropy(x, np.array([[2, 0], [1, 1]]), reduction="none"),
        [normal(2, 3, 2)],
    ),
    "cross_entropy single": (lambda x: F.cross_entropy(x, 1, reduction="sum"), [normal(3)]),
    "mse_loss": (F.mse_loss, [normal(3, 2), normal(3, 2, seed=1)]),
}


@pytest.mark.parametrize("name", CASES)
def test_first_derivative(name):
    function, inputs = CASES[name]
    assert tk.gradcheck(function, inputs)


@pytest.mark.parametrize("name", CASES)
def test_second_derivative(name):
    function, inputs = CASES[name]
    assert tk.gradgradcheck(function, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ["conv2d groups dilation", "batch_norm training", "linear"])
def test_only_some_inputs_need_a_gradient(name):
    function, inputs = CASES[name]
    for wanted in range(len(inputs)):
        leaves = [tk.tensor(one, requires_grad=i == wanted) for i, one in enumerate(inputs)]
        assert tk.gradcheck(function, leaves, fast_mode=True)
        assert tk.gradgradcheck(function, leaves, fast_mode=True)
