"""ReLU, sigmoid, tanh, softmax and log-softmax, softmin and the gated linear unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.activation_formulas import glu
from tests.op_specs.spec import (
    Array,
    Call,
    Direction,
    Draw,
    ErrorCase,
    Gradient,
    OpSpec,
    Sample,
    analysed,
    copied,
    leading,
    roundoff,
)
from tests.oracles import activation as oracle
from tests.oracles.rounding import Rounded

SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 127]
SHAPES = {**{str(size): (size,) for size in SIZES}, "2d": (3, 5), "images": (2, 3, 4, 5), "empty batch": (0, 4)}
BIG = {"big": (5, 9001)}
# (shape, axis): rows, columns, and everything around an axis in the middle
AXES = {
    **{f"rows of {size}": ((3, size), -1) for size in SIZES},
    "columns": ((7, 5), 0),
    "wide columns": ((3, 67), 0),
    "channels": ((2, 5, 3, 4), 1),
    "last of four": ((2, 3, 4, 9), 3),
    "one number": ((1,), 0),
    "empty batch": ((0, 5), 1),
}
BIG_AXES = {"big rows": ((401, 257), 1), "big channels": ((3, 19, 31, 33), 1)}


def _elementwise(make: Callable[[Draw, tuple[int, ...]], Call]) -> list[Sample]:
    return [
        Sample(label, lambda draw, shape=shape: make(draw, shape), label in BIG)
        for label, shape in (SHAPES | BIG).items()
    ]


def _along(make: Callable[[Draw, tuple[int, ...], int], Call]) -> list[Sample]:
    return [
        Sample(label, lambda draw, shape=shape, axis=axis: make(draw, shape, axis), label in BIG_AXES, axis not in (0,))
        for label, (shape, axis) in (AXES | BIG_AXES).items()
    ]


def _wide(draw: Draw, *shape: int) -> Array:
    """From the tails, where an exponential is all or nothing, to 0."""
    return (draw(*shape) * draw.random.choice([0.01, 1, 10, 200], shape)).astype(draw.dtype)


def _sigmoid(x: Rounded) -> Rounded:
    return 1 / (1 + (-x).exp())


def _softmax(x: Rounded, axis: int) -> Rounded:
    powers = (x - x.max(axis)).exp()
    return powers / powers.sum(axis, keepdims=True)


def _log_softmax(x: Rounded, axis: int) -> Rounded:
    shifted = x - x.max(axis)
    return shifted - shifted.exp().sum(axis, keepdims=True).log()


def _softmax_backward(dy: Rounded, y: Rounded, axis: int) -> Rounded:
    return y * (dy - (dy * y).sum(axis, keepdims=True))


def _log_softmax_backward(dy: Rounded, y: Rounded, axis: int) -> Rounded:
    return dy - y.exp() * dy.sum(axis, keepdims=True)


def _probabilities(draw: Draw, *shape: int) -> Array:
    return draw.random.uniform(0, 1, shape).astype(draw.dtype)


def _error(label: str, name: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(tk.kernels, name)(*args, **options), exception, f"^{name}: {pattern}")


def _checked(op: str) -> tuple[ErrorCase, ...]:
    pair = np.ones(3, np.float32), np.ones((3, 1), np.float32)
    return (
        _error("shapes differ", f"{op}_backward", r"dy: expected shape \(3, 1\) as y, got shape \(3,\)", *pair),
        _error("out", f"{op}_forward", r"out: expected shape \(3,\), got shape \(3, 1\)", pair[0], out=pair[1]),
        _error("out over x", f"{op}_forward", "out: expected memory of its own", pair[0], out=pair[0]),
    )


def _spec(name: str, forward: Any, backward: Any, draw_y: Any, draw_x: Any) -> OpSpec:
    return OpSpec(
        name=name,
        kind="kernel",
        functional=(name,),
        directions=(
            Direction(
                f"{name}_forward",
                _elementwise(lambda draw, shape: Call((draw_x(draw, *shape),))),
                **forward,
                split=leading(0),
                twin=lambda torch, call: getattr(torch, name)(*call.args),
            ),
            Direction(
                f"{name}_backward",
                _elementwise(lambda draw, shape: Call((draw(*shape), draw_y(draw, *shape)))),
                **backward,
                split=leading(0, 1),
            ),
        ),
        gradients=(Gradient(name, lambda draw: (getattr(tk.functional, name), [draw.distinct(3, 5)])),),
        errors=_checked(name),
    )


def _axis_spec(name: str, forward: Any, backward: Any, draw_y: Any) -> OpSpec:
    ones = np.ones((2, 3), np.float32)
    return OpSpec(
        name=name,
        kind="kernel",
        functional=(name,),
        directions=(
            Direction(
                f"{name}_forward",
                _along(lambda draw, shape, axis: Call((_wide(draw, *shape), axis))),
                **analysed(forward),
                split=leading(0),
                twin=lambda torch, call: getattr(torch, name)(*call.args),
            ),
            Direction(
                f"{name}_backward",
                _along(lambda draw, shape, axis: Call((draw(*shape), draw_y(draw, *shape), axis))),
                **analysed(backward),
                split=leading(0, 1),
            ),
        ),
        gradients=tuple(
            Gradient(
                f"{name} {axis}",
                lambda draw, axis=axis: (lambda x: getattr(tk.functional, name)(x, axis), [draw(3, 4, 2)]),
            )
            for axis in (0, 1, -1)
        ),
        errors=(
            *_checked(name),
            _error("axis", f"{name}_forward", "axis: expected -2 <= axis < 2.*got 2", ones, 2),
            _error("axis 1.0", f"{name}_forward", "axis: expected an integer, got 1.0", ones, 1.0, exception=TypeError),
            _error("axis of dy", f"{name}_backward", "axis: expected .*got -3", ones, ones, -3),
        ),
    )


def _add_relu_bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """One addition rounds once; the oracle's own rounding comes on top."""
    total = np.abs(np.add(*(one.astype(np.longdouble) for one in call.args)))
    return ((roundoff(dtype) + 2 * roundoff(np.longdouble)) * total,)


