"""From many elements to few: sum, mean, variance, extremes and where they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.arrays import as_dim
from tatamikomi.autograd.broadcasting import broadcast_to
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import MaxResult, Tensor, as_tensor, wrap
from tatamikomi.errors import bad_type, bad_value

Dims = tuple[int, ...]


def normalise_dims(op: str, dim: int | Sequence[int] | None, ndim: int) -> Dims:
    """`dim` as distinct non-negative numbers in increasing order; None means all."""
    if dim is None:
        return tuple(range(ndim))
    dims = [as_dim(op, one, ndim) for one in (dim if isinstance(dim, Iterable) else (dim,))]
    if len(set(dims)) != len(dims):
        raise bad_value(op, "dim", dim, "each dimension once")
    return tuple(sorted(dims))


def _kept_shape(shape: tuple[int, ...], dims: Dims) -> tuple[int, ...]:
    return tuple([1 if axis in dims else size for axis, size in enumerate(shape)])


class _Sum(Function):
    def __init__(self, dims: Dims, keepdim: bool) -> None:
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x: NDArray[Any]) -> Any:
        self.source = x.shape
        return x.sum(axis=self.dims, keepdims=self.keepdim)

    def backward(self, dy: Tensor) -> Tensor:
        return broadcast_to(dy.reshape(_kept_shape(self.source, self.dims)), self.source)


class _Extreme(Function):
    """The largest or smallest value; all that equal it share the gradient."""

    saves = ((0,),)

    def __init__(self, choose: Callable[..., Any], dims: Dims, keepdim: bool) -> None:
        self.choose, self.dims, self.keepdim = choose, dims, keepdim

    def forward(self, x: NDArray[Any]) -> Any:
        y = self.choose(x, axis=self.dims, keepdims=True)
        if self.needs:
            self.extreme = y
        return (
            y
            if self.keepdim
            else y.reshape(tuple([size for axis, size in enumerate(x.shape) if axis not in self.dims]))
        )

    def backward(self, dy: Tensor) -> Tensor:
        x = self.saved(0)._data
        equal = (x == self.extreme) | (np.isnan(x) & np.isnan(self.extreme))
        share = wrap(equal / equal.sum(axis=self.dims, keepdims=True, dtype=x.dtype))
        return dy.reshape(self.extreme.shape) * share


def sum(input: ArrayLike | Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The sum over `dim` (all dimensions by default); integers and bools add up in int64.

    >>> import tatamikomi as tk
    >>> tk.autograd.sum(tk.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    x = as_tensor(input, "sum", "input")
    return _Sum(normalise_dims("sum", dim, x.ndim), keepdim)(x)


def mean(input: ArrayLike | Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The mean over `dim` (all dimensions by default).

    Raises:
        TypeError: the dtype is not a float dtype.
    """
    x = as_tensor(input, "mean", "input")
    if x.dtype.kind != "f":
        raise bad_type("mean", "input", x.dtype.name, "float32 or float64 (convert with .to)")
    dims = normalise_dims("mean", dim, x.ndim)
    return _Sum(dims, keepdim)(x) / math.prod([x.shape[axis] for axis in dims])


def var(
    input: ArrayLike | Tensor,
    dim: int | Sequence[int] | None = None,
    correction: int = 1,
    keepdim: bool = False,
) -> Tensor:
    """The variance: sum (x - mean)**2 / (n - correction), n the number of elements summed.

    Raises:
        TypeError: the dtype is not a float dtype.
        ValueError: n <= correction.

    >>> import tatamikomi as tk
    >>> tk.autograd.var(tk.tensor([1.0, 3.0]))
    tensor(2.)
    """
    x = as_tensor(input, "var", "input")
    dims = normalise_dims("var", dim, x.ndim)
    n = math.prod([x.shape[axis] for axis in dims])
    if n <= correction:
        raise bad_value("var", "input", f"{n} elements", f"more than correction = {correction}")
    return ((x - mean(x, dims, True)) ** 2).sum(dims, keepdim) / (n - correction)


def std(
    input: ArrayLike | Tensor,
    dim: int | Sequence[int] | None = None,
    correction: int = 1,
    keepdim: bool = False,
) -> Tensor:
    """The square root of `var`."""
    return var(input, dim, correction, keepdim).sqrt()


def _extreme(op: str, choose: Any, input: Any, dim: int | Sequence[int] | None, keepdim: bool) -> Tensor:
    x = as_tensor(input, op, "input")
    dims = normalise_dims(op, dim, x.ndim)
    if 0 in [x.shape[axis] for axis in dims]:
        raise bad_value(op, "input", f"shape {x.shape}", "at least one element to choose from")
    return _Extreme(choose, dims, keepdim)(x)


def amax(input: ArrayLike | Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The largest value over `dim`; NaN wins, equal ones share the gradient.

    Raises:
        ValueError: no element to choose from.

    >>> import tatamikomi as tk
    >>> tk.autograd.amax(tk.tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([2., 4.])
    """
    return _extreme("amax", np.amax, input, dim, keepdim)


def amin(input: ArrayLike | Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
    """The smallest value over `dim`; NaN wins, equal ones share the gradient.

    Raises:
        ValueError: no element to choose from.
    """
    return _extreme("amin", np.amin, input, dim, keepdim)


def _where_is(op: str, choose: Callable[..., Any], input: ArrayLike | Tensor, dim: int | None, keepdim: bool) -> Tensor:
    x = as_tensor(input, op, "input")
    axis = None if dim is None else as_dim(op, dim, x.ndim)
    if (x.numel() if axis is None else x.shape[axis]) == 0:
        raise bad_value(op, "input", f"shape {x.shape}", "at least one element to choose from")
    return wrap(np.asarray(choose(x._data, axis=axis, keepdims=keepdim), np.int64))


def argmax(input: ArrayLike | Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest value first is: int64, in the flattened Tensor or along `dim`.

    >>> import tatamikomi as tk
    >>> tk.autograd.argmax(tk.tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([1, 0])
    """
    return _where_is("argmax", np.argmax, input, dim, keepdim)


def argmin(input: ArrayLike | Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest value first is: int64, in the flattened Tensor or along `dim`."""
    return _where_is("argmin", np.argmin, input, dim, keepdim)


def _pick(x: Tensor, indices: Tensor, dim: int, keepdim: bool) -> MaxResult:
    values = x.gather(dim, indices)
    return MaxResult(values, indices) if keepdim else MaxResult(values.squeeze(dim), indices.squeeze(dim))


def max(input: ArrayLike | Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | MaxResult:
    """The largest value of all (as `amax`), or the pair (values, indices) along `dim`.

    Along a dimension the gradient goes to the first of equal values.

    >>> import tatamikomi as tk
    >>> values, indices = tk.autograd.max(tk.tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    >>> values, indices
    (tensor([2., 4.]), tensor([1, 0]))
    """
    x = as_tensor(input, "max", "input")
    return amax(x) if dim is None else _pick(x, argmax(x, dim, True), dim, keepdim)


def min(input: ArrayLike | Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | MaxResult:
    """The smallest value of all (as `amin`), or the pair (values, indices) along `dim`; see `max`."""
    x = as_tensor(input, "min", "input")
    return amin(x) if dim is None else _pick(x, argmin(x, dim, True), dim, keepdim)
