"""Parts of images, images bent by maps, and the uniform numbers that choose them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import (
    Array,
    Call,
    Direction,
    Draw,
    ErrorCase,
    OpSpec,
    Sample,
    copied,
    gamma,
    leading,
    roundoff,
)
from tests.oracles import sample_images as oracle


class Crop(NamedTuple):
    label: str
    x: tuple[int, int, int, int]
    size: tuple[int, int]
    normalized: bool = False
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    reach: int = 4  # of the places beyond the image
    samples: int | None = None  # how many parts, each of any of the images
    big: bool = False


CROPS = [
    Crop("normalized", (4, 3, 7, 9), (6, 8), True),
    Crop("fill", (6, 2, 5, 6), (7, 9), True, {"fill": -2.0}),
    *(
        Crop(mode, (6, 2, 4, 5), (9, 17), False, {"padding_mode": mode}, 20)
        for mode in ("edge", "reflect", "symmetric")
    ),
    *(Crop(f"{mode} of one", (3, 1, 1, 1), (3, 4), False, {"padding_mode": mode}) for mode in ("reflect", "symmetric")),
    *(Crop(f"width {width}", (5, 1, 3, width), (3, width), width % 2 == 0) for width in (1, 3, 4, 8, 15, 16, 17, 33)),
    Crop("mostly outside", (9, 1, 3, 3), (4, 20), False, {"fill": 3.0}, 30),
    Crop("samples", (5, 3, 6, 7), (5, 9), True, samples=12),
    Crop("sample of one", (1, 2, 4, 4), (4, 4), samples=3),
    Crop("no samples", (3, 2, 4, 4), (4, 4), samples=0),
    Crop("nothing of it", (2, 3, 4, 5), (0, 3)),
    Crop("empty batch", (0, 3, 4, 5), (2, 3), True),
    Crop("no pixels", (2, 1, 0, 5), (2, 3), False, {"fill": 1.0}),
    Crop("big", (130, 3, 60, 52), (61, 50), True, big=True),
]


def _places(random: np.random.Generator, case: Crop) -> Array:
    """Parts that begin anywhere within `reach` of the image's corners, turned round or not."""
    n = case.x[0] if case.samples is None else case.samples
    places = np.empty((n, 4), np.int64)
    for axis in range(2):
        size, part = case.x[2 + axis], case.size[axis]
        step = random.choice(np.array([1, -1]), n)
        first = random.integers(-case.reach, max(size - part, 0) + case.reach + 1, n)
        places[:, 2 * axis] = np.where(step > 0, first, first + part - 1)
        places[:, 2 * axis + 1] = step
    return places


def _crop(draw: Draw, case: Crop) -> Call:
    random = np.random.default_rng(len(case.label))
    x, places, options = draw(*case.x), _places(random, case), case.options
    if case.samples is not None:
        options = {**options, "samples": random.integers(0, len(x), case.samples)}
    if not case.normalized:
        return Call((x, places, case.size), options)
    std = draw.random.choice(np.array([0.5, 2, 4]), case.x[1]).astype(draw.dtype) if draw.integers else None
    return Call((x, places, case.size, draw(case.x[1]), draw.positive(case.x[1]) if std is None else std), options)


def _crop_split(call: Call, part: slice) -> Call:
    """Some of the parts; of all images, where they are of samples."""
    x, places, *rest = call.args
    if "samples" in call.kwargs:
        return Call((x, places[part], *rest), {**call.kwargs, "samples": call.kwargs["samples"][part]})
    return Call((x[part], places[part], *rest), call.kwargs)


