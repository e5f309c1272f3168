"""Activations, and the residual sum with its ReLU. Bound by memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor

EXACT = {
    "relu": lambda x: np.maximum(x, 0),
    "add_relu": lambda x: np.maximum(2 * x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}
ROUNDINGS = 8  # of exp, a sum and a quotient, with room for an exp that is 4 units off


class Activation(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.kind = case.layer["kind"]
        self.x = self.draw(case.n, *case.layer["x"])
        self.dy = self.draw(*self.x.shape)
        self.y = np.maximum(self.x, 0)
        streams = 3 if self.kind == "add_relu" or case.direction == "backward" else 2
        self.moved = float(streams * self.x.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        x, y, dy = self.x, self.y, self.dy
        if engine in OURS:
            if self.case.direction == "backward":
                return {engine: lambda: tk.kernels.relu_backward(dy, y)}
            if self.kind == "add_relu":
                other = x.copy()
                return {engine: lambda: tk.kernels.add_relu_forward(x, other)}
            forward = getattr(tk.kernels, f"{self.kind}_forward")
            return {engine: lambda: forward(x)}
        if not engine.startswith("torch"):
            return {}
        import torch

        tx, ty, tdy = (torch_tensor(one, engine) for one in (x, y, dy))
        if self.case.direction == "backward":
            return {engine: lambda: torch.ops.aten.threshold_backward(tdy, ty, 0)}
        if self.kind == "add_relu":
            t_other = tx.clone()
            return {engine: lambda: torch.relu_(tx + t_other)}
        function = getattr(torch, self.kind)
        return {engine: lambda: function(tx)}

    def check(self, got: Any) -> None:
        if self.case.direction == "backward":
            want = np.where(self.y > 0, self.dy, 0)
        else:
            want = EXACT[self.kind](self.x.astype(float))
        close(got, want, ROUNDINGS)
