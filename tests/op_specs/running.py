"""What the runners share: lists of parameters, and calls under guard."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest

from tatamikomi import _native
from tests.op_specs import SPECS
from tests.op_specs.spec import Array, Call, Direction, Draw, OpSpec, Sample

DTYPES = ("float32", "float64")
BACKENDS = ("native", "reference")
_GUARD = 64  # elements on either side, a multiple of every vector's width


def directions(wanted: Callable[[OpSpec, Direction], bool] = lambda spec, direction: True) -> list[Any]:
    """Every (direction) of every spec, as parameters."""
    return [
        pytest.param(direction, id=f"{spec.name}-{direction.name}")
        for spec in SPECS
        for direction in spec.directions
        if wanted(spec, direction)
    ]


def samples(
    wanted: Callable[[OpSpec, Direction, Sample], bool] = lambda spec, direction, sample: not sample.big,
) -> list[Any]:
    """Every (direction, sample) of every spec, as parameters."""
    return [
        pytest.param(direction, sample, id=f"{direction.name}-{sample.label}")
        for spec in SPECS
        for direction in spec.directions
        for sample in direction.samples
        if wanted(spec, direction, sample)
    ]


def draw_for(label: str, dtype: Any, integers: bool) -> Draw:
    """The same arrays for the same label, in every run."""
    return Draw(zlib.crc32(label.encode()), dtype, integers)


def make_call(direction: Direction, sample: Sample, dtype: Any, integers: bool) -> Call:
    return sample.make(draw_for(f"{direction.name} {sample.label}", dtype, integers))


@cache
def expectation(direction: Direction, sample: Sample, dtype: Any, integers: bool) -> tuple[Any, Any]:
    """The oracle's results, and how far off each element may be: not at all where integers are exact.

    Integers are the same in both precisions, and so are their results.
    """
    if integers and dtype != "float64":
        return expectation(direction, sample, "float64", True)
    call = make_call(direction, sample, dtype, integers)
    with np.errstate(all="ignore"):
        expected = direction.expected(call)
        errors = tuple(np.zeros(one.shape) for one in expected) if integers else direction.errors(call, dtype)
    return expected, errors


def arrays_of(value: Any) -> Iterator[Array]:
    """Every array in nested tuples and lists."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from arrays_of(one)


@contextmanager
def guarded_outputs() -> Iterator[None]:
    """Outputs are handed out full of NaN (or the lowest integer), between guard zones of it, which must stay.

    They begin one element after a 64-byte boundary.
    """
    blocks: list[tuple[Array, Array, int]] = []
    empty = _native.empty

    def guarded(shape: tuple[int, ...], dtype: Any) -> Array:
        count = int(np.prod(shape, dtype=object))
        if count > 1 << 24:
            return empty(shape, dtype)  # its refusal is what is tested
        dtype = np.dtype(dtype)
        poison = np.nan if dtype.kind == "f" else np.iinfo(dtype).min
        raw = np.full(count + 3 * _GUARD, poison, dtype)
        first = (-raw.ctypes.data % 64) // dtype.itemsize + _GUARD + 1
        blocks.append((raw, raw.copy(), first))
        return raw[first : first + count].reshape(shape)

    _native.empty = guarded
    try:
        yield
    finally:
        _native.empty = empty
    for raw, before, first in blocks:
        count = len(raw) - 3 * _GUARD
        for side in (slice(0, first), slice(first + count, None)):
            assert raw[side].tobytes() == before[side].tobytes(), "written outside of an output"


def run_guarded(direction: Direction, call: Call) -> tuple[Array, ...]:
    """The results, computed from read-only inputs, which must keep their bytes, into guarded outputs."""
    inputs = list(arrays_of([*call.args, *call.kwargs.values()]))
    before = [one.tobytes() for one in inputs]
    for one in inputs:
        one.flags.writeable = False
    with guarded_outputs():
        results = direction.run(call)
    for one, bytes_before in zip(inputs, before, strict=True):
        assert one.tobytes() == bytes_before, "an input was written to"
    return results


def assert_within(
    results: tuple[Array, ...], expected: tuple[Array, ...], errors: tuple[Array, ...], what: str
) -> None:
    """|result - expected| <= error, element by element; NaN and infinities must match themselves."""
    assert len(results) == len(expected)
    for position, (got, want, bound) in enumerate(zip(results, expected, errors, strict=True)):
        assert got.shape == want.shape, f"{what}: result {position}"
        ordinary = np.isfinite(want)
        strange = want[~ordinary].astype(got.dtype)
        assert np.array_equal(got[~ordinary], strange, equal_nan=True), f"{what}: result {position}"
        off = np.abs(got[ordinary].astype(np.longdouble) - want[ordinary])
        allowed = np.broadcast_to(bound, want.shape)[ordinary]
        wrong = ~(off <= allowed)
        if wrong.any():
            worst = int(np.argmax(np.where(wrong, off, -1)))
            where = tuple(int(i) for i in np.argwhere(ordinary)[worst])
            raise AssertionError(
                f"{what}: result {position}: {int(wrong.sum())} of {wrong.size} elements are off; at {where} "
                f"got {got[where]!r}, expected {want[where]!r}, "
                f"off by {off[worst]:.3g} where {allowed[worst]:.3g} is allowed"
            )


def assert_same_bits(results: tuple[Array, ...], expected: tuple[Array, ...], what: str) -> None:
    assert len(results) == len(expected)
    for position, (got, want) in enumerate(zip(results, expected, strict=True)):
        assert got.shape == want.shape, f"{what}: result {position}"
        assert got.dtype == want.dtype, f"{what}: result {position}"
        if got.tobytes() != want.tobytes():
            differ = np.argwhere(got != want)
            where = tuple(differ[0]) if len(differ) else "a sign of zero or a NaN"
            raise AssertionError(f"{what}: result {position}: {len(differ)} elements differ, first at {where}")
