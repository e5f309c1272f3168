"""The kernels of activations by kind, and PReLU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs import activation_formulas as formulas
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed, leading

F, K = tk.functional, tk.kernels
INF = math.inf
# Every kind with options of every sign that it takes.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "celu": ("celu", 0.75),
    "elu": ("elu", 1.0, 1.25),
    "elu negative": ("elu", 1.0, -0.5),
    "selu": ("elu", 1.05, 1.75),
    "gelu": ("gelu",),
    "gelu_tanh": ("gelu_tanh",),
    "hardshrink": ("hardshrink", 0.5),
    "hardshrink negative": ("hardshrink", -0.5),
    "hardsigmoid": ("hardsigmoid",),
    "hardswish": ("hardswish",),
    "hardtanh": ("hardtanh", -0.5, 1.0),
    "hardtanh closed": ("hardtanh", 0.5, 0.5),
    "hardtanh open": ("hardtanh", -INF, 3.0),
    "leaky_relu": ("leaky_relu", 0.01),
    "leaky_relu negative": ("leaky_relu", -2.0),
    "mish": ("mish",),
    "silu": ("silu",),
    "softplus": ("softplus", 1.0, 20.0),
    "softplus sharp": ("softplus", 4.0, 0.5),
    "logsigmoid": ("softplus", -1.0, INF),
    "softshrink": ("softshrink", 0.5),
    "softshrink 0": ("softshrink", 0.0),
    "softsign": ("softsign",),
    "step": ("step", 0.25),
    "tanhshrink": ("tanhshrink",),
    "threshold": ("threshold", 0.5, -7.0),
}
SHAPES = {"1": (1,), "17": (17,), "33": (33,), "images": (2, 3, 4, 5), "empty batch": (0, 4)}
BIG = {"big": (5, 9001)}


def spread(draw: Draw, *shape: int) -> Array:
    """Of several sizes, and every fourth one where some kind has a corner."""
    x = np.asarray(draw(*shape) * draw.random.choice([0.01, 1, 10], shape), draw.dtype)
    x.flat[::4] = draw.random.choice([-6, -3, -1, -0.5, 0, 0.5, 1, 3, 6], x.size)[::4]
    return x


def _samples(make: Callable[[Draw, tuple[int, ...], tuple[Any, ...]], Call]) -> list[Sample]:
    return [
        Sample(f"{label} {size}", lambda draw, shape=shape, options=options: make(draw, shape, options), size in BIG)
        for label, options in OPTIONS.items()
        for size, shape in (SHAPES | BIG).items()
    ]


ONE = np.ones(3, np.float32)


def _error(label: str, name: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(K, name)(*args, **options), exception, f"^{name}: {pattern}")


def told(name: str, label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(F, name)(*args, **options), exception, f"^{name}: {pattern}")


KERNEL = OpSpec(
    name="activation",
    kind="kernel",
    functional=(),
    directions=(
        Direction(
            "activation_forward",
            _samples(lambda draw, shape, options: Call((spread(draw, *shape), *options))),
            **analysed(formulas.forward),
            split=leading(0),
        ),
        Direction(
            "activation_backward",
            _samples(lambda draw, shape, options: Call((draw(*shape), spread(draw, *shape), *options))),
            **analysed(formulas.backward),
            split=leading(0, 1),
        ),
    ),
    errors=(
        _error("kind", "activation_forward", "kind: expected one of 'celu', .*got 'swish'", ONE, "swish"),
        _error("no kind", "activation_forward", "kind: expected the name of", ONE, None, exception=TypeError),
        _error("a", "activation_forward", "a: expected a number, got x", ONE, "elu", "x", exception=TypeError),
        _error("b NaN", "activation_backward", "b: expected a number, got nan", ONE, ONE, "elu", 1, math.nan),
        _error("out", "activation_forward", r"out: expected shape \(3,\)", ONE, "silu", out=ONE[:2].copy()),
        _error("out over x", "activation_forward", "out: expected memory of its own", ONE, "silu", out=ONE),
        _error("shapes", "activation_backward", r"dy: expected shape \(3,\) as x, got .*\(2,\)", ONE[:2], ONE, "silu"),
        _error(
            "dtypes",
            "activation_backward",
            "x: expected float32 as dy",
            ONE,
            ONE.astype(float),
            "silu",
            exception=TypeError,
        ),
    ),
)

# (shape, weights): channels, planes of several segments, a single weight.
PRELU = {
    "rows": ((3, 5), (5,)),
    "images": ((2, 3, 4, 5), (3,)),
    "lines": ((4, 2, 33), (2,)),
    "one weight": ((2, 3, 7), (1,)),
    "one axis": ((19,), (1,)),
    "empty batch": ((0, 4, 3), (4,)),
    "empty planes": ((2, 3, 0), (3,)),
}
BIG_PRELU = {"big": ((2, 3, 20011), (3,)), "big one": ((5, 9001), (1,))}


def _prelu_samples(make: Callable[..., Call]) -> list[Sample]:
    return [
        Sample(label, lambda draw, shapes=shapes: make(draw, *shapes), label in BIG_PRELU, len(shapes[0]) > 1)
        for label, shapes in (PRELU | BIG_PRELU).items()
    ]


IMAGE = np.ones((2, 3, 4), np.float32)
PRELU_SPEC = OpSpec(
    name="prelu",
    kind="kernel",
    functional=("prelu",),
    directions=(
        Direction(
            "prelu_forward",
            _prelu_samples(lambda draw, shape, weights: Call((spread(draw, *shape), draw(*weights)))),
            **analysed(formulas.prelu),
            split=leading(0),
            twin=lambda torch, call: torch.nn.functional.prelu(*call.args),
        ),
        Direction(
            "prelu_backward",
            _prelu_samples(lambda draw, shape, weights: Call((draw(*shape), spread(draw, *shape), draw(*weights)))),
            **analysed(formulas.prelu_backward),
            has_out=False,
        ),
    ),
    gradients=tuple(
        Gradient(label, lambda draw, shapes=shapes: (F.prelu, [draw.distinct(*shapes[0]), draw(*shapes[1])]))
        for label, shapes in PRELU.items()
        if 0 not in shapes[0]
    ),
    errors=(
        _error("channels", "prelu_forward", r"weight: expected shape \(1,\), or one of 3 channels", IMAGE, ONE[:2]),
        _error("two axes", "prelu_forward", r"weight: expected shape \(channels,\), \(1,\) or \(\)", IMAGE, [ONE]),
        _error("no channels", "prelu_backward", r"weight: expected shape \(1,\) for less than 2 axes", ONE, ONE, ONE),
        _error(
            "dtypes", "prelu_forward", "weight: expected float32 as x", IMAGE, ONE.astype(float), exception=TypeError
        ),
        _error("shapes", "prelu_backward", "dy: expected shape .* as x", IMAGE[:1], IMAGE, ONE),
        _error("out", "prelu_forward", r"out: expected shape \(2, 3, 4\)", IMAGE, ONE, out=IMAGE[0]),
        told(
            "prelu",
            "functional dtypes",
            "weight: expected float32 as input",
            IMAGE,
            ONE.astype(float),
            exception=TypeError,
        ),
    ),
)

SPECS = (KERNEL, PRELU_SPEC)
