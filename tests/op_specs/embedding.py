"""Embedding and one-hot rows: numbers are moved, none is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, copied

F = tk.functional
TABLE = np.ones((4, 3), np.float32)
INDICES = {
    "one": (1,),
    "row": (5,),
    "matrix": (3, 4),
    "none": (0,),
}


def _embedding_oracle(indices: Array, weight: Array) -> Array:
    y = np.zeros((*indices.shape, weight.shape[1]), weight.dtype)
    for place in np.ndindex(indices.shape):
        for column in range(weight.shape[1]):
            y[(*place, column)] = weight[indices[place], column]
    return y


def _one_hot_oracle(indices: Array, classes: int) -> Array:
    y = np.zeros((*indices.shape, classes), np.int64)
    for place in np.ndindex(indices.shape):
        y[(*place, int(indices[place]))] = 1
    return y


def _sample(label: str) -> Sample:
    shape = INDICES[label]
    return Sample(label, lambda draw: Call((draw.labels(6, *shape), draw(6, 5))))


def _gradient(label: str) -> Gradient:
    def make(draw: Draw) -> Any:
        indices = draw.labels(6, *INDICES[label])
        return (lambda weight: F.embedding(indices, weight)), [draw(6, 5)]

    return Gradient(f"embedding {label}", make)


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: F.embedding(*args, **options), exception, f"^embedding: {pattern}")


def _hot_error(label: str, pattern: str, *args: Any, exception: type = ValueError) -> ErrorCase:
    return ErrorCase(label, lambda: F.one_hot(*args), exception, f"^one_hot: {pattern}")


SPECS = (
    OpSpec(
        name="embedding",
        kind="host",
        functional=("embedding",),
        reason="rows of a table are memory traffic, which NumPy's indexing moves at the speed of a copy",
        directions=(
            Direction(
                "embedding",
                [_sample(label) for label in INDICES],
                _embedding_oracle,
                copied,
                function=lambda indices, weight: F.embedding(indices, weight).numpy(),
                twin=lambda torch, call: torch.nn.functional.embedding(*call.args),
            ),
        ),
        gradients=tuple(_gradient(label) for label in INDICES),
        errors=(
            _error("too large", "input: expected 0 <= index < 4, got 4", [4], TABLE),
            _error("negative", "input: expected 0 <= index < 4, got -1", [0, -1], TABLE),
            _error("floats", "input: expected integers, got float64", [0.5], TABLE, exception=TypeError),
            _error("ragged", "input: expected an array of integers, got a ragged list", [[0], [1, 2]], TABLE),
            _error("rank", r"weight: expected \(rows, features\), got shape \(3,\)", [0], TABLE[0]),
            _error("padding", "padding_idx: expected -4 <= padding_idx < 4, got 4", [0], TABLE, padding_idx=4),
            _error("norm of an array", "weight: expected a Tensor", [0], TABLE, max_norm=1.0, exception=TypeError),
            _error("flag", "scale_grad_by_freq: expected True", [0], TABLE, scale_grad_by_freq=1, exception=TypeError),
        ),
    ),
    OpSpec(
        name="one_hot",
        kind="host",
        functional=("one_hot",),
        reason="a comparison of integers",
        directions=(
            Direction(
                "one_hot",
                [
                    Sample(label, lambda draw, shape=shape: Call((draw.labels(6, *shape), 6)))
                    for label, shape in INDICES.items()
                ],
                _one_hot_oracle,
                copied,
                function=lambda indices, classes: F.one_hot(indices, classes).numpy(),
                twin=lambda torch, call: torch.nn.functional.one_hot(*call.args),
            ),
        ),
        errors=(
            _hot_error("too large", "input: expected 0 <= index < 2, got 2", [0, 2], 2),
            _hot_error("negative", "input: expected 0 <= index, got -1", [-1]),
            _hot_error("floats", "input: expected integers", [0.5], exception=TypeError),
            _hot_error("empty", "num_classes: expected a number of classes where input is empty", []),
        ),
    ),
)
