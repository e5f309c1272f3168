"""Functions of one element: exp log sqrt abs sign clip, negation, copies and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tatamikomi.autograd.arithmetic import where
from tatamikomi.autograd.arrays import as_dtype, has_gradients
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor, as_tensor, wrap
from tatamikomi.errors import bad_type, bad_value


class _Neg(Function):
    def forward(self, x: NDArray[Any]) -> Any:
        return -x

    def backward(self, dy: Tensor) -> Tensor:
        return -dy


class _Exp(Function):
    saves_output = True

    def forward(self, x: NDArray[Any]) -> Any:
        return np.exp(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.output()


class _Log(Function):
    saves = ((0,),)

    def forward(self, x: NDArray[Any]) -> Any:
        return np.log(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy / self.saved(0)


class _Sqrt(Function):
    saves_output = True

    def forward(self, x: NDArray[Any]) -> Any:
        return np.sqrt(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy / (self.output() * 2.0)


class _Abs(Function):
    saves = ((0,),)

    def forward(self, x: NDArray[Any]) -> Any:
        return np.abs(x)

    def backward(self, dy: Tensor) -> Tensor:
        slope = sign(self.saved(0))._data
        return dy * wrap(np.asarray(np.nan_to_num(slope)))


class _Clip(Function):
    def __init__(self, low: float | None, high: float | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: NDArray[Any]) -> Any:
        low = None if self.low is None else x.dtype.type(self.low)
        high = None if self.high is None else x.dtype.type(self.high)
        if self.needs:
            inside = np.ones(x.shape, bool)
            if low is not None:
                inside &= x >= low
            if high is not None:
                inside &= x <= high
            self.inside = inside
        return np.clip(x, low, high)

    def backward(self, dy: Tensor) -> Tensor:
        return where(self.inside, dy, 0.0)


class _Clone(Function):
    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.copy(order="C")

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class _To(Function):
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        self.source = x.dtype
        return x.astype(self.dtype)

    def backward(self, dy: Tensor) -> Tensor:
        return to(dy, self.source)


def _float(op: str, input: ArrayLike | Tensor) -> Tensor:
    x = as_tensor(input, op, "input")
    if x._data.dtype.kind != "f":
        raise bad_type(op, "input", x.dtype.name, "float32 or float64")
    return x


def _number(op: str, input: ArrayLike | Tensor) -> Tensor:
    x = as_tensor(input, op, "input")
    if x._data.dtype.kind == "b":
        raise bad_type(op, "input", x.dtype.name, "numbers")
    return x


def neg(input: ArrayLike | Tensor) -> Tensor:
    """-input."""
    return _Neg()(_number("neg", input))


def exp(input: ArrayLike | Tensor) -> Tensor:
    """e ** input, elementwise."""
    return _Exp()(_float("exp", input))


def log(input: ArrayLike | Tensor) -> Tensor:
    """The natural logarithm, elementwise."""
    return _Log()(_float("log", input))


def sqrt(input: ArrayLike | Tensor) -> Tensor:
    """The square root, elementwise."""
    return _Sqrt()(_float("sqrt", input))


def abs(input: ArrayLike | Tensor) -> Tensor:
    """The absolute value, elementwise; its gradient at 0 and at NaN is 0."""
    return _Abs()(_number("abs", input))


def sign(input: ArrayLike | Tensor) -> Tensor:
    """-1, 0 or 1 (NaN for NaN), elementwise; requires no gradient."""
    return wrap(np.asarray(np.sign(_number("sign", input)._data)))


def clip(input: ArrayLike | Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """input, held between min and max; the gradient passes where min <= input <= max.

    Raises:
        ValueError: neither bound is given, or min > max.

    >>> import tatamikomi as tk
    >>> tk.autograd.clip(tk.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1. ,  0.5,  1. ])
    """
    if min is None and max is None:
        raise bad_value("clip", "min and max", "None", "at least one bound")
    if min is not None and max is not None and min > max:
        raise bad_value("clip", "min", f"{min} > max = {max}", "min <= max")
    return _Clip(min, max)(_number("clip", input))


def clone(input: ArrayLike | Tensor) -> Tensor:
    """A differentiable copy, C-contiguous."""
    return _Clone()(as_tensor(input, "clone", "input"))


def to(input: ArrayLike | Tensor, dtype: DTypeLike) -> Tensor:
    """input converted to another dtype, itself if it has that one; differentiable between float32 and float64.

    >>> import tatamikomi as tk
    >>> (tk.tensor([0.5, 2.0]) > 1).to("float32")
    tensor([0., 1.])
    """
    x, wanted = as_tensor(input, "to", "input"), as_dtype("to", dtype)
    if x.dtype == wanted:
        return x
    return _To(wanted)(x) if has_gradients(wanted) and has_gradients(x.dtype) else wrap(x._data.astype(wanted))
