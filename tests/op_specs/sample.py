"""Sampling at points by weights and indices, and spatial transformers, which are made of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
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
from tests.oracles import sample as oracle

F = tk.functional


class Case(NamedTuple):
    label: str
    x: tuple[int, int, int]  # n, c, size
    taps: int
    points: int
    big: bool = False

    def index(self) -> Array:
        """Places within the plane, about a fifth of them missing."""
        random = np.random.default_rng(len(self.label))
        places = random.integers(0, max(self.x[2], 1), (self.x[0], self.taps, self.points))
        return np.where(random.random(places.shape) < 0.2, -1, places)


CASES = [
    Case("four taps", (2, 3, 20), 4, 15),
    Case("one tap", (3, 8, 7), 1, 9),
    Case("nine channels", (2, 9, 30), 4, 17),
    Case("seventeen channels", (2, 17, 12), 8, 33),
    Case("one channel", (3, 1, 25), 16, 40),
    Case("one element", (1, 1, 1), 2, 3),
    Case("no points", (2, 3, 5), 4, 0),
    Case("no taps", (2, 3, 5), 0, 4),
    Case("empty batch", (0, 3, 5), 4, 4),
    Case("big", (3, 19, 900), 4, 2500, big=True),
    Case("big, few channels", (5, 2, 400), 16, 1500, big=True),
]


def _forward(draw: Draw, case: Case) -> Call:
    index = case.index()
    return Call((draw(*case.x), draw(*index.shape), index))


def _backward_input(draw: Draw, case: Case) -> Call:
    index = case.index()
    return Call((draw(*case.x[:2], case.points), draw(*index.shape), index, case.x[2]))


def _backward_weights(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.x[:2], case.points), draw(*case.x), case.index()))


def _samples(make: Any) -> list[Sample]:
    return [Sample(case.label, lambda draw, case=case: make(draw, case), case.big) for case in CASES]


def _adjoint(case: Case) -> Identity:
    """<y, g> = <x, dx> = <weights, dweights>"""

    def numbers(draw: Draw) -> Iterator[Any]:
        x, weights, index = _forward(draw, case).args
        g, k = draw(*case.x[:2], case.points), tk.kernels
        product = np.vdot(k.sample_forward(x, weights, index), g)
        yield product, np.vdot(x, k.sample_backward_input(g, weights, index, case.x[2]))
        yield product, np.vdot(weights, k.sample_backward_weights(g, x, index))

    return Identity(case.label, numbers)


class Grid(NamedTuple):
    x: tuple[int, ...]
    points: tuple[int, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    reach: float = 1.4  # of the points

    @property
    def label(self) -> str:
        told = " ".join(f"{name} {value}" for name, value in self.options.items())
        return f"{self.x} at {self.points} up to {self.reach} {told}"


PADDING = ("zeros", "border", "reflection")
GRIDS = [
    Grid((2, 3, 4, 5), (3, 4)),
    Grid((2, 2, 3, 2, 4), (2, 2, 3)),
    Grid((1, 9, 1, 3), (2, 5), {"align_corners": True}),
    Grid((0, 2, 3, 3), (2, 2)),
    *(
        Grid(x, points, {"mode": mode, "padding_mode": padding, "align_corners": align}, reach)
        for padding in PADDING
        for mode, align, reach in (
            ("bilinear", True, 1.4),
            ("bilinear", False, 4.0),
            ("nearest", False, 1.4),
            ("nearest", True, 4.0),
            ("bicubic", True, 4.0),
            ("bicubic", False, 1.4),
        )
        for x, points in (
            (((2, 3, 4, 5), (3, 4)),) if mode == "bicubic" else (((2, 3, 4, 5), (3, 4)), ((1, 2, 2, 3, 4), (2, 1, 3)))
        )
    ),
]


def _points(draw: Draw, grid: Grid) -> Array:
    """Points whose positions are at least 1/50 from where the interpolation has a kink: whole elements and halves."""
    axes = len(grid.x) - 2
    align = grid.options.get("align_corners", False)
    shape = (grid.x[0], *grid.points)
    result = np.zeros((*shape, axes))
    for axis, size in enumerate(reversed(grid.x[2:])):
        low, high = (oracle.position(end * grid.reach, size, align) for end in (-1, 1))
        positions = draw.random.uniform(low, high, shape)
        halves = np.floor(2 * positions)
        positions = halves / 2 + 0.02 + 0.46 * (2 * positions - halves)
        if align:
            result[..., axis] = 2 * positions / (size - 1) - 1 if size > 1 else 0.3
        else:
            result[..., axis] = (2 * positions + 1) / size - 1
    return result.astype(draw.dtype)


def _grid_call(draw: Draw, grid: Grid) -> Call:
    return Call((draw(*grid.x), _points(draw, grid)), grid.options)


def _grid_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Positions are off by 4 roundings of numbers up to the largest position, weights by that times their slope (1.4 at
    most, of each axis) and 24 roundings of numbers up to 16; then a product and a sum over all taps."""
    x, points = call.args
    options = call.kwargs
    cubic = options.get("mode") == "bicubic"
    u = roundoff(dtype)
    largest = max(
        abs(oracle.position(sign * float(np.abs(points).max(initial=0)), size, options.get("align_corners", False)))
        for size in x.shape[2:]
        for sign in (-1, 1)
    )
    off = 1.4 * 8 * u * (largest + max(x.shape[2:]) + 1) + (24 * 16 * u if cubic else 4 * u)
    if options.get("mode") == "nearest":
        off = 0
    axes, each = x.ndim - 2, 4 if cubic else 2
    weight = 1.2 if cubic else 1.0  # no weight is larger
    taps = each**axes
    most = np.abs(x).max(initial=0)
    total = taps * most * ((weight + off) ** axes - weight**axes + gamma(taps + axes + 2, u) * (weight + off) ** axes)
    return (np.full((*x.shape[:2], *points.shape[1:-1]), total),)