def _crop_bound(function: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """A difference and a quotient: two roundings."""
    x, places, size, *scale = call.args
    if not scale:
        return copied(function, call, dtype)
    options = {**call.kwargs, "fill": abs(call.kwargs.get("fill", 0.0))}
    sizes = function(np.abs(x), places, size, -np.abs(scale[0]), scale[1], **options)
    return (gamma(3, roundoff(dtype)) * np.abs(sizes[0] if isinstance(sizes, tuple) else sizes),)


class Warp(NamedTuple):
    label: str
    x: tuple[int, int, int, int]
    displaced: bool = False
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    big: bool = False


WARPS = [
    Warp("displaced", (4, 3, 6, 7), True),
    Warp("a map", (5, 2, 7, 5), False, {"fill": 2.0}),
    Warp("nearest", (5, 2, 6, 9), True, {"nearest": True, "fill": -1.0}),
    Warp("one row", (4, 1, 1, 9)),
    Warp("one column", (4, 2, 9, 1), True),
    Warp("one pixel", (3, 1, 1, 1), False, {"fill": 1.0}),
    *(Warp(f"width {width}", (2, 1, 3, width)) for width in (3, 4, 8, 17, 63, 64, 65, 130)),
    Warp("no channels", (2, 0, 3, 4)),
    Warp("no pixels", (2, 2, 3, 0), True),
    Warp("empty batch", (0, 2, 3, 4), True),
    Warp("big", (40, 3, 70, 65), True, big=True),
]


def _warp(draw: Draw, case: Warp) -> Call:
    """Near the identity. Quarters, which are exact, where integers are asked for, or a step's edge would be met."""
    n, _, height, width = case.x
    if draw.integers or case.options.get("nearest"):
        matrix, moved = (draw.random.integers(-2, 3, shape) / 4 for shape in ((n, 2, 3), (n, 2, height, width)))
    else:
        matrix, moved = draw.random.normal(0, 0.2, (n, 2, 3)), draw.random.normal(0, 1, (n, 2, height, width))
    matrix = (matrix + np.eye(2, 3)).astype(draw.dtype)
    return Call((draw(*case.x), matrix, *([moved.astype(draw.dtype)] if case.displaced else [])), case.options)


def _warp_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Places are off by 4 roundings of their terms, each pixel so far times the largest step between two; and a product
    and two sums along either axis."""
    x, matrix, *moved = call.args
    u = roundoff(dtype)
    terms = np.abs(matrix) @ np.array([max(x.shape[3], 1), max(x.shape[2], 1), 1])  # (n, 2)
    reach = terms.sum(1, initial=0) + (2 * np.abs(moved[0]).max(initial=0) if moved else 0) + 2
    most = max(float(np.abs(x).max(initial=0)), abs(call.kwargs.get("fill", 0.0)))
    return (np.broadcast_to(((gamma(6, u) * reach + gamma(12, u)) * 4 * most)[:, None, None, None], x.shape),)


def _split(call: Call, part: slice) -> Call:
    return Call(tuple(one[part] for one in call.args), call.kwargs)


NUMBERS = {
    "no path": (0, (), np.arange(5), 4),
    "a path": (7, (3, 1 << 40), np.array([5, 0, 1 << 33, (1 << 63) - 1]), 3),
    "one number": ((1 << 63) - 1, (0,), np.arange(9), 1),
    "many numbers": (1, (2,), np.arange(3), 41),
    "no numbers": (1, (2,), np.arange(3), 0),
    "empty batch": (1, (2,), np.arange(0), 4),
}
X, PLACES, MATRIX = np.zeros((2, 3, 4, 5), np.float32), np.array([[0, 1, 0, 1]] * 2), np.zeros((2, 2, 3), np.float32)


def _error(name: str, label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(
        f"{name} {label}", lambda: getattr(tk.kernels, name)(*args, **options), exception, f"^{name}: {pattern}"
    )


SPECS = (
    OpSpec(
        name="uniform",
        kind="kernel",
        functional=(),
        directions=(
            Direction(
                "uniform",
                [
                    *(Sample(label, lambda draw, one=one: Call(one)) for label, one in NUMBERS.items()),
                    Sample("big", lambda draw: Call((5, (1,), np.arange(100), 9)), big=True),
                ],
                oracle.uniform,
                copied,
                split=leading(2),
                dtype=np.dtype(np.float64),
            ),
        ),
        errors=(
            _error("uniform", "seed", "seed: expected an integer, 0 <= seed < .*got -1", -1, (), [0], 1),
            _error("uniform", "path", "path: expected .*got 0.5", 0, (0.5,), [0], 1, exception=TypeError),
            _error("uniform", "index", "indices: expected 0 <= index, got -2", 0, (), [3, -2], 1),
            _error("uniform", "rank", r"indices: expected shape \(n,\), got shape \(1, 1\)", 0, (), [[3]], 1),
            _error("uniform", "count", "count: expected .*got -1", 0, (), [3], -1),
        ),
    ),
    OpSpec(
        name="crop",
        kind="kernel",
        functional=(),
        directions=(
            Direction(
                "crop",
                [Sample(case.label, lambda draw, case=case: _crop(draw, case), case.big) for case in CROPS],
                oracle.crop,
                _crop_bound,
                split=_crop_split,
            ),
        ),
        errors=(
            _error("crop", "rank", "x: expected 4 dimensions", X[0], PLACES, (2, 2)),
            _error("crop", "places", r"places: expected shape \(2, 4\), got shape \(1, 4\)", X, PLACES[:1], (2, 2)),
            _error("crop", "samples", r"places: expected shape \(1, 4\)", X, PLACES, (2, 2), samples=[0]),
            _error("crop", "sample", "samples: expected 0 <= sample < 2", X, PLACES, (2, 2), samples=[0, 2]),
            _error("crop", "sample -1", "samples: expected 0 <= sample < 2", X, PLACES, (2, 2), samples=[-1, 0]),
            _error("crop", "samples' rank", r"samples: expected shape \(n,\)", X, PLACES, (2, 2), samples=[[0], [1]]),
            _error("crop", "step 2", "places: expected rows and columns within .*, steps of 1", X, 2 * PLACES, (2, 2)),
            _error("crop", "step 0", "places: expected .*steps of 1 or -1", X, 0 * PLACES, (2, 2)),
            _error("crop", "far", "places: expected", X, PLACES + [1 << 40, 0, 0, 0], (2, 2)),
            _error("crop", "far below", "places: expected", X, PLACES - [0, 0, 1 << 62, 0], (2, 2)),
            _error("crop", "size", r"size: expected \(height, width\)", X, PLACES, (2, 2, 2)),
            _error("crop", "size -1", "size: expected a shape", X, PLACES, (2, -1)),
            _error("crop", "mode", "padding_mode: expected one of 'constant', .*", X, PLACES, (2, 2), padding_mode="a"),
            _error("crop", "none", "x: expected images of at", X[:, :, :0], PLACES, (2, 2), padding_mode="edge"),
            _error("crop", "std", "mean, std: expected both or none", X, PLACES, (2, 2), np.zeros(3, np.float32)),
            _error("crop", "channels", r"std: expected shape \(3,\)", X, PLACES, (2, 2), [0.0] * 3, [1.0] * 2),
            _error("crop", "fill", "fill: expected a number", X, PLACES, (2, 2), fill="0", exception=TypeError),
        ),
    ),
    OpSpec(
        name="warp",
        kind="kernel",
        functional=(),
        directions=(
            Direction(
                "warp",
                [Sample(case.label, lambda draw, case=case: _warp(draw, case), case.big) for case in WARPS],
                oracle.warp,
                _warp_bound,
                split=_split,
            ),
        ),
        errors=(
            _error("warp", "rank", "x: expected 4 dimensions", X[0], MATRIX),
            _error("warp", "matrix", r"matrix: expected shape \(2, 2, 3\)", X, MATRIX[0]),
            _error("warp", "displacement", r"displacement: expected shape \(2, 2, 4, 5\)", X, MATRIX, X),
            _error(
                "warp", "huge", "x: expected images of fewer than", np.zeros((0, 1, 1 << 16, 1 << 15)), MATRIX[:0] * 1.0
            ),
            _error("warp", "fill", "fill: expected a number", X, MATRIX, None, None, exception=TypeError),
        ),
    ),
)
