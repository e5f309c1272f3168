"""Tensor: an array, the node that made it, and methods for array algebra (layers live in `functional`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tatamikomi.autograd.arrays import as_array, lies_in
from tatamikomi.autograd.base import Base, Storage
from tatamikomi.errors import bad_type, bad_value

if TYPE_CHECKING:
    from tatamikomi.autograd.function import Function


class MaxResult(NamedTuple):
    """The extreme values along one dimension, and where each first occurs (int64)."""

    values: Tensor
    indices: Tensor


class Tensor(Base):
    """A NumPy array that knows how it was computed.

    Args:
        data: an array of float32, float64, an integer type or bool, in any layout; it is not copied unless
            its byte order or alignment is foreign, and never written to. `tk.tensor` copies. A tape that needs
            it for a gradient keeps a copy, so that it may change after the forward pass.
        dtype: a NumPy dtype to convert to.
        requires_grad: collect a gradient in `.grad`; float dtypes only.

    Operators and methods return new Tensors. Two float operands have one dtype (TypeError otherwise; see
    `to`), Python scalars take the Tensor's, bool operands count as 0 and 1. Floating-point warnings are
    NumPy's (`np.errstate`).

    >>> import tatamikomi as tk
    >>> x = tk.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ()

    __hash__ = Base.__hash__  # by identity, though == compares elements

    def __init__(self, data: ArrayLike | Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> None:
        self._data = as_array("Tensor", "data", data, dtype)
        self._grad = self._node = None
        self._storage = Storage()
        self._storage.pinned = True
        self._storage.foreign = lies_in(self._data, data)
        self._requires_grad = False
        self.requires_grad_(requires_grad)

    @property
    def grad(self) -> Tensor | None:
        """The gradient collected so far, or None. Assign None to start anew."""
        return self._grad

    @grad.setter
    def grad(self, value: ArrayLike | Tensor | None) -> None:
        if value is None:
            self._grad = None
            return
        gradient = as_tensor(value)
        if gradient.dtype != self.dtype:
            raise bad_type("Tensor.grad", "value", gradient.dtype.name, self.dtype.name)
        if gradient.shape != self.shape:
            raise bad_value("Tensor.grad", "value", gradient.shape, f"shape {self.shape}")
        self._grad = gradient

    def detach(self) -> Tensor:
        """The same memory without the tape: requires no gradient."""
        return wrap(self._data, self._storage)

    def backward(
        self,
        gradient: ArrayLike | Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of <self, gradient> to `.grad` of every leaf that self was computed from.

        Args:
            gradient: an array of this shape and dtype; None means 1 and is for a single element.
            retain_graph: keep what the tape saved for another pass; by default the value of `create_graph`.
            create_graph: record the backward pass too. `.grad` then holds the tape and the tape the leaf, a
                cycle: `tk.autograd.grad` has none.

        Raises:
            ValueError: self requires no gradient, or `gradient` is missing or has another shape.
            TypeError: `gradient` has another dtype.
            RuntimeError: the tape was freed by an earlier pass, or a value it needs was overwritten.
        """
        engine.backward(self, gradient, retain_graph, create_graph)

    # ------------------------------------------------------------------ arithmetic

    def __add__(self, other: Any) -> Tensor:
        return arithmetic.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return arithmetic.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return arithmetic.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return arithmetic.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return arithmetic.mul(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return arithmetic.mul(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return arithmetic.div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return arithmetic.div(other, self)

    def __pow__(self, exponent: Any) -> Tensor:
        return arithmetic.pow(self, exponent)

    def __rpow__(self, base: Any) -> Tensor:
        return arithmetic.pow(base, self)

    def __matmul__(self, other: Any) -> Tensor:
        return linear.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linear.matmul(other, self)

    def __neg__(self) -> Tensor:
        return elementwise.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return elementwise.abs(self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return arithmetic.compare(np.equal, self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return arithmetic.compare(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Tensor:
        return arithmetic.compare(np.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        return arithmetic.compare(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return arithmetic.compare(np.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return arithmetic.compare(np.greater_equal, self, other)

    def exp(self) -> Tensor:
        """e to the power of every element."""
        return elementwise.exp(self)

    def log(self) -> Tensor:
        """The natural logarithm."""
        return elementwise.log(self)

    def sqrt(self) -> Tensor:
        """The square root."""
        return elementwise.sqrt(self)

    def abs(self) -> Tensor:
        """The absolute value; its gradient at 0 is 0."""
        return elementwise.abs(self)

    def sign(self) -> Tensor:
        """-1, 0 or 1; requires no gradient."""
        return elementwise.sign(self)

    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        """See `tk.autograd.clip`."""
        return elementwise.clip(self, min, max)

    def clamp(self, min: float | None = None, max: float | None = None) -> Tensor:
        """As `clip`."""
        return elementwise.clip(self, min, max)

    def clone(self) -> Tensor:
        """A differentiable copy."""
        return elementwise.clone(self)

    def to(self, dtype: DTypeLike) -> Tensor:
        """Converted to another dtype, differentiably between float dtypes; self if it has that dtype."""
        return elementwise.to(self, dtype)

    def matmul(self, other: ArrayLike | Tensor) -> Tensor:
        """The matrix product; see `tk.autograd.matmul`."""
        return linear.matmul(self, other)

    # ------------------------------------------------------------------ reductions

    def sum(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The sum over `dim` (all dimensions by default)."""
        return reductions.sum(self, dim, keepdim)

    def mean(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The mean over `dim` (all dimensions by default)."""
        return reductions.mean(self, dim, keepdim)

    def var(self, dim: int | Sequence[int] | None = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """The variance; see `tk.autograd.var`."""
        return reductions.var(self, dim, correction, keepdim)

    def std(self, dim: int | Sequence[int] | None = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """The square root of the variance."""
        return reductions.std(self, dim, correction, keepdim)

    def amax(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The largest value; equal ones share the gradient."""
        return reductions.amax(self, dim, keepdim)

    def amin(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        """The smallest value; equal ones share the gradient."""
        return reductions.amin(self, dim, keepdim)

    def max(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The largest value of all, or (values, indices) along `dim`."""
        return reductions.max(self, dim, keepdim)

    def min(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The smallest value of all, or (values, indices) along `dim`."""
        return reductions.min(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the largest value first is (int64), in the flattened Tensor or along `dim`."""
        return reductions.argmax(self, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the smallest value first is (int64), in the flattened Tensor or along `dim`."""
        return reductions.argmin(self, dim, keepdim)

    # ------------------------------------------------------------------ shape and indexing

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape, one -1 inferred; shares memory where it can."""
        return shaping.reshape(self, *shape)

    def view(self, *shape: Any) -> Tensor:
        """As `reshape`."""
        return shaping.reshape(self, *shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Dimensions start_dim to end_dim, both included, as one."""
        return shaping.flatten(self, start_dim, end_dim)

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Tensor:
        """One dimension as several, of which one may be -1."""
        return shaping.unflatten(self, dim, sizes)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Two dimensions exchanged."""
        return shaping.transpose(self, dim0, dim1)

    def permute(self, *dims: Any) -> Tensor:
        """The dimensions in another order."""
        return shaping.permute(self, *dims)

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The transposed matrix (at most two dimensions)."""
        return shaping.matrix_transpose(self)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Tensor:
        """Without its dimensions of size 1, or without those among `dim` that have size 1."""
        return shaping.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Tensor:
        """With a new dimension of size 1 at `dim`."""
        return shaping.unsqueeze(self, dim)

    def expand(self, *sizes: Any) -> Tensor:
        """Dimensions of size 1 repeated without a copy; -1 keeps a size."""
        return shaping.expand(self, *sizes)

    def broadcast_to(self, *shape: Any) -> Tensor:
        """Broadcast to a shape, as NumPy does."""
        return shaping.expand(self, *shape)

    def contiguous(self) -> Tensor:
        """Self if its elements lie in C order, a copy in C order otherwise."""
        return shaping.contiguous(self)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        """Pieces of the given size or sizes along `dim`; the last may be smaller."""
        return shaping.split(self, split_size, dim)

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    def gather(self, dim: int, index: ArrayLike | Tensor) -> Tensor:
        """One element of `dim` per entry of `index`; see `tk.autograd.gather`."""
        return indexing.gather(self, dim, index)

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d Tensor")
        return (self[i] for i in range(len(self._data)))

    def __repr__(self) -> str:
        return interop.describe(self)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return interop.array(self, dtype, copy)

    def __dlpack__(self, **options: Any) -> Any:
        return interop.dlpack(self, options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return interop.dlpack_device(self)

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
        return interop.reduce(self)


_new = object.__new__


def wrap(data: NDArray[Any], storage: Storage | None = None, node: Function | None = None) -> Tensor:
    """A Tensor around an array that belongs to it, unchecked: how operations make their results."""
    tensor = _new(Tensor)
    tensor._data = data
    tensor._grad = None
    tensor._node = node
    tensor._requires_grad = node is not None
    tensor._storage = Storage() if storage is None else storage
    return tensor


def as_tensor(data: ArrayLike | Tensor, op: str = "as_tensor", argument: str = "data") -> Tensor:
    """`data` itself if it is a Tensor, else one that shares the array's memory and never writes to it."""
    if isinstance(data, Tensor):
        return data
    shared = wrap(as_array(op, argument, data))
    shared._storage.pinned = True
    shared._storage.foreign = lies_in(shared._data, data)
    return shared


def tensor(data: ArrayLike | Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `data`.

    Args:
        data: Python scalars and nested lists (floats become float32, ints int64), or an array in any layout,
            which keeps its dtype.
        dtype: a NumPy dtype to convert to.
        requires_grad: collect a gradient in `.grad`; float dtypes only.

    Raises:
        TypeError: objects, strings, complex numbers, or requires_grad for an integer dtype.
        ValueError: a ragged list.

    >>> import tatamikomi as tk
    >>> tk.tensor([1.0, 2.5]).dtype
    dtype('float32')
    """
    array = np.array(as_array("tensor", "data", data, dtype), order="C")
    return wrap(array).requires_grad_(requires_grad)


# The operations make Tensors, so they are imported once Tensor exists.
from tatamikomi.autograd import (  # noqa: E402
    arithmetic,
    elementwise,
    engine,
    indexing,
    interop,
    linear,
    reductions,
    shaping,
)
