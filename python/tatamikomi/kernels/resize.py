"""Resampling along axes by tables of taps: what every separable interpolation and its gradient are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import ResampleShape, count_elements, lead
from tatamikomi.kernels.arrays import Array, as_float, output
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.resize_tables import AxisTable

_LAST_AXIS_COST = 3  # of a tap along the last axis, where rows are transposed, to one along another


@lru_cache(1024)
def _passes(sizes: tuple[int, ...], tables: tuple[AxisTable | None, ...]) -> tuple[int, ...]:
    """The axes to resample, in the order that takes the fewest operations; an axis that stays as it is takes none."""
    needed = [axis for axis, table in enumerate(tables) if table is not None and not table.copies]

    def cost(order: tuple[int, ...]) -> int:
        now, total = list(sizes), 0
        for axis in order:
            table = tables[axis]
            assert table is not None
            others = math.prod(now[:axis] + now[axis + 1 :])
            total += others * len(table.index) * (_LAST_AXIS_COST if axis == len(sizes) - 1 else 1)
            now[axis] = table.outputs
        return total

    return min(permutations(needed), key=cost)


def resample(x: ArrayLike, tables: Sequence[AxisTable | None], out: Array | None = None) -> Array:
    """Every axis of x by its table: y[.., o, ..] = sum of weights[t] * x[.., index[t], ..] over the taps t of o.

    The adjoint is the same function with each table's `transposed`.

    Args:
        x: (n, c, *sizes), 1 to 3 axes; float32 or float64.
        tables: an `AxisTable` for each of the sizes, or None for one that stays as it is.
        out: receives the result.

    Returns:
        (n, c, *outputs), the tables' outputs.

    Raises:
        TypeError: a dtype is wrong, or a table is none.
        ValueError: another number of axes, or a table for another size.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> double = tk.kernels.AxisTable(2, [0, 1, 2, 3, 4], [0, 0, 1, 1], [1.0, 1.0, 1.0, 1.0])
    >>> tk.kernels.resample(np.array([[[1.0, 2.0], [3.0, 4.0]]]), [double])
    array([[[1., 1., 2., 2.],
            [3., 3., 4., 4.]]])
    """
    op = "resample"
    x = as_float(op, "x", x)
    sizes = x.shape[2:]
    if not 1 <= len(sizes) <= 3:
        raise bad_value(op, "x", f"shape {x.shape}", "a shape (n, channels, 1 to 3 axes)")
    if not isinstance(tables, (list, tuple)):
        raise bad_type(op, "tables", type(tables).__name__, "a list of AxisTable or None")
    if len(tables) != len(sizes):
        raise bad_value(op, "tables", f"{len(tables)} tables", f"{len(sizes)}, one per axis of x {x.shape}")
    for axis, (table, size) in enumerate(zip(tables, sizes, strict=True)):
        if table is not None and not isinstance(table, AxisTable):
            raise bad_type(op, f"tables[{axis}]", type(table).__name__, "an AxisTable or None")
        if table is not None and table.size != size:
            raise bad_value(op, f"tables[{axis}]", f"a table for {table.size} elements", f"one for {size}")
    goals = tuple([size if table is None else table.outputs for table, size in zip(tables, sizes, strict=True)])
    shape = (*x.shape[:2], *goals)
    count_elements(op, "output", shape)
    y = output(op, out, shape, x.dtype, x)
    order = _passes(sizes, tuple(tables))
    if not order:
        np.copyto(y, x)
        return y
    s = ResampleShape(math.prod(x.shape[:2]), *lead(sizes, 1), *lead(goals, 1))
    missing = 3 - len(sizes)
    passes = tuple(
        [
            (missing + axis, table.offsets, table.index, table.weights_as(x.dtype))
            for axis, table in ((axis, tables[axis]) for axis in order)
            if table is not None
        ]
    )
    active().resample(y, x, s, passes)
    return y
