"""Resampling by tables, and interpolation, which is made of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from tatamikomi.kernels.resize_tables import antialias_table, area_table, cubic_table, linear_table, nearest_table
from tests.op_specs.spec import (
    Array,
    Call,
    Direction,
    Draw,
    ErrorCase,
    Gradient,
    Identity,
    OpSpec,
    Sample,
    gamma,
    leading,
    roundoff,
)
from tests.oracles import resize as oracle

F = tk.functional


def _taps(seed: int, size: int, outputs: int, most: int) -> tk.kernels.AxisTable:
    """Up to `most` taps of whole weights for each output, in any order, some twice, some outputs without any."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, most + 1, outputs)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    weights = random.choice(np.array([-2, -1, 1, 2]), offsets[-1])
    return tk.kernels.AxisTable(size, offsets, random.integers(0, size, offsets[-1]), weights)


def _near(seed: int, size: int, outputs: int) -> tk.kernels.AxisTable:
    """One tap or two of whole weights for each output, all of them close to where it lies."""
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(random.integers(1, 3, outputs))])
    place = np.repeat(np.arange(outputs) * size // outputs, np.diff(offsets))
    index = np.clip(place + random.integers(-1, 2, len(place)), 0, size - 1)
    return tk.kernels.AxisTable(size, offsets, index, random.choice(np.array([-2, -1, 1, 2]), len(place)))


def _halving(seed: int, size: int, outputs: int, taps: int, twice: int = -1, heavy: int = -1) -> tk.kernels.AxisTable:
    """The same whole weights for all outputs, each two elements on from the last; of four taps, any at the ends.

    Output `twice` takes one element twice, output `heavy` has a weight of its own.
    """
    random = np.random.default_rng(seed)
    edge = int(taps == 4)
    index = [[2 * o - edge + k for k in range(taps)] for o in range(outputs)]
    weights = [list(random.choice([-2, -1, 1, 2], taps))] * outputs
    for end in (0, outputs - 1)[: 2 * edge]:
        index[end] = list(random.integers(0, size, 1 + end % 4))
        weights[end] = list(random.integers(1, 3, 1 + end % 4))
    if twice >= 0:
        index[twice][1] = index[twice][0]
    if heavy >= 0:
        weights[heavy] = [3, *weights[heavy][1:]]
    offsets = np.cumsum([0, *(len(one) for one in index)])
    return tk.kernels.AxisTable(size, offsets, np.concatenate(index), np.concatenate(weights))


def _doubling(size: int, output: int = -1, less: int = 0, heavier: float = 0) -> tk.kernels.AxisTable:
    """linear_table(size, 2 * size), but for the first tap of one output."""
    table = linear_table(size, 2 * size)
    index, weights = table.index.copy(), table.weights.copy()
    if output >= 0:
        index[table.offsets[output]] -= less
        weights[table.offsets[output]] += heavier
    return tk.kernels.AxisTable(size, table.offsets, index, weights)


class Case(NamedTuple):
    label: str
    x: tuple[int, ...]
    tables: list[Any]
    big: bool = False


EXACT_CASES = [  # weights are whole, or quarters
    Case("linear x2", (2, 3, 5), [linear_table(5, 10)]),
    Case("bilinear x2", (2, 3, 5, 7), [linear_table(5, 10), linear_table(7, 14)]),
    Case("bilinear x2 adjoint", (2, 3, 10, 14), [linear_table(5, 10).transposed, linear_table(7, 14).transposed]),
    Case("trilinear x2", (3, 1, 3, 4, 5), [linear_table(3, 6), linear_table(4, 8), linear_table(5, 10)]),
    Case("nearest", (2, 2, 4, 9), [nearest_table(4, 7), nearest_table(9, 5)]),
    Case("nearest adjoint", (2, 2, 7, 5), [nearest_table(4, 7).transposed, nearest_table(9, 5).transposed]),
    Case("halved means", (2, 3, 8, 12), [area_table(8, 4), area_table(12, 6)]),
    Case("columns only", (2, 3, 6, 5), [_taps(1, 6, 4, 3), None]),
    Case("rows only", (2, 3, 6, 5), [None, _taps(2, 5, 9, 3)]),
    Case("depth and rows", (2, 1, 4, 3, 5), [_taps(3, 4, 6, 3), None, _taps(4, 5, 4, 2)]),
    Case("depth and columns", (3, 1, 4, 3, 5), [_taps(3, 4, 6, 3), _taps(5, 3, 2, 4), None]),
    Case("nothing", (2, 3, 6, 5), [None, linear_table(5, 5)]),
    Case("many taps", (2, 3, 30, 40), [_taps(6, 30, 3, 30), _taps(7, 40, 2, 40)]),
    Case("one element", (3, 1, 1, 1), [_taps(8, 1, 3, 2), _taps(9, 1, 5, 2)]),
    Case("no outputs", (2, 3, 4, 5), [_taps(10, 4, 0, 2), _taps(11, 5, 6, 2)]),
    Case("empty batch", (0, 3, 4, 5), [linear_table(4, 8), linear_table(5, 10)]),
    *(Case(f"width {w}", (3, 5, 3, w), [_taps(w, 3, 4, 2), _taps(w, w, 2 * w + 1, 3)]) for w in (7, 8, 9, 15, 16, 33)),
    *(Case(f"width {w} doubled", (3, 5, 3, w), [linear_table(3, 6), linear_table(w, 2 * w)]) for w in (8, 17, 40)),
    *(Case(f"width {w} enlarged", (2, 15, w), [_near(w, w, 2 * w + 3)]) for w in (5, 8, 15, 16, 33)),
    *(
        Case(f"{2 * w + more} halved by {taps}", (2, 3, 5, 2 * w + more), [rows, _halving(w, 2 * w + more, w, taps)])
        for w in (7, 8, 9, 10, 11, 15, 16, 17, 18, 19, 40)
        for taps, more, rows in ((2, 0, None), (2, 3, _halving(1, 5, 2, 2)), (4, 0, None), (4, 1, _near(2, 5, 4)))
    ),
    *(
        Case(f"halved to 19 by {taps} but for {one}", (2, 3, 38), [_halving(taps, 38, 19, taps, **one)])
        for taps in (2, 4)
        for one in ({"twice": 1}, {"twice": 17}, {"heavy": 5}, {"heavy": 17})
    ),
    *(
        Case(f"{w} doubled, rows {name}", (2, 3, 5, w), [rows, _doubling(w)])
        for w in (9, 10, 11, 17, 18, 19, 26, 33)
        for name, rows in (
            ("as they are", None),
            ("between", linear_table(5, 10)),
            ("copied", nearest_table(5, 10)),
            ("added", _near(3, 5, 4)),
        )
    ),
    *(
        Case(f"doubled but for {one}", (2, 3, 19), [_doubling(19, **one)])
        for output in (0, 1, 2, 7, 20, 35, 36, 37)
        for one in ({"output": output, "heavier": 0.25}, *[{"output": output, "less": 1}] * (output > 2))
    ),
    *(
        Case(
            f"{w} halved back, {table.__name__}",
            (2, 2, 12, 2 * w),
            [table(6, 12).transposed, table(w, 2 * w).transposed],
        )
        for w in (10, 18, 33)
        for table in (nearest_table, linear_table)
    ),
    *(Case(f"{n} rows", (3, n, 18), [_taps(n, 18, 17, 3)]) for n in (1, 4, 5, 6, 11)),
    Case("big planes", (3, 2, 130, 140), [_taps(12, 130, 260, 3), _taps(13, 140, 281, 3)], big=True),
    Case(
        "big volumes", (3, 2, 20, 30, 40), [_taps(14, 20, 41, 2), _taps(15, 30, 60, 2), _taps(16, 40, 39, 3)], big=True
    ),
    Case("big planes halved", (3, 2, 130, 282), [_halving(18, 130, 65, 2), _halving(19, 282, 141, 2)], big=True),
    Case("big planes halved by 4", (3, 2, 130, 282), [_halving(20, 130, 65, 4), _halving(21, 282, 141, 4)], big=True),
    Case("many small planes", (5, 67, 7, 7), [linear_table(7, 14), linear_table(7, 14)], big=True),
    Case("long rows", (3, 30, 1999), [_taps(17, 1999, 2500, 3)], big=True),
]
OTHER_CASES = [
    Case("bicubic", (2, 3, 6, 7), [cubic_table(6, 9), cubic_table(7, 15)]),
    Case("antialiased", (2, 3, 16, 17), [antialias_table(16, 5), antialias_table(17, 4, cubic=True)]),
    Case("thirds", (2, 3, 6, 7), [area_table(6, 4), linear_table(7, 10)]),
]


def _resampled(x: Array, tables: list[Any]) -> Array:
    y = np.asarray(x, np.longdouble) if x.dtype.kind == "f" else x
    return oracle.apply(y, _matrices(x, tables))


def _matrices(x: Array, tables: list[Any]) -> list[Array]:
    return [
        np.eye(size, dtype=np.longdouble) if table is None else oracle.of_table(table)
        for table, size in zip(tables, x.shape[2:], strict=True)
    ]


def _resample_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """A pass adds as many products as an output has taps, with rounded weights: taps + 1 roundings, pass after pass."""
    x, tables = call.args
    terms = sum(int(np.diff(table.offsets).max(initial=0)) + 1 for table in tables if table is not None)
    sizes = oracle.apply(np.abs(x).astype(np.longdouble), _magnitudes(x, tables))
    return ((gamma(terms, roundoff(dtype)) + gamma(4 * terms + 99, roundoff(np.longdouble))) * sizes,)


def _magnitudes(x: Array, tables: list[Any]) -> list[Array]:
    """Matrices of |weights|: taps of one element may cancel."""
    matrices = []
    for table, size in zip(tables, x.shape[2:], strict=True):
        if table is None:
            matrices.append(np.eye(size, dtype=np.longdouble))
            continue
        absolute = tk.kernels.AxisTable(table.size, table.offsets, table.index, np.abs(table.weights))
        matrices.append(oracle.of_table(absolute))
    return matrices


def _sample(case: Case) -> Sample:
    return Sample(case.label, lambda draw: Call((draw(*case.x), case.tables)), case.big)


def _adjoint(case: Case) -> Identity:
    """<resample(x), g> = <x, resample(g) by the transposed tables>"""

    def numbers(draw: Draw) -> Iterator[Any]:
        x = draw(*case.x)
        y = tk.kernels.resample(x, case.tables)
        g = draw(*y.shape)
        back = [table and table.transposed for table in case.tables]
        yield np.vdot(y, g), np.vdot(x, tk.kernels.resample(g, back))

    return Identity(case.label, numbers)


class Resize(NamedTuple):
    """A call of interpolate."""

    x: tuple[int, ...]
    options: dict[str, Any]
    torch: bool = True

    @property
    def label(self) -> str:
        told = " ".join(f"{name} {value}" for name, value in self.options.items())
        return f"{self.x} {told}"


RESIZED = [
    Resize((2, 3, 5), {"size": 8}),
    Resize((2, 3, 4, 5), {"size": (7, 3), "mode": "nearest"}),
    Resize((2, 3, 4, 5), {"scale_factor": 2}),
    Resize((2, 1, 3, 4, 2), {"scale_factor": (1.5, 2, 0.5), "mode": "nearest"}),
    Resize((2, 3, 6), {"scale_factor": 1.2}),
    Resize((2, 3, 5, 4), {"size": (8, 6), "mode": "nearest-exact"}),
    Resize((2, 3, 5, 6), {"scale_factor": 0.7, "mode": "nearest-exact", "recompute_scale_factor": False}),
    Resize((2, 3, 5), {"scale_factor": 2, "mode": "linear"}),
    Resize((2, 3, 7), {"size": 4, "mode": "linear", "align_corners": True}),
    Resize((2, 3, 4, 5), {"scale_factor": 2, "mode": "bilinear"}),
    Resize((2, 3, 4, 5), {"size": (7, 9), "mode": "bilinear", "align_corners": True}),
    Resize((2, 3, 6, 7), {"scale_factor": (0.6, 1.3), "mode": "bilinear", "align_corners": False}),
    Resize((2, 3, 6, 7), {"scale_factor": (0.6, 1.3), "mode": "bilinear", "recompute_scale_factor": True}),
    Resize((1, 2, 9, 8), {"size": (3, 5), "mode": "bilinear", "antialias": True}),
    Resize((1, 2, 9, 8), {"scale_factor": (0.3, 0.55), "mode": "bilinear", "antialias": True}),
    Resize((1, 2, 9, 8), {"size": (4, 3), "mode": "bilinear", "antialias": True, "align_corners": True}),
    Resize((1, 2, 5, 4), {"size": (8, 7), "mode": "bicubic"}),
    Resize((1, 2, 5, 4), {"size": (8, 3), "mode": "bicubic", "align_corners": True}),
    Resize((1, 2, 5, 4), {"scale_factor": 1.7, "mode": "bicubic"}),
    Resize((1, 2, 11, 9), {"size": (4, 13), "mode": "bicubic", "antialias": True}),
    Resize((1, 2, 3, 4, 3), {"scale_factor": 2, "mode": "trilinear"}),
    Resize((1, 2, 3, 4, 3), {"size": (5, 3, 1), "mode": "trilinear", "align_corners": True}),
    Resize((2, 3, 7), {"size": 3, "mode": "area"}),
    Resize((2, 3, 7, 4), {"size": (3, 6), "mode": "area"}),
    Resize((1, 2, 3, 5, 4), {"scale_factor": 0.7, "mode": "area"}),
    Resize((2, 1, 1, 1), {"size": (3, 2), "mode": "bilinear"}),
    Resize((2, 3, 4, 5), {"size": (4, 5), "mode": "bicubic"}),
    Resize((0, 3, 4, 5), {"size": (8, 6), "mode": "bilinear"}, torch=False),
]


def _axes(shape: tuple[int, ...], options: dict[str, Any]) -> tuple[list[Array], list[Array]]:
    """The matrices of all axes, and their errors."""
    axes = len(shape) - 2
    mode = options.get("mode", "nearest")
    each = []
    for axis, size in enumerate(shape[2:]):
        scale = None
        if "size" in options:
            goal = options["size"]
            goal = goal[axis] if isinstance(goal, tuple) else goal
        else:
            factor = options["scale_factor"]
            factor = factor[axis] if isinstance(factor, tuple) else factor
            goal = int(size * factor)
            scale = None if options.get("recompute_scale_factor") else factor
        align, antialias = bool(options.get("align_corners")), options.get("antialias", False)
        each.append(oracle.axis(size, goal, scale, mode, align, antialias))
    assert len(each) == axes
    return [one for one, _ in each], [one for _, one in each]


def _interpolated(x: Array, **options: Any) -> Array:
    return oracle.apply(np.asarray(x, np.longdouble), _axes(x.shape, options)[0])


def _interpolated_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Off by the matrices' errors, and by a rounding for each tap and each weight of a pass."""
    (x,) = call.args
    matrices, errors = _axes(x.shape, call.kwargs)
    terms = sum(int((matrix != 0).sum(1).max()) + 4 for matrix in matrices)
    x = np.abs(x).astype(np.longdouble)
    exact = oracle.apply(x, [np.abs(one) for one in matrices])
    most = oracle.apply(x, [np.abs(one) + error for one, error in zip(matrices, errors, strict=True)])
    return (most - exact + (gamma(terms, roundoff(dtype)) + gamma(99, roundoff(np.longdouble))) * most,)


def _function(name: str) -> Any:
    return lambda *args, **options: getattr(F, name)(*args, **options).numpy()


def _twin(name: str) -> Any:
    def run(torch: Any, call: Call) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the older names
            return getattr(torch.nn.functional, name)(*call.args, **call.kwargs)

    return run


def _older(name: str, options: dict[str, Any], always: dict[str, Any]) -> Direction:
    """One of interpolate's other names, which stands for it with the options `always`."""
    return Direction(
        name,
        [Sample(str(options), lambda draw: Call((draw(2, 3, 4, 5),), options))],
        lambda x, **options: _interpolated(x, **options, **always),
        lambda _, call, dtype: _interpolated_bound(_, Call(call.args, {**call.kwargs, **always}), dtype),
        exact=False,
        split=leading(0),
        function=_function(name),
        twin=_twin(name),
    )


def _differentiated(case: Resize) -> Gradient:
    return Gradient(
        f"interpolate {case.label}", lambda draw: (lambda x: F.interpolate(x, **case.options), [draw(*case.x)])
    )


X = np.zeros((1, 2, 4, 4), np.float32)
TABLE = nearest_table(4, 8)
SCALED_TABLES = (nearest_table, linear_table, cubic_table, antialias_table)
NO_SCALES = (0, -1.0, float("inf"), float("nan"))


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: F.interpolate(*args, **options), exception, f"^interpolate: {pattern}")


