"""What specs of composed losses share: calls, derivatives, torch's twins, and what all refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed

F = tk.functional
Cases = dict[str, Callable[[Draw], Call]]


def call(*args: Any, **options: Any) -> Call:
    return Call(args, options)


def probabilities(draw: Draw, *shape: int) -> Array:
    return draw.random.uniform(0.05, 0.95, shape).astype(draw.dtype)


def signs(draw: Draw, *shape: int) -> Array:
    return draw.random.choice([-1, 1], shape).astype(draw.dtype)


def _differentiated(name: str, label: str, make: Callable[[Draw], Call]) -> Gradient:
    """By every float array of the call, options too."""

    def prepared(draw: Draw) -> tuple[Callable[..., Any], list[Array]]:
        call = make(draw)
        values = [*call.args, *call.kwargs.values()]
        floats = [i for i, one in enumerate(values) if isinstance(one, np.ndarray) and one.dtype.kind == "f"]

        def function(*tensors: Any) -> Any:
            given = list(values)
            for position, tensor in zip(floats, tensors, strict=True):
                given[position] = tensor
            options = dict(zip(call.kwargs, given[len(call.args) :], strict=True))
            return getattr(F, name)(*given[: len(call.args)], **options)

        return function, [values[i] for i in floats]

    return Gradient(f"{name} {label}", prepared)


def _torch(name: str) -> Callable[[Any, Call], Any]:
    return lambda torch, call: getattr(torch.nn.functional, name)(*call.args, **call.kwargs)


def loss_spec(
    name: str, formula: Any, cases: Cases, errors: list[ErrorCase], twin: Any = None, title: str | None = None
) -> OpSpec:
    return OpSpec(
        name=title or name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                title or name,
                [Sample(label, make) for label, make in cases.items()],
                **analysed(formula),
                function=lambda *args, **options: getattr(F, name)(*args, **options).numpy(),
                twin=twin or _torch(name),
            ),
        ),
        gradients=tuple(_differentiated(name, label, make) for label, make in cases.items()),
        errors=tuple(errors),
    )


def error(
    name: str, label: str, pattern: str, *args: Any, exception: type[Exception] = ValueError, **options: Any
) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(F, name)(*args, **options), exception, f"^{name}: {pattern}")


X, WIDE = np.full((2, 3), 0.5, np.float32), np.full((2, 3), 0.5)
UNKNOWN = "reduction: expected one of 'mean', 'sum', 'none', got 'average'"
LABELS = np.array([2, 0])


def usual(name: str, target: Any = X, strict: bool = True) -> list[ErrorCase]:
    """What every loss of two float arrays refuses."""
    shape = r"shape \(2, 3\), as input has" if strict else r"a shape that broadcasts with \(2, 3\), the input's"
    return [
        error(name, "input None", "input: expected an array, got None", None, target, exception=TypeError),
        error(name, "dtypes", "target: expected float32 as input, got float64", X, WIDE, exception=TypeError),
        error(name, "target of integers", "target: expected float32 or .*int64", X, LABELS, exception=TypeError),
        error(name, "shapes", rf"target: expected {shape}, got shape \(2, 2\)", X, X[:, :2]),
    ]


def pairs(draw_x: Any = Draw.__call__, draw_t: Any = Draw.__call__) -> Cases:
    return {
        **{
            f"{shape} {reduction}": lambda draw, shape=shape, reduction=reduction: call(
                draw_x(draw, *shape), draw_t(draw, *shape), reduction=reduction
            )
            for shape, reduction in (((17,), "none"), ((3, 4), "mean"), ((2, 3, 2), "sum"), ((1,), "mean"))
        },
    }