def _add_relu_errors() -> tuple[ErrorCase, ...]:
    name, one = "add_relu_forward", np.ones(3, np.float32)
    other = np.ones((3, 1), np.float32)
    return (
        _error("shapes", name, r"b: expected shape \(3,\) as a, got shape \(3, 1\)", one, other),
        _error("dtypes", name, "b: expected float32 as a, got float64", one, one.astype(float), exception=TypeError),
        _error("out", name, r"out: expected shape \(3,\), got shape \(3, 1\)", one, one, out=other),
        _error("out over b", name, "out: expected memory of its own", one * 2, one, out=one),
        ErrorCase(
            "functional shapes",
            lambda: tk.functional.add_relu(one, other),
            ValueError,
            r"^add_relu: other: expected shape \(3,\) as input, got shape \(3, 1\)",
        ),
        ErrorCase(
            "functional dtypes",
            lambda: tk.functional.add_relu(one, one.astype(float)),
            TypeError,
            "^add_relu: other: expected float32 as input, got float64",
        ),
    )


def _softmin(x: Rounded, dim: int) -> Rounded:
    return _softmax(-x, dim)


def _composed(
    name: str, formula: Any, cases: dict[str, tuple[tuple[int, ...], int]], errors: tuple[Any, ...]
) -> OpSpec:
    """A function of an input and a dimension."""
    function = getattr(tk.functional, name)
    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                [
                    Sample(label, lambda draw, shape=shape, dim=dim: Call((draw(*shape), dim)), split=False)
                    for label, (shape, dim) in cases.items()
                ],
                **analysed(formula),
                function=lambda x, dim: function(x, dim).numpy(),
                twin=lambda torch, call: getattr(torch.nn.functional, name)(*call.args),
            ),
        ),
        gradients=tuple(
            Gradient(
                f"{name} {label}",
                lambda draw, shape=shape, dim=dim: (lambda x: function(x, dim), [draw(*shape)]),
            )
            for label, (shape, dim) in cases.items()
            if 0 not in shape
        ),
        errors=tuple(
            ErrorCase(
                f"{name} {label}", lambda given=given, dim=dim: function(given, dim), exception, f"^{name}: {pattern}"
            )
            for label, given, dim, exception, pattern in errors
        ),
    )


PAIR = np.ones((2, 3), np.float32)

SPECS = (
    _composed(
        "softmin",
        _softmin,
        {"rows": ((3, 5), 1), "columns": ((3, 5), 0), "channels": ((2, 3, 4), -2), "empty": ((0, 3), 1)},
        (
            ("dim", PAIR, 2, ValueError, "dim: expected -2 <= dim < 2, got 2"),
            ("dim 0.5", PAIR, 0.5, TypeError, "dim: expected an integer, got 0.5"),
            ("None", None, 0, TypeError, "input: expected an array, got None"),
        ),
    ),
    _composed(
        "glu",
        glu,
        {"rows": ((3, 6), 1), "columns": ((4, 5), 0), "channels": ((2, 6, 3), -2), "empty": ((0, 4), 1)},
        (
            ("odd", PAIR, 1, ValueError, r"input: expected an even size along dim 1, got shape \(2, 3\)"),
            ("number", np.float32(1), 0, ValueError, "input: expected a shape with a dimension to halve"),
            ("dim", PAIR, -3, ValueError, "dim: expected -2 <= dim < 2, got -3"),
            ("integers", np.ones((2, 2), int), 0, TypeError, "input: expected float32 or float64, got int64"),
        ),
    ),
    OpSpec(
        name="add_relu",
        kind="kernel",
        functional=("add_relu",),
        directions=(
            Direction(
                "add_relu_forward",
                _elementwise(lambda draw, shape: Call((draw(*shape), draw(*shape)))),
                oracle.add_relu,
                _add_relu_bound,
                split=leading(0, 1),
                twin=lambda torch, call: torch.relu(call.args[0] + call.args[1]),
            ),
        ),
        gradients=(
            Gradient(
                "add_relu", lambda draw: (tk.functional.add_relu, [draw.distinct(3, 5), draw.distinct(3, 5) / 64])
            ),
        ),
        errors=_add_relu_errors(),
    ),
    _spec(
        "relu",
        {"oracle": oracle.relu, "bound": copied},
        {"oracle": oracle.relu_backward, "bound": copied},
        lambda draw, *shape: np.maximum(draw(*shape), 0),
        lambda draw, *shape: draw(*shape),
    ),
    _spec("sigmoid", analysed(_sigmoid), analysed(lambda dy, y: dy * y * (1 - y)), _probabilities, _wide),
    _spec(
        "tanh",
        analysed(lambda x: x.tanh()),
        analysed(lambda dy, y: dy * (1 - y * y)),
        lambda draw, *shape: np.tanh(draw(*shape)),
        _wide,
    ),
    _axis_spec("softmax", _softmax, _softmax_backward, _probabilities),
    _axis_spec("log_softmax", _log_softmax, _log_softmax_backward, lambda draw, *shape: -draw.positive(*shape)),
)
