"""Activations of one input and numbers: the functions on top of the kernels by kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.op_specs import activation_formulas as formulas
from tests.op_specs.activation_kinds import INF, ONE, F, spread, told
from tests.op_specs.spec import Call, Direction, ErrorCase, Gradient, OpSpec, Sample, analysed, leading

# Arguments after the input, positional and by name.
Options = dict[str, tuple[tuple[Any, ...], dict[str, Any]]]


def _of(kind: str, *options: float) -> Callable[..., Any]:
    return lambda x: formulas.forward(x, kind, *options)


def _function(
    name: str, formula: Any, calls: Options, errors: tuple[ErrorCase, ...] = (), twin: Any = None, second: bool = True
) -> OpSpec:
    """A function of one input and numbers, against the formula, torch and differences."""

    def samples() -> list[Sample]:
        return [
            Sample(
                f"{label} {shape}",
                lambda draw, args=args, options=options, shape=shape: Call((spread(draw, *shape), *args), options),
            )
            for label, (args, options) in calls.items()
            for shape in ((1,), (19,), (2, 3, 4))
        ]

    function = getattr(F, name)
    theirs = twin or (lambda torch, call: getattr(torch.nn.functional, name)(*call.args, **call.kwargs))
    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                samples(),
                **analysed(formula),
                function=lambda *args, **options: function(*args, **options).numpy(),
                twin=theirs,
                split=leading(0),
            ),
        ),
        gradients=tuple(
            Gradient(
                f"{name} {label}",
                lambda draw, args=args, options=options: (
                    lambda x: function(x, *args, **options),
                    [draw.distinct(5, 8) * 1.5 + 0.01],  # from -30 to 30, off the corners
                ),
                second,
            )
            for label, (args, options) in calls.items()
        ),
        errors=(
            told(name, f"{name} None", "input: expected an array, got None", None, *_first(calls), exception=TypeError),
            told(
                name,
                f"{name} integers",
                "input: expected float32 or .*int64",
                np.arange(3),
                *_first(calls),
                exception=TypeError,
            ),
            *errors,
        ),
    )


def _first(calls: Options) -> tuple[Any, ...]:
    return next(iter(calls.values()))[0]


def _inplace(name: str, *args: Any) -> tuple[ErrorCase, ...]:
    pattern = "inplace: expected True or False, got 1"
    return (told(name, f"{name} inplace", pattern, ONE, *args, inplace=1, exception=TypeError),)


def _number(name: str, argument: str, *before: Any, after: tuple[Any, ...] = ()) -> tuple[ErrorCase, ...]:
    label, pattern = f"{name} {argument}", f"{argument}: expected a.* number"
    return (
        told(name, f"{label} text", pattern, ONE, *before, "x", *after, exception=TypeError),
        told(name, f"{label} NaN", f"{pattern}.*, got nan", ONE, *before, math.nan, *after),
    )


def _step_twin(torch: Any, call: Call) -> Any:
    at_zero = (*call.args, 0.0)[1]
    return torch.heaviside(call.args[0], torch.tensor(at_zero, dtype=call.args[0].dtype))


def _gelu_twin(torch: Any, call: Call) -> Any:
    """torch's gelu subtracts from 1 what is near 1; its other functions keep the digits of the tail."""
    x = call.args[0]
    if call.kwargs.get("approximate") == "tanh":
        return x * torch.sigmoid((x + formulas.CUBE * x**3) * formulas.SLOPE)
    return x * torch.special.erfc(x * -math.sqrt(0.5)) / 2


PLAIN: Options = {"": ((), {})}
SELU = (1.0507009873554805, 1.0507009873554805 * 1.6732632423543772)

