"""Arguments at the edge of what kernels take: each is used as meant, or refused in the one voice of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamikomi as tk

F, K = tk.functional, tk.kernels


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def test_numbers_past_int64_are_refused() -> None:
    with pytest.raises(ValueError, match=r"avg_pool.*: divisor_override: expected an integer other than 0 .*2\*\*63"):
        F.avg_pool2d(zeros(1, 1, 4, 4), 2, divisor_override=2**63)
    assert F.avg_pool2d(zeros(1, 1, 4, 4), 2, divisor_override=2**63 - 1).shape == (1, 1, 2, 2)
    for padding in (2**63, ((2**63, 0),)):
        with pytest.raises(ValueError, match=r"^conv_forward: padding: expected .*< 9223372036854775808, got"):
            K.conv_forward(zeros(1, 1, 4), zeros(1, 1, 1), padding=padding, stride=2**31 - 1)


@pytest.mark.parametrize("power", [*range(55, 63)])
@pytest.mark.parametrize("batch", [0, 1])
def test_an_empty_batch_does_not_hide_dimensions_past_memory(batch: int, power: int) -> None:
    size = (2 ** (power + 1) + 4) ** 2 * 8
    pattern = rf"^conv_forward: output: expected fewer than 2\*\*63 bytes, not {size} bytes, got \({batch}, 1, "
    with pytest.raises(ValueError, match=pattern):
        K.conv_forward(zeros(batch, 1, 4, 4), zeros(1, 1, 1, 1), padding=2**power)


def test_running_statistics_come_together_in_memory_of_their_own() -> None:
    x, one, other, table = zeros(4, 3), zeros(3), zeros(3), zeros(3, 2)
    cases = [
        (None, one, "running_mean: expected both running_mean and running_var, or neither, got None"),
        (one, None, "running_var: expected both running_mean and running_var, or neither, got None"),
        (one, one, "running_var: expected memory of its own, got memory shared with running_mean"),
        (one, one[::-1], "running_var: expected memory of its own, got memory shared with running_mean"),
        (x[0], one, "running_mean: expected memory of its own, got memory shared with x"),
        (one, x[3], "running_var: expected memory of its own, got memory shared with x"),
        (one, other, "running_var: expected memory of its own, got memory shared with weight"),
    ]
    for mean, var, message in cases:
        with pytest.raises(ValueError, match=f"^batch_norm_forward: {message}$"):
            K.batch_norm_forward(x, other, None, mean, var)
    K.batch_norm_forward(x, None, None, table[:, 0], table[:, 1])


def test_integers_may_be_arrays_without_axes_and_sequences_have_an_order() -> None:
    x, weight = zeros(1, 2, 8, 8), zeros(4, 1, 3, 3)
    two = np.array(2)
    y = K.conv_forward(x, weight, None, two, two, two, two)
    assert y.shape == K.conv_forward(x, weight, None, 2, 2, 2, 2).shape
    assert K.conv_forward(x, weight, None, [two, 1], np.array([2, 2]), (2, two), 2).shape == (1, 4, 4, 8)
    assert K.conv_forward(x, weight, padding=((two, 0), np.array([0, 2])), groups=2).shape == (1, 4, 8, 8)
    assert K.max_pool_forward(x, two, padding=(np.array(1), np.array(0)))[0].shape == (1, 2, 5, 4)
    wrong: list[Any] = [
        {1, 2},
        {1: 1, 2: 2},
        range(1, 3),
        iter([1, 2]),
        "12",
        b"12",
        None,
        np.array(1.0),
        np.array(True),
    ]
    for value in wrong:
        with pytest.raises(TypeError, match=r"^conv_forward: stride: expected an integer or 2 integers, each >= 1"):
            K.conv_forward(x, weight, stride=value, groups=2)
    for value in ({1, 2}, ({1, 2}, {1, 2}), ((1, 1), 1)):
        with pytest.raises(TypeError, match=r"^conv_forward: padding: expected .* got"):
            K.conv_forward(x, weight, padding=value, groups=2)
    with pytest.raises(TypeError, match=r"^conv_forward: groups: expected a positive integer, got"):
        K.conv_forward(x, weight, groups=np.array([2]))


@pytest.mark.parametrize("shape", [None, 3, {1, 2, 3}, "123", np.array(3), (1, 1, 4.0), (1, 1, True)])
def test_shapes_are_sequences_of_integers(shape: Any) -> None:
    dy, indices = zeros(1, 1, 4), np.zeros((1, 1, 4), np.int64)
    calls: dict[str, Any] = {
        "conv_backward_input: input_shape": lambda: K.conv_backward_input(dy, zeros(1, 1, 1), shape),
        "conv_backward_weight: weight_shape": lambda: K.conv_backward_weight(dy, dy, shape),
        "col2im: input_shape": lambda: K.col2im(dy, shape, 1),
        "max_pool_backward: input_shape": lambda: K.max_pool_backward(dy, indices, shape),
        "avg_pool_backward: input_shape": lambda: K.avg_pool_backward(dy, shape, 1),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=f"^{name}: expected a shape, a sequence of integers >= [01], got "):
            call()


@pytest.mark.parametrize("shape", [(), (4,), (1, 1, -4), (1, 1, 1, 1, 1, 1)])
def test_shapes_of_another_rank_or_below_0_are_refused(shape: tuple[int, ...]) -> None:
    dy, indices = zeros(1, 1, 4), np.zeros((1, 1, 4), np.int64)
    calls: list[Any] = [
        lambda: K.conv_backward_input(dy, zeros(1, 1, 1), shape),
        lambda: K.conv_backward_weight(dy, dy, shape),
        lambda: K.col2im(dy, shape, 1),
        lambda: K.max_pool_backward(dy, indices, shape),
        lambda: K.avg_pool_backward(dy, shape, 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^[a-z0-9_]+: [a-z_]+: expected .*, got "):
            call()


def test_transposes_are_true_or_false() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for yes, no in ((True, False), (np.True_, np.False_), (1, 0), (np.int64(1), np.uint8(0))):
        np.testing.assert_array_equal(K.matmul(x, x, yes, no), x.T @ x)
        np.testing.assert_array_equal(K.matmul(x, x, no, yes), x @ x.T)
    wrong: list[Any] = ["yes", None, 2, -1, 1.0, [True], np.array(True)]
    for value in wrong:
        for name in ("transpose_a", "transpose_b"):
            with pytest.raises(TypeError, match=f"^matmul: {name}: expected True or False, got "):
                K.matmul(x, x, **{name: value})


def test_no_memory_tells_operation_argument_and_bytes() -> None:
    huge = np.broadcast_to(np.float32(0), (1 << 50,))
    wide = np.zeros((1 << 25, 1), np.float32)
    calls: dict[str, Any] = {
        f"relu_forward: x: no memory for {1 << 52} bytes": lambda: K.relu_forward(huge),
        f"conv_backward_bias: dy: no memory for {1 << 52} bytes": lambda: K.conv_backward_bias(huge.reshape(1, 1, -1)),
        f"max_pool_backward: indices: no memory for {1 << 53} bytes": lambda: K.max_pool_backward(
            zeros(1, 1, 1), np.broadcast_to(np.int32(0), (1, 1, 1 << 50)), (1, 1, 1)
        ),
        f"matmul: output: no memory for {1 << 52} bytes": lambda: K.matmul(wide, wide, transpose_b=True),
        f"matmul: b: no memory for {1 << 53} bytes": lambda: K.matmul(
            np.zeros((1 << 26, 1, 0, 1), np.float32), np.zeros((1, 1 << 25, 1, 1), np.float32)
        ),
    }
    for message, call in calls.items():
        with pytest.raises(MemoryError, match=f"^{message}, shape "):
            call()


def test_remembered_geometries_do_not_excuse_options_of_another_kind() -> None:
    """1, 1.0 and True are equal keys of a cache, (1, 1), (1.0, 1) and (True, 1) too."""
    x, weight = zeros(1, 1, 4, 4), zeros(1, 1, 2, 2)
    calls: dict[str, Any] = {
        "stride": lambda one: K.conv_forward(x, weight, stride=one),
        "padding": lambda one: K.conv_forward(x, weight, padding=one),
        "dilation": lambda one: K.conv_forward(x, weight, dilation=one),
        "kernel_size": lambda one: K.avg_pool_forward(x, one),
    }
    for name, call in calls.items():
        for good in (1, (1, 1), [1, 1], np.int64(1), (np.int64(1), 1), np.array([1, 1])):
            np.testing.assert_array_equal(call(good), call(1))
        wrong: list[Any] = [True, 1.0, np.True_, np.float64(1), (True, 1), (1, 1.0), [True, 1], (np.float32(1), 1)]
        for value in wrong:
            with pytest.raises(TypeError, match=f": {name}: expected "):
                call(value)
    K.conv_forward(x, weight, padding=((1, 1), (1, 1)))
    with pytest.raises(TypeError, match=r"^conv_forward: padding: expected "):
        K.conv_forward(x, weight, padding=((1, True), (1, 1)))
    for value in (True, 1.0, np.True_):
        with pytest.raises(TypeError, match=r"^conv_forward: groups: expected "):
            K.conv_forward(x, weight, groups=value)
    for flag in ("ceil_mode", "count_include_pad"):
        K.avg_pool_forward(x, 2, **{flag: True})
        with pytest.raises(TypeError, match=f"^avg_pool_forward: {flag}: expected "):
            K.avg_pool_forward(x, 2, **{flag: 1})


def test_options_are_read_at_the_call() -> None:
    """A list or an array changed between two calls, or a call and its backward pass, is another option."""
    stride = [1, 1]
    x, weight = tk.tensor(zeros(1, 1, 4, 4), requires_grad=True), zeros(1, 1, 2, 2)
    y = tk.functional.conv2d(x, weight, stride=stride)
    stride[:] = [2, 2]
    assert tk.functional.conv2d(x, weight, stride=stride).shape == (1, 1, 2, 2)
    y.sum().backward()
    assert y.shape == (1, 1, 3, 3)


def test_the_output_gradient_has_the_rank_of_the_output() -> None:
    x, weight = zeros(1, 1, 4, 4), zeros(1, 1, 2, 2)
    for shape in ((1, 1, 1, 3, 3), (1, 1, 9), (1, 1, 3)):
        with pytest.raises(ValueError, match=r"dy: expected the output's shape \(1, 1, 3, 3\), got shape "):
            K.conv_backward_input(zeros(*shape), weight, x.shape)
        with pytest.raises(ValueError, match=r"dy: expected the output's shape \(1, 1, 3, 3\), got shape "):
            K.conv_backward_weight(zeros(*shape), x, weight.shape)
