"""Adaptive pooling, power-average pooling and unpooling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    analysed,
    as_tuple,
    copied,
    gamma,
    leading,
    roundoff,
)
from tests.oracles import pool_adaptive as oracle
from tests.oracles.rounding import Rounded

F, K = tk.functional, tk.kernels

CASES: dict[str, tuple[tuple[int, ...], Any]] = {
    "1d": ((2, 3, 11), 4),
    "2d": ((2, 3, 7, 10), (3, 4)),
    "3d": ((1, 2, 5, 4, 7), (2, 3, 5)),
    "even": ((2, 3, 6, 8), (3, 2)),
    "one": ((2, 3, 5, 4), 1),
    "as it is": ((1, 2, 3, 4), None),
    "one axis given": ((1, 2, 5, 9), (None, 4)),
    "more windows than elements": ((1, 2, 3, 4), (7, 5)),
    "far more windows": ((1, 1, 2, 3), (9, 8)),
    "one element": ((1, 1, 1, 1), 3),
    "neighbours": ((1, 2, 8, 9), (7, 8)),
    "wide windows": ((1, 2, 3, 70), (2, 3)),
    "list": ((1, 1, 5, 6), [2, 4]),
    "empty batch": ((0, 3, 6, 5), 2),
    "no windows": ((1, 2, 4, 5), (0, 3)),
    **{f"width {w}": ((1, 2, 4, w), (3, 2)) for w in (15, 16, 17, 31, 33, 35)},
    **{f"columns {w}": ((1, 1, 5, w + 3), (2, w)) for w in (15, 16, 17, 33)},
}
BIG: dict[str, tuple[tuple[int, ...], Any]] = {
    "big": ((5, 16, 30, 31), 7),
    "big wide": ((3, 13, 40, 100), (3, 3)),
    "a long row of windows": ((2, 3, 9000), 4500 + 7),
}


def _x(draw: Draw, shape: tuple[int, ...], size: Any) -> Call:
    return Call((draw(*shape), size))


def _dy(draw: Draw, shape: tuple[int, ...], size: Any) -> Call:
    return Call((draw(*shape[:2], *oracle.out_sizes(size, shape[2:])), shape))


def _samples(make: Any, **options: Any) -> list[Sample]:
    return [
        Sample(
            label,
            lambda draw, case=case: Call(make(draw, *case).args, options),
            big=label in BIG,
            torch=0 not in case[0] and label != "list",
        )
        for label, case in [*CASES.items(), *BIG.items()]
    ]


def _nan(draw: Draw) -> Call:
    x = draw(2, 3, 7, 41)
    x[draw.random.random(x.shape) < 0.1] = np.nan
    x[draw.random.random(x.shape) < 0.1] = -np.inf
    return Call((x, (3, 4)))


def _average_bound(average: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """A window's elements are added and divided, or shares divided and added: one rounding for each, and three.

    On an axis of `a` elements and `b` windows neither sees more than ceil(a / b) + 1 or ceil(b / a) + 1 of the other.
    """
    given, other = call.args
    backwards = average is oracle.avg_backward or (isinstance(other, tuple) and len(other) == given.ndim)
    sizes = other[2:] if backwards else given.shape[2:]
    out = given.shape[2:] if backwards else oracle.out_sizes(other, sizes)
    pairs = [(a, b) for a, b in zip(sizes, out, strict=True) if b]
    terms = int(np.prod([max(-(-a // b), -(-b // a)) + 1 for a, b in pairs])) + 3
    (absolute,) = as_tuple(average(np.abs(given), other))
    return ((gamma(terms, roundoff(dtype)) + gamma(terms, roundoff(np.longdouble))) * absolute,)


def _max(x: Array, size: Any, return_indices: bool = True) -> tuple[Array, ...]:
    results = oracle.max_forward(x, size)
    return results if return_indices else results[:1]


def _twin(name: str) -> Any:
    def run(torch: Any, call: Call) -> Any:
        x, size = call.args
        axes = x.ndim - 2
        size = size if isinstance(size, tuple) else (size,) * axes
        function = getattr(torch.nn.functional, f"adaptive_{name}_pool{axes}d")
        size = oracle.out_sizes(size, x.shape[2:])
        return function(x, size, return_indices=True) if name == "max" else function(x, size)

    return run


def _gradient(name: str, label: str) -> Gradient:
    shape, size = CASES[label]

    def make(draw: Draw) -> Any:
        function = getattr(F, f"adaptive_{name}_pool{len(shape) - 2}d")
        return lambda x: function(x, size), [draw.distinct(*shape)]

    return Gradient(f"adaptive {name} {label}", make)


DIFFERENTIATED = ("1d", "2d", "3d", "even", "one", "more windows than elements", "one axis given")


def _adjoint(label: str) -> Identity:
    """<pool(x), g> = <x, dx>; windows of 1, 2 or 4 elements divide exactly."""
    shape, size = {
        "halves": ((2, 3, 8, 6), (4, 3)),
        "pairs": ((2, 2, 3), 2),
        "repeated": ((1, 2, 2, 3), (4, 6)),
    }[label]

    def numbers(draw: Draw) -> Iterator[Any]:
        x = draw(*shape)
        y = K.adaptive_avg_pool_forward(x, size)
        g = draw(*y.shape)
        yield np.vdot(y, g), np.vdot(x, K.adaptive_avg_pool_backward(g, shape))

    return Identity(label, numbers)


X = np.zeros((1, 2, 4, 4), np.float32)


def _error(label: str, call: Any, pattern: str, exception: type[Exception] = ValueError) -> ErrorCase:
    return ErrorCase(label, call, exception, f"^{pattern}")


def _size_errors(name: str) -> tuple[ErrorCase, ...]:
    face = getattr(K, name)
    rule = r"output_size: expected an integer or 2 entries, each an integer >= 0 or None"
    return (
        _error("rank", lambda: face(X[0, 0], 2), rf"{name}: x: expected .*got \(4, 4\)"),
        _error("axis of size 0", lambda: face(X[..., :0], 2), f"{name}: x: expected .*positive size"),
        _error("negative", lambda: face(X, -1), f"{name}: {rule}, got -1"),
        _error("three", lambda: face(X, (1, 2, 3)), rf"{name}: {rule}, got \(1, 2, 3\)"),
        _error("none given", lambda: face(X, ()), rf"{name}: {rule}, got \(\)"),
        _error("kind", lambda: face(X, 2.0), f"{name}: {rule}, got 2.0", TypeError),
    )


def _lp(x: Rounded, p: float, kernel: Any, stride: Any = None, ceil_mode: bool = False) -> Rounded:
    """The power sums of windows; what the last one lacks in ceil mode is made up in proportion."""
    axes = x.value.ndim - 2
    kernel = (kernel,) * axes if isinstance(kernel, int) else kernel
    stride = kernel if stride is None else (stride,) * axes if isinstance(stride, int) else stride
    out = [
        (size - k + (s - 1) * ceil_mode) // s + 1 for size, k, s in zip(x.value.shape[2:], kernel, stride, strict=True)
    ]
    powers = x.power(np.longdouble(p))
    value, error = np.empty((2, *x.value.shape[:2], *out), np.longdouble)
    for at in np.ndindex(*out):
        block = tuple(slice(o * s, o * s + k) for o, s, k in zip(at, stride, kernel, strict=True))
        seen = (slice(None), slice(None), *block)
        part = Rounded(powers.value[seen], powers.error[seen], x.dtype)
        count = int(np.prod(part.value.shape[2:]))
        total = part.sum(tuple(range(2, axes + 2))) / count * int(np.prod(kernel))
        value[(..., *at)], error[(..., *at)] = total.value, total.error
    total = Rounded(value, error, x.dtype)
    return (total.log() * (1 / float(p))).exp()


LP: dict[str, tuple[tuple[int, ...], tuple[Any, ...], dict[str, Any]]] = {
    "1d": ((2, 3, 9), (2, 3), {}),
    "2d": ((2, 2, 6, 5), (3, (2, 3)), {"stride": (1, 2)}),
    "3d": ((1, 2, 4, 3, 4), (1.5, 2), {"stride": 1}),
    "ceil": ((1, 2, 5, 7), (2, 2), {"ceil_mode": True}),
    "p 1": ((1, 2, 4, 4), (1, 2), {}),
}


def _lp_call(draw: Draw, label: str) -> Call:
    shape, args, options = LP[label]
    return Call((draw.positive(*shape), *args), options)


def _lp_gradient(label: str) -> Gradient:
    shape, args, options = LP[label]
    function = getattr(F, f"lp_pool{len(shape) - 2}d")
    return Gradient(f"lp {label}", lambda draw: (lambda x: function(x, *args, **options), [draw.positive(*shape)]))


UNPOOLED: dict[str, tuple[tuple[int, ...], Any, dict[str, Any]]] = {
    "1d": ((2, 3, 8), 2, {}),
    "2d": ((2, 2, 6, 6), (3, 2), {}),
    "3d": ((1, 2, 4, 4, 6), 2, {}),
    "padded": ((1, 2, 6, 7), 3, {"stride": 3, "padding": 1, "output_size": (6, 7)}),
    "remainder": ((1, 2, 7, 9), 2, {"output_size": (1, 2, 7, 9)}),
}


def _pooled(draw: Draw, label: str) -> tuple[Array, Array]:
    shape, kernel, options = UNPOOLED[label]
    chosen = {name: value for name, value in options.items() if name != "output_size"}
    with tk.backend("reference"):
        y, indices = K.max_pool_forward(draw.distinct(*shape), kernel, **chosen)
    return draw(*y.shape), indices


def _unpool_oracle(x: Array, indices: Array, kernel: Any, **_: Any) -> Array:
    sizes = next(shape[2:] for shape, k, _ in UNPOOLED.values() if len(shape) == x.ndim and k == kernel)
    return oracle.unpool(x, indices, sizes)


def _unpool_gradient(label: str) -> Gradient:
    shape, kernel, options = UNPOOLED[label]

    def make(draw: Draw) -> Any:
        x, indices = _pooled(draw, label)
        return lambda x: getattr(F, f"max_unpool{len(shape) - 2}d")(x, indices, kernel, **options), [x]

    return Gradient(f"unpool {label}", make)


Y, AT = np.ones((1, 1, 2, 2), np.float32), np.arange(4).reshape(1, 1, 2, 2)
NAMES = ("adaptive_avg_pool_forward", "adaptive_avg_pool_backward", "adaptive_max_pool_forward")
SPECS = (
    OpSpec(
        name="adaptive_avg_pool",
        kind="kernel",
        functional=("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
        directions=(
            Direction(
                NAMES[0],
                _samples(_x),
                oracle.avg_forward,
                _average_bound,
                exact=False,
                split=leading(0),
                twin=_twin("avg"),
            ),
            Direction(NAMES[1], _samples(_dy), oracle.avg_backward, _average_bound, exact=False, split=leading(0, 1)),
        ),
        identities=tuple(map(_adjoint, ("halves", "pairs", "repeated"))),
        gradients=tuple(_gradient("avg", label) for label in DIFFERENTIATED),
        errors=(
            *_size_errors(NAMES[0]),
            _error("dy", lambda: K.adaptive_avg_pool_backward(Y, (1, 2, 4, 4)), rf"{NAMES[1]}: dy: expected \(n, chan"),
            _error(
                "function rank",
                lambda: F.adaptive_avg_pool2d(Y[0, 0], 2),
                r"adaptive_avg_pool2d: input: expected \(N, C, H, W\)",
            ),
            _error("function size", lambda: F.adaptive_avg_pool2d(Y, -1), "adaptive_avg_pool2d: output_size: expected"),
        ),
    ),
    OpSpec(
        name="adaptive_max_pool",
        kind="kernel",
        functional=("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
        directions=(
            Direction(
                NAMES[2],
                [
                    *_samples(_x),
                    Sample("NaN and -inf", _nan, torch=False),
                    *(
                        Sample(f"{one.label}, no indices", one.make, one.big, torch=False)
                        for one in _samples(_x, return_indices=False)
                    ),
                ],
                _max,
                copied,
                split=leading(0),
                twin=_twin("max"),
            ),
        ),
        gradients=tuple(_gradient("max", label) for label in DIFFERENTIATED),
        errors=(
            *_size_errors(NAMES[2]),
            _error(
                "return_indices",
                lambda: K.adaptive_max_pool_forward(Y, 1, return_indices=1),
                f"{NAMES[2]}: return_indices: expected True or False, got 1",
                TypeError,
            ),
            _error(
                "out of two",
                lambda: K.adaptive_max_pool_forward(Y, 1, out=(Y, Y), return_indices=False),
                f"{NAMES[2]}: out: expected an array, y alone, got tuple",
                TypeError,
            ),
            _error(
                "out of one",
                lambda: K.adaptive_max_pool_forward(Y, 1, out=Y),
                rf"{NAMES[2]}: out: expected a tuple \(y, indices\), got ndarray",
                TypeError,
            ),
            _error(
                "function size", lambda: F.adaptive_max_pool1d(Y[0], (1, 2)), "adaptive_max_pool1d: output_size: exp"
            ),
        ),
    ),
    OpSpec(
        name="lp_pool",
        kind="composed",
        functional=("lp_pool1d", "lp_pool2d", "lp_pool3d"),
        directions=(
            Direction(
                "lp_pool",
                [Sample(label, lambda draw, label=label: _lp_call(draw, label)) for label in LP],
                **analysed(_lp),
                split=leading(0),
                function=lambda x, *args, **options: getattr(F, f"lp_pool{np.ndim(x) - 2}d")(
                    x, *args, **options
                ).numpy(),
                twin=lambda torch, call: getattr(torch.nn.functional, f"lp_pool{call.args[0].ndim - 2}d")(
                    *call.args, **call.kwargs
                ),
            ),
        ),
        gradients=tuple(map(_lp_gradient, LP)),
        errors=(
            _error("p 0", lambda: F.lp_pool2d(Y, 0, 2), "lp_pool2d: norm_type: expected a number other than 0, got 0"),
            _error("p", lambda: F.lp_pool2d(Y, np.inf, 2), "lp_pool2d: norm_type: expected a finite number, got inf"),
            _error("rank", lambda: F.lp_pool1d(Y, 2, 2), r"lp_pool1d: input: expected \(N, C, L\) or \(C, L\)"),
            _error("kernel", lambda: F.lp_pool3d(Y, 2, 0), "lp_pool3d: kernel_size: expected .*>= 1, got 0"),
            _error(
                "large", lambda: F.lp_pool2d(Y, 2, 3), "lp_pool2d: kernel_size: expected a dilated kernel of at most"
            ),
        ),
    ),
    OpSpec(
        name="max_unpool",
        kind="host",
        reason="every value is moved once to where an index says: NumPy does just that",
        functional=("max_unpool1d", "max_unpool2d", "max_unpool3d"),
        directions=(
            Direction(
                "max_unpool",
                [
                    Sample(label, lambda draw, label=label, case=case: Call((*_pooled(draw, label), case[1]), case[2]))
                    for label, case in UNPOOLED.items()
                ],
                _unpool_oracle,
                copied,
                split=leading(0, 1),
                function=lambda x, *args, **options: getattr(F, f"max_unpool{np.ndim(x) - 2}d")(
                    x, *args, **options
                ).numpy(),
                twin=lambda torch, call: getattr(torch.nn.functional, f"max_unpool{call.args[0].ndim - 2}d")(
                    *call.args, **call.kwargs
                ),
            ),
        ),
        gradients=tuple(map(_unpool_gradient, UNPOOLED)),
        errors=(
            _error("indices", lambda: F.max_unpool2d(Y, AT[..., :1], 2), "max_unpool2d: indices: expected the input's"),
            _error("floats", lambda: F.max_unpool2d(Y, Y, 2), "max_unpool2d: indices: expected integers", TypeError),
            _error(
                "past the plane",
                lambda: F.max_unpool2d(Y, AT + 13, 2),
                "max_unpool2d: indices: expected positions in a plane of 16 .*from 13 to 16",
            ),
            _error(
                "negative", lambda: F.max_unpool2d(Y, AT - 1, 2), "max_unpool2d: indices: expected positions .*-1 to 2"
            ),
            _error(
                "size",
                lambda: F.max_unpool2d(Y, AT, 2, output_size=(4, 6)),
                r"max_unpool2d: output_size: expected sizes less than a stride of \(2, 2\) away from \(4, 4\)",
            ),
            _error(
                "sizes",
                lambda: F.max_unpool2d(Y, AT, 2, output_size=(4,)),
                "max_unpool2d: output_size: expected 2 sizes",
            ),
            _error(
                "nothing left",
                lambda: F.max_unpool2d(Y[..., :1], AT[..., :1], 1, 1, 1),
                "max_unpool2d: padding: expected sizes of at least 1",
            ),
            _error("rank", lambda: F.max_unpool1d(Y, AT, 2), r"max_unpool1d: input: expected \(N, C, L\) or \(C, L\)"),
        ),
    ),
)
