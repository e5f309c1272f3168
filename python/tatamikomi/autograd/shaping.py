"""The same elements in another arrangement: reshape, permute, expand, cat, stack, split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.arrays import as_dim
from tatamikomi.autograd.broadcasting import broadcast_to
from tatamikomi.autograd.elementwise import clone
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import count_elements


class _Reshape(Function):
    view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        self.source = x.shape
        return x.reshape(self.shape)

    def backward(self, dy: Tensor) -> Tensor:
        return _Reshape(self.source)(dy)


class _Permute(Function):
    view = True

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        return x.transpose(self.dims)

    def backward(self, dy: Tensor) -> Tensor:
        return _Permute(tuple(int(i) for i in np.argsort(self.dims)))(dy)


class _Cat(Function):
    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *arrays: NDArray[Any]) -> NDArray[Any]:
        self.sizes = [array.shape[self.dim] for array in arrays]
        return np.concatenate(arrays, axis=self.dim)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, ...]:
        pieces = split(dy, self.sizes, self.dim)
        return tuple(piece if need else None for piece, need in zip(pieces, self.needs, strict=True))


def _ints(op: str, argument: str, values: tuple[Any, ...]) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) alike."""
    given: Iterable[Any] = values
    if len(values) == 1 and not isinstance(values[0], (int, np.integer, Tensor)):
        given = values[0]
    try:
        return tuple([value.__index__() for value in given])
    except (AttributeError, TypeError) as error:
        raise bad_type(op, argument, values, "integers") from error


def _parts(op: str, tensors: Iterable[Any]) -> list[Tensor]:
    if not isinstance(tensors, Iterable):
        raise bad_type(op, "tensors", tensors, "a list of Tensors")
    return [as_tensor(one, op, "tensors") for one in tensors]


def _fits(wanted: tuple[int, ...], elements: int) -> bool:
    """Whether sizes, of which one may be -1, are those of so many elements."""
    known, unknown = math.prod(size for size in wanted if size != -1), wanted.count(-1)
    matches = known == elements if unknown == 0 else unknown == 1 and known > 0 and elements % known == 0
    return matches and min(wanted, default=0) >= -1


def reshape(input: ArrayLike | Tensor, *shape: Any) -> Tensor:
    """The same elements in C order in another shape, of which one size may be -1; shares memory where it can.

    Raises:
        ValueError: the number of elements differs, or -1 cannot be inferred.

    >>> import tatamikomi as tk
    >>> tk.autograd.reshape(tk.tensor([1.0, 2.0, 3.0, 4.0]), 2, -1)
    tensor([[1., 2.],
            [3., 4.]])
    """
    x, wanted = as_tensor(input, "reshape", "input"), _ints("reshape", "shape", shape)
    if not _fits(wanted, x.numel()):
        raise bad_value("reshape", "shape", wanted, f"a shape of {x.numel()} elements")
    return _Reshape(wanted)(x)


def flatten(input: ArrayLike | Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim to end_dim, both included, as one; a 0-d Tensor becomes 1-d.

    >>> import tatamikomi as tk
    >>> tk.autograd.flatten(tk.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), 1)
    tensor([[1., 2.],
            [3., 4.]])
    """
    x = as_tensor(input, "flatten", "input")
    if x.ndim == 0:
        return reshape(x, 1)
    start, end = (
        as_dim("flatten", start_dim, x.ndim, "start_dim"),
        as_dim("flatten", end_dim, x.ndim, "end_dim"),
    )
    if start > end:
        raise bad_value("flatten", "start_dim", start_dim, f"a dimension not after end_dim = {end_dim}")
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def unflatten(input: ArrayLike | Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` as dimensions of these sizes, of which one may be -1: what is left for it.

    Raises:
        TypeError: dim is no integer, or sizes is no sequence of integers.
        ValueError: there is no such dimension, or the sizes are not those of as many elements as it has.

    >>> import tatamikomi as tk
    >>> tk.autograd.unflatten(tk.tensor([[1.0, 2.0, 3.0, 4.0]]), 1, (2, -1))
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    x = as_tensor(input, "unflatten", "input")
    at, wanted = as_dim("unflatten", dim, x.ndim), _ints("unflatten", "sizes", (sizes,))
    if not wanted or not _fits(wanted, x.shape[at]):
        raise bad_value("unflatten", "sizes", wanted, f"sizes of {x.shape[at]} elements")
    known = math.prod(size for size in wanted if size != -1)
    whole = (x.shape[at] // known if size == -1 else size for size in wanted)
    return reshape(x, (*x.shape[:at], *whole, *x.shape[at + 1 :]))


def permute(input: ArrayLike | Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order, without a copy.

    Raises:
        ValueError: `dims` does not name every dimension once.
    """
    x, given = as_tensor(input, "permute", "input"), _ints("permute", "dims", dims)
    order = tuple(as_dim("permute", dim, x.ndim, "dims") for dim in given)
    if sorted(order) != list(range(x.ndim)):
        raise bad_value("permute", "dims", given, f"each of {x.ndim} dimensions once")
    return _Permute(order)(x)


