"""Batch normalisation: training, inference and the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed, leading
from tests.oracles.rounding import Rounded

SHAPES = {
    "rows": (5, 7),
    "one channel": (3, 1, 6),
    "1d": (2, 5, 9),
    "2d": (3, 4, 5, 6),
    "3d": (2, 3, 2, 3, 4),
    "batch of one": (1, 3, 4, 5),
    **{f"channels {c}": (3, c) for c in (1, 8, 15, 16, 17, 33)},
    **{f"length {s}": (2, 3, s) for s in (1, 7, 8, 15, 16, 17, 33, 65)},
    "empty batch": (0, 3, 4),
}
BIG = {"big images": (6, 13, 27, 29), "big rows": (700, 65), "one big channel": (2, 1, 80001)}


def _along(values: Any, x: Any) -> Any:
    """Per channel, beside x."""
    return values.reshape(1, -1, *(1,) * (x.value.ndim - 2))


def _axes(x: Rounded) -> tuple[int, ...]:
    return (0, *range(2, x.value.ndim))


def _rectified(y: Rounded, activation: str | None) -> Rounded:
    """An error moves no result by more than itself."""
    return y if activation is None else Rounded(np.maximum(y.value, 0), y.error, y.dtype)


def _affine(x: Rounded, mean: Rounded, invstd: Rounded, weight: Rounded | None, bias: Rounded | None) -> Rounded:
    y = (x - _along(mean, x)) * _along(invstd if weight is None else invstd * weight, x)
    return y if bias is None else y + _along(bias, x)


def _training(
    x: Rounded,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str | None = None,
) -> tuple[Rounded, ...]:
    axes = _axes(x)
    m = int(np.prod([x.value.shape[i] for i in axes]))
    mean = x.sum(axes) / max(m, 1)
    deviation = x - _along(mean, x)
    moment = (deviation * deviation).sum(axes)
    invstd = 1 / (moment / max(m, 1) + float(eps)).sqrt()
    results = _rectified(_affine(x, mean, invstd, weight, bias), activation), mean, invstd
    if running_mean is None:
        return results
    if m == 0:
        return *results, running_mean, running_var
    keep, rate = 1 - float(momentum), float(momentum)
    return *results, running_mean * keep + mean * rate, running_var * keep + moment / (m - 1) * rate


def _train(x: Array, weight: Any, bias: Any, running_mean: Any, running_var: Any, **options: Any) -> Any:
    """Running statistics are updated in place: in copies, which are results."""
    if running_mean is None:
        return tk.kernels.batch_norm_forward(x, weight, bias, **options)
    lists = None if isinstance(running_mean, np.ndarray) else np.float32
    running = [np.array(one, lists) for one in (running_mean, running_var)]
    results = tk.kernels.batch_norm_forward(x, weight, bias, *running, **options)
    return *results, *(one.astype(one.dtype.newbyteorder("=")) for one in running)


def _inference(
    x: Rounded,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    activation: str | None = None,
) -> Rounded:
    return _rectified(_affine(x, mean, 1 / (var + float(eps)).sqrt(), weight, bias), activation)


def _backward(
    dy: Rounded,
    x: Rounded,
    mean: Any,
    invstd: Any,
    weight: Any = None,
    bias: Any = None,
    activation: str | None = None,
) -> tuple[Rounded, ...]:
    axes = _axes(x)
    if activation is not None:
        y = _affine(x, mean, invstd, weight, bias)
        assert np.all(np.abs(y.value) > y.error), "the sign of y may round to the other side"
        dy = Rounded(np.where(y.value > 0, dy.value, 0), 0, dy.dtype)
    m = max(int(np.prod([x.value.shape[i] for i in axes])), 1)
    centred = x - _along(mean, x)
    dbias = dy.sum(axes)
    dweight = (dy * centred).sum(axes) * invstd
    scale = invstd if weight is None else invstd * weight
    slope = _along(dweight * invstd / m, x)
    return (dy - _along(dbias / m, x) - centred * slope) * _along(scale, x), dweight, dbias


def _activation(relu: bool) -> dict[str, Any]:
    return {"activation": "relu"} if relu else {}


def _training_call(draw: Draw, shape: tuple[int, ...], affine: bool, running: bool, relu: bool) -> Call:
    c = shape[1]
    x = draw(*shape) + np.asarray(1.5, draw.dtype)
    statistics = (draw(c), draw.positive(c)) if running else (None, None)
    parameters = (draw(c), draw(c)) if affine else (None, None)
    options = {"momentum": 0.25, "eps": 1e-3} if running else {}
    return Call((x, *parameters, *statistics), options | _activation(relu))


def _inference_call(draw: Draw, shape: tuple[int, ...], affine: bool, _: bool, relu: bool) -> Call:
    c = shape[1]
    parameters = (draw(c), draw(c)) if affine else (None, None)
    return Call((draw(*shape), draw(c), draw.positive(c), *parameters), _activation(relu))


def _backward_call(draw: Draw, shape: tuple[int, ...], affine: bool, biased: bool, relu: bool) -> Call:
    """With relu no y lies near 0: (x - mean) * invstd * weight is an odd multiple of 1/16 at least, bias of 1/32."""
    c = shape[1]
    if not relu:
        arrays = (draw(*shape), draw(c), draw.positive(c), draw(c) if affine else None)
        return Call((draw(*shape), *arrays, draw(c) if biased else None))
    powers = np.array([-2, -0.5, 1, 4])
    x = draw.random.integers(-6, 6, shape) / 2 + 0.25
    weight = draw.random.choice(powers, c).astype(draw.dtype)
    bias = ((2 * draw.random.integers(-80, 80, c) + 1) / 32).astype(draw.dtype)
    mean, invstd = draw.random.integers(-2, 3, c), draw.random.choice([0.5, 2, 4], c)
    arrays = [one.astype(draw.dtype) for one in (x, mean, invstd)]
    chosen = (weight if affine else None, bias if biased else None)
    return Call((draw(*shape), *arrays, *chosen), _activation(relu))


def _samples(make: Any) -> list[Sample]:
    """Parameters and running statistics come and go."""
    shapes = [*SHAPES.items(), *BIG.items()]
    return [
        Sample(
            label + " relu" * relu,
            lambda draw, shape=shape, i=i, relu=relu: make(draw, shape, i % 3 != 2, i % 2 == 0, relu),
            big=label in BIG,
            torch=not relu,
        )
        for i, (label, shape) in enumerate(shapes)
        for relu in (False, True)
    ]


def _twin(torch: Any, call: Call) -> Any:
    x, weight, bias, mean, var = call.args
    copies = [one if one is None else one.clone() for one in (mean, var)]
    return (torch.nn.functional.batch_norm(x, *copies, weight, bias, True, **call.kwargs),)


def _inference_twin(torch: Any, call: Call) -> Any:
    x, mean, var, weight, bias = call.args
    return torch.nn.functional.batch_norm(x, mean, var, weight, bias, False)


def _functional_gradients() -> tuple[Gradient, ...]:
    def gradient(label: str, shape: tuple[int, ...], training: bool, affine: bool, relu: bool) -> Gradient:
        def make(draw: Draw) -> Any:
            c = shape[1]
            statistics = (None, None) if training else (draw(c), draw.positive(c))
            arrays = [draw(*shape), *([draw(c), draw(c)] if affine else [])]
            return (
                lambda x, weight=None, bias=None: tk.functional.batch_norm(
                    x, *statistics, weight, bias, training=training, activation="relu" if relu else None
                ),
                arrays,
            )

        return Gradient(label, make)

    return tuple(
        gradient(
            f"{'training' if training else 'inference'} {label}{' affine' * affine}{' relu' * relu}",
            *(shape, training, affine, relu),
        )
        for label, shape in (("rows", (5, 3)), ("images", (2, 3, 2, 3)))
        for training in (True, False)
        for affine in (True, False)
        for relu in (False, True)
    )


X, C3 = np.ones((2, 3, 4), np.float32), np.ones(3, np.float32)


def _error(label: str, name: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(tk.kernels, name)(*args, **options), exception, f"^{name}: {pattern}")


def _read_only() -> Array:
    array = C3.copy()
    array.flags.writeable = False
    return array


ERRORS = (
    _error("rank", "batch_norm_forward", r"x: expected a shape .*got shape \(3,\)", C3),
    _error("one element", "batch_norm_forward", "x: expected more than one element per channel", X[:1, :, :1]),
    _error("weight", "batch_norm_forward", r"weight: expected shape \(3,\).*got shape \(2,\)", X, C3[:2]),
    _error("bias", "batch_norm_forward", r"bias: expected shape \(3,\).*got shape \(4,\)", X, C3, np.ones(4, "f")),
    _error("momentum", "batch_norm_forward", "momentum: expected a finite number, got inf", X, momentum=np.inf),
    _error("eps", "batch_norm_forward", "eps: expected a finite number, got None", X, eps=None, exception=TypeError),
    _error(
        *("running list", "batch_norm_forward", "running_mean: expected an ndarray.*in place, got list", X),
        running_mean=[0.0] * 3,
        exception=TypeError,
    ),
    _error(
        *("running read-only", "batch_norm_forward", "running_var: expected a writable.*got a read-only", X),
        running_var=_read_only(),
    ),
    _error(
        *("activation", "batch_norm_forward", "activation: expected one of 'relu', got 'tanh'", X), activation="tanh"
    ),
    _error(
        *("activation of inference", "batch_norm_inference", "activation: expected one of 'relu', got 'selu'"),
        *(X, C3, C3),
        activation="selu",
    ),
    _error(
        *("activation of the gradient", "batch_norm_backward", "activation: expected one of 'relu', got ''"),
        *(X, X, C3, C3),
        activation="",
    ),
    _error(
        *("bias of the gradient", "batch_norm_backward", r"bias: expected shape \(3,\), .*got shape \(2,\)"),
        *(X, X, C3, C3, None, C3[:2]),
    ),
    _error("mean", "batch_norm_inference", r"mean: expected shape \(3,\)", X, C3[:1], C3),
    _error("dy", "batch_norm_backward", r"dy: expected x's shape .*got shape \(1, 3, 4\)", X[:1], X, C3, C3),
)

SPECS = (
    OpSpec(
        name="batch_norm",
        kind="kernel",
        functional=("batch_norm",),
        directions=(
            Direction(
                "batch_norm_forward",
                _samples(_training_call),
                **analysed(_training),
                function=_train,
                twin=_twin,
                has_out=False,
            ),
            Direction(
                "batch_norm_inference",
                _samples(_inference_call),
                **analysed(_inference),
                split=leading(0),
                twin=_inference_twin,
            ),
            Direction("batch_norm_backward", _samples(_backward_call), **analysed(_backward), has_out=False),
        ),
        gradients=_functional_gradients(),
        errors=ERRORS,
    ),
)