SPECS = (
    _function("relu6", _of("hardtanh", 0.0, 6.0), PLAIN, _inplace("relu6")),
    _function(
        "hardtanh",
        lambda x, low=-1.0, high=1.0, **_: formulas.hardtanh(x, low, high),
        PLAIN | {"ends": ((-2.5, 0.25), {}), "point": ((0.5, 0.5), {}), "open": ((-INF, 0.5), {})},
        (
            *_inplace("hardtanh"),
            *_number("hardtanh", "min_val"),
            *_number("hardtanh", "max_val", -1.0),
            told("hardtanh", "ends", "min_val: expected a number <= max_val = -1, got 1", ONE, 1, -1),
        ),
    ),
    _function("hardsigmoid", _of("hardsigmoid"), PLAIN, _inplace("hardsigmoid")),
    _function("hardswish", _of("hardswish"), PLAIN, _inplace("hardswish")),
    _function(
        "leaky_relu",
        lambda x, slope=0.01: formulas.leaky_relu(x, slope, 0),
        PLAIN | {"slope": ((0.75,), {}), "negative": ((-0.5,), {})},
        (*_inplace("leaky_relu"), *_number("leaky_relu", "negative_slope")),
    ),
    _function(
        "hardshrink",
        lambda x, lambd=0.5: formulas.hardshrink(x, lambd, 0),
        PLAIN | {"0": ((0.0,), {}), "wide": ((3.0,), {}), "negative": ((-0.5,), {})},
        _number("hardshrink", "lambd"),
    ),
    _function(
        "softshrink",
        lambda x, lambd=0.5: formulas.softshrink(x, lambd, 0),
        PLAIN | {"0": ((0.0,), {}), "wide": ((3.0,), {})},
        (
            *_number("softshrink", "lambd"),
            told("softshrink", "lambd", "lambd: expected a finite number >= 0, got -0.5", ONE, -0.5),
        ),
    ),
    _function(
        "threshold",
        lambda x, limit, value: formulas.threshold(x, limit, value),
        {"above": ((0.5, -7.0), {}), "below": ((-3.0, 20.0), {})},
        (
            *_inplace("threshold", 0.5, 1.0),
            *_number("threshold", "threshold", after=(1.0,)),
            *_number("threshold", "value", 0.5),
        ),
    ),
    _function(
        "step",
        lambda x, at_zero=0.0: formulas.step(x, at_zero, 0),
        PLAIN | {"half": ((0.5,), {})},
        _number("step", "at_zero"),
        _step_twin,
    ),
    _function(
        "rrelu",
        lambda x, lower=1 / 8, upper=1 / 3: formulas.leaky_relu(x, (lower + upper) / 2, 0),
        PLAIN | {"ends": ((-0.25, 0.75), {})},
        (
            *_inplace("rrelu"),
            *_number("rrelu", "lower"),
            *_number("rrelu", "upper", 0.1),
            told("rrelu", "ends", "lower: expected a number <= upper = 0.1, got 0.3", ONE, 0.3, 0.1),
            told("rrelu", "training", "training: expected True or False", ONE, training=1, exception=TypeError),
            told(
                "rrelu",
                "generator",
                "generator: expected a tatamikomi Generator",
                ONE,
                training=True,
                generator=3,
                exception=TypeError,
            ),
        ),
    ),
    _function(
        "elu",
        lambda x, alpha=1.0: formulas.elu(x, 1.0, alpha),
        PLAIN | {"alpha": ((0.7,), {}), "negative": ((-0.5,), {})},
        (*_inplace("elu"), *_number("elu", "alpha")),
    ),
    _function(
        "celu",
        lambda x, alpha=1.0: formulas.celu(x, alpha, 0),
        PLAIN | {"alpha": ((0.75,), {}), "large": ((4.0,), {})},
        (
            *_inplace("celu"),
            *_number("celu", "alpha"),
            told("celu", "alpha 0", "alpha: expected a number > 0, got 0", ONE, 0),
        ),
    ),
    _function("selu", _of("elu", *SELU), PLAIN, _inplace("selu")),
    _function(
        "gelu",
        lambda x, approximate="none": formulas.forward(x, "gelu" if approximate == "none" else "gelu_tanh"),
        PLAIN | {"tanh": ((), {"approximate": "tanh"})},
        (told("gelu", "name", "approximate: expected one of 'none', 'tanh', got 'erf'", ONE, approximate="erf"),),
        _gelu_twin,
    ),
    _function("silu", _of("silu"), PLAIN, _inplace("silu")),
    _function("mish", _of("mish"), PLAIN, _inplace("mish")),
    _function(
        "softplus",
        lambda x, beta=1.0, threshold=20.0: formulas.softplus(x, beta, threshold),
        PLAIN | {"beta": ((2.0, 5.0), {}), "negative": ((-0.5, 1.0), {})},
        (
            *_number("softplus", "beta"),
            *_number("softplus", "threshold", 1.0),
            told("softplus", "beta 0", "beta: expected a number other than 0, got 0", ONE, 0),
        ),
    ),
    _function("logsigmoid", _of("softplus", -1.0, INF), PLAIN),
    _function("softsign", _of("softsign"), PLAIN),
    _function("tanhshrink", _of("tanhshrink"), PLAIN),
)
