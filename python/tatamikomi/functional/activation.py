"""Activations: ReLU (of a sum too), sigmoid, tanh, softmax, softmin, the gated linear unit."""

from __future__ import annotations

from numpy.typing import DTypeLike

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, split, where
from tatamikomi.autograd.arrays import as_dim
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, floating, overwrite, own_names
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array


class _Relu(Function):
    saves_output = True
    fresh = True

    def forward(self, x: Array) -> Array:
        return kernels.relu_forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output()
        if is_grad_enabled():
            return where(y.data > 0, dy, 0.0)
        return wrap(kernels.relu_backward(dy.data, y.data))


class _AddRelu(Function):
    saves_output = True

    def forward(self, a: Array, b: Array) -> Array:
        return kernels.add_relu_forward(a, b)

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        y = self.output()
        masked = where(y.data > 0, dy, 0.0) if is_grad_enabled() else wrap(kernels.relu_backward(dy.data, y.data))
        return masked, masked


class _Sigmoid(Function):
    saves_output = True
    fresh = True

    def forward(self, x: Array) -> Array:
        return kernels.sigmoid_forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output()
        if is_grad_enabled():
            return dy * (y * (1.0 - y))
        return wrap(kernels.sigmoid_backward(dy.data, y.data))


class _Tanh(Function):
    saves_output = True
    fresh = True

    def forward(self, x: Array) -> Array:
        return kernels.tanh_forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output()
        if is_grad_enabled():
            return dy * (1.0 - y * y)
        return wrap(kernels.tanh_backward(dy.data, y.data))


class _Softmax(Function):
    saves_output = True
    fresh = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return kernels.softmax_forward(x, self.dim)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output()
        if is_grad_enabled():
            return y * (dy - (dy * y).sum(self.dim, keepdim=True))
        return wrap(kernels.softmax_backward(dy.data, y.data, self.dim))


class _LogSoftmax(Function):
    saves_output = True
    fresh = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Array) -> Array:
        return kernels.log_softmax_forward(x, self.dim)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.output()
        if is_grad_enabled():
            return dy - y.exp() * dy.sum(self.dim, keepdim=True)
        return wrap(kernels.log_softmax_backward(dy.data, y.data, self.dim))


