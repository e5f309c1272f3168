"""Fully connected layers, x (n, in) and weight (out, in): the three products, without bias."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import close
from benchmarks.tasks.task import OURS, Call, Task

# Which two of x (n, in), weight (out, in) and dy (n, out) are multiplied, and which of them transposed.
PRODUCTS = {
    "forward": ("x", "weight", False, True),
    "backward_input": ("dy", "weight", False, False),
    "backward_weight": ("dy", "x", True, False),
}


class Linear(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        outputs, inputs = case.layer["weight"]
        shapes = {"x": (case.n, inputs), "weight": (outputs, inputs), "dy": (case.n, outputs)}
        first, second, self.t_a, self.t_b = PRODUCTS[case.direction]
        self.a, self.b = self.draw(*shapes[first]), self.draw(*shapes[second])
        self.flops = 2.0 * case.n * inputs * outputs
        self.moved = 4.0 * (case.n * inputs + case.n * outputs + inputs * outputs)

    def calls(self, engine: str) -> dict[str, Call]:
        a, b = self.a, self.b
        if engine in OURS:
            return {engine: lambda: tk.kernels.matmul(a, b, self.t_a, self.t_b)}
        if engine == "torch":
            import torch

            ta, tb = torch.from_numpy(a), torch.from_numpy(b)
            ta, tb = ta.T if self.t_a else ta, tb.T if self.t_b else tb
            return {engine: lambda: ta @ tb}
        if engine == "numpy":
            na, nb = a.T if self.t_a else a, b.T if self.t_b else b
            return {engine: lambda: na @ nb}
        return {}

    def check(self, got: Any) -> None:
        """The first and last rows in float64."""
        a, b = (self.a.T if self.t_a else self.a), (self.b.T if self.t_b else self.b).astype(float)
        rows = sorted({*range(min(8, len(a))), *range(max(0, len(a) - 8), len(a))})
        some = a[rows].astype(float)
        assert np.isfinite(np.asarray(got)).all(), "not everywhere a number"
        close(np.asarray(got)[rows], some @ b, b.shape[0], np.abs(some) @ np.abs(b))
