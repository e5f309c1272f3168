"""Cells of recurrent networks, from their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed
from tests.oracles.rounding import Rounded

F = tk.functional
FEATURES, HIDDEN = 3, 4


def _linear(x: Rounded, weight: Rounded, bias: Any) -> Rounded:
    """(N, features) times (rows, features) transposed."""
    a = Rounded(x.value[:, None, :], x.error[:, None, :], x.dtype)
    b = Rounded(weight.value[None], weight.error[None], x.dtype)
    y = (a * b).sum(2)
    return y if bias is None else y + bias


def _part(x: Rounded, index: int, of: int) -> Rounded:
    size = x.value.shape[1] // of
    at = slice(index * size, (index + 1) * size)
    return Rounded(x.value[:, at], x.error[:, at], x.dtype)


def _sigmoid(x: Rounded) -> Rounded:
    return 1 / (1 + (-x).exp())


def _relu(x: Rounded) -> Rounded:
    return Rounded(np.maximum(x.value, 0), x.error, x.dtype)


def _simple(squash: Any) -> Any:
    def formula(x: Rounded, h: Rounded, wi: Rounded, wh: Rounded, bi: Any = None, bh: Any = None) -> Rounded:
        result: Rounded = squash(_linear(x, wi, bi) + _linear(h, wh, bh))
        return result

    return formula


def _lstm(x: Rounded, state: Any, wi: Rounded, wh: Rounded, bi: Any = None, bh: Any = None) -> tuple[Rounded, Rounded]:
    h, c = state
    gates = _linear(x, wi, bi) + _linear(h, wh, bh)
    i, f, g, o = (_part(gates, k, 4) for k in range(4))
    c = _sigmoid(f) * c + _sigmoid(i) * g.tanh()
    return _sigmoid(o) * c.tanh(), c


def _gru(x: Rounded, h: Rounded, wi: Rounded, wh: Rounded, bi: Any = None, bh: Any = None) -> Rounded:
    xs, hs = _linear(x, wi, bi), _linear(h, wh, bh)
    r = _sigmoid(_part(xs, 0, 3) + _part(hs, 0, 3))
    z = _sigmoid(_part(xs, 1, 3) + _part(hs, 1, 3))
    n = (_part(xs, 2, 3) + r * _part(hs, 2, 3)).tanh()
    return (1 - z) * n + z * h


def _call(draw: Draw, gates: int, pair: bool, rows: int, bias: bool) -> Call:
    state = [draw(rows, HIDDEN) for _ in range(2 if pair else 1)]
    weights = [draw(gates * HIDDEN, FEATURES), draw(gates * HIDDEN, HIDDEN)]
    biases = [draw(gates * HIDDEN), draw(gates * HIDDEN)] if bias else []
    return Call((draw(rows, FEATURES), state if pair else state[0], *weights, *biases))


CASES = {"biases": (5, True), "no bias": (2, False)}


def _gradient(name: str, gates: int, pair: bool, label: str) -> Gradient:
    def make(draw: Draw) -> Any:
        call = _call(draw, gates, pair, *CASES[label])
        if not pair:
            return getattr(F, name), list(call.args)
        x, (h, c), *weights = call.args
        return (lambda x, h, c, *others: getattr(F, name)(x, (h, c), *others)), [x, h, c, *weights]

    return Gradient(f"{name} {label}", make)


def _twin(name: str) -> Any:
    def twin(torch: Any, call: Call) -> Any:
        x, state, *weights = call.args
        if isinstance(state, list):
            state = [torch.from_numpy(one) if isinstance(one, np.ndarray) else one for one in state]
        return getattr(torch, name)(x, state, *weights)

    return twin


def _run(name: str) -> Any:
    def run(*args: Any) -> Any:
        result = getattr(F, name)(*args)
        return tuple(one.numpy() for one in result) if isinstance(result, tuple) else result.numpy()

    return run


def _errors(name: str, gates: int, pair: bool) -> tuple[ErrorCase, ...]:
    x, h = np.ones((2, FEATURES), np.float32), np.ones((2, HIDDEN), np.float32)
    weights = np.ones((gates * HIDDEN, FEATURES), np.float32), np.ones((gates * HIDDEN, HIDDEN), np.float32)

    def state(one: Any) -> Any:
        return (one, one) if pair else one

    hx = r"hx\[0\]" if pair else "hx"

    def case(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
        return ErrorCase(label, lambda: getattr(F, name)(*args), exception, f"^{name}: {pattern}")

    return (
        case("rank", r"input: expected \(N, features\)", x[None], state(h), *weights),
        case("state", rf"{hx}: expected shape \(2, 4\), got shape \(1, 4\)", x, state(h[:1]), *weights),
        case(
            "dtype", f"{hx}: expected float32 as input", x, state(h.astype(np.float64)), *weights, exception=TypeError
        ),
        *(
            [case("no pair", r"hx: expected the pair \(h, c\), got ndarray", x, h, *weights, exception=TypeError)]
            if pair
            else []
        ),
    )


def _spec(name: str, formula: Any, gates: int, pair: bool = False) -> OpSpec:
    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                [
                    Sample(label, lambda draw, case=case: _call(draw, gates, pair, *case))
                    for label, case in CASES.items()
                ],
                **analysed(formula),
                function=_run(name),
                twin=_twin(name),
            ),
        ),
        gradients=tuple(_gradient(name, gates, pair, label) for label in CASES),
        errors=_errors(name, gates, pair),
    )


SPECS = (
    _spec("rnn_tanh_cell", _simple(Rounded.tanh), 1),
    _spec("rnn_relu_cell", _simple(_relu), 1),
    _spec("lstm_cell", _lstm, 4, pair=True),
    _spec("gru_cell", _gru, 3),
)
