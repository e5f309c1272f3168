"""Interpolation where sums of products say too little: copies, strange numbers, and tables that are kept."""

from __future__ import annotations

import numpy as np
import pytest
from tests.op_specs.running import BACKENDS

import tatamikomi as tk
from tatamikomi.kernels import AxisTable
from tatamikomi.kernels.resize_tables import antialias_table, area_table, cubic_table, linear_table, nearest_table

F = tk.functional


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [3, 16, 21])
def test_nearest_copies_every_number(backend, dtype, width):
    """-0, infinities, NaN and the smallest numbers too."""
    strange = [-0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal, 1.1]
    x = np.resize(np.array(strange, dtype), (2, 3, 5, width))
    with tk.backend(backend):
        y = F.interpolate(x, scale_factor=2).numpy()
    assert y.tobytes() == np.ascontiguousarray(x.repeat(2, 2).repeat(2, 3)).tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 15, 16, 17, 33, 50])
@pytest.mark.parametrize("less", [0, 1])
def test_the_adjoint_of_nearest_adds_one_or_two(backend, dtype, width, less):
    """Whole numbers, so equal, around the widths of vectors; a NaN stays where it is added."""
    table = nearest_table(width, 2 * width - less)
    dy = np.arange(2.0 * 3 * 5 * table.outputs, dtype=dtype).reshape(2, 3, 5, -1) % 61
    dy[0, 1, 2, -1] = np.nan
    expected = np.zeros((2, 3, 5, width), dtype)
    np.add.at(expected, (slice(None), slice(None), slice(None), table.index), dy)
    with tk.backend(backend):
        assert np.array_equal(tk.kernels.resample(dy, [None, table.transposed]), expected, equal_nan=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_what_has_no_weight_is_not_seen(backend, mode):
    """With aligned corners every second output is an element itself, whatever its neighbours are."""
    x = np.full((1, 1, 3, 3), np.nan)
    x[..., 1, 1] = 5
    with tk.backend(backend):
        y = F.interpolate(x, 5, mode=mode, align_corners=True).numpy()
    assert y[0, 0, 2, 2] == 5
    assert np.isnan(y).sum() == 24


def test_tables_are_made_once():
    assert linear_table(5, 9) is linear_table(5, 9)
    assert linear_table(5, 9).transposed.transposed is linear_table(5, 9)
    assert linear_table(5, 9).weights_as("float32") is linear_table(5, 9).weights_as(np.float32)


def test_tables_cannot_be_changed():
    table = linear_table(5, 9)
    for array in (table.offsets, table.index, table.weights, table.weights_as("float32")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    given = np.array([0, 1])
    table = AxisTable(2, given, np.array([0]), np.array([1.0]))
    given[0] = 7
    assert table.offsets.tolist() == [0, 1]


@pytest.mark.parametrize("size", [1, 2, 7, 30])
@pytest.mark.parametrize("outputs", [1, 2, 5, 31])
def test_weights_add_up_to_one(size, outputs):
    tables = [
        nearest_table(size, outputs),
        nearest_table(size, outputs, exact=True),
        linear_table(size, outputs),
        linear_table(size, outputs, align_corners=True),
        cubic_table(size, outputs),
        antialias_table(size, outputs),
        antialias_table(size, outputs, cubic=True),
        area_table(size, outputs),
    ]
    for table in tables:
        sums = np.add.reduceat(table.weights, table.offsets[:-1])
        assert table.outputs == outputs
        assert np.allclose(sums, 1, rtol=0, atol=1e-14)


def test_nearest_positions_are_exact():
    """floor(o * in / out) in whole numbers, where float32 is one below (48 to 74) and float64 too (48 to 88)."""
    for size, outputs in ((48, 74), (48, 88), (3, 7), (1000, 999)):
        expected = [o * size // outputs for o in range(outputs)]
        assert nearest_table(size, outputs).index.tolist() == expected
    assert nearest_table(10, 12, 1.2).index.tolist() == [o * 10 // 12 for o in range(12)]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("height", "goal"), [(30, 31), (300, 301), (30, 20), (300, 200)])
def test_passes_are_made_plane_by_plane_or_one_by_one(threads, height, goal):
    """The same bits where a plane stays in a cache between its passes, where it does not, where rows are added as they
    are loaded, and in two calls."""
    x = np.random.default_rng(0).standard_normal((2, 3, height, 41)).astype(np.float32)
    rows, columns = linear_table(height, goal), linear_table(41, 400)
    with tk.threads(threads):
        both = tk.kernels.resample(x, [rows, columns])
        half = tk.kernels.resample(x, [rows, None])
        assert np.array_equal(both, tk.kernels.resample(half, [None, columns]))


@pytest.mark.parametrize("make", [linear_table, nearest_table])
@pytest.mark.parametrize(("rows", "columns"), [((30, 61), (41, 50)), ((7, 900), (17, 33)), ((9, 10), (5, 6))])
def test_rows_added_as_outputs_give_the_bits_of_two_calls(make, rows, columns):
    """Columns first, since rows grow by more: rows of outputs are made once and added, in units of several rows."""
    x = np.random.default_rng(0).standard_normal((2, 3, rows[0], columns[0])).astype(np.float32)
    both = tk.kernels.resample(x, [make(*rows), make(*columns)])
    half = tk.kernels.resample(x, [None, make(*columns)])
    assert np.array_equal(both, tk.kernels.resample(half, [make(*rows), None]))
    with tk.threads(3):
        assert np.array_equal(both[1:], tk.kernels.resample(x[1:], [make(*rows), make(*columns)]))


@pytest.mark.parametrize("columns", [5, 8, 20])
def test_rows_of_outputs_may_add_any_two_rows(columns):
    """In any order, one again with another, and one alone: columns first, since rows grow by more."""
    x = np.random.default_rng(0).integers(-8, 9, (2, 3, 4, columns)).astype(np.float32)
    pairs = [(0, 1), (0, 1), (0, 2), (2, 0), (2,), (2, 3), (3, 3), (1,), (1, 0), (3, 1), (3,), (3, 1), (1, 3)]
    index, weights = [i for pair in pairs for i in pair], np.arange(sum(map(len, pairs))) % 7 - 3.0
    rows = AxisTable(4, np.cumsum([0, *map(len, pairs)]), index, weights)
    wide = linear_table(columns, 2 * columns)
    y = tk.kernels.resample(x, [rows, wide])
    half = tk.kernels.resample(x.astype(float), [None, wide])
    for o, (begin, end) in enumerate(zip(rows.offsets, rows.offsets[1:], strict=False)):
        assert np.array_equal(y[:, :, o], sum(weights[t] * half[:, :, index[t]] for t in range(begin, end)))
