"""Arrays of any layout give the bits of contiguous ones, and nothing of the user's is written to."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tests.op_specs.running import BACKENDS, arrays_of, assert_same_bits, directions, make_call
from tests.op_specs.spec import Call


def reversed_(array):
    """Negative strides on every axis."""
    every = (slice(None, None, -1),) * array.ndim
    return array[every].copy()[every]


def spaced(array):
    """Every second element of something larger, along every axis."""
    larger = np.full([2 * size for size in array.shape], 77, array.dtype)
    view = larger[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def unaligned(array):
    """One byte after a boundary."""
    raw = np.empty(array.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return raw[1:].view(array.dtype).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class Subclass(np.ndarray):
    """An ndarray of another class."""


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "negative strides": reversed_,
    "spaced": spaced,
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "unaligned": unaligned,
    "read-only": read_only,
    "subclass": lambda array: array.view(Subclass),
}


def changed(call, change):
    """The call with every array changed, and what must not change: the arrays."""

    def each(value):
        if isinstance(value, np.ndarray):
            return change(value)
        return [each(one) for one in value] if isinstance(value, list) else value

    return Call(tuple(map(each, call.args)), {name: each(value) for name, value in call.kwargs.items()})


def some_samples(direction):
    """Three of them: the first, the middle and the last small one that hold anything."""
    small = [one for one in direction.samples if not one.big and "empty" not in one.label]
    return {small[i].label: small[i] for i in (0, len(small) // 2, -1)}.values()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("direction", directions(lambda spec, direction: direction.any_layout))
def test_any_layout_gives_the_same_bits(direction, layout, backend):
    for sample in some_samples(direction):
        for dtype in ("float32", "float64"):
            call = make_call(direction, sample, dtype, False)
            with tk.backend(backend):
                expected = direction.run(call)
                other = changed(call, LAYOUTS[layout])
                before = [one.tobytes() for one in arrays_of([*other.args, *other.kwargs.values()])]
                results = direction.run(other)
            assert_same_bits(results, expected, f"{layout}, {sample.label}, {dtype}")
            after = [one.tobytes() for one in arrays_of([*other.args, *other.kwargs.values()])]
            assert after == before, "an input was written to"


@pytest.mark.parametrize("direction", directions(lambda spec, direction: direction.any_layout))
def test_zero_strides(direction):
    """One row, repeated without a copy, is read as the rows that it stands for."""
    for sample in some_samples(direction):
        call = make_call(direction, sample, "float32", False)
        repeated = changed(call, lambda array: np.broadcast_to(array[:1], array.shape) if array.ndim else array)
        copied = changed(repeated, np.ascontiguousarray)
        with tk.backend("native"):
            assert_same_bits(direction.run(repeated), direction.run(copied), sample.label)


@pytest.mark.parametrize("direction", directions(lambda spec, direction: direction.any_layout))
def test_lists_are_read_as_float32(direction):
    for sample in some_samples(direction):
        call = make_call(direction, sample, "float32", False)
        lists = changed(call, lambda array: array.tolist() if array.size else array)
        with tk.backend("native"):
            assert_same_bits(direction.run(lists), direction.run(call), sample.label)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("direction", directions(lambda spec, direction: spec.kind == "kernel" and direction.has_out))
def test_out_receives_the_result(direction, dtype):
    for sample in some_samples(direction):
        call = make_call(direction, sample, dtype, False)
        with tk.backend("native"):
            expected = direction.run(call)
            outs = tuple(np.full_like(one, 77) for one in expected)
            results = direction.run(Call(call.args, {**call.kwargs, "out": outs if len(outs) > 1 else outs[0]}))
        assert all(got is out for got, out in zip(results, outs, strict=True))
        assert_same_bits(results, expected, sample.label)
