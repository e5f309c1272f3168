"""Reading elements by index, and adding into them: each is the other's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.arrays import as_dim
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


class _GetItem(Function):
    def __init__(self, index: Any, basic: bool) -> None:
        self.index, self.basic = index, basic
        self.view = basic

    def forward(self, x: NDArray[Any]) -> Any:
        self.source = x.shape
        return x[self.index]

    def backward(self, dy: Tensor) -> Tensor:
        return _PutItem(self.index, self.basic, self.source)(dy)


class _PutItem(Function):
    """Zeros of `shape` with dy added at `index`, as often as it is named there."""

    def __init__(self, index: Any, basic: bool, shape: tuple[int, ...]) -> None:
        self.index, self.basic, self.shape = index, basic, shape

    def forward(self, dy: NDArray[Any]) -> NDArray[Any]:
        dx = np.zeros(self.shape, dy.dtype)
        if self.basic:
            dx[self.index] = dy
        else:
            np.add.at(dx, self.index, dy)
        return dx

    def backward(self, ddx: Tensor) -> Tensor:
        return _GetItem(self.index, self.basic)(ddx)


def _plain(index: Any) -> Any:
    """An index as NumPy reads it, in arrays that nobody else will change."""
    if isinstance(index, Tensor):
        return index._data.copy()
    if isinstance(index, (list, np.ndarray)):
        array = np.array(index)
        return array.astype(np.int64) if array.size == 0 and array.dtype.kind == "f" else array
    return index


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index] with integers, slices, None, ..., integer arrays and masks, as NumPy reads them.

    Slices share memory; arrays and masks copy. A repeated index collects the gradients of all its uses.

    Raises:
        IndexError: out of range, too many indices, or an index of another kind.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, _BASIC) and not isinstance(part, bool) for part in parts):
        return _GetItem(index, True)(input)
    return _GetItem(tuple([_plain(part) for part in parts]), False)(input)


def _along(index: NDArray[Any], dim: int) -> tuple[NDArray[Any], ...]:
    """The full index (i0, i1, ..) of the elements that `index` names along `dim`."""
    grid: list[NDArray[Any]] = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _gather_arguments(op: str, dim: int, index: Any, ndim: int) -> tuple[int, NDArray[Any]]:
    array = as_tensor(index, op, "index")._data
    if array.dtype.kind not in "iu":
        raise bad_type(op, "index", array.dtype.name, "an integer type")
    if array.ndim != ndim or ndim == 0:
        raise bad_value(op, "index", f"shape {array.shape}", f"{ndim} dimensions, as input has, and at least one")
    return as_dim(op, dim, ndim), array


def _check_index(op: str, index: NDArray[Any], dim: int, shape: tuple[int, ...]) -> None:
    if any(given > size for axis, (given, size) in enumerate(zip(index.shape, shape, strict=True)) if axis != dim):
        raise bad_value(op, "index", f"shape {index.shape}", f"at most {shape} but in dim {dim}")
    if index.size and not (index.min() >= 0 and index.max() < shape[dim]):
        raise bad_value(op, "index", f"values {index.min()} to {index.max()}", f"0 <= index < {shape[dim]}")


def gather(input: ArrayLike | Tensor, dim: int, index: ArrayLike | Tensor) -> Tensor:
    """One element along `dim` per entry of `index`: y[i][j] = input[index[i][j]][j] for dim 0.

    Args:
        input: any shape.
        dim: the dimension that `index` counts along.
        index: integers, as many dimensions as input, no larger than it except along `dim`.

    Returns:
        A Tensor of the shape of `index`.

    Raises:
        TypeError: `index` holds no integers.
        ValueError: its shape does not fit, or an index is out of range.

    >>> import tatamikomi as tk
    >>> tk.autograd.gather(tk.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, [[1], [0]])
    tensor([[2.],
            [3.]])
    """
    x = as_tensor(input, "gather", "input")
    axis, array = _gather_arguments("gather", dim, index, x.ndim)
    _check_index("gather", array, axis, x.shape)
    return _GetItem(_along(array.copy(), axis), False)(x)


def scatter_add(input: ArrayLike | Tensor, dim: int, index: ArrayLike | Tensor, src: ArrayLike | Tensor) -> Tensor:
    """input with src added where `index` says (y[index[i][j]][j] += src[i][j] for dim 0): `gather`'s adjoint.

    Args:
        input: any shape.
        dim: the dimension that `index` counts along.
        index: integers, of the shape of `src`, no larger than input except along `dim`.
        src: the values to add, of input's dtype.

    Returns:
        A new Tensor of input's shape.

    Raises:
        TypeError: `index` holds no integers, or the dtypes differ.
        ValueError: shapes that do not fit, or an index out of range.

    >>> import tatamikomi as tk
    >>> tk.autograd.scatter_add(tk.tensor([0.0, 0.0]), 0, [1, 1], tk.tensor([2.0, 3.0]))
    tensor([0., 5.])
    """
    x, values = as_tensor(input, "scatter_add", "input"), as_tensor(src, "scatter_add", "src")
    axis, array = _gather_arguments("scatter_add", dim, index, x.ndim)
    if values.shape != array.shape:
        raise bad_value("scatter_add", "src", f"shape {values.shape}", f"shape {array.shape}, as index has")
    _check_index("scatter_add", array, axis, x.shape)
    return x + _PutItem(_along(array.copy(), axis), False, x.shape)(values)