@own_names(half=True)
def relu(input: TensorLike, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise; its gradient at 0 is 0, NaN stays NaN.

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: V. Nair and G. Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.

    >>> import tatamikomi as tk
    >>> tk.functional.relu([-1.0, 2.0])
    tensor([0., 2.])
    """
    x = as_input("relu", "input", input)
    replace = flag("relu", "inplace", inplace)
    y = _Relu()(x)
    return overwrite(x, y, input) if replace else y


@own_names(half=True, a="input", b="other")
def add_relu(input: TensorLike, other: TensorLike) -> Tensor:
    """max(input + other, 0), elementwise: where a residual branch joins, one pass over memory each way.

    Args:
        input: any shape, float32 or float64.
        other: the same shape and dtype.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: different shapes.

    Source: K. He et al., "Deep residual learning for image recognition", arXiv:1512.03385.

    >>> import tatamikomi as tk
    >>> tk.functional.add_relu([1.0, 2.0], [-3.0, 4.0])
    tensor([0., 6.])
    """
    a, b = as_input("add_relu", "input", input), as_input("add_relu", "other", other)
    if a.shape != b.shape:
        raise bad_value("add_relu", "other", f"shape {b.shape}", f"shape {a.shape} as input")
    if a.dtype != b.dtype:
        raise bad_type("add_relu", "other", b.dtype.name, f"{a.dtype.name} as input")
    return _AddRelu()(a, b)


@own_names(half=True)
def sigmoid(input: TensorLike) -> Tensor:
    """1 / (1 + e**-input), elementwise.

    Args:
        input: any shape, float32 or float64.

    Raises:
        TypeError: another dtype.

    >>> import tatamikomi as tk
    >>> tk.functional.sigmoid([0.0])
    tensor([0.5])
    """
    return _Sigmoid()(as_input("sigmoid", "input", input))


@own_names(half=True)
def tanh(input: TensorLike) -> Tensor:
    """The hyperbolic tangent, elementwise.

    Args:
        input: any shape, float32 or float64.

    Raises:
        TypeError: another dtype.

    >>> import tatamikomi as tk
    >>> tk.functional.tanh([0.0])
    tensor([0.])
    """
    return _Tanh()(as_input("tanh", "input", input))


def _along(op: str, input: TensorLike, dim: int, dtype: DTypeLike | None) -> tuple[Tensor, int]:
    """The input in the wanted dtype, and the dimension; a single number is a row of one."""
    x = as_input(op, "input", input)
    if dtype is not None:
        x = x.to(floating(op, dtype))
    return x, as_dim(op, dim, max(x.ndim, 1))


def _rowwise(function: Function, x: Tensor) -> Tensor:
    return function(x) if x.ndim else function(x.reshape(1)).reshape(())


@own_names(half=True)
def softmax(input: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """e**input / sum of e**input along `dim`, computed after subtracting the largest element.

    Args:
        input: any shape, float32 or float64.
        dim: the dimension along which the result adds up to 1.
        dtype: float32 or float64; the input is converted to it first.

    Raises:
        TypeError: another dtype.
        ValueError: no such dimension.

    >>> import tatamikomi as tk
    >>> tk.functional.softmax([[1.0, 1.0, 1.0, 1.0]], dim=1)
    tensor([[0.25, 0.25, 0.25, 0.25]])
    """
    x, axis = _along("softmax", input, dim, dtype)
    return _rowwise(_Softmax(axis), x)


@own_names(half=True)
def softmin(input: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """The softmax of -input: the smallest element weighs most.

    Args:
        input: any shape, float32 or float64.
        dim: the dimension along which the result adds up to 1.
        dtype: float32 or float64; the input is converted to it first.

    Raises:
        TypeError: another dtype.
        ValueError: no such dimension.

    >>> import tatamikomi as tk
    >>> tk.functional.softmin([1000.0, 0.0], dim=0)
    tensor([0., 1.])
    """
    x, axis = _along("softmin", input, dim, dtype)
    return _rowwise(_Softmax(axis), -x)


@own_names(half=True)
def log_softmax(input: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """The logarithm of `softmax`, without leaving the range of numbers: input - max - log sum e**(input - max).

    Args:
        input: any shape, float32 or float64.
        dim: the dimension along which the exponentials add up to 1.
        dtype: float32 or float64; the input is converted to it first.

    Raises:
        TypeError: another dtype.
        ValueError: no such dimension.

    >>> import tatamikomi as tk
    >>> tk.functional.log_softmax([1000.0, 0.0], dim=0)
    tensor([    0., -1000.])
    """
    x, axis = _along("log_softmax", input, dim, dtype)
    return _rowwise(_LogSoftmax(axis), x)


@own_names(half=True)
def glu(input: TensorLike, dim: int = -1) -> Tensor:
    """The gated linear unit: the first half of the input along `dim` times the sigmoid of the second half.

    Args:
        input: an even size along `dim`, float32 or float64.
        dim: the dimension that is halved.

    Raises:
        TypeError: another dtype.
        ValueError: no such dimension, or an odd one.

    Source: Y. N. Dauphin, A. Fan, M. Auli, D. Grangier, "Language modeling with gated convolutional networks",
    ICML 2017, arXiv:1612.08083.

    >>> import tatamikomi as tk
    >>> tk.functional.glu([1.0, 2.0, 0.0, 100.0])
    tensor([0.5, 2. ])
    """
    x = as_input("glu", "input", input)
    if x.ndim == 0:
        raise bad_value("glu", "input", "shape ()", "a shape with a dimension to halve")
    axis = as_dim("glu", dim, x.ndim)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise bad_value("glu", "input", f"shape {x.shape}", f"an even size along dim {dim}")
    values, gates = split(x, (half, half), axis)
    return values * _Sigmoid()(gates)
