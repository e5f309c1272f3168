"""Rows of a table by number, and numbers as rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.autograd import Function, Tensor
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_integer, as_number


def _as_indices(op: str, value: ArrayLike | Tensor, rows: int | None = None) -> Array:
    """Integers >= 0 as int64, a copy, each below `rows` where that is given."""
    try:
        array = np.array(value)
    except ValueError as error:
        raise bad_value(op, "input", "a ragged list", "an array of integers") from error
    if array.size == 0 and array.dtype.kind == "f" and isinstance(value, (list, tuple)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise bad_type(op, "input", array.dtype.name, "integers")
    outside = (array < 0) if rows is None else (array < 0) | (array >= rows)
    if outside.any():
        limit = "" if rows is None else f" < {rows}"
        raise bad_value(op, "input", int(array[outside][0]), f"0 <= index{limit}")
    return array.astype(np.int64)


class _Embedding(Function):
    """y[...] = weight[indices]; the row `padding` gets no gradient, others perhaps over how often they were taken."""

    def __init__(self, indices: Array, padding: int | None, by_frequency: bool) -> None:
        self.indices, self.padding, self.by_frequency = indices, padding, by_frequency

    def forward(self, weight: Array) -> Array:
        self.rows = weight.shape[0]
        return weight[self.indices]

    def backward(self, dy: Tensor) -> Tensor:
        return _RowSums(self.indices, self._scales(dy.dtype), self.rows)(dy)

    def _scales(self, dtype: np.dtype[np.generic]) -> Array | None:
        """What the gradient of each row that was taken is multiplied by; None: nothing."""
        if self.padding is None and not self.by_frequency:
            return None
        counts = np.bincount(self.indices.ravel(), minlength=self.rows) if self.by_frequency else np.ones(self.rows)
        scales = 1 / np.maximum(counts, 1)
        if self.padding is not None:
            scales[self.padding] = 0
        return scales[self.indices][..., None].astype(dtype)


class _RowSums(Function):
    """dweight[row] = the sum of scales * dy over all places that took it, in their order; its adjoint takes rows."""

    fresh = True

    def __init__(self, indices: Array, scales: Array | None, rows: int) -> None:
        self.indices, self.scales, self.rows = indices, scales, rows

    def forward(self, dy: Array) -> Array:
        flat = self.indices.ravel()
        dweight = np.zeros((self.rows, dy.shape[-1]), dy.dtype)
        if flat.size:
            scaled = dy if self.scales is None else dy * self.scales
            order = np.argsort(flat, kind="stable")
            taken, starts = np.unique(flat[order], return_index=True)
            dweight[taken] = np.add.reduceat(scaled.reshape(flat.size, -1)[order], starts, axis=0)
        return dweight

    def backward(self, ddweight: Tensor) -> Tensor:
        taken = ddweight[self.indices]
        return taken if self.scales is None else taken * wrap(self.scales)


@own_names()
def embedding(
    input: ArrayLike | Tensor,
    weight: TensorLike,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Tensor:
    """weight[input]: the rows of a table that integers name.

    Args:
        input: integers of any shape, 0 <= index < rows.
        weight: (rows, features), float32 or float64.
        padding_idx: a row that gets no gradient; negative counts from the end.
        max_norm: before they are taken, rows whose norm is larger are scaled to it, in the table itself.
        norm_type: p of that norm, p > 0.
        scale_grad_by_freq: divide the gradient of a row by how often it is taken.

    Returns:
        (*input.shape, features).

    Raises:
        TypeError: indices that are no integers, or a table of another dtype.
        ValueError: a table of other than two dimensions, an index outside of it, a norm that is not positive.

    >>> import tatamikomi as tk
    >>> tk.functional.embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    op = "embedding"
    table = as_input(op, "weight", weight)
    if table.ndim != 2:
        raise bad_value(op, "weight", f"shape {table.shape}", "(rows, features)")
    rows = table.shape[0]
    indices = _as_indices(op, input, rows)
    by_frequency = flag(op, "scale_grad_by_freq", scale_grad_by_freq)
    if padding_idx is not None:
        padding_idx = as_integer(op, "padding_idx", padding_idx, low=-rows)
        if padding_idx >= rows:
            raise bad_value(op, "padding_idx", padding_idx, f"-{rows} <= padding_idx < {rows}")
        padding_idx %= rows
    if max_norm is not None:
        _renormalise(op, weight, table, indices, as_number(op, "max_norm", max_norm), norm_type)
    return _Embedding(indices, padding_idx, by_frequency)(table)


def _renormalise(op: str, weight: TensorLike, table: Tensor, indices: Array, max_norm: float, norm_type: float) -> None:
    """Rows that are about to be taken, scaled to `max_norm` where they are longer."""
    p = as_number(op, "norm_type", norm_type)
    if p == 0:
        raise bad_value(op, "norm_type", p, "a number > 0")
    if weight is not table or not table.is_leaf:
        raise bad_type(op, "weight", type(weight).__name__, "a Tensor of its own, which max_norm writes to")
    taken = np.unique(indices)
    rows = table._data[taken]
    norms = (np.abs(rows) ** p).sum(1) ** (1 / p)
    long = norms > max_norm
    if long.any():
        table._data[taken[long]] = rows[long] * (max_norm / (norms[long] + 1e-7))[:, None].astype(rows.dtype)
        table.bump()


@own_names()
def one_hot(input: ArrayLike | Tensor, num_classes: int = -1) -> Tensor:
    """Integers as rows of zeros with a single 1 (int64): y[..., k] = 1 where input = k.

    Args:
        input: integers >= 0 of any shape (torch calls it `tensor`).
        num_classes: the length of a row; -1 takes the largest integer + 1.

    Returns:
        (*input.shape, num_classes), int64; `.to("float32")` for arithmetic.

    Raises:
        TypeError: no integers.
        ValueError: a negative integer, one that is too large, or nothing to infer the length from.

    >>> import tatamikomi as tk
    >>> tk.functional.one_hot([0, 2])
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    op = "one_hot"
    classes = as_integer(op, "num_classes", num_classes, low=-1)
    indices = _as_indices(op, input, None if classes == -1 else classes)
    if classes == -1:
        if not indices.size:
            raise bad_value(op, "num_classes", -1, "a number of classes where input is empty")
        classes = int(indices.max()) + 1
    return wrap((indices[..., None] == np.arange(classes)).astype(np.int64))
