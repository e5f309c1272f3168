"""Floats of 16 bits: IEEE's float16 and bfloat16, storage that is widened to float32 to compute with.

NumPy has float16; bfloat16 is the dtype of that name of the package ml_dtypes (extra `bfloat16`), known here by its
name and size, so that nothing needs to be imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import MatmulShape
from tatamikomi.kernels.arrays import Array, as_float, contiguous, output
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import is_relu


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is float16 or bfloat16.

    >>> import numpy as np
    >>> from tatamikomi.kernels.half import is_half
    >>> is_half(np.dtype(np.float16)), is_half(np.dtype(np.float32))
    (True, False)
    """
    return dtype.itemsize == 2 and (dtype.kind == "f" or dtype.name == "bfloat16")


def _bits(op: str, x: ArrayLike, dtype: np.dtype[Any], argument: str = "x") -> Array:
    """An array of 16-bit floats, or of their bits, as contiguous uint16."""
    if x is None:
        raise bad_type(op, argument, "None", "an array")
    try:
        array = np.asarray(x)
    except ValueError:
        raise bad_value(op, argument, "a ragged list", "rows of equal length") from None
    if isinstance(x, (list, tuple, int, float)) and array.dtype.kind in "iuf":
        array = array.astype(dtype)
    given = array.dtype.newbyteorder("=")
    if given != dtype and (dtype.kind == "f" or not is_half(given) or given.kind == "f"):
        raise bad_type(
            op, argument, str(array.dtype), "float16" if dtype.kind == "f" else "bfloat16, or its bits as uint16"
        )
    return contiguous(op, argument, array, given).view(np.uint16)


def _single(op: str, x: ArrayLike, argument: str = "x") -> Array:
    array = as_float(op, argument, x)
    if array.dtype != np.float32:
        raise bad_type(op, argument, str(array.dtype), "float32")
    return array


def half_to_float(x: ArrayLike, out: Array | None = None) -> Array:
    """float16 widened to float32, exactly.

    Args:
        x: any shape; float16.
        out: shape of x, float32, receives the result.

    Raises:
        TypeError: x is not float16.
        ValueError: out does not fit.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.kernels.half_to_float(np.array([1.5, 65504.0], np.float16))
    array([1.5000e+00, 6.5504e+04], dtype=float32)
    """
    bits = _bits("half_to_float", x, np.dtype(np.float16))
    y = output("half_to_float", out, bits.shape, np.dtype(np.float32), bits)
    active().half_to_float(y, bits)
    return y


def float_to_half(x: ArrayLike, out: Array | None = None) -> Array:
    """float32 rounded to the nearest float16, ties to even; beyond 65519 it is infinity, below 2**-14 subnormal.

    Args:
        x: any shape; float32.
        out: shape of x, float16, receives the result.

    Raises:
        TypeError: x is not float32.
        ValueError: out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.float_to_half([1.0, 1e-7, 1e6])
    array([1.e+00, 1.e-07,    inf], dtype=float16)
    """
    single = _single("float_to_half", x)
    y = output("float_to_half", out, single.shape, np.dtype(np.float16), single)
    active().float_to_half(y.view(np.uint16), single)
    return y


