"""Max- and average-pooling."""

from __future__ import annotations

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
    as_tuple,
    copied,
    gamma,
    leading,
    multilinear,
    roundoff,
)
from tests.oracles import pool as oracle
from tests.oracles.conv import per_axis


class Case(NamedTuple):
    label: str
    x: tuple[int, ...]
    kernel: Any
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    big: bool = False
    torch: bool = True


COMMON = [
    Case("1d", (2, 3, 11), 3, {"stride": 2, "padding": 1}),
    Case("2d", (2, 3, 6, 9), 2),
    Case("overlapping", (2, 2, 9, 11), (3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    Case("ceil mode", (1, 2, 7, 10), (2, 3), {"stride": (2, 3), "ceil_mode": True}),
    Case("ceil mode, padded", (1, 2, 7, 6), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    Case("asymmetric padding", (2, 2, 6, 7), (3, 4), {"stride": (1, 2), "padding": ((1, 2), (0, 3))}, torch=False),
    Case("same strided", (1, 2, 7, 10), (3, 4), {"stride": (2, 3), "padding": "same"}, torch=False),
    Case("valid", (1, 2, 7, 10), (3, 4), {"padding": "valid"}, torch=False),
    Case("3d", (1, 2, 4, 5, 6), (2, 3, 2), {"stride": (1, 2, 2), "padding": (1, 1, 0), "ceil_mode": True}),
    Case("stride > kernel", (2, 2, 9, 11), 2, {"stride": (4, 5)}),
    Case("kernel = image", (3, 2, 5, 4), (5, 4)),
    Case("one element", (1, 1, 1, 1), 1),
    Case("primes", (3, 5, 11, 13), (3, 5), {"stride": (2, 1), "padding": (1, 2)}),
    Case("empty batch", (0, 3, 6, 6), 2, torch=False),
    *(Case(f"width {w}", (1, 2, 4, w), 2, {"stride": (2, 1)}) for w in (2, 8, 9, 10, 16, 17, 18, 33, 34)),
    *(Case(f"width {w} halved", (1, 1, 4, w), 2) for w in (15, 16, 31, 32, 33, 66)),
    Case("big 2x2", (5, 16, 28, 30), 2, big=True),
    Case("big 3x3", (5, 13, 27, 29), 3, {"stride": 2, "padding": 1}, big=True),
    Case("big 3d", (3, 7, 9, 12, 14), 3, {"stride": 1, "padding": 1}, big=True),
]
MAX = COMMON + [
    Case("dilated", (2, 2, 9, 10), (3, 2), {"dilation": (2, 3), "stride": 1}),
    Case("everything", (2, 3, 11, 12), (3, 2), {"stride": (2, 3), "padding": (1, 1), "dilation": 2, "ceil_mode": True}),
]
AVERAGE = COMMON + [
    Case(
        "padding not counted",
        (2, 2, 7, 9),
        3,
        {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    ),
    Case("divisor", (2, 2, 7, 9), (3, 2), {"padding": 1, "stride": (2, 1), "divisor_override": 4}),
]


def _loops(sizes: tuple[int, ...], kernel: Any, options: dict[str, Any]) -> tuple[Any, ...]:
    """kernel, stride, pads, dilation as the loops take them."""
    axes = len(sizes)
    kernel, dilation = per_axis(kernel, axes), per_axis(options.get("dilation", 1), axes)
    stride = per_axis(options["stride"], axes) if options.get("stride") is not None else kernel
    padding = options.get("padding", 0)
    if padding == "same":
        return kernel, stride, oracle.same_pads(sizes, kernel, stride, dilation), dilation
    padding = 0 if padding == "valid" else padding
    pads = [(one, one) if isinstance(one, int) else one for one in per_axis(padding, axes)]
    return kernel, stride, pads, dilation


def _max_forward(
    x: Array, kernel: Any, return_indices: bool = True, activation: str | None = None, **options: Any
) -> tuple[Array, ...]:
    y, indices = oracle.max_pool_forward(x, *_loops(x.shape[2:], kernel, options), options.get("ceil_mode", False))
    if activation == "relu":
        y = np.maximum(y, 0)
    return (y, indices) if return_indices else (y,)


def _max_backward(dy: Array, indices: Array, shape: tuple[int, ...], y: Array | None = None) -> Array:
    return oracle.max_pool_backward(dy if y is None else np.where(y > 0, dy, 0), indices, shape)


def _average(shape: tuple[int, ...], kernel: Any, options: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *_loops(shape[2:], kernel, options)[:3],
        options.get("ceil_mode", False),
        options.get("count_include_pad", True),
        options.get("divisor_override"),
    )


def _avg_forward(x: Array, kernel: Any, **options: Any) -> Array:
    return oracle.avg_pool_forward(x, *_average(x.shape, kernel, options))[0]


def _avg_backward(dy: Array, shape: tuple[int, ...], kernel: Any, **options: Any) -> Array:
    return oracle.avg_pool_backward(dy, shape, *_average(shape, kernel, options))[0]


def _average_bound(average: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """A window's taps are added and divided, a gradient's shares divided and added: taps + 1 roundings at most.

    The oracle's own, in float64, come on top.
    """
    kernel = per_axis(call.args[-1], call.args[0].ndim - 2)
    terms = int(np.prod(kernel)) + 1
    absolute = (np.abs(one) if isinstance(one, np.ndarray) else one for one in call.args)
    sizes = as_tuple(average(*absolute, **call.kwargs))
    return tuple((gamma(terms, roundoff(dtype)) + gamma(terms + 1, roundoff(np.float64))) * one for one in sizes)


def _outputs(case: Case) -> tuple[int, ...]:
    loops = _loops(case.x[2:], case.kernel, case.options)
    return oracle.windows(case.x[2:], *loops, case.options.get("ceil_mode", False))[0]


def _samples(make: Any, cases: list[Case], torch: bool = True) -> list[Sample]:
    return [
        Sample(case.label, lambda draw, case=case: make(draw, case), case.big, torch=case.torch and torch)
        for case in cases
    ]


def _x(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.x), case.kernel), case.options)


def _indices(draw: Draw, case: Case) -> Call:
    """Positions that a forward pass chose, so that windows that overlap choose the same ones."""
    forward = tk.kernels.max_pool_forward if case.big else _max_forward  # loops take long, and no value is checked
    _, indices = forward(draw.distinct(*case.x), case.kernel, **case.options)
    return Call((draw(*indices.shape), indices, case.x))


def _dy(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.x[:2], *_outputs(case)), case.x, case.kernel), case.options)


def _nan(draw: Draw) -> Call:
    x = draw(2, 3, 6, 21)
    x[draw.random.random(x.shape) < 0.1] = np.nan
    x[draw.random.random(x.shape) < 0.1] = -np.inf
    return Call((x, 3), {"stride": 2, "padding": 1})


def _indices_relu(draw: Draw, case: Case) -> Call:
    call = _indices(draw, case)
    return Call(call.args, {"y": draw(*call.args[0].shape)})


def _values(call: Call) -> Call:
    return Call(call.args, {**call.kwargs, "return_indices": False})


def _rectified(call: Call) -> Call:
    return Call(call.args, {**call.kwargs, "activation": "relu"})


def _relu_samples() -> Iterator[Sample]:
    for case in MAX:
        yield Sample(f"{case.label}, relu", lambda draw, case=case: _rectified(_x(draw, case)), case.big, torch=False)
    yield Sample("NaN and -inf, relu", lambda draw: _rectified(_nan(draw)), torch=False)
    yield Sample("NaN and -inf, relu, no indices", lambda draw: _rectified(_values(_nan(draw))), torch=False)


def _max_twin(torch: Any, call: Call) -> Any:
    x, kernel = call.args
    return getattr(torch.nn.functional, f"max_pool{x.ndim - 2}d")(x, kernel, return_indices=True, **call.kwargs)


def _avg_twin(torch: Any, call: Call) -> Any:
    x, kernel = call.args
    return getattr(torch.nn.functional, f"avg_pool{x.ndim - 2}d")(x, kernel, **call.kwargs)


def _average_adjoint(case: Case) -> Identity:
    """<avg_pool(x), g> = <x, dx>, exactly, with a divisor that is a power of two."""
    options = {**case.options, "divisor_override": 4}

    def numbers(draw: Draw) -> Iterator[Any]:
        x, g = draw(*case.x), draw(*case.x[:2], *_outputs(case))
        y = tk.kernels.avg_pool_forward(x, case.kernel, **options)
        yield np.vdot(y, g), np.vdot(x, tk.kernels.avg_pool_backward(g, case.x, case.kernel, **options))

    return Identity(case.label, numbers)


def _max_adjoint(case: Case) -> Identity:
    """<max_pool(x), g> = <x, dx>: pooling is linear as long as the same elements are chosen."""

    def numbers(draw: Draw) -> Iterator[Any]:
        x = draw.distinct(*case.x)
        y, indices = tk.kernels.max_pool_forward(x, case.kernel, **case.options)
        g = draw(*y.shape)
        yield np.vdot(y, g), np.vdot(x, tk.kernels.max_pool_backward(g, indices, case.x))

    return Identity(case.label, numbers)


def _gradient(name: str, case: Case, **more: str) -> Gradient:
    def make(draw: Draw) -> Any:
        function = getattr(tk.functional, f"{name}_pool{len(case.x) - 2}d")
        return lambda x: function(x, case.kernel, **case.options, **more), [draw.distinct(*case.x)]

    return Gradient(" ".join([name, case.label, *more.values()]), make)


def _global(name: str) -> Any:
    return lambda x: getattr(tk.functional, f"global_{name}_pool")(x).numpy()


def _global_mean(x: Array) -> Array:
    y = np.zeros((*x.shape[:2], *(1,) * (x.ndim - 2)), np.longdouble)
    for index in np.ndindex(*x.shape[2:]):
        y[..., 0] += x[(slice(None), slice(None), *index)].reshape(y.shape[:-1])
    return y / int(np.prod(x.shape[2:]))


def _global_mean_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    (x,) = call.args
    terms = int(np.prod(x.shape[2:])) + 1
    return ((gamma(terms, roundoff(dtype)) + gamma(terms, roundoff(np.longdouble))) * _global_mean(np.abs(x)),)


def _global_max(x: Array) -> Array:
    return x.reshape(*x.shape[:2], -1).max(-1).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))


