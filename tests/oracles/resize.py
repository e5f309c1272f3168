"""Interpolation by its formulas, element after element, in extended precision: the matrix of every axis, and how far
rounding in float64 may move its entries.

Position p of an output is off by 4 u (size + 1) at most (three operations on numbers up to size + 1), a filter by its
slope times that and its own evaluation.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

EXACT = np.longdouble
U = EXACT(2) ** -53
CUBIC_SLOPE, CUBIC_EVALUATION = 1.4, 128  # |dw/dd| <= 1.39; eight operations on numbers up to 16


def apply(x: Any, matrices: list[Any]) -> Any:
    """x (n, c, *sizes) through a matrix (outputs, size) for each of its axes."""
    for axis, matrix in enumerate(matrices):
        x = np.moveaxis(np.moveaxis(x, 2 + axis, -1) @ matrix.T, -1, 2 + axis)
    return x


def of_table(table: Any) -> Any:
    """The matrix that an AxisTable stands for."""
    matrix = np.zeros((table.outputs, table.size), EXACT)
    for o in range(table.outputs):
        for t in range(table.offsets[o], table.offsets[o + 1]):
            matrix[o, table.index[t]] += table.weights[t]
    return matrix


def _linear(d: Any) -> Any:
    return max(1 - abs(d), EXACT(0))


def _cubic(d: Any, a: float) -> Any:
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else EXACT(0)


def _nearest(size: int, outputs: int, scale: float | None, exact: bool) -> Any:
    matrix = np.zeros((outputs, size), EXACT)
    for o in range(outputs):
        position = Fraction(2 * o + exact, 2)
        if scale is None:
            place = math.floor(position * size / outputs)
        else:
            place = math.floor(np.float32(float(position) / scale))  # a whole number but for float32's rounding is one
        matrix[o, min(place, size - 1)] = 1
    return matrix, 0 * matrix


def _area(size: int, outputs: int) -> Any:
    matrix = np.zeros((outputs, size), EXACT)
    for o in range(outputs):
        first, end = math.floor(Fraction(o * size, outputs)), math.ceil(Fraction((o + 1) * size, outputs))
        for i in range(first, end):
            matrix[o, i] = EXACT(1) / (end - first)
    return matrix, U * matrix


def axis(size: int, outputs: int, scale: float | None, mode: str, align: bool, antialias: bool) -> Any:
    """(matrix, error), both (outputs, size)."""
    if mode.startswith("nearest"):
        return _nearest(size, outputs, scale, mode == "nearest-exact")
    if mode == "area":
        return _area(size, outputs)
    cubic = mode == "bicubic"
    if align:
        ratio = EXACT(size - 1) / (outputs - 1) if outputs > 1 else EXACT(0)
    else:
        ratio = EXACT(size) / outputs if scale is None else 1 / EXACT(scale)
    off = 4 * U * (size + 1)
    off = CUBIC_SLOPE * off + CUBIC_EVALUATION * U if cubic else off + 2 * U
    matrix, error = np.zeros((outputs, size), EXACT), np.zeros((outputs, size), EXACT)
    for o in range(outputs):
        if antialias:
            stretch = max(ratio, EXACT(1))
            centre, reach = (o + EXACT(0.5)) * ratio, stretch * (2 if cubic else 1)
            inside = range(max(math.floor(centre - reach + 0.5), 0), min(math.floor(centre + reach + 0.5), size))
            for i in inside:
                d = (i - centre + EXACT(0.5)) / stretch
                matrix[o, i] = _cubic(d, -0.5) if cubic else _linear(d)
            # Divided by the sum of n weights, at least 1/2: half of the filter is never cut.
            matrix[o] /= matrix[o].sum()
            error[o, inside.start : inside.stop] = 2 * (1 + len(inside)) * off + 4 * U
            continue
        position = o * ratio if align else (o + EXACT(0.5)) * ratio - EXACT(0.5)
        if not cubic:
            position = min(max(position, EXACT(0)), EXACT(size - 1))
        below = math.floor(position)
        for i in range(below - cubic, below + 2 + cubic):
            place = min(max(i, 0), size - 1)
            matrix[o, place] += _cubic(i - position, -0.75) if cubic else _linear(i - position)
            error[o, place] += off
    return matrix, error
