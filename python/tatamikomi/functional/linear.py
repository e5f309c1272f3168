"""The fully connected layer's operation."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import signature
from typing import Any, ClassVar, cast

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.linear import MatMul
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names, widened
from tatamikomi.kernels.arrays import Array, same_dtype
from tatamikomi.kernels.half import is_half, narrow, widen
from tatamikomi.kernels.scalars import is_relu


class _Linear(Function):
    """x (rows, in) times weight (out, in) transposed, plus perhaps a bias (out,)."""

    activation: ClassVar[str | None] = None
    saves = ((1,), (0,))
    fresh = True

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if x.dtype is not weight.dtype or (bias is not None and bias.dtype is not x.dtype):
            same_dtype("linear", "input weight bias", x, weight, bias)
        return kernels.matmul(x, weight, False, True, bias, self.activation)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        dy = dy.contiguous()
        dx = MatMul()(dy, self.saved(1)) if self.needs[0] else None
        dweight = MatMul(transpose_a=True)(dy, self.saved(0)) if self.needs[1] else None
        if len(self.needs) == 2:
            return dx, dweight
        return dx, dweight, dy.sum(0) if self.needs[2] else None


class _LinearRelu(_Linear):
    """The same and ReLU, whose mask is read off the output."""

    activation = "relu"
    saves_output = True

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        y = self.output()
        if is_grad_enabled():
            return super().backward(where(y.data > 0, dy, 0.0))
        return super().backward(wrap(kernels.relu_backward(dy.data, y.data)))


def _stored(function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Operands in 16 bits: of one kind they are multiplied as they are stored; everything else is widened first."""
    given = signature(function).bind(*args, **kwargs).arguments
    tensors = [one for one in given.values() if isinstance(one, Tensor)]
    operands: list[Any] = [one.data if isinstance(one, Tensor) else one for one in (given["input"], given["weight"])]
    kinds = {one.dtype for one in operands if isinstance(one, np.ndarray) and is_half(one.dtype)}
    x, weight = operands
    if (
        len(kinds) != 1
        or not all(isinstance(one, np.ndarray) and one.dtype in kinds for one in operands)
        or (is_grad_enabled() and any(one.requires_grad for one in tensors))
        or weight.ndim != 2
        or x.ndim == 0
        or x.shape[-1] != weight.shape[1]
    ):
        return cast("Tensor", widened(function, args, kwargs))
    bias = given.get("bias")
    bias = bias.data if isinstance(bias, Tensor) else bias
    bias = widen(bias) if isinstance(bias, np.ndarray) else bias
    multiply = kernels.linear_half if x.dtype.kind == "f" else kernels.linear_bfloat16
    y = multiply(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight, bias, given.get("activation"))
    return wrap(narrow(y, x.dtype).reshape(*x.shape[:-1], weight.shape[0]))


@own_names(half=_stored, a="input", b="weight")
def linear(
    input: TensorLike, weight: TensorLike, bias: TensorLike | None = None, *, activation: str | None = None
) -> Tensor:
    """y = activation(input weight^T + bias).

    Args:
        input: (..., in_features), float32 or float64; float16 or bfloat16 where no gradient is wanted.
        weight: (out_features, in_features), dtype of input.
        bias: (out_features,) or None.
        activation: "relu", computed in the same pass, or None.

    Returns:
        (..., out_features).

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit together, or an unknown activation.

    >>> import tatamikomi as tk
    >>> tk.functional.linear([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [0.0, 100.0])
    tensor([[ 11., 117.]])
    """
    x, w = as_input("linear", "input", input), as_input("linear", "weight", weight)
    if w.ndim != 2:
        raise bad_value("linear", "weight", f"shape {w.shape}", "(out_features, in_features)")
    if x.ndim == 0 or x.shape[-1] != w.shape[1]:
        raise bad_value("linear", "input", f"shape {x.shape}", f"(..., in_features = {w.shape[1]})")
    inputs = [x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), w]
    if bias is not None:
        inputs.append(as_input("linear", "bias", bias))
        if inputs[2].shape != w.shape[:1]:
            raise bad_value("linear", "bias", f"shape {inputs[2].shape}", f"({w.shape[0]},)")
    y = (_LinearRelu if is_relu("linear", activation) else _Linear)()(*inputs)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], w.shape[0])


@own_names(half=True)
def bilinear(input1: TensorLike, input2: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """y[k] = input1^T weight[k] input2 + bias[k]: a form for every output that is linear in both inputs.

    Args:
        input1: (..., in1), float32 or float64.
        input2: (..., in2), the same leading sizes and dtype.
        weight: (out, in1, in2).
        bias: (out,) or None.

    Returns:
        (..., out).

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit together.

    >>> import tatamikomi as tk
    >>> tk.functional.bilinear([1.0, 2.0], [10.0], [[[3.0], [4.0]]])
    tensor([110.])
    """
    op = "bilinear"
    a, b = as_input(op, "input1", input1), as_input(op, "input2", input2)
    w = as_input(op, "weight", weight)
    if w.ndim != 3:
        raise bad_value(op, "weight", f"shape {w.shape}", "(out, in1, in2)")
    out, in1, in2 = w.shape
    for name, one, size in (("input1", a, in1), ("input2", b, in2)):
        if one.ndim == 0 or one.shape[-1] != size:
            raise bad_value(op, name, f"shape {one.shape}", f"(..., {size})")
    if a.shape[:-1] != b.shape[:-1]:
        raise bad_value(op, "input2", f"shape {b.shape}", f"the leading sizes of input1's {a.shape}")
    for name, one in (("input2", b), ("weight", w)):
        if one.dtype != a.dtype:
            raise bad_type(op, name, one.dtype.name, a.dtype.name, as_other="input1")
    half = linear(a, w.permute(0, 2, 1).reshape(out * in2, in1))  # (..., out * in2)
    y = (half.reshape(*a.shape[:-1], out, in2) * b.unsqueeze(-2)).sum(-1)
    if bias is None:
        return y
    c = as_input(op, "bias", bias)
    if c.shape != (out,):
        raise bad_value(op, "bias", f"shape {c.shape}", f"({out},)")
    if c.dtype != a.dtype:
        raise bad_type(op, "bias", c.dtype.name, a.dtype.name, as_other="input1")
    return y + c