GLOBAL = [
    Sample(str(shape), lambda draw, shape=shape: Call((draw(*shape),)))
    for shape in ((2, 3, 7), (3, 5, 4, 6), (1, 2, 3, 4, 5))
]
X = np.zeros((1, 2, 4, 4), np.float32)
I8 = np.zeros((1, 2, 2, 2), np.int64)


def _error(label: str, name: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(tk.kernels, name)(*args, **options), exception, f"^{name}: {pattern}")


def _window_errors(name: str) -> tuple[ErrorCase, ...]:
    return (
        _error("rank", name, r"x: expected .*got \(4, 4\)", X[0, 0], 2),
        _error("kernel > input", name, "kernel_size: expected .*4, got 5", X, 5),
        _error("kernel 0", name, "kernel_size: expected .*>= 1, got 0", X, 0),
        _error("kernel of three", name, r"kernel_size: expected .*2 integers.*got \(2, 2, 2\)", X, (2, 2, 2)),
        _error("kernel 2.0", name, "kernel_size: expected .*got 2.0", X, 2.0, exception=TypeError),
        _error("stride 0", name, "stride: expected .*>= 1, got 0", X, 2, stride=0),
        _error("stride negative", name, r"stride: expected .*>= 1, got \(1, -2\)", X, 2, stride=(1, -2)),
        _error("padding negative", name, "padding: expected .*>= 0, got -1", X, 2, padding=-1),
        _error("padding > kernel", name, "padding: expected every window to see .*got 2", X, 2, stride=1, padding=2),
        _error("padding name", name, "padding: expected one of 'same', 'valid', got 'full'", X, 2, padding="full"),
        _error("ceil_mode 1", name, "ceil_mode: expected True or False, got 1", X, 2, ceil_mode=1, exception=TypeError),
    )


