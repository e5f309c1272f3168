"""The matrix product."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike, NDArray

from tatamikomi import kernels
from tatamikomi.autograd.broadcasting import sum_to
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value


class MatMul(Function):
    """op(a) @ op(b) for stacks of matrices (..., m, k) and (..., k, n); op transposes each matrix or not."""

    saves = ((1,), (0,))
    fresh = True

    def __init__(self, transpose_a: bool = False, transpose_b: bool = False) -> None:
        self.transpose_a, self.transpose_b = transpose_a, transpose_b

    def forward(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        self.shapes = a.shape, b.shape
        return kernels.matmul(a, b, self.transpose_a, self.transpose_b)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        ta, tb = self.transpose_a, self.transpose_b
        da = db = None
        if self.needs[0]:  # y = op(a) b: d op(a) = dy op(b)^T, and the transpose of that for a^T
            b = self.saved(1)
            da = MatMul(tb, True)(b, dy) if ta else MatMul(False, not tb)(dy, b)
            da = sum_to(da, self.shapes[0])
        if self.needs[1]:
            a = self.saved(0)
            db = MatMul(True, ta)(dy, a) if tb else MatMul(not ta, False)(a, dy)
            db = sum_to(db, self.shapes[1])
        return da, db


def matmul(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """The matrix product input @ other.

    Args:
        input: (..., m, k) or (k,).
        other: (..., k, n) or (k,), of the same dtype, float32 or float64.

    Returns:
        (..., m, n), leading dimensions broadcast; a dimension that a vector lacks is absent.

    Raises:
        TypeError: other dtypes.
        ValueError: a 0-d operand, or sizes that do not agree.

    >>> import tatamikomi as tk
    >>> tk.tensor([[1.0, 2.0]]) @ tk.tensor([3.0, 4.0])
    tensor([11.])
    """
    a, b = as_tensor(input, "matmul", "input"), as_tensor(other, "matmul", "other")
    if a.dtype.kind != "f" or a.dtype != b.dtype:
        raise bad_type("matmul", "other", f"{a.dtype.name} and {b.dtype.name}", "both float32 or both float64")
    if a.ndim == 0 or b.ndim == 0:
        raise bad_value("matmul", "input", f"shapes {a.shape} and {b.shape}", "at least one dimension each")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise bad_value("matmul", "other", f"shapes {a.shape} and {b.shape}", "(..., m, k) and (..., k, n)")
    row, column = a.ndim == 1, b.ndim == 1
    a = a.unsqueeze(0) if row else a
    b = b.unsqueeze(1) if column else b
    if b.ndim == 2 and a.ndim > 2:  # one matrix for all: fold the stack into rows
        y = MatMul()(a.reshape(math.prod(a.shape[:-1]), inner), b)
        y = y.reshape(*a.shape[:-1], b.shape[1])
    else:
        try:
            y = MatMul()(a, b)
        except ValueError as error:
            shapes = f"shapes {a.shape} and {b.shape}"
            raise bad_value("matmul", "other", shapes, "leading dimensions that broadcast") from error
    if row:
        y = y.squeeze(-2)
    return y.squeeze(-1) if column else y
