"""Padding: more elements around an input, or fewer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tatamikomi.autograd import Function, Tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.resize import _Resample
from tatamikomi.geometry import count_elements
from tatamikomi.kernels import AxisTable
from tatamikomi.kernels.arrays import Array, empty

_MODES = ("constant", "reflect", "replicate", "circular")
_Pairs = tuple[tuple[int, int], ...]  # (before, after) for the last axes


def _between(array: Array, axis: int, before: int, after: int) -> Array:
    """The array without its first and its last elements along an axis."""
    part: Array = array[(slice(None),) * axis + (slice(before, array.shape[axis] - after),)]
    return part


class _ConstantPad(Function):
    """`value` around x, or x cut where a number is negative; cutting is the adjoint of padding with zeros."""

    fresh = True

    def __init__(self, pairs: _Pairs, value: float) -> None:
        self.pairs, self.value = pairs, value

    def forward(self, x: Array) -> Array:
        first = x.ndim - len(self.pairs)
        goals = [size + before + after for size, (before, after) in zip(x.shape[first:], self.pairs, strict=True)]
        y = empty("pad", (*x.shape[:first], *goals), x.dtype)
        kept, inside = x, y
        for axis, (before, after) in enumerate(self.pairs, start=first):
            kept = _between(kept, axis, max(-before, 0), max(-after, 0))
            # What lies before and after along this axis, inside of that along the axes before it.
            size = inside.shape[axis]
            _between(inside, axis, 0, size - max(before, 0))[...] = self.value
            _between(inside, axis, size - max(after, 0), 0)[...] = self.value
            inside = _between(inside, axis, max(before, 0), max(after, 0))
        inside[...] = kept
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return _ConstantPad(tuple([(-before, -after) for before, after in self.pairs]), 0.0)(dy)


@lru_cache(1024)
def _table(size: int, before: int, after: int, mode: str) -> AxisTable:
    """Every output copies one element: the mirrored one, the edge, or the one a whole axis further.

    Of an axis that is cut, the circle is what is left.
    """
    places = np.arange(-before, size + after)
    if mode == "reflect":
        places = np.abs(places)
        places = np.where(places >= size, 2 * (size - 1) - places, places)
    elif mode == "replicate":
        places = np.clip(places, 0, size - 1)
    else:
        first, end = max(-before, 0), size - max(-after, 0)
        places = first + (places - first) % max(end - first, 1)
    return AxisTable(size, np.arange(len(places) + 1), places, np.ones(len(places)))


def _pairs(op: str, pad: object, ndim: int) -> _Pairs:
    """(before, after) of the last axes, in their order; `pad` begins with the last one."""
    expected = "pairs of integers (before, after) from the last axis on, no more than input has"
    if not isinstance(pad, (list, tuple, np.ndarray)):
        raise bad_type(op, "pad", pad, expected)
    numbers = []
    for one in pad:
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, np.integer)):
            raise bad_type(op, "pad", pad, expected)
        numbers.append(int(one))
    if len(numbers) % 2 or len(numbers) > 2 * ndim:
        raise bad_value(op, "pad", pad, f"{expected}: {ndim}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))[::-1]


def _number(op: str, value: object) -> float:
    """Any number; infinite ones pad for a maximum."""
    if value is None:
        return 0.0
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, "value", value, "a number or None")
    return float(value)


@own_names(half=True)
def pad(input: TensorLike, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add elements around the last axes, or cut them off.

    Args:
        input: any shape for "constant", float32 or float64; for the other modes one or two dimensions more than are
            padded, which are the last one to three.
        pad: (before, after) of the last axis, then of the one before it, ...; a negative number cuts off so many.
        mode: what the new elements are: "constant" (`value`), "reflect" (the axis mirrored at its first and its last
            element, which are not repeated; so fewer than its size), "replicate" (the first and the last element) or
            "circular" (the axis from its other end; no more than its size).
        value: of the new elements in mode "constant"; None is 0.

    Returns:
        A Tensor whose padded axes have size + before + after elements.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: an axis would have no element or a negative size, or cannot give as many.

    >>> import tatamikomi as tk
    >>> x = [[1.0, 2.0, 3.0]]
    >>> tk.functional.pad(x, (1, 2), value=9.0)
    tensor([[9., 1., 2., 3., 9., 9.]])
    >>> tk.functional.pad(x, (2, -1), "reflect")
    tensor([[3., 2., 1., 2.]])
    >>> tk.functional.pad(x, (1, 1), "replicate"), tk.functional.pad(x, (1, 1), "circular")
    (tensor([[1., 1., 2., 3., 3.]]), tensor([[3., 1., 2., 3., 1.]]))
    """
    op = "pad"
    x = as_input(op, "input", input)
    if not isinstance(mode, str):
        raise bad_type(op, "mode", mode, "the name of a mode")
    if mode not in _MODES:
        raise unknown_name(op, "mode", mode, _MODES)
    pairs = _pairs(op, pad, x.ndim)
    lead, sizes = x.shape[: x.ndim - len(pairs)], x.shape[x.ndim - len(pairs) :]
    goals = tuple([size + sum(pair) for size, pair in zip(sizes, pairs, strict=True)])
    if mode == "constant":
        cut = [min(before, 0) + min(after, 0) for before, after in pairs]
        if any(goal < 0 or size + less < 0 for goal, size, less in zip(goals, sizes, cut, strict=True)):
            raise bad_value(op, "pad", pad, f"no more cut off than there is: shape {x.shape}")
        count_elements(op, "output", (*lead, *goals), x.dtype.itemsize)
        return _ConstantPad(pairs, _number(op, value))(x)
    if value is not None and value != 0:
        raise bad_value(op, "value", value, f"None for mode {mode!r}")
    if not 1 <= len(pairs) <= 3 or not 1 <= len(lead) <= 2 or min(*sizes, *x.shape[-len(pairs) - 1 :]) < 1:
        rule = f"one or two dimensions and {len(pairs)} more of positive size, 1 to 3, for mode {mode!r}"
        raise bad_value(op, "input", f"shape {x.shape}", rule)
    most: list[float] = [size - 1 if mode == "reflect" else math.inf for size in sizes]
    if mode == "circular":  # the circle is what is left where an axis is cut
        most = [size + min(before, 0) + min(after, 0) for size, (before, after) in zip(sizes, pairs, strict=True)]
    if min(goals) < 0 or any(max(pair) > limit for pair, limit in zip(pairs, most, strict=True)):
        rule = {"reflect": "fewer than the", "circular": "at most the", "replicate": "any number of"}[mode]
        raise bad_value(op, "pad", pad, f"{rule} elements of an axis, and no more cut off than there is: {sizes}")
    tables = tuple([_table(size, *pair, mode) for size, pair in zip(sizes, pairs, strict=True)])
    if len(lead) == 2:
        return _Resample(tables)(x)
    return _Resample(tables)(x.unsqueeze(0)).squeeze(0)
