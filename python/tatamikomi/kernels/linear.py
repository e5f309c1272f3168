"""The matrix product on arrays."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import REMEMBERED, MatmulShape, count_elements
from tatamikomi.kernels.arrays import Array, as_float, contiguous, output, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import is_relu


@lru_cache(REMEMBERED)
def _one_product(op: str, a: tuple[int, ...], b: tuple[int, ...], transpose_a: bool, transpose_b: bool) -> MatmulShape:
    """The product of the matrices in the last two axes of arrays of shapes a and b."""
    for argument, shape in (("a", a), ("b", b)):
        if len(shape) < 2:
            raise bad_value(op, argument, f"shape {shape}", "at least 2 dimensions")
    m, k = a[:-3:-1] if transpose_a else a[-2:]
    rows, n = b[:-3:-1] if transpose_b else b[-2:]
    if rows != k:
        raise bad_value(op, "b", f"shape {b}", f"{k} rows as a {a} has columns")
    return MatmulShape(1, m, n, k, int(transpose_a), int(transpose_b), 0, 0)


def matmul(
    a: ArrayLike,
    b: ArrayLike,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: ArrayLike | None = None,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """activation(op(a) @ op(b) + bias), where op transposes the last two dimensions if asked to.

    Args:
        a: (..., m, k), or (..., k, m) with transpose_a; float32 or float64.
        b: (..., k, n), or (..., n, k) with transpose_b; dtype of a. Leading dimensions broadcast.
        transpose_a, transpose_b: read the operand transposed; nothing is copied.
        bias: (n,) or None, added to every row.
        activation: "relu" or None; a NaN stays a NaN.
        out: (..., m, n), receives the result.

    Returns:
        (..., m, n); a row of the result depends on that row of op(a) and on b alone, bit for bit.

    Raises:
        TypeError: a dtype is not float32 or float64, dtypes are mixed, or a transpose is not True or False (or 1 or 0).
        ValueError: fewer than two dimensions, sizes that do not fit together, or an unknown activation.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.matmul([[1.0, 2.0]], [[3.0, 4.0]], transpose_b=True)
    array([[11.]], dtype=float32)
    """
    op = "matmul"
    if out is None:  # two matrices as they are: what follows would take as long as a small product does
        product: Array | None = active().plain_matmul(a, b, transpose_a, transpose_b, bias, activation)
        if product is not None:
            return product
    a, b = as_float(op, "a", a), as_float(op, "b", b)
    dtype = a.dtype if a.dtype is b.dtype else same_dtype(op, "a b", a, b)
    if type(transpose_a) is not bool or type(transpose_b) is not bool:
        transpose_a, transpose_b = _flag(op, "transpose_a", transpose_a), _flag(op, "transpose_b", transpose_b)
    one = _one_product(op, a.shape, b.shape, transpose_a, transpose_b)
    m, n, k = one[1:4]
    if bias is not None:
        bias = as_float(op, "bias", bias)
        if bias.shape != (n,):
            raise bad_value(op, "bias", f"shape {bias.shape}", f"shape ({n},), one per column")
        same_dtype(op, "a bias", a, bias)
    relu = is_relu(op, activation)
    if a.ndim == b.ndim == 2:
        c = output(op, out, (m, n), dtype, a, b, bias)
        active().matmul(c, a, b, bias, one, relu)
        return c
    try:
        leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        rule = f"leading dimensions that broadcast with a {a.shape}"
        raise bad_value(op, "b", f"shape {b.shape}", rule) from None
    batch = math.prod(leading)
    a, b = _spread(op, "a", a, leading), _spread(op, "b", b, leading)
    strides = m * k if a.ndim > 2 else 0, k * n if b.ndim > 2 else 0
    shape = one._replace(batch=batch, a_stride=strides[0], b_stride=strides[1])
    c = output(op, out, (*leading, m, n), dtype, a, b, bias)
    active().matmul(c, a, b, bias, shape, relu)
    return c


def _flag(op: str, argument: str, value: object) -> bool:
    if isinstance(value, (bool, np.bool_, int, np.integer)) and value in (0, 1):
        return bool(value)
    raise bad_type(op, argument, value, "True or False")


def _spread(op: str, argument: str, matrices: Array, leading: tuple[int, ...]) -> Array:
    """One matrix stays one, shared by the whole batch; anything else is spread over the leading dimensions."""
    if math.prod(matrices.shape[:-2]) == 1 and math.prod(leading) != 0:
        return matrices.reshape(matrices.shape[-2:])
    shape = (*leading, *matrices.shape[-2:])
    count_elements(op, argument, shape, matrices.itemsize)
    return contiguous(op, argument, np.broadcast_to(matrices, shape), matrices.dtype)
