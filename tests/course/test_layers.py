"""Layers of the course against functional's, against differences, and in the reference's NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi.course import functions, layers
from tatamikomi.course.gradient import numerical_gradient

DRAW = np.random.default_rng(5)
IMAGES = DRAW.standard_normal((3, 2, 5, 6))
ROWS = DRAW.standard_normal((4, 6))
ROWS += np.copysign(0.01, ROWS)  # no kink of ReLU within reach of a difference
LABELS = np.array([2, 0, 5, 3])
KERNEL, BIAS = DRAW.standard_normal((4, 2, 3, 2)), DRAW.standard_normal(4)
MATRIX, OFFSET = DRAW.standard_normal((6, 3)), DRAW.standard_normal(3)
GAMMA, BETA = DRAW.standard_normal(6), DRAW.standard_normal(6)

# name -> (layer of weights, the same with functional, input, weights, names of their gradients)
TWINS = {
    "Relu": (layers.Relu, F.relu, ROWS, [], []),
    "Sigmoid": (layers.Sigmoid, F.sigmoid, ROWS, [], []),
    "Tanh": (layers.Tanh, F.tanh, ROWS, [], []),
    "Affine": (layers.Affine, lambda x, w, b: x @ w + b, ROWS, [MATRIX, OFFSET], ["dW", "db"]),
    "Affine of images": (
        layers.Affine,
        lambda x, w, b: x.reshape(4, 6) @ w + b,
        ROWS.reshape(4, 1, 2, 3),
        [MATRIX, OFFSET],
        ["dW", "db"],
    ),
    "Convolution": (
        lambda w, b: layers.Convolution(w, b, stride=2, pad=1),
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
        IMAGES,
        [KERNEL, BIAS],
        ["dW", "db"],
    ),
    "Pooling": (
        lambda: layers.Pooling(3, 2, stride=2, pad=1),
        lambda x: F.max_pool2d(x, (3, 2), 2, 1),
        IMAGES,
        [],
        [],
    ),
    "Pooling, average": (
        lambda: layers.Pooling(3, 2, stride=2, pad=1, mode="average"),
        lambda x: F.avg_pool2d(x, (3, 2), 2, 1),
        IMAGES,
        [],
        [],
    ),
    "BatchNormalization of units": (
        layers.BatchNormalization,
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-6),
        ROWS,
        [GAMMA, BETA],
        ["dgamma", "dbeta"],
    ),
    "BatchNormalization of images, per unit": (
        layers.BatchNormalization,
        lambda x, w, b: F.batch_norm(x.reshape(4, 6), None, None, w, b, training=True, eps=1e-6).reshape(4, 1, 2, 3),
        ROWS.reshape(4, 1, 2, 3),
        [GAMMA, BETA],
        ["dgamma", "dbeta"],
    ),
    "BatchNormalization of images, per channel": (
        layers.BatchNormalization,
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-6),
        IMAGES,
        [GAMMA[:2], BETA[:2]],
        ["dgamma", "dbeta"],
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TWINS)
def test_layers_are_functionals(name, dtype):
    """The same kernels, hence the same bits; outputs and gradients keep the dtype and own their memory."""
    make, twin, x, weights, gradients = TWINS[name]
    tensors = [tk.Tensor(one.astype(dtype), requires_grad=True) for one in (x, *weights)]
    expected = twin(*tensors)
    dout = np.random.default_rng(6).standard_normal(expected.shape).astype(dtype)
    expected.backward(tk.Tensor(dout))
    layer, given = make(*(one.astype(dtype) for one in weights)), x.astype(dtype)
    kept = given.copy(), dout.copy()
    y = layer.forward(given)
    dx = layer.backward(dout)
    assert y.dtype == dx.dtype == dtype
    assert np.array_equal(y, expected.numpy())
    for got, tensor in zip([dx, *(getattr(layer, one) for one in gradients)], tensors, strict=True):
        np.testing.assert_allclose(got, tensor.grad, rtol=16 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)
    assert np.array_equal(given, kept[0])
    assert np.array_equal(dout, kept[1])
    with tk.backend("reference"):
        plain = make(*(one.astype(dtype) for one in weights))
        tolerance = 64 * np.finfo(dtype).eps
        np.testing.assert_allclose(plain.forward(given), y, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(plain.backward(dout), dx, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", TWINS)
def test_gradients_are_those_of_differences(name):
    make, _, x, weights, gradients = TWINS[name]
    x, weights = x.copy(), [one.copy() for one in weights]
    layer = make(*weights)
    dout = np.random.default_rng(7).standard_normal(layer.forward(x).shape)
    dx = layer.backward(dout)
    computed = [dx, *(getattr(layer, one) for one in gradients)]
    for array, gradient in zip([x, *weights], computed, strict=True):
        other = numerical_gradient(lambda _: np.sum(layer.forward(x) * dout), array)
        np.testing.assert_allclose(gradient, other, rtol=1e-5, atol=1e-6)  # h = 1e-4: h^2 and 1e-16 / h


@pytest.mark.parametrize("teacher", [LABELS, LABELS.astype(np.uint8), np.eye(6)[LABELS], np.eye(6, dtype=int)[LABELS]])
def test_softmax_with_loss(teacher):
    layer, x = layers.SoftmaxWithLoss(), ROWS.copy()
    loss = layer.forward(x, teacher)
    tensor = tk.Tensor(x, requires_grad=True)
    F.cross_entropy(tensor, LABELS).backward()
    probabilities = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(probabilities[np.arange(4), LABELS] + 1e-7).mean(), rel=1e-12)
    np.testing.assert_allclose(layer.y, probabilities, rtol=1e-14)
    assert layer.d is layer.t
    dx = layer.backward()
    np.testing.assert_allclose(dx, tensor.grad, rtol=1e-13, atol=1e-16)
    assert np.array_equal(layer.backward(3), (dx * 4) * (3 / 4))
    assert layer.forward(x.astype(np.float32), teacher).dtype == layer.backward().dtype == np.float32


def test_pads_of_pooling_count_in_the_size_and_are_never_a_maximum():
    layer, x = layers.Pooling(2, 2, stride=2, pad=1), -np.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    y = layer.forward(x)
    assert y.shape == (1, 1, 3, 3)
    assert y[0, 0].tolist() == [[-1, -2, -4], [-5, -6, -8], [-13, -14, -16]]
    assert layer.arg_max.tolist() == [3, 2, 2, 1, 0, 0, 1, 0, 0]
    dx = layer.backward(np.ones(y.shape))
    assert dx.shape == x.shape
    assert dx.sum() == 9
    with pytest.raises(ValueError, match="Pooling: mode: expected one of 'max', 'average', got 'mean'"):
        layers.Pooling(2, 2, mode="mean")


def test_what_lessons_look_at():
    conv = layers.Convolution(KERNEL, BIAS, stride=2, pad=1)
    y = conv.forward(IMAGES)
    product = (conv.col @ conv.col_W + BIAS).reshape(3, *y.shape[2:], 4).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(product, y, rtol=1e-12, atol=1e-12)
    norm = layers.BatchNormalization(GAMMA, BETA)
    y = norm.forward(ROWS)
    np.testing.assert_allclose(norm.xc, ROWS - ROWS.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(norm.std, np.sqrt(ROWS.var(axis=0) + 1e-6), rtol=1e-12)
    np.testing.assert_allclose(GAMMA * norm.xn + BETA, y, rtol=1e-12)
    assert norm.input_shape == (4, 6)
    assert norm.batch_size == 4
    relu = layers.Relu()
    assert relu.mask is None
    relu.forward(ROWS)
    assert np.array_equal(relu.mask, ROWS <= 0)
    affine = layers.Affine(MATRIX, OFFSET)
    affine.forward(ROWS.reshape(4, 1, 2, 3))
    assert affine.original_x_shape == (4, 1, 2, 3)
    assert affine.x.shape == (4, 6)


def test_running_means_divide_by_the_count_and_begin_at_zero():
    layer = layers.BatchNormalization(GAMMA, BETA, momentum=0.75)
    for _ in range(2):
        layer.forward(ROWS)
    np.testing.assert_allclose(layer.running_mean, (0.25 + 0.75 * 0.25) * ROWS.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, (0.25 + 0.75 * 0.25) * ROWS.var(axis=0), rtol=1e-12)
    expected = GAMMA * (ROWS - layer.running_mean) / np.sqrt(layer.running_var + 1e-6) + BETA
    np.testing.assert_allclose(layer.forward(ROWS, train_flg=False), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"x: expected a shape of 6 columns or channels, .*, got shape \(4, 5\)"):
        layer.forward(ROWS[:, :5])
    with pytest.raises(ValueError, match="more than one element per channel"):
        layer.forward(ROWS[:1])


def test_dropout_draws_from_numpys_generator():
    layer, x = layers.Dropout(0.25), np.ones((20, 50), np.float32)
    np.random.seed(3)
    y = layer.forward(x)
    np.random.seed(3)
    assert np.array_equal(y, np.random.rand(20, 50) > 0.25)
    assert np.array_equal(layer.backward(2 * x), 2 * y)
    assert y.dtype == layer.forward(x, train_flg=False).dtype == np.float32
    assert np.all(layer.forward(x, train_flg=False) == 0.75)


def test_dtypes_mix_as_in_numpy():
    for x, weight, expected in (
        (ROWS.astype(np.float32), MATRIX, np.float64),
        (ROWS, MATRIX.astype(np.float32), np.float64),
        (np.arange(6).reshape(1, 6), MATRIX.astype(np.float32), np.float32),
        (np.arange(6, dtype=np.uint8).reshape(1, 6), MATRIX, np.float64),
    ):
        layer = layers.Affine(weight, OFFSET.astype(weight.dtype))
        assert layer.forward(x).dtype == expected
    with pytest.raises(TypeError, match="complex128"):
        layers.Relu().forward(1j * ROWS)


@pytest.mark.parametrize(
    "layer",
    [
        *(layers.Relu(), layers.Pooling(2, 2), layers.Convolution(KERNEL, BIAS), layers.BatchNormalization(1, 0)),
        *(layers.Affine(MATRIX, OFFSET), layers.SoftmaxWithLoss(), layers.Dropout()),
    ],
)
def test_backward_wants_a_forward_before(layer):
    with pytest.raises(TypeError, match=r"backward: .* a call of forward"):
        layer.backward(ROWS)


def test_functions():
    for x in (ROWS, ROWS[0], ROWS.astype(np.float32)):
        assert functions.sigmoid(x).dtype == x.dtype
        np.testing.assert_allclose(functions.sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-6)
        np.testing.assert_allclose(functions.sigmoid_grad(x), np.exp(-x) / (1 + np.exp(-x)) ** 2, rtol=1e-5)
        np.testing.assert_allclose(functions.softmax(x).sum(axis=-1), 1, rtol=1e-6)
        assert np.array_equal(functions.relu(x), np.maximum(x, 0))
    assert np.isscalar(functions.sigmoid(0.5))
    assert functions.sigmoid(0.5) == 1 / (1 + np.exp(-0.5))
    assert functions.softmax(np.array([1.0, 2.0])).shape == (2,)
    assert functions.mean_squared_error is functions.sum_squared_error


def test_cross_entropy_knows_its_teacher():
    y = functions.softmax(ROWS)
    expected = -np.log(y[np.arange(4), LABELS] + 1e-7).mean()
    hot = np.eye(6)[LABELS]
    for t in (LABELS, hot, hot.astype(int), LABELS.tolist()):
        for loss in (
            functions.cross_entropy_error(y, t),
            functions.cross_entropy_error(t, y),
            functions.cross_entropy_error(y, d=t),
            functions.cross_entropy_error(d=t, y=y),
        ):
            assert loss == pytest.approx(expected, rel=1e-14)
    soft = np.full((4, 6), 0.1)
    soft[np.arange(4), LABELS] = 0.5
    assert functions.cross_entropy_error(y, soft) == pytest.approx(expected, rel=1e-14)
    assert functions.cross_entropy_error(y[0], LABELS[0]) == pytest.approx(-np.log(y[0, 2] + 1e-7))
    assert functions.cross_entropy_error(y[0], hot[0]) == pytest.approx(-np.log(y[0, 2] + 1e-7))
    assert functions.cross_entropy_error(hot, hot[::-1]) == functions.cross_entropy_error(hot[::-1], hot) > 16
    with pytest.raises(ValueError, match=r"labels\[1\].*got 6"):
        functions.cross_entropy_error(y, [0, 6, 1, 1])
    with pytest.raises(TypeError, match="t: expected the teacher signal, as t or as d, got both"):
        functions.cross_entropy_error(y, LABELS, d=LABELS)
    with pytest.raises(TypeError, match="got none of the two"):
        functions.cross_entropy_error(y)