def transpose(input: ArrayLike | Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, without a copy."""
    x = as_tensor(input, "transpose", "input")
    order = list(range(x.ndim))
    a, b = as_dim("transpose", dim0, x.ndim, "dim0"), as_dim("transpose", dim1, x.ndim, "dim1")
    order[a], order[b] = b, a
    return _Permute(tuple(order))(x)


def matrix_transpose(input: Tensor) -> Tensor:
    """The transposed matrix, of at most two dimensions."""
    if input.ndim > 2:
        raise bad_value("T", "input", f"shape {input.shape}", "at most two dimensions (use permute)")
    return _Permute(tuple(reversed(range(input.ndim))))(input)


def squeeze(input: ArrayLike | Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without its dimensions of size 1, or without those among `dim` that have size 1."""
    x = as_tensor(input, "squeeze", "input")
    given = range(x.ndim) if dim is None else dim if isinstance(dim, Iterable) else (dim,)
    dims = {as_dim("squeeze", one, x.ndim) for one in given}
    return _Reshape(tuple(size for axis, size in enumerate(x.shape) if size != 1 or axis not in dims))(x)


def unsqueeze(input: ArrayLike | Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim` of the result."""
    x = as_tensor(input, "unsqueeze", "input")
    at = as_dim("unsqueeze", dim, x.ndim + 1)
    return _Reshape((*x.shape[:at], 1, *x.shape[at:]))(x)


def expand(input: ArrayLike | Tensor, *sizes: Any) -> Tensor:
    """Dimensions of size 1 (and new leading ones) repeated without a copy; -1 keeps a size.

    Raises:
        ValueError: a dimension of another size than 1 would change.
    """
    x, given = as_tensor(input, "expand", "input"), _ints("expand", "sizes", sizes)
    lead = len(given) - x.ndim
    shape = tuple(x.shape[axis - lead] if size == -1 and axis >= lead else size for axis, size in enumerate(given))
    fits = lead >= 0 and all(old in (1, new) for old, new in zip(x.shape, shape[lead:], strict=True))
    if not fits or min(shape, default=0) < 0:
        raise bad_value("expand", "sizes", given, f"a shape that {x.shape} broadcasts to")
    count_elements("expand", "sizes", [*filter(None, shape)], x.dtype.itemsize)
    return broadcast_to(x, shape)


def contiguous(input: Tensor) -> Tensor:
    """Itself if its elements lie in C order, a differentiable copy in C order otherwise."""
    return input if input._data.flags.c_contiguous else clone(input)


def cat(tensors: Sequence[ArrayLike | Tensor], dim: int = 0) -> Tensor:
    """Tensors of one dtype joined along an existing dimension; all other sizes agree.

    Raises:
        ValueError: an empty list, or shapes that do not agree.
        TypeError: different dtypes.

    >>> import tatamikomi as tk
    >>> tk.autograd.cat([tk.tensor([1.0]), tk.tensor([2.0, 3.0])])
    tensor([1., 2., 3.])
    """
    parts = _parts("cat", tensors)
    if not parts:
        raise bad_value("cat", "tensors", "none", "at least one Tensor")
    first = parts[0]
    axis = as_dim("cat", dim, first.ndim)
    for part in parts[1:]:
        if part.dtype != first.dtype:
            raise bad_type("cat", "tensors", f"{first.dtype.name} and {part.dtype.name}", "one dtype")
        same = part.ndim == first.ndim and all(
            a == b for i, (a, b) in enumerate(zip(part.shape, first.shape, strict=True)) if i != axis
        )
        if not same:
            raise bad_value("cat", "tensors", f"{first.shape} and {part.shape}", f"shapes equal but in dim {axis}")
    return _Cat(axis)(*parts)


def stack(tensors: Sequence[ArrayLike | Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape and dtype joined along a new dimension `dim`.

    Raises:
        ValueError: an empty list, or different shapes.
        TypeError: different dtypes.

    >>> import tatamikomi as tk
    >>> tk.autograd.stack([tk.tensor([1.0, 2.0]), tk.tensor([3.0, 4.0])]).shape
    (2, 2)
    """
    parts = _parts("stack", tensors)
    for part in parts[1:]:
        if part.shape != parts[0].shape:
            raise bad_value("stack", "tensors", f"{parts[0].shape} and {part.shape}", "equal shapes")
    return cat([unsqueeze(part, dim) for part in parts], dim)


def split(input: ArrayLike | Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along `dim`, sharing memory, all of `split_size` (the last may be smaller) or of given sizes.

    Raises:
        ValueError: a size that is not positive, or sizes that do not add up.

    >>> import tatamikomi as tk
    >>> tk.autograd.split(tk.tensor([1.0, 2.0, 3.0]), 2)
    (tensor([1., 2.]), tensor([3.]))
    """
    x = as_tensor(input, "split", "input")
    axis = as_dim("split", dim, x.ndim)
    length = x.shape[axis]
    if isinstance(split_size, (int, np.integer)):
        if split_size < 1:
            raise bad_value("split", "split_size", split_size, "a positive size")
        sizes = [min(split_size, length - start) for start in range(0, length, split_size)] or [0]
    else:
        sizes = list(_ints("split", "split_size", (split_size,)))
        if sum(sizes) != length or min(sizes, default=0) < 0:
            raise bad_value("split", "split_size", sizes, f"sizes that add up to {length}")
    pieces, start = [], 0
    for size in sizes:
        pieces.append(x[(slice(None),) * axis + (slice(start, start + size),)])
        start += size
    return tuple(pieces)
