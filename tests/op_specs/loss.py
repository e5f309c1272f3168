"""Cross-entropy of a softmax, and the mean squared error."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs import loss_composed
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed, leading
from tests.oracles.rounding import Rounded

SHAPES = {
    **{f"{classes} classes": (3, classes) for classes in (1, 2, 7, 8, 9, 15, 16, 17, 33)},
    "rows 17": (17, 10),
    "dense": (2, 5, 3, 4),
    "sequences": (3, 4, 17),
    "empty batch": (0, 5),
}
BIG = {"big": (4001, 10), "big dense": (3, 21, 30, 31)}


def _samples(make: Any) -> list[Sample]:
    return [
        Sample(label, lambda draw, shape=shape: make(draw, shape), label in BIG)
        for label, shape in (SHAPES | BIG).items()
    ]


def _labels(draw: Draw, shape: tuple[int, ...]) -> Array:
    return draw.labels(shape[1], shape[0], *shape[2:])


def _forward_call(draw: Draw, shape: tuple[int, ...]) -> Call:
    scale = draw.random.choice([1, 30], shape).astype(draw.dtype)
    return Call((draw(*shape) * scale, _labels(draw, shape)))


def _backward_call(draw: Draw, shape: tuple[int, ...]) -> Call:
    return Call((draw(shape[0], *shape[2:]), -3 * draw.positive(*shape), _labels(draw, shape)))


def _forward(logits: Rounded, labels: Array) -> tuple[Rounded, Rounded]:
    shifted = logits - logits.max(1)
    log_probs = shifted - shifted.exp().sum(1, keepdims=True).log()

    def chosen(values: Any) -> Any:
        return np.take_along_axis(values, labels[:, None], 1)[:, 0]

    return Rounded(-chosen(log_probs.value), chosen(log_probs.error), log_probs.dtype), log_probs


def _backward(dlosses: Rounded, log_probs: Rounded, labels: Array) -> Rounded:
    one_hot = np.zeros(log_probs.value.shape)
    np.put_along_axis(one_hot, labels[:, None], 1, 1)
    return (log_probs.exp() - Rounded(one_hot, 0, log_probs.dtype)) * dlosses.reshape(len(labels), 1, *labels.shape[1:])


def _twin(torch: Any, call: Call) -> Any:
    logits, labels = call.args
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def _gradient(label: str, shape: tuple[int, ...], reduction: str) -> Gradient:
    def make(draw: Draw) -> Any:
        labels = _labels(draw, shape)
        return lambda x: tk.functional.cross_entropy(x, labels, reduction=reduction), [draw(*shape)]

    return Gradient(f"{label} {reduction}", make)


X, LABELS = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
    name = "softmax_cross_entropy_forward"
    return ErrorCase(label, lambda: getattr(tk.kernels, name)(*args), exception, f"^{name}: {pattern}")


ERRORS = (
    _error("rank", r"logits: expected a shape .*got shape \(3,\)", X[0], LABELS),
    _error("labels of another shape", r"labels: expected shape \(2,\).*got shape \(3,\)", X, np.zeros(3, np.int64)),
    _error("label too high", r"labels\[1\]: expected 0 <= label < 3.*got 3", X, [0, 3]),
    _error("label negative", r"labels\[0\]: expected 0 <= label < 3.*got -1", X, [-1, 0]),
    _error("float labels", "labels: expected integers, got float64", X, LABELS * 1.0, exception=TypeError),
    _error("labels None", "labels: expected integers, got None", X, None, exception=TypeError),
    ErrorCase(
        "dlosses",
        lambda: tk.kernels.softmax_cross_entropy_backward(X[0], X, LABELS),
        ValueError,
        r"^softmax_cross_entropy_backward: dlosses: expected shape \(2,\) as labels, got shape \(3,\)",
    ),
)

SPECS = (
    OpSpec(
        name="cross_entropy",
        kind="kernel",
        functional=("cross_entropy",),
        directions=(
            Direction(
                "softmax_cross_entropy_forward",
                _samples(_forward_call),
                **analysed(_forward),
                split=leading(0, 1),
                twin=_twin,
                has_out=False,
            ),
            Direction(
                "softmax_cross_entropy_backward",
                _samples(_backward_call),
                **analysed(_backward),
                split=leading(0, 1, 2),
            ),
        ),
        gradients=(
            _gradient("rows", (4, 3), "mean"),
            _gradient("rows", (4, 3), "sum"),
            _gradient("dense", (2, 3, 2, 2), "none"),
            _gradient("dense", (2, 3, 2), "mean"),
        ),
        errors=ERRORS,
    ),
    *loss_composed.SPECS,
)
