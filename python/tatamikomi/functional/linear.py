"""The fully connected layer's operation."""

from __future__ import annotations

import math
from typing import ClassVar

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.linear import MatMul
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.kernels.arrays import Array, same_dtype
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


@own_names(a="input", b="weight")
def linear(
    input: TensorLike, weight: TensorLike, bias: TensorLike | None = None, *, activation: str | None = None
) -> Tensor:
    """y = activation(input weight^T + bias).

    Args:
        input: (..., in_features), float32 or float64.
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
