"""The algebra of Tensors: arithmetic, elementwise functions, reductions, shapes and indexing, all on NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tatamikomi import autograd as ag
from tests.op_specs.spec import Array, Call, Direction, Draw, Gradient, OpSpec, Sample, analysed, copied
from tests.oracles.rounding import Rounded

REASON = "memory-bound or rare; NumPy's own loops serve"
PAIRS = {
    "same shape": ((3, 4), (3, 4)),
    "row": ((3, 4), (4,)),
    "column and row": ((3, 1), (4,)),
    "one element": ((1,), (1,)),
    "empty batch": ((0, 4), (4,)),
}
MASK = np.array([True, False, True, True])
INDEX = np.array([[0, 2], [1, 1], [3, 0]])


def _on_arrays(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(*arrays: Any) -> Array:
        return function(*map(tk.tensor, arrays)).numpy()

    return run


def _gradient(label: str, function: Callable[..., Any], make: Callable[[Draw], Call]) -> Gradient:
    return Gradient(label, lambda draw: (function, list(make(draw).args)))


def _spec(name: str, function: Any, samples: list[Sample], oracle: dict[str, Any], smooth: bool = True) -> OpSpec:
    direction = Direction(name, samples, **oracle, function=_on_arrays(function), has_out=False)
    gradients = [_gradient(one.label, function, one.make) for one in samples if "empty" not in one.label]
    return OpSpec(
        name=name,
        kind="host",
        functional=(name,),
        directions=(direction,),
        gradients=tuple(gradients) if smooth else (),
        reason=REASON,
    )


def _pairs(second: Callable[..., Array] | None = None) -> list[Sample]:
    """Two operands that broadcast; the second one of its own kind."""

    def make(draw: Draw, left: tuple[int, ...], right: tuple[int, ...]) -> Call:
        a = draw(*left)
        return Call((np.asarray(a, draw.dtype), np.asarray((second or Draw.__call__)(draw, *right), draw.dtype)))

    return [Sample(label, lambda draw, shapes=shapes: make(draw, *shapes)) for label, shapes in PAIRS.items()]


def _binary(name: str, formula: Any, second: Callable[..., Array] | None = None) -> OpSpec:
    return _spec(name, getattr(ag, name), _pairs(second), analysed(formula))


def _single(name: str, formula: Any, kind: str = "positive") -> OpSpec:
    draw_kind = {"positive": Draw.positive, "any": Draw.__call__, "distinct": Draw.distinct}[kind]
    samples = [
        Sample(label, lambda draw, shape=shape: Call((draw_kind(draw, *shape),)))
        for label, shape in (("matrix", (3, 4)), ("vector", (17,)), ("empty batch", (0, 3)))
    ]
    return _spec(name, getattr(ag, name), samples, analysed(formula))


def _choosing(name: str, function: Any, oracle: Any, shapes: list[tuple[int, ...]], smooth: bool = True) -> OpSpec:
    """Elements are moved or chosen, none is computed."""
    sample = Sample("distinct", lambda draw: Call(tuple(draw.distinct(*shape) for shape in shapes)))
    return _spec(name, function, [sample], {"oracle": oracle, "bound": copied}, smooth)


def _reduction(name: str, formula: Any) -> OpSpec:
    """Over everything, over one dimension, over two, which stay."""
    options = {"all": {}, "one": {"dim": 1}, "two": {"dim": (0, -1), "keepdim": True}}

    def directions() -> Any:
        for label, given in options.items():
            function = lambda x, given=given: getattr(ag, name)(x, **given)  # noqa: E731
            sample = Sample(label, lambda draw: Call((draw(2, 3, 4),)))
            yield Direction(
                f"{name} {label}",
                [sample],
                **analysed(lambda x, given=given: _reduced(formula, x, given)),
                function=_on_arrays(function),
                has_out=False,
            )

    gradients = tuple(
        Gradient(
            f"{name} {label}",
            lambda draw, given=given: (lambda x: getattr(ag, name)(x, **given), [draw(2, 3, 4)]),
        )
        for label, given in options.items()
    )
    return OpSpec(name, "host", (name,), tuple(directions()), gradients=gradients, reason=REASON)


def _reduced(formula: Any, x: Rounded, given: dict[str, Any]) -> Rounded:
    axes = given.get("dim", (0, 1, 2))
    axes = tuple(axis % 3 for axis in (axes if isinstance(axes, tuple) else (axes,)))
    result = formula(x, axes, int(np.prod([x.value.shape[axis] for axis in axes])))
    kept = [1 if axis in axes else size for axis, size in enumerate(x.value.shape)]
    return result.reshape(*(kept if given.get("keepdim") else [n for i, n in enumerate(kept) if i not in axes]))


def _var(x: Rounded, axes: tuple[int, ...], count: int) -> Rounded:
    centred = x - x.sum(axes, keepdims=True) / count
    return (centred * centred).sum(axes, keepdims=True) / (count - 1)


def _where(a: Array, b: Array) -> Array:
    return np.where(MASK, a, b)


def _scattered(a: Array, b: Array) -> Array:
    result = a.astype(np.longdouble)
    for (i, j), column in np.ndenumerate(INDEX):
        result[i, column] += b[i, j]
    return result


SPECS = (
    _binary("add", lambda a, b: a + b),
    _binary("sub", lambda a, b: a - b),
    _binary("mul", lambda a, b: a * b),
    _binary("div", lambda a, b: a / b, Draw.positive),
    _single("neg", lambda a: -a, "any"),
    _single("exp", lambda a: a.exp(), "any"),
    _single("log", lambda a: a.log()),
    _single("sqrt", lambda a: a.sqrt()),
    _spec(
        "pow",
        lambda a: ag.pow(a, 1.5),
        [Sample("1.5", lambda draw: Call((draw.positive(3, 4),)))],
        analysed(lambda a: a.power(Rounded(1.5, 0, a.dtype))),
    ),
    _choosing("abs", ag.abs, np.abs, [(3, 4)]),
    _choosing("sign", ag.sign, np.sign, [(3, 4)], smooth=False),
    _choosing("clip", lambda a: ag.clip(a, -0.5, 0.75), lambda a: np.clip(a, -0.5, 0.75), [(3, 4)]),
    _choosing("clone", ag.clone, np.copy, [(3, 4)]),
    _choosing("to", lambda a: ag.to(a, a.dtype), np.copy, [(3, 4)]),
    _choosing("maximum", ag.maximum, np.maximum, [(3, 4), (4,)], smooth=False),
    _choosing("minimum", ag.minimum, np.minimum, [(3, 4), (4,)], smooth=False),
    _choosing("where", lambda a, b: ag.where(MASK, a, b), _where, [(3, 4), (3, 1)]),
    _reduction("sum", lambda x, axes, count: x.sum(axes, keepdims=True)),
    _reduction("mean", lambda x, axes, count: x.sum(axes, keepdims=True) / count),
    _reduction("var", _var),
    _reduction("std", lambda x, axes, count: _var(x, axes, count).sqrt()),
    _choosing("amax", lambda a: ag.amax(a, (0, 2)), lambda a: a.max((0, 2)), [(2, 3, 4)]),
    _choosing("amin", lambda a: ag.amin(a, 1), lambda a: a.min(1), [(2, 3, 4)]),
    _choosing("max", lambda a: ag.max(a, 1)[0], lambda a: a.max(1), [(2, 3, 4)]),
    _choosing("min", lambda a: ag.min(a), lambda a: a.min(), [(2, 3, 4)]),
    _choosing("argmax", lambda a: ag.argmax(a, 1), lambda a: a.argmax(1), [(2, 3, 4)], smooth=False),
    _choosing("argmin", lambda a: ag.argmin(a), lambda a: a.argmin(), [(2, 3, 4)], smooth=False),
    _choosing("reshape", lambda a: ag.reshape(a, 2, -1), lambda a: a.reshape(2, 6), [(3, 4)]),
    _choosing("flatten", lambda a: ag.flatten(a, 1), lambda a: a.reshape(2, 12), [(2, 3, 4)]),
    _choosing("unflatten", lambda a: ag.unflatten(a, 1, (2, -1)), lambda a: a.reshape(3, 2, 4), [(3, 8)]),
    _choosing("transpose", lambda a: ag.transpose(a, 0, -1), lambda a: a.swapaxes(0, 2), [(2, 3, 4)]),
    _choosing("permute", lambda a: ag.permute(a, 2, 0, 1), lambda a: np.moveaxis(a, 2, 0), [(2, 3, 4)]),
    _choosing("squeeze", lambda a: ag.squeeze(a, 1), lambda a: a[:, 0], [(2, 1, 4)]),
    _choosing("unsqueeze", lambda a: ag.unsqueeze(a, 1), lambda a: a[:, None], [(2, 4)]),
    _choosing("expand", lambda a: ag.expand(a, 2, -1, 4), lambda a: np.stack([np.hstack([a] * 4)] * 2), [(3, 1)]),
    _choosing("cat", lambda a, b: ag.cat([a, b], 1), lambda a, b: np.hstack([a, b]), [(3, 4), (3, 1)]),
    _choosing("stack", lambda a, b: ag.stack([a, b], 1), lambda a, b: np.array([a, b]).swapaxes(0, 1), [(3, 4)] * 2),
    _choosing("split", lambda a: ag.split(a, [1, 3], 1)[1], lambda a: a[:, 1:], [(3, 4)]),
    _choosing(
        "gather",
        lambda a: ag.gather(a, 1, INDEX),
        lambda a: np.array([[a[i, j] for j in row] for i, row in enumerate(INDEX)]),
        [(3, 4)],
    ),
    _spec(
        "scatter_add",
        lambda a, b: ag.scatter_add(a, 1, INDEX, b),
        [Sample("rows", lambda draw: Call((draw(3, 4), draw(3, 2))))],
        {"oracle": _scattered},
    ),
)