def bfloat16_to_float(x: ArrayLike, out: Array | None = None) -> Array:
    """bfloat16 widened to float32, exactly: its bits are the upper half of a float's.

    Args:
        x: any shape; bfloat16 (of ml_dtypes), or its bits as uint16.
        out: shape of x, float32, receives the result.

    Raises:
        TypeError: x is neither.
        ValueError: out does not fit.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.kernels.bfloat16_to_float(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    bits = _bits("bfloat16_to_float", x, np.dtype(np.uint16))
    y = output("bfloat16_to_float", out, bits.shape, np.dtype(np.float32), bits)
    active().bfloat16_to_float(y, bits)
    return y


def float_to_bfloat16(x: ArrayLike, out: Array | None = None) -> Array:
    """float32 rounded to the nearest bfloat16, ties to even, as bits.

    Args:
        x: any shape; float32.
        out: shape of x, uint16, receives the result.

    Returns:
        uint16; `.view(ml_dtypes.bfloat16)` makes numbers of them.

    Raises:
        TypeError: x is not float32.
        ValueError: out does not fit.

    Source: the format of "BFLOAT16 - hardware numerics definition", Intel 2018.

    >>> import tatamikomi as tk
    >>> [hex(bits) for bits in tk.kernels.float_to_bfloat16([1.0, 3.0e38])]
    ['0x3f80', '0x7f62']
    """
    single = _single("float_to_bfloat16", x)
    y = output("float_to_bfloat16", out, single.shape, np.dtype(np.uint16), single)
    active().float_to_bfloat16(y, single)
    return y


def linear_half(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """activation(x weight^T + bias) of operands kept in float16; products, sums and the result are float32.

    The weights are read as they are stored: where memory is what a layer waits for, it takes half of float32's time.

    Args:
        x: (m, k), float16.
        weight: (n, k), float16.
        bias: (n,), float32, or None.
        activation: "relu" or None; a NaN stays a NaN.
        out: (m, n), float32, receives the result.

    Returns:
        (m, n), float32; a row depends on that row of x and on weight alone, bit for bit.

    Raises:
        TypeError: another dtype.
        ValueError: shapes that do not fit together, or an unknown activation.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.kernels.linear_half(np.array([[1.0, 2.0]], np.float16), np.array([[3.0, 4.0]], np.float16))
    array([[11.]], dtype=float32)
    """
    return _linear("linear_half", np.dtype(np.float16), x, weight, bias, activation, out)


def linear_bfloat16(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    activation: str | None = None,
    out: Array | None = None,
) -> Array:
    """activation(x weight^T + bias) of operands kept in bfloat16, as `linear_half` does it for float16.

    On processors with AVX512_BF16 pairs of products are added at once, and numbers below 2**-126 count as 0.

    Args:
        x: (m, k), bfloat16 (of ml_dtypes), or its bits as uint16.
        weight: (n, k), likewise.
        bias: (n,), float32, or None.
        activation: "relu" or None; a NaN stays a NaN.
        out: (m, n), float32, receives the result.

    Returns:
        (m, n), float32; a row depends on that row of x and on weight alone, bit for bit.

    Raises:
        TypeError: another dtype.
        ValueError: shapes that do not fit together, or an unknown activation.

    Source: "Intel 64 and IA-32 architectures software developer's manual", VDPBF16PS.

    >>> import numpy as np, tatamikomi as tk
    >>> one, two = 0x3F80, 0x4000
    >>> tk.kernels.linear_bfloat16(np.array([[one, two]], np.uint16), np.array([[two, two]], np.uint16))
    array([[6.]], dtype=float32)
    """
    return _linear("linear_bfloat16", np.dtype(np.uint16), x, weight, bias, activation, out)


def _linear(
    op: str,
    dtype: np.dtype[Any],
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None,
    activation: str | None,
    out: Array | None,
) -> Array:
    a, w = _bits(op, x, dtype), _bits(op, weight, dtype, "weight")
    for argument, array, shape in (("x", a, "(m, k)"), ("weight", w, "(n, k)")):
        if array.ndim != 2:
            raise bad_value(op, argument, f"shape {array.shape}", shape)
    (m, k), n = a.shape, w.shape[0]
    if w.shape[1] != k:
        raise bad_value(op, "weight", f"shape {w.shape}", f"(n, {k}), for x {a.shape}")
    if bias is not None:
        bias = _single(op, bias, "bias")
        if bias.shape != (n,):
            raise bad_value(op, "bias", f"shape {bias.shape}", f"shape ({n},)")
    relu = is_relu(op, activation)
    y = output(op, out, (m, n), np.dtype(np.float32), a, w, bias)
    getattr(active(), op)(y, a, w, bias, MatmulShape(1, m, n, k, 0, 1, 0, 0), relu)
    return y


def widen(x: Array) -> Array:
    """Any 16-bit floats as float32; everything else as it is."""
    if not is_half(x.dtype):
        return x
    return half_to_float(x) if x.dtype.kind == "f" else bfloat16_to_float(x)


def narrow(x: Array, dtype: np.dtype[Any]) -> Array:
    """float32 as float16 or bfloat16."""
    return float_to_half(x) if dtype.kind == "f" else float_to_bfloat16(x).view(dtype)