def _grid_gradient(grid: Grid) -> Gradient:
    def make(draw: Draw) -> Any:
        return lambda x, points: F.grid_sample(x, points, **grid.options), list(_grid_call(draw, grid).args)

    return Gradient(f"grid_sample {grid.label}", make)


def _function(name: str) -> Any:
    return lambda *args, **options: getattr(F, name)(*args, **options).numpy()


def _twin(name: str) -> Any:
    def run(torch: Any, call: Call) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what align_corners used to be
            return getattr(torch.nn.functional, name)(*call.args, **call.kwargs)

    return run


AFFINE = [
    ((2, 2, 3), (2, 3, 4, 5), {}),
    ((2, 2, 3), (2, 1, 3, 1), {"align_corners": True}),
    ((1, 2, 3), (1, 1, 1, 4), {"align_corners": False}),
    ((2, 3, 4), (2, 3, 2, 3, 4), {}),
    ((1, 3, 4), (1, 1, 2, 3, 1), {"align_corners": True}),
]


def _affine_bound(function: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Each coordinate is a sum of up to 4 products with numbers that were rounded a few times themselves."""
    theta, size = call.args
    u = roundoff(dtype)
    return (np.full((size[0], *size[2:], len(size) - 2), gamma(16, u) * 4 * np.abs(theta).max(initial=0)),)


X, POINTS = np.zeros((2, 3, 4, 5), np.float32), np.zeros((2, 3, 4, 2), np.float32)
INDEX, WEIGHTS, THETA = np.zeros((2, 4, 6), np.int64), np.zeros((2, 4, 6), np.float32), np.zeros((2, 2, 3), np.float32)
FLAT = np.zeros((2, 3, 20), np.float32)


def _error(name: str, label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    function = getattr(F, name, None) or getattr(tk.kernels, name)
    return ErrorCase(f"{name} {label}", lambda: function(*args, **options), exception, f"^{name}: {pattern}")


GRID = "grid_sample"
SPECS = (
    OpSpec(
        name="sample",
        kind="kernel",
        functional=(),
        directions=(
            Direction("sample_forward", _samples(_forward), oracle.forward, split=leading(0, 1, 2)),
            Direction(
                "sample_backward_input", _samples(_backward_input), oracle.backward_input, split=leading(0, 1, 2)
            ),
            Direction(
                "sample_backward_weights", _samples(_backward_weights), oracle.backward_weights, split=leading(0, 1, 2)
            ),
        ),
        identities=tuple(_adjoint(case) for case in CASES if not case.big),
        errors=(
            _error("sample_forward", "rank", r"x: expected 3 dimensions, got shape \(2, 3, 4, 5\)", X, WEIGHTS, INDEX),
            _error("sample_forward", "weights", r"weights: expected shape \(2, 4, 6\)", FLAT, WEIGHTS[:, :3], INDEX),
            _error("sample_forward", "index", r"index: expected \(2, taps, points\)", FLAT, WEIGHTS, INDEX[0]),
            _error(
                "sample_forward", "index kind", "index: expected integers", FLAT, WEIGHTS, WEIGHTS, exception=TypeError
            ),
            _error("sample_forward", "too far", "index: expected index < 20, .*got 20", FLAT, WEIGHTS, INDEX + 20),
            _error(
                *("sample_forward", "dtypes", "weights: expected float32 as x", FLAT, WEIGHTS.astype(float), INDEX),
                exception=TypeError,
            ),
            _error("sample_backward_input", "dy", r"dy: expected shape \(2, 3, 6\)", FLAT, WEIGHTS, INDEX, 20),
            _error("sample_backward_input", "size", "size: expected an integer", FLAT[..., :6], WEIGHTS, INDEX, -1),
            _error("sample_backward_input", "too far", "index: expected index < 0", FLAT[..., :6], WEIGHTS, INDEX, 0),
            _error("sample_backward_weights", "dy", r"dy: expected shape \(2, 3, 6\)", FLAT, FLAT, INDEX),
        ),
    ),
    OpSpec(
        name="grid_sample",
        kind="composed",
        functional=("grid_sample", "affine_grid"),
        directions=(
            Direction(
                "grid_sample",
                [
                    Sample(grid.label, lambda draw, grid=grid: _grid_call(draw, grid), torch=grid.x[0] > 0)
                    for grid in GRIDS
                ],
                oracle.grid_sample,
                _grid_bound,
                exact=False,
                split=leading(0, 1),
                function=_function("grid_sample"),
                twin=_twin("grid_sample"),
            ),
            Direction(
                "affine_grid",
                [
                    Sample(
                        f"{size} {options}",
                        lambda draw, one=(shape, size, options): Call((draw(*one[0]), one[1]), one[2]),
                    )
                    for shape, size, options in AFFINE
                ],
                oracle.affine_grid,
                _affine_bound,
                exact=False,
                function=_function("affine_grid"),
                twin=_twin("affine_grid"),
            ),
        ),
        gradients=(
            *(_grid_gradient(grid) for grid in GRIDS if grid.x[0]),
            *(
                Gradient(
                    f"affine_grid {size} {options}",
                    lambda draw, one=(shape, size, options): (
                        lambda theta: F.affine_grid(theta, one[1], **one[2]),
                        [draw(*one[0])],
                    ),
                )
                for shape, size, options in AFFINE
            ),
        ),
        errors=(
            _error(GRID, "rank", r"input: expected \(N, C, H, W\) or .*got shape \(3, 4, 5\)", X[0], POINTS),
            _error(GRID, "None", "grid: expected an array, got None", X, None, exception=TypeError),
            _error(GRID, "empty", "input: expected .*positive sizes", X[..., :0], POINTS),
            _error(GRID, "coordinates", r"grid: expected \(2, 2 sizes, 2\)", X, POINTS[..., :1]),
            _error(GRID, "batch", r"grid: expected \(2, 2 sizes, 2\)", X, POINTS[:1]),
            _error(GRID, "grid rank", r"grid: expected \(2, 2 sizes, 2\)", X, POINTS[:, 0]),
            _error(GRID, "dtypes", "grid: expected float32 as input", X, POINTS.astype(float), exception=TypeError),
            _error(GRID, "mode", "mode: expected one of 'bilinear', .*got 'cubic'", X, POINTS, "cubic"),
            _error(GRID, "mode 1", "mode: expected the name of a mode, got 1", X, POINTS, 1, exception=TypeError),
            _error(
                GRID,
                "padding_mode",
                "padding_mode: expected one of 'zeros', .*got 'wrap'",
                X,
                POINTS,
                padding_mode="wrap",
            ),
            _error(
                *(GRID, "bicubic volumes", "mode: expected 'bilinear' or 'nearest' for volumes"),
                *(np.zeros((2, 1, 2, 2, 2)), np.zeros((2, 1, 1, 1, 3)), "bicubic"),
            ),
            _error(
                GRID,
                "corners",
                "align_corners: expected True or False",
                X,
                POINTS,
                align_corners=1,
                exception=TypeError,
            ),
            _error("affine_grid", "theta", r"theta: expected shape \(2, 2, 3\) for size", THETA[0], (2, 3, 4, 5)),
            _error("affine_grid", "size", r"size: expected \(N, C, H, W\)", THETA, (2, 3, 4)),
            _error("affine_grid", "size 0", "size: expected a shape", THETA, (2, 3, 4, 0)),
            _error("affine_grid", "corners", "align_corners: expected", THETA, (2, 3, 4, 5), 1, exception=TypeError),
        ),
    ),
)
