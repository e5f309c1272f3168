"""What operations do beside computing: options, unbatched input, running statistics, randomness, inplace, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F

IMAGE = np.arange(2 * 3 * 4 * 5, dtype=np.float64).reshape(2, 3, 4, 5) % 7 - 3
WEIGHT = np.arange(2 * 3 * 2 * 2, dtype=np.float64).reshape(2, 3, 2, 2) % 5 - 2


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, WEIGHT, [1.0, 2.0] @ np.eye(2), 2, 1),
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
        lambda x: F.avg_pool2d(x, 3, padding=1),
        lambda x: F.unfold(x, 2),
        lambda x: F.fold(F.unfold(x, (2, 2)), (4, 5), (2, 2)),
    ],
)
def test_an_unbatched_input_is_a_batch_of_one_without_its_dimension(function):
    y, single = function(IMAGE[1:]), function(IMAGE[1])
    assert single.shape == y.shape[1:]
    assert (single.data == y.data[0]).all()


def test_lists_are_float32_and_arrays_keep_their_dtype():
    assert F.relu([1, 2]).dtype == np.float32
    assert F.linear([[1.0]], [[2.0]]).dtype == np.float32
    assert F.relu(np.ones(2)).dtype == np.float64


def test_only_what_a_gradient_needs_is_kept():
    x = tk.tensor(IMAGE, requires_grad=True)
    w = tk.tensor(WEIGHT)
    node = F.conv2d(x, w)._node
    assert set(node._kept) == {1}  # dx is computed from the weight alone
    assert set(F.conv2d(x.detach(), w.requires_grad_())._node._kept) == {0}
    assert F.relu(x)._node._kept == {}
    assert F.avg_pool2d(x, 2)._node._kept == {}


def test_running_statistics_move_in_place():
    x = np.array([[0.0, 1.0], [4.0, 3.0]])
    mean, var = np.array([0.0, 10.0]), tk.tensor(np.array([1.0, 0.0]))
    F.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert mean.tolist() == [1.0, 6.0]  # halfway to 2 and 2
    assert var.tolist() == [4.5, 1.0]  # halfway to 8 and 2, unbiased
    assert var.version == 1
    before = mean.copy()
    F.batch_norm(x, mean, var)
    assert mean.tolist() == before.tolist()
    assert var.version == 1


def test_inference_keeps_the_statistics_it_used():
    x = tk.tensor(np.array([[2.0], [4.0]]), requires_grad=True)
    mean, var = np.zeros(1), np.ones(1)
    y = F.batch_norm(x, mean, var, eps=0.0)
    var *= 100
    y.sum().backward()
    assert x.grad.tolist() == [[1.0], [1.0]]


def test_dropout_takes_one_block_per_call_and_none_without_training():
    generator, twin = tk.Generator(5), tk.Generator(5)
    x = np.ones(1000)
    first, second = F.dropout(x, 0.5, generator=generator), F.dropout(x, 0.5, generator=generator)
    assert (first.data != second.data).any()
    assert (F.dropout(x, 0.5, generator=twin).data == first.data).all()
    F.dropout(x, 0.5, training=False, generator=twin)
    F.dropout(x, 0.0, generator=twin)
    assert twin.state() == {"seed": 5, "offset": 1}
    leaf = tk.tensor(x)
    assert F.dropout(leaf, training=False) is leaf
    assert F.dropout(x, 1.0, generator=twin).tolist() == [0.0] * 1000


def test_dropout_uses_its_mask_again_in_the_backward_pass():
    x = tk.tensor(np.ones(100), requires_grad=True)
    y = F.dropout(x, 0.3, generator=tk.Generator(1))
    y.sum().backward()
    assert (x.grad.data == y.data).all()


def test_inplace_overwrites_what_nobody_looks_at():
    x = tk.tensor([-1.0, 2.0])
    assert F.relu(x, inplace=True) is x
    assert (x.tolist(), x.version) == ([0.0, 2.0], 1)
    with tk.no_grad():
        assert F.dropout(x, 0.5, inplace=True) is x


def test_inplace_keeps_its_hands_off_everything_else():
    array = np.array([-1.0, 2.0])
    for given in (array, tk.Tensor(array), tk.from_dlpack(array), tk.Tensor(array).reshape(2, 1)):
        F.relu(given, inplace=True)
        assert array.tolist() == [-1.0, 2.0]
    seen = tk.tensor([-1.0, 2.0])
    view = seen.numpy()
    F.relu(seen, inplace=True)
    assert view.tolist() == [-1.0, 2.0]
    leaf = tk.autograd.Parameter([-1.0, 2.0])
    F.relu(leaf, inplace=True).sum().backward()
    inner = leaf * 1.0
    F.relu(inner, inplace=True)
    with tk.no_grad():
        F.relu(leaf, inplace=True)
    assert leaf.tolist() == inner.tolist() == [-1.0, 2.0]
    factor = tk.tensor([-1.0, 2.0])
    y = leaf * factor  # the tape keeps factor
    F.relu(factor, inplace=True)
    y.sum().backward()
    assert leaf.grad.tolist() == [0.0 + -1.0, 1.0 + 2.0]


def test_nothing_of_the_users_is_written():
    image, weight = IMAGE.copy(), WEIGHT.copy()
    for array in (image, weight):
        array.flags.writeable = False
    x, w = tk.Tensor(image, requires_grad=True), tk.Tensor(weight, requires_grad=True)
    y = F.max_pool2d(F.relu(F.conv2d(x, w, padding="same")), 2)
    y = F.batch_norm(y, None, None, training=True)
    F.cross_entropy(y.flatten(1), [1, 0]).backward()
    assert (image == IMAGE).all()
    assert (weight == WEIGHT).all()


def test_reductions_of_losses():
    logits, labels = IMAGE[:, :, 0, 0], [2, 0]
    losses = F.cross_entropy(logits, labels, reduction="none")
    assert losses.shape == (2,)
    assert F.cross_entropy(logits, labels, reduction="sum").item() == losses.data.sum()
    assert F.cross_entropy(logits, labels).item() == losses.data.sum() / 2
    assert F.mse_loss([1.0, 2.0], [3.0, 5.0]).item() == 6.5
    assert F.mse_loss([1.0, 2.0], [3.0, 5.0], reduction="sum").item() == 13.0


ONE = np.ones((1, 2, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.conv2d(np.ones((1, 3)), ONE), ValueError, r"conv2d: input: expected \(N, C, H, W\) or \(C, H, W\)"),
        (lambda: F.conv1d(ONE, ONE), ValueError, r"conv1d: input: expected \(N, C, L\) or \(C, L\), got shape"),
        (lambda: F.conv3d(ONE[0], ONE), ValueError, r"conv3d: input: expected \(N, C, D, H, W\)"),
        (
            lambda: F.conv2d(ONE, ONE[0]),
            ValueError,
            r"conv2d: weight: expected \(out_channels, .*got shape \(2, 3, 3\)",
        ),
        (lambda: F.conv2d(ONE, ONE[:, :1]), ValueError, "weight: expected"),
        (lambda: F.conv2d(ONE, ONE, stride=0), ValueError, "stride: expected"),
        (lambda: F.conv2d(ONE, ONE, padding="half"), ValueError, "padding: expected one of 'same', 'valid'"),
        (lambda: F.conv2d(ONE, ONE.astype(np.float32)), TypeError, "weight: expected float64 .*, got float32"),
        (lambda: F.conv2d(ONE.astype(int), ONE), TypeError, "conv2d: input: expected float32 or float64, got int64"),
        (lambda: F.conv2d(tk.tensor([[[[1]]]]), ONE), TypeError, "conv2d: input: .* got int64"),
        (lambda: F.conv2d(None, ONE), TypeError, "conv2d: input: expected an array, got None"),
        (lambda: F.conv2d(ONE, [[1.0], [1.0, 2.0]]), ValueError, "conv2d: weight: .*ragged"),
        (lambda: F.fold(ONE[0], (3, 3), (2, 2)), ValueError, r"fold: input: expected a multiple of .* = 4 rows"),
        (lambda: F.linear(ONE, ONE), ValueError, r"linear: weight: expected \(out_features, in_features\)"),
        (lambda: F.linear(ONE, np.ones((2, 4))), ValueError, r"linear: input: expected \(..., in_features = 4\)"),
        (lambda: F.linear(ONE, np.ones((2, 3)), np.ones(3)), ValueError, r"linear: bias: expected \(2,\), got shape"),
        (lambda: F.linear(ONE, np.ones((2, 3)), [1.0, 1.0]), TypeError, "linear: bias: expected float64"),
        (lambda: F.max_pool2d(np.ones(3), 2), ValueError, "max_pool2d: input"),
        (lambda: F.avg_pool1d(ONE, 2), ValueError, "avg_pool1d: input"),
        (lambda: F.global_avg_pool(np.ones((2, 3))), ValueError, r"global_avg_pool: input: expected \(N, C, \*sizes\)"),
        (lambda: F.batch_norm(np.ones(3), None, None), ValueError, "batch_norm: input"),
        (lambda: F.batch_norm(ONE, None, None), ValueError, "batch_norm: running_mean and running_var: expected both"),
        (
            lambda: F.batch_norm(np.ones((1, 3, 1)), None, None, training=True),
            ValueError,
            "batch_norm: input: expected more than one value per channel in training",
        ),
        (
            lambda: F.batch_norm(ONE, [0.0, 0.0], None, training=True),
            TypeError,
            "batch_norm: running_mean: .* updated in place, got list",
        ),
        (lambda: F.softmax(ONE, 4), ValueError, "softmax: dim: expected -4 <= dim < 4, got 4"),
        (lambda: F.log_softmax(1.0, 1), ValueError, "log_softmax: dim"),
        (lambda: F.relu(np.ones(2, complex)), TypeError, "relu: input: .* got complex128"),
        (lambda: F.dropout(ONE, 1.5), ValueError, "dropout: p: expected 0 <= p <= 1, got 1.5"),
        (lambda: F.dropout(ONE, float("nan")), ValueError, "dropout: p"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0.0, 1.0]), TypeError, "cross_entropy: target: expected integer"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [0]), ValueError, "cross_entropy: target: expected"),
        (lambda: F.cross_entropy(np.ones((2, 3)), [[0], [1, 2]]), ValueError, "cross_entropy: target: .*ragged"),
        (
            lambda: F.cross_entropy(np.ones((1, 3)), [0], reduction="avg"),
            ValueError,
            "cross_entropy: reduction: expected one of 'mean', 'sum', 'none', got 'avg'",
        ),
        (lambda: F.mse_loss([1.0] * 3, [1.0, 2.0]), ValueError, r"mse_loss: target: expected a shape that broadcasts"),
    ],
)
def test_errors_name_operation_argument_and_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


X, W = zeros(2, 4, 6, 7), zeros(6, 4, 3, 3)
VAST = np.broadcast_to(np.float32(0), (1 << 50,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.conv2d(X, W, stride=0), ValueError, "conv2d: stride: expected .*, got 0"),
        (lambda: F.conv1d(X[0], W[0], groups=3), ValueError, "conv1d: groups: expected .*divisor.*, got 3"),
        (lambda: F.conv2d(X, zeros(6, 4, 8, 3)), ValueError, "conv2d: weight: expected a dilated kernel .*6, got 8"),
        (lambda: F.conv2d(X, W.astype("f8")), TypeError, "conv2d: weight: expected float32 as input, got float64"),
        (lambda: F.conv2d(X, W, padding=1 << 28), ValueError, r"conv2d: output: expected fewer than 2\*\*63 bytes"),
        (lambda: F.conv3d(X, zeros(6, 1, 1, 3, 3), groups=2, dilation=None), TypeError, "conv3d: dilation: expected"),
        (lambda: F.unfold(X, 9), ValueError, "unfold: kernel_size: expected .*, got 9"),
        (lambda: F.fold(zeros(1, 4, 3), 5, 2), ValueError, r"fold: input: expected shape \(1, 4, 16\), got"),
        (lambda: F.fold(zeros(1, 4, 3), 1, 2), ValueError, "fold: kernel_size: expected .* 1, got 2"),
        (lambda: F.max_pool2d(X, 2, ceil_mode=3), TypeError, "max_pool2d: ceil_mode: expected"),
        (lambda: F.avg_pool2d(X, 2, divisor_override=0), ValueError, "avg_pool2d: divisor_override: expected"),
        (lambda: F.global_max_pool(zeros(1, 1, 0)), ValueError, "global_max_pool: input: expected"),
        (lambda: F.cross_entropy(zeros(2, 3), [0, 3]), ValueError, r"cross_entropy: target\[1\]: expected .* got 3"),
        (
            lambda: F.mse_loss(zeros(2), np.zeros(2)),
            TypeError,
            "mse_loss: target: expected float32 as input",
        ),
        (lambda: F.batch_norm(X, zeros(3), zeros(4)), ValueError, r"batch_norm: running_mean: expected shape \(4,\)"),
        (lambda: F.batch_norm(X, zeros(4), zeros(5)), ValueError, r"batch_norm: running_var: expected shape \(4,\)"),
        (lambda: F.relu(VAST), MemoryError, f"relu: input: no memory for {1 << 52} bytes, shape "),
        (lambda: F.softmax(VAST, 0), MemoryError, f"softmax: input: no memory for {1 << 52} bytes, shape "),
        (
            lambda: F.linear(zeros(1 << 25, 1), zeros(1 << 25, 1)),
            MemoryError,
            rf"linear: output: no memory for {1 << 52} bytes, shape \(33554432, 33554432\) of float32",
        ),
        (
            lambda: tk.tensor(zeros(1 << 25, 1)) + zeros(1, 1 << 25),
            MemoryError,
            f"add: output: no memory for {1 << 52} bytes, shape ",
        ),
    ],
)
def test_errors_that_kernels_find_name_the_function_and_its_arguments(call, error, message):
    with pytest.raises(error, match=f"^{message}") as caught:
        call()
    assert type(caught.value) is error


def test_a_module_and_its_function_are_named_once():
    net = tk.nn.Sequential(tk.nn.Conv2d(4, 6, 9))
    with pytest.raises(ValueError, match=r"^0 \(Conv2d\): conv2d: weight: expected a dilated kernel"):
        net(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.dropout([1.0], None), "dropout: p: expected a number, got None"),
        (lambda: F.dropout([1.0], training="no"), "dropout: training: expected True or False, got no"),
        (lambda: F.dropout([1.0], inplace="no"), "dropout: inplace: expected True or False, got no"),
        (lambda: F.dropout([1.0], generator=3), "dropout: generator: expected a tatamikomi Generator or None"),
        (lambda: F.relu([1.0], inplace="no"), "relu: inplace: expected True or False, got no"),
        (lambda: F.fold([[1.0]], None, 2), "fold: output_size: expected an integer or one per axis, got None"),
        (lambda: F.fold([[1.0]], "ab", 2), "fold: output_size: expected an integer or one per axis, got ab"),
        (lambda: F.fold([[1.0]], 1.5, 2), "fold: output_size: expected an integer or one per axis, got 1.5"),
        (lambda: F.fold([[1.0]], 2, None), "fold: kernel_size: expected an integer or 2 integers"),
        (lambda: F.unfold([[[1.0]]], None), "unfold: kernel_size: expected an integer or one per axis, got None"),
        (lambda: F.softmax([1.0], None), "softmax: dim: expected an integer, got None"),
    ],
)
def test_an_option_of_another_kind_is_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()
