"""Uniform numbers of samples, many at once, that depend on a seed, a path and each sample's index alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.kernels.arrays import Array, as_integers, output
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer
from tatamikomi.random import path_key


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
