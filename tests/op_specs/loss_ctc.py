"""Connectionist temporal classification: every path of a short sequence, spelt out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, gamma, roundoff
from tests.oracles.rounding import FUNCTION_ROUNDINGS

F = tk.functional


def _spelt(path: tuple[int, ...], blank: int) -> list[int]:
    """Repeats merged, blanks taken out."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != blank]


def _normalised(log_probs: Array) -> Array:
    top = log_probs.max(-1, keepdims=True)
    return log_probs - top - np.log(np.exp(log_probs - top).sum(-1, keepdims=True))


def _oracle(
    log_probs: Array,
    targets: Array,
    frames: Any,
    lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    logs = _normalised(np.asarray(log_probs, np.longdouble))
    rows = list(targets) if targets.ndim == 2 else np.split(targets, np.cumsum(lengths)[:-1])
    losses = []
    for n, wanted in enumerate(rows):
        target = [int(label) for label in wanted[: lengths[n]]]
        total = np.longdouble(0)
        for path in itertools.product(range(logs.shape[2]), repeat=int(frames[n])):
            if _spelt(path, blank) == target:
                total += np.exp(sum((logs[t, n, symbol] for t, symbol in enumerate(path)), np.longdouble(0)))
        with np.errstate(divide="ignore"):
            loss = -np.log(total)
        loss = np.longdouble(0) if zero_infinity and np.isinf(loss) else loss
        losses.append(loss / max(len(target), 1) if reduction == "mean" else loss)
    result = np.array(losses)
    return result if reduction == "none" else result.mean() if reduction == "mean" else result.sum()


def _bound(oracle: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
    """Each step adds a log-probability to the logarithm of two sums: five functions and two additions, each rounded on
    numbers no larger than all the logarithms together; no step makes an error larger. The log-softmax in front is off
    by as much again. What comes after, a division and a sum over the batch, is gamma of the batch."""
    logs = np.abs(_normalised(np.asarray(call.args[0], np.longdouble)))
    steps, n, classes = logs.shape
    largest = logs.max(2).sum(0).max() + np.abs(call.args[0]).max() + 1
    roundings = steps * (6 * FUNCTION_ROUNDINGS + 2) + gamma(classes + n, 1e-6) / 1e-6
    size = largest * (n if call.kwargs.get("reduction") == "sum" else 1)
    return (np.broadcast_to(roundings * roundoff(dtype) * size, np.shape(oracle(*call.args, **call.kwargs))),)


# label: steps, classes, targets, input lengths, target lengths, options
CASES: dict[str, Any] = {
    "mean": (4, 3, [[1, 2], [2, 2]], [4, 4], [2, 2], {}),
    "none": (5, 3, [[1, 2], [1, 1], [2, 1]], [5, 3, 4], [2, 2, 1], {"reduction": "none"}),
    "sum": (4, 4, [[1, 2, 3]], [4], [3], {"reduction": "sum"}),
    "in one row": (4, 3, [1, 2, 1], [4, 3], [2, 1], {"reduction": "none"}),
    "blank last": (4, 3, [[0, 1], [1, 1]], [3, 4], [2, 1], {"blank": 2}),
    "no label": (3, 3, [[1], [1]], [3, 2], [0, 1], {"reduction": "none"}),
    "no path": (2, 3, [[1, 1], [1, 2]], [2, 2], [2, 2], {"zero_infinity": True, "reduction": "none"}),
}


def _call(draw: Draw, label: str) -> Call:
    steps, classes, targets, frames, lengths, options = CASES[label]
    logits = draw(steps, len(frames), classes)
    return Call((logits, np.array(targets), frames, lengths), options)


def _gradient(label: str) -> Gradient:
    def make(draw: Draw) -> Any:
        call = _call(draw, label)
        return (lambda x: F.ctc_loss(x, *call.args[1:], **call.kwargs)), [call.args[0]]

    return Gradient(f"ctc_loss {label}", make)


def _twin(torch: Any, call: Call) -> Any:
    return torch.nn.functional.ctc_loss(call.args[0].log_softmax(2), *call.args[1:], **call.kwargs)


X = np.zeros((4, 2, 3), np.float32)
TARGETS = np.array([[1, 2], [2, 1]])


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    given = [*args, *(X, TARGETS, [4, 4], [2, 2])[len(args) :]]
    return ErrorCase(label, lambda: F.ctc_loss(*given, **options), exception, f"^ctc_loss: {pattern}")


SPECS = (
    OpSpec(
        name="ctc_loss",
        kind="host",
        functional=("ctc_loss",),
        reason="a walk through time in double precision, vectorised over batch and states",
        directions=(
            Direction(
                "ctc_loss",
                [Sample(label, lambda draw, label=label: _call(draw, label)) for label in CASES],
                _oracle,
                _bound,
                exact=False,
                function=lambda *args, **options: F.ctc_loss(*args, **options).numpy(),
                twin=_twin,
            ),
        ),
        gradients=tuple(_gradient(label) for label in CASES),
        errors=(
            _error("rank", r"log_probs: expected \(T, N, C\)", X[0, 0]),
            _error("integers", "log_probs: expected float32 or float64", TARGETS, exception=TypeError),
            _error("targets of floats", "targets: expected integers", X, TARGETS * 1.0, exception=TypeError),
            _error("batch of targets", r"targets: expected \(2, longest target\)", X, TARGETS[:1]),
            _error(
                "blank in a target", "targets: expected a class, 0 <= class < 3, other than blank = 0", X, TARGETS - 1
            ),
            _error("no such class", "targets: expected a class.*got 3", X, TARGETS + 1),
            _error("blank", "blank: expected 0 <= blank < 3, got 3", blank=3),
            _error("input length", "input_lengths: expected 0 <= length <= 4, got 5", X, TARGETS, [5, 4]),
            _error("target length", "target_lengths: expected 0 <= length <= 2, got 3", X, TARGETS, [4, 4], [3, 2]),
            _error("one length", r"input_lengths: expected \(2,\)", X, TARGETS, [4]),
            _error(
                "sum of lengths",
                "target_lengths: expected 4, the number of targets",
                X,
                TARGETS.ravel(),
                [4, 4],
                [1, 2],
            ),
            _error("float lengths", "input_lengths: expected integers", X, TARGETS, [4.0, 4.0], exception=TypeError),
            _error("reduction", "reduction: expected one of 'mean', 'sum', 'none'", reduction="average"),
            _error("zero_infinity", "zero_infinity: expected True or False", zero_infinity=1, exception=TypeError),
        ),
    ),
)
