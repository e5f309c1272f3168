"""Dropout on arrays, with a mask that two integers determine, and uniform numbers that samples' indices do.

Element i (in C order) is kept when u[i] >= p. u[i] is made of the upper 24 bits of word i % 4 of Philox4x32-10 at
counter (i // 4, offset), each a pair of 32-bit words, low first, with seed as the key; see `tatamikomi.random`. The
mask is never stored: the same seed and offset make it again, on every backend and for any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.kernels.arrays import Array, as_float, as_integers, output, output_like
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer, as_number
from tatamikomi.random import path_key


def dropout_forward(x: ArrayLike, p: float, seed: int, offset: int, out: Array | None = None) -> Array:
    """y = x / (1 - p) where kept, 0 elsewhere.

    Each factor, 1 / (1 - p) or 0, is multiplied with its element: a dropped NaN or inf gives NaN.

    Args:
        x: any shape; float32 or float64.
        p: probability that an element is dropped, 0 <= p <= 1; with 1 nothing is kept.
        seed, offset: the block of random numbers, 0 <= each < 2**63; see Generator.take.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64, p no number, seed or offset no integer.
        ValueError: p, seed or offset is out of range, x is ragged, or out does not fit.

    Source: N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014.

    >>> import tatamikomi as tk
    >>> tk.kernels.dropout_forward([1.0, 2.0, 3.0, 4.0], 0.5, seed=3, offset=0).tolist()
    [2.0, 0.0, 6.0, 8.0]
    """
    op = "dropout_forward"
    x = as_float(op, "x", x)
    rate = as_number(op, "p", p, high=1.0)
    block = as_integer(op, "seed", seed), as_integer(op, "offset", offset)
    y = output_like(op, out, x)
    active().dropout_forward(y, x, rate, *block)
    return y


def dropout_backward(dy: ArrayLike, p: float, seed: int, offset: int, out: Array | None = None) -> Array:
    """dx = dy / (1 - p) where dropout_forward kept x with the same p, seed and offset, 0 elsewhere.

    Args:
        dy: gradient of y; shape of x.
        p, seed, offset: as given to dropout_forward.
        out: shape of dy, receives the result.

    Raises:
        TypeError, ValueError: as dropout_forward.

    >>> import tatamikomi as tk
    >>> tk.kernels.dropout_backward([3.0, 5.0], 0.0, seed=1, offset=0).tolist()
    [3.0, 5.0]
    """
    op = "dropout_backward"
    dy = as_float(op, "dy", dy)
    rate = as_number(op, "p", p, high=1.0)
    block = as_integer(op, "seed", seed), as_integer(op, "offset", offset)
    dx = output_like(op, out, dy)
    active().dropout_backward(dx, dy, rate, *block)
    return dx


def uniform(seed: int, path: Sequence[int], indices: ArrayLike, count: int, out: Array | None = None) -> Array:
    """The numbers of `tatamikomi.random.uniform`, widened to float64.

    Args:
        seed: 0 <= seed < 2**63.
        path: integers in the same range, such as (epoch,).
        indices: (n,) integers, 0 <= index.
        count: numbers per index.
        out: (n, count), float64, receives the result.

    Raises:
        TypeError: an argument holds no integers.
        ValueError: one is out of range, or indices are not one-dimensional.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> whole = tk.kernels.uniform(1, (5,), np.arange(6), 3)
    >>> bool((tk.kernels.uniform(1, (5,), [4], 3) == whole[4]).all())
    True
    """
    op = "uniform"
    places = as_integers(op, "indices", indices)
    if places.ndim != 1:
        raise bad_value(op, "indices", f"shape {places.shape}", "shape (n,)")
    low, high = path_key(as_integer(op, "seed", seed), *[as_integer(op, "path", element) for element in path])
    y = output(op, out, (len(places), as_integer(op, "count", count)), np.dtype(np.float64), places)
    if active().uniform(y, places, low | high << 32):
        raise bad_value(op, "indices", int(places.min()), "0 <= index")
    return y
