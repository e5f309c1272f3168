"""Activations: single numbers, inplace, dtypes, drawn slopes, and what a gradient keeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F

INPLACE = [
    "relu6",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "leaky_relu",
    "rrelu",
    "elu",
    "celu",
    "selu",
    "silu",
    "mish",
]
PLAIN = [*INPLACE, "gelu", "softplus", "logsigmoid", "softsign", "tanhshrink", "hardshrink", "softshrink", "step"]
X = np.array([-4.0, -0.25, 0.0, 0.75, 7.0])


@pytest.mark.parametrize("name", PLAIN)
def test_a_single_number_stays_one(name):
    function = getattr(F, name)
    x = tk.tensor(np.float64(-0.75), requires_grad=True)
    y = function(x)
    y.backward()
    assert y.shape == x.grad.shape == ()
    row = tk.tensor(np.array([-0.75]), requires_grad=True)
    function(row).sum().backward()
    assert y.item() == function(row).item()
    assert x.grad.item() == row.grad.item()


@pytest.mark.parametrize("name", [*INPLACE, "threshold"])
def test_inplace_overwrites_where_nobody_notices(name):
    options = (0.5, -7.0) if name == "threshold" else ()
    function = getattr(F, name)
    expected = function(X, *options).numpy()
    own = tk.tensor(X) + 0.0
    assert function(own, *options, inplace=True) is own
    assert np.array_equal(own.numpy(), expected)
    before = X.copy()
    assert np.array_equal(function(X, *options, inplace=True).numpy(), expected)  # an array of the user's
    assert np.array_equal(X, before)
    leaf = tk.tensor(X, requires_grad=True)
    assert function(leaf, *options, inplace=True) is not leaf
    assert np.array_equal(leaf.numpy(), X)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_rows_take_a_dtype_and_a_single_number(name):
    function = getattr(F, name)
    x = tk.tensor([1.0, 2.0], requires_grad=True)
    y = function(x, 0, dtype=np.float64)
    assert np.array_equal(y.numpy(), function(x.numpy().astype(np.float64), 0).numpy())
    y[0].backward()
    assert x.grad.dtype == np.float32
    with pytest.raises(TypeError, match=f"^{name}: dtype: expected float32 or float64, got int64"):
        function(x, 0, dtype=np.int64)
    number = tk.tensor(3.0, requires_grad=True)
    z = function(number, -1)
    z.backward()
    assert (z.shape, z.item(), number.grad.item()) == ((), 0.0 if name == "log_softmax" else 1.0, 0.0)


def test_gelu_is_that_of_torch():
    """Its own tails are off by roundings of 1 (tests/op_specs compares with its erfc)."""
    torch = pytest.importorskip("torch")
    x = np.linspace(-9, 9, 1001)
    for approximate in ("none", "tanh"):
        theirs = torch.nn.functional.gelu(torch.tensor(x), approximate=approximate).numpy()
        ours = F.gelu(x, approximate=approximate).numpy()
        assert np.abs(ours - theirs).max() <= 9 * 16 * np.finfo(float).eps


def test_one_weight_of_any_form_is_one_slope():
    x = np.arange(-6.0, 6.0).reshape(2, 3, 2)
    for shape in ((), (1,)):
        weight = tk.tensor(np.full(shape, 0.5), requires_grad=True)
        F.prelu(x, weight).sum().backward()
        assert weight.grad.shape == shape
        assert weight.grad.numpy() == -21
    number = tk.tensor(np.float64(-2), requires_grad=True)
    y = F.prelu(number, np.array(0.5))
    y.backward()
    assert (y.item(), number.grad.item()) == (-1.0, 0.5)


def test_a_second_derivative_of_prelu_goes_through_its_weights():
    """x < 0: y = w x, so that the derivative by x and w is 1."""
    x, w = tk.tensor(np.array([[-2.0, 3.0]]), requires_grad=True), tk.tensor(np.array([0.5, 0.5]), requires_grad=True)
    (dx,) = tk.autograd.grad(F.prelu(x, w).sum(), [x], create_graph=True)
    (dw,) = tk.autograd.grad(dx.sum(), [w])
    assert dw.tolist() == [1.0, 0.0]


def test_slopes_are_drawn_for_each_element():
    n, low, high = 100_000, 0.25, 0.75
    x = tk.tensor(np.full(n, -1.0), requires_grad=True)
    y = F.rrelu(x, low, high, training=True, generator=tk.Generator(5))
    slopes = -y.numpy()
    assert low <= slopes.min() < slopes.max() < high
    # Hoeffding: the mean of n numbers between low and high is off by more with a probability below 1e-9.
    assert abs(slopes.mean() - (low + high) / 2) <= (high - low) * math.sqrt(math.log(2e9) / (2 * n))
    assert len(np.unique(slopes)) > 0.9 * n  # of 2**24 values
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), slopes)
    again = F.rrelu(x, low, high, training=True, generator=tk.Generator(5))
    assert np.array_equal(again.numpy(), y.numpy())
    assert F.rrelu([2.0, 0.0], low, high, training=True).tolist() == [2.0, 0.0]
    generator = tk.Generator(5)
    F.rrelu(x, low, high, generator=generator)
    assert generator.state()["offset"] == 0
    F.rrelu(x, low, high, True, False, generator)
    assert generator.state()["offset"] == 1


def test_the_gradient_of_a_gradient_is_asked_of_one_input_alone():
    x, dy = tk.tensor(np.array([0.5]), requires_grad=True), tk.tensor(np.array([3.0]), requires_grad=True)
    (dx,) = tk.autograd.grad(F.silu(x), [x], dy, create_graph=True)
    (by_dy,) = tk.autograd.grad(dx, [dy], retain_graph=True)
    s = 1 / (1 + math.exp(-0.5))
    assert abs(by_dy.item() - s * (1 + 0.5 * (1 - s))) <= 8 * np.finfo(float).eps
    (by_x,) = tk.autograd.grad(dx, [x])
    assert abs(by_x.item() - 3 * s * (1 - s) * (2 + 0.5 * (1 - 2 * s))) <= 32 * np.finfo(float).eps