def _resample_error(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
    return ErrorCase(label, lambda: tk.kernels.resample(*args), exception, f"^resample: {pattern}")


def _table_error(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
    return ErrorCase(label, lambda: tk.kernels.AxisTable(*args), exception, f"^AxisTable: {pattern}")


def _axis_error(argument: str, expected: str, table: Any, *args: Any) -> ErrorCase:
    op = table.__name__
    return ErrorCase(f"{op}{args}", lambda: table(*args), ValueError, f"^{op}: {argument}: expected {expected}")


SPECS = (
    OpSpec(
        name="resample",
        kind="kernel",
        functional=(),
        directions=(
            Direction(
                "resample",
                [_sample(case) for case in EXACT_CASES],
                _resampled,
                _resample_bound,
                split=leading(0),
            ),
        ),
        identities=tuple(_adjoint(case) for case in EXACT_CASES if not case.big),
        errors=(
            _resample_error("rank", r"x: expected a shape .* got shape \(4, 4\)", X[0, 0], []),
            _resample_error(
                *("integers", "x: expected float32 or float64, got int64", X.astype(np.int64), []), exception=TypeError
            ),
            _resample_error("no list", "tables: expected a list .*got AxisTable", X, TABLE, exception=TypeError),
            _resample_error("too few", "tables: expected 2, one per axis .*got 1 tables", X, [TABLE]),
            _resample_error("kind", r"tables\[1\]: expected an AxisTable.*int", X, [TABLE, 3], exception=TypeError),
            _resample_error("size", r"tables\[0\]: expected one for 3, got a table for 4", X[:, :, :3], [TABLE, None]),
            _table_error("size 2.0", "size: expected an integer, got 2.0", 2.0, [0], [], [], exception=TypeError),
            _table_error("offsets", "offsets: expected integers from 0 to .*, 1", 3, [0, 2], [1], [1.0]),
            _table_error("offsets fall", "offsets: expected .*never fall", 3, [0, 2, 1], [1], [1.0]),
            _table_error("index", "index: expected 0 <= index < 3", 3, [0, 1], [3], [1.0]),
            _table_error("index below", "index: expected 0 <= index < 3", 3, [0, 1], [-1], [1.0]),
            _table_error("index rank", r"index: expected one dimension, got shape \(1, 1\)", 3, [0, 1], [[1]], [[1.0]]),
            _table_error("weights", r"weights: expected shape \(1,\)", 3, [0, 1], [1], [1.0, 2.0]),
            _table_error("names", "weights: expected an array of numbers", 3, [0, 1], [1], ["a"], exception=TypeError),
            *(_axis_error("size", "sizes", table, 3, 0) for table in (*SCALED_TABLES, area_table)),
            *(_axis_error("scale", "a positive", table, 3, 6, no) for table in SCALED_TABLES for no in NO_SCALES),
        ),
    ),
    OpSpec(
        name="interpolate",
        kind="composed",
        functional=("interpolate", "upsample", "upsample_nearest", "upsample_bilinear"),
        directions=(
            Direction(
                "resample by tables of any weights",
                [_sample(case) for case in OTHER_CASES],
                _resampled,
                _resample_bound,
                exact=False,
                split=leading(0),
                function=tk.kernels.resample,
            ),
            Direction(
                "interpolate",
                [
                    Sample(case.label, lambda draw, case=case: Call((draw(*case.x),), case.options), torch=case.torch)
                    for case in RESIZED
                ],
                _interpolated,
                _interpolated_bound,
                exact=False,
                split=leading(0),
                function=_function("interpolate"),
                twin=_twin("interpolate"),
            ),
            _older("upsample", {"scale_factor": 1.5, "mode": "bilinear"}, {}),
            _older("upsample_nearest", {"size": (7, 3)}, {"mode": "nearest"}),
            _older("upsample_bilinear", {"size": (7, 3)}, {"mode": "bilinear", "align_corners": True}),
        ),
        gradients=tuple(_differentiated(case) for case in RESIZED if case.x[0]),
        errors=(
            _error("input None", "input: expected an array, got None", None, 3, exception=TypeError),
            _error(
                "rank", r"input: expected \(N, C, H, W\) .*'bilinear', got shape \(2, 4, 4\)", X[0], 3, mode="bilinear"
            ),
            _error("no element", "input: expected .*positive sizes", X[..., :0], 3),
            _error("mode", "mode: expected one of 'nearest', .*got 'cubic'", X, 3, mode="cubic"),
            _error("mode 1", "mode: expected the name of a mode, got 1", X, 3, mode=1, exception=TypeError),
            _error("neither", "size: expected one of them, the other None", X),
            _error("both", "size: expected one of them, the other None", X, 3, 2.0),
            _error("size 0", "size: expected an integer or 2 integers, each >= 1, got 0", X, 0),
            _error("sizes", r"size: expected .*2 integers.* got \(1, 2, 3\)", X, (1, 2, 3)),
            _error("size 2.5", "size: expected an integer .*got 2.5", X, 2.5, exception=TypeError),
            _error("scale 0", "scale_factor: expected a positive finite number", X, scale_factor=0.0),
            _error("scales", r"scale_factor: expected .*2 of them, got \(1.0,\)", X, scale_factor=(1.0,)),
            _error("scale kind", "scale_factor: expected .*got True", X, scale_factor=True, exception=TypeError),
            _error(
                "scale small", r"scale_factor: expected an output of positive sizes, not \(0, 0\)", X, scale_factor=0.2
            ),
            _error("corners", "align_corners: expected None for mode 'nearest', got True", X, 3, align_corners=True),
            _error(
                "corners 1", "align_corners: expected True or False, got 1", X, 3, align_corners=1, exception=TypeError
            ),
            _error("antialias", "antialias: expected False for mode 'area'", X, 3, mode="area", antialias=True),
            _error(
                *("recompute", "recompute_scale_factor: expected None or False beside size", X, 3),
                recompute_scale_factor=True,
            ),
            ErrorCase(
                *("older name", lambda: F.upsample_bilinear(X[0], 3), ValueError),
                "^upsample_bilinear: input: expected",
            ),
        ),
    ),
)
