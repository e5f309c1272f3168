"""16-bit floats as storage: computed in float32, rounded once at the end; no gradients, no training."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi.kernels.half import narrow, widen

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


X, ROWS, SCALES = draw(2, 4, 9, 8), draw(5, 6), np.abs(draw(4)) + 0.5
CALLS = {
    "conv1d": (F.conv1d, X[:, :, 0], draw(6, 4, 3)),
    "conv2d": (F.conv2d, X, draw(6, 4, 3, 3), draw(6)),
    "conv3d": (F.conv3d, X[:, :, None], draw(6, 4, 1, 3, 3)),
    "true_conv2d": (F.true_conv2d, X, draw(6, 4, 3, 3)),
    "linear": (F.linear, ROWS, draw(3, 6), draw(3)),
    "bilinear": (F.bilinear, ROWS, ROWS[:, :2], draw(3, 6, 2)),
    "max_pool2d": (F.max_pool2d, X, 2),
    "avg_pool2d": (F.avg_pool2d, X, 3, 2),
    "global_avg_pool": (F.global_avg_pool, X),
    "batch_norm": (F.batch_norm, X, draw(4), SCALES, draw(4), draw(4)),
    "relu": (F.relu, X),
    "add_relu": (F.add_relu, X, X[::-1]),
    "softmax": (F.softmax, ROWS, 1),
    "gelu": (F.gelu, X),
    "prelu": (F.prelu, X, draw(4)),
    "group_norm": (F.group_norm, X, 2, draw(4), draw(4)),
    "instance_norm": (F.instance_norm, X),
    "layer_norm": (F.layer_norm, ROWS, (6,)),
    "adaptive_avg_pool2d": (F.adaptive_avg_pool2d, X, 3),
    "conv_transpose2d": (F.conv_transpose2d, X, draw(4, 3, 3, 3)),
    "interpolate": (F.interpolate, X, 12),
    "pad": (F.pad, X, (1, 2)),
    "dropout": (F.dropout, X, 0.5, False),
}


@pytest.fixture(params=["float16", "bfloat16"])
def dtype(request):
    if request.param == "float16":
        return np.dtype(np.float16)
    why = 'left out: NumPy has no bfloat16; `pip install ".[bfloat16]"` brings one'
    return np.dtype(pytest.importorskip("ml_dtypes", reason=why).bfloat16)


@pytest.mark.parametrize("name", CALLS)
def test_computed_in_float32_and_rounded_once(name, dtype):
    function, *args = CALLS[name]
    stored = [narrow(one, dtype) if isinstance(one, np.ndarray) else one for one in args]
    single = [widen(one) if isinstance(one, np.ndarray) else one for one in stored]
    expected = narrow(function(*single).numpy(), dtype)
    for given in (stored, [tk.tensor(one) if isinstance(one, np.ndarray) else one for one in stored]):
        y = function(*given)
        assert y.dtype == dtype
        assert_same(name, y.numpy(), expected)


def assert_same(name, y, expected):
    """Bit for bit; linear adds up in an order of its own: then the rounded results are neighbours at most."""
    off = np.abs(y.view(np.int16).astype(int) - expected.view(np.int16))
    assert off.max() <= (name == "linear")


def test_a_weight_may_be_single(dtype):
    x, weight = narrow(X, dtype), draw(6, 4, 3, 3)
    assert F.conv2d(x, weight).dtype == dtype
    assert F.conv2d(X, narrow(weight, dtype)).dtype == np.float32


@pytest.mark.parametrize("grad", [False, True])
def test_a_model_in_half(dtype, grad):
    """Packed weights or not: each layer computes in float32 and stores its result."""
    tk.manual_seed(0)
    model = tk.nn.Sequential(
        tk.nn.Conv2d(4, 6, 3, padding=1),
        tk.nn.BatchNorm2d(6),
        tk.nn.ReLU(),
        tk.nn.MaxPool2d(2),
        tk.nn.Dropout(),
        tk.nn.Flatten(),
        tk.nn.Linear(6 * 16, 5),
    ).eval()
    state = {name: value.dtype for name, value in model.to(dtype).state_dict().items()}
    assert state["0.weight"] == dtype
    assert state["1.running_mean"] == np.float32
    assert not any(parameter.requires_grad for parameter in model.parameters())
    with tk.autograd.set_grad_enabled(grad):
        y = model(narrow(X, dtype))
    single, expected = model.to(np.float32), narrow(X, dtype)
    with tk.no_grad():
        for layer in single:  # whose weights are still those that were stored: what is kept in between is rounded once
            expected = narrow(layer(widen(expected)).numpy(), dtype)
    assert y.dtype == dtype
    assert_same("linear", y.numpy(), expected)
    assert model.to(np.float32)(X).dtype == np.float32


LINEAR_FAULTS = [
    ((draw(2, 3), draw(4, 5)), r"linear: input: expected \(\.\.\., in_features = 5\), got shape \(2, 3\)"),
    ((draw(2, 3), draw(3)), r"linear: weight: expected \(out_features, in_features\), got shape \(3,\)"),
    ((draw(2, 3), draw(4, 3), draw(5)), r"linear: bias: expected shape \(4,\), got shape \(5,\)"),
]


@pytest.mark.parametrize(("arrays", "message"), LINEAR_FAULTS)
def test_linear_names_its_own_arguments(arrays, message, dtype):
    with pytest.raises(ValueError, match=message):
        F.linear(*(narrow(one, dtype) for one in arrays))


def test_linear_of_two_kinds_widens_both(dtype):
    """A weight of another kind, a bias in float32, leading dimensions, ReLU."""
    x, weight, bias = narrow(draw(2, 3, 6), dtype), draw(4, 6), draw(4)
    y = F.linear(x, narrow(weight, dtype), bias, activation="relu")
    expected = F.linear(widen(x), widen(narrow(weight, dtype)), bias, activation="relu")
    assert y.shape == (2, 3, 4)
    assert_same("linear", y.numpy(), narrow(expected.numpy(), dtype))
    assert F.linear(x, weight).dtype == dtype
    listed = F.linear(x, narrow(weight, dtype), bias.tolist(), activation="relu")
    assert np.array_equal(listed.numpy().view(np.uint16), y.numpy().view(np.uint16))
    stored = F.linear(x, narrow(weight, dtype), narrow(np.ones(4, np.float32), dtype))
    ones = F.linear(x, narrow(weight, dtype), np.ones(4, np.float32))
    assert np.array_equal(stored.numpy().view(np.uint16), ones.numpy().view(np.uint16))
    with pytest.raises(TypeError, match="linear: bias: expected float32, got float64"):
        F.linear(x, narrow(weight, dtype), bias.astype(np.float64))
    with pytest.raises(TypeError, match="16-bit floats where a gradient is wanted"):
        F.linear(x, narrow(weight, dtype), tk.tensor(bias, requires_grad=True))


def test_indices_stay_integers():
    y, indices = F.max_pool2d(X.astype(np.float16), 2, return_indices=True)
    assert y.dtype == np.float16
    assert indices.dtype == np.int64


def test_tensors_hold_it_without_gradients(dtype):
    x = tk.tensor(narrow(X, dtype))
    assert x.dtype == dtype
    assert np.array_equal(x.to("float32").numpy(), widen(narrow(X, dtype)))
    wide = tk.tensor(X, requires_grad=True)
    assert not wide.to(dtype).requires_grad
    with pytest.raises(TypeError, match=r"Tensor: requires_grad: expected float32 or float64"):
        x.requires_grad_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: F.conv2d(X.astype(np.float16), tk.tensor(draw(6, 4, 3, 3), requires_grad=True)),
            "conv2d: input: expected float32 or float64, got 16-bit floats where a gradient is wanted",
        ),
        (
            lambda: F.batch_norm(X.astype(np.float16), None, None, training=True),
            "batch_norm: input: expected float32 or float64, got 16-bit floats in training",
        ),
        (
            lambda: F.mse_loss(ROWS.astype(np.float16), ROWS),
            "mse_loss: input: expected .*, got float16",
        ),
        (lambda: F.mse_loss(ROWS, ROWS.astype(np.float16)), "mse_loss: target: expected float32 or .* got float16"),
    ],
)
def test_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_gradient_that_nobody_wants_is_no_hindrance():
    weight = tk.tensor(draw(6, 4, 3, 3), requires_grad=True)
    with tk.no_grad():
        assert F.conv2d(X.astype(np.float16), weight).dtype == np.float16