SPECS = (
    OpSpec(
        name="max_pool",
        kind="kernel",
        functional=("max_pool1d", "max_pool2d", "max_pool3d"),
        directions=(
            Direction(
                "max_pool_forward",
                [
                    *_samples(_x, MAX),
                    Sample("NaN and -inf", _nan, torch=False),
                    *(
                        Sample(
                            f"{case.label}, no indices",
                            lambda draw, case=case: _values(_x(draw, case)),
                            case.big,
                            torch=False,
                        )
                        for case in MAX
                    ),
                    Sample("NaN and -inf, no indices", lambda draw: _values(_nan(draw)), torch=False),
                    *_relu_samples(),
                ],
                _max_forward,
                copied,
                split=leading(0),
                twin=_max_twin,
            ),
            Direction(
                "max_pool_backward",
                [
                    *_samples(_indices, MAX, torch=False),
                    *(
                        Sample(f"{case.label}, relu", lambda draw, case=case: _indices_relu(draw, case), torch=False)
                        for case in MAX
                        if not case.big
                    ),
                ],
                _max_backward,
                lambda _, call, dtype: multilinear(
                    lambda dy: _max_backward(dy.astype(np.longdouble), *call.args[1:], **call.kwargs),
                    Call(call.args[:1]),
                    dtype,
                ),
                split=leading(0, 1, 2, names=["y"]),
            ),
        ),
        identities=tuple(_max_adjoint(case) for case in MAX if not case.big),
        gradients=(
            *(_gradient("max", case) for case in MAX[:9] + MAX[-2:]),
            *(_gradient("max", case, activation="relu") for case in MAX[-2:]),
        ),
        errors=(
            *_window_errors("max_pool_forward"),
            _error(
                *("return_indices 1", "max_pool_forward", "return_indices: expected True or False, got 1", X, 2),
                return_indices=1,
                exception=TypeError,
            ),
            _error(
                *("out of two without indices", "max_pool_forward", "out: expected an array, y alone, got tuple", X, 2),
                out=(X, X),
                return_indices=False,
                exception=TypeError,
            ),
            _error(
                *("activation tanh", "max_pool_forward", "activation: expected one of 'relu', got 'tanh'", X, 2),
                activation="tanh",
            ),
            _error(
                *("y", "max_pool_backward", r"y: expected the shape of dy \(1, 2, 2, 2\), got shape \(1, 2, 4, 4\)"),
                *(I8.astype("f"), I8, X.shape),
                y=X,
            ),
            _error(
                *("y float64", "max_pool_backward", "y: expected float32 as dy, got float64"),
                *(I8.astype("f"), I8, X.shape),
                y=I8.astype("d"),
                exception=TypeError,
            ),
            _error("dilation 0", "max_pool_forward", "dilation: expected .*>= 1, got 0", X, 2, dilation=0),
            _error("indices", "max_pool_backward", "indices: expected dy's shape", I8.astype("f"), I8[:, :1], X.shape),
            _error(
                *("index past the plane", "max_pool_backward", "indices: expected .*plane of 16 .*16 to 16"),
                *(I8.astype("f"), I8 + 16, X.shape),
            ),
            _error(
                *("negative index", "max_pool_backward", "indices: expected .*plane of 16 .*-1 to -1"),
                *(I8.astype("f"), I8 - 1, X.shape),
            ),
            _error("dy", "max_pool_backward", "dy: expected .*input_shape", I8.astype("f"), I8, (1, 3, 4, 4)),
        ),
    ),
    OpSpec(
        name="avg_pool",
        kind="kernel",
        functional=("avg_pool1d", "avg_pool2d", "avg_pool3d"),
        directions=(
            Direction(
                "avg_pool_forward",
                _samples(_x, AVERAGE),
                _avg_forward,
                _average_bound,
                exact=False,
                split=leading(0),
                twin=_avg_twin,
            ),
            Direction(
                "avg_pool_backward",
                _samples(_dy, AVERAGE),
                _avg_backward,
                _average_bound,
                exact=False,
                split=leading(0, 1),
            ),
        ),
        identities=tuple(_average_adjoint(case) for case in COMMON if not case.big),
        gradients=tuple(_gradient("avg", case) for case in AVERAGE[:9] + AVERAGE[-2:]),
        errors=(
            *_window_errors("avg_pool_forward"),
            _error("divisor 0", "avg_pool_forward", "divisor_override: expected .*got 0", X, 2, divisor_override=0),
            _error("dy", "avg_pool_backward", "dy: expected the output's shape", X, X.shape, 2),
        ),
    ),
    OpSpec(
        name="global_pool",
        kind="composed",
        functional=("global_avg_pool", "global_max_pool"),
        directions=(
            Direction(
                *("global_avg_pool", GLOBAL, _global_mean, _global_mean_bound),
                exact=False,
                split=leading(0),
                function=_global("avg"),
                has_out=False,
            ),
            Direction(
                *("global_max_pool", GLOBAL, _global_max, copied),
                split=leading(0),
                function=_global("max"),
                has_out=False,
            ),
        ),
        gradients=tuple(
            Gradient(name, lambda draw, name=name: (getattr(tk.functional, name), [draw.distinct(2, 3, 2, 3)]))
            for name in ("global_avg_pool", "global_max_pool")
        ),
    ),
)
