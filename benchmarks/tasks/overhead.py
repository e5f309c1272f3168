"""What a call costs: the smallest convolution on arrays (torch: in inference mode), recorded on the tape, and with its
backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case, conv_of
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task


class Overhead(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.tape = case.direction != "array"
        shape = conv_of(case)
        self.x, self.weight = self.draw(*shape.x), self.draw(*shape.weight)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            if not self.tape:
                return {engine: lambda: tk.kernels.conv_forward(self.x, self.weight)}
            conv, x, weight = tk.functional.conv2d, tk.tensor(self.x), tk.nn.Parameter(self.weight)
        elif engine == "torch":
            import torch

            conv, x = torch.nn.functional.conv2d, torch.from_numpy(self.x)
            weight = torch.nn.Parameter(torch.from_numpy(self.weight)) if self.tape else torch.from_numpy(self.weight)
        else:
            return {}
        if self.case.direction != "tape_backward":
            return {engine: lambda: conv(x, weight)}

        def both() -> Any:
            weight.grad = None
            y = conv(x, weight)
            y.backward()
            return y

        return {engine: both}

    def check(self, got: Any) -> None:
        want = (self.x.astype(float) * self.weight).sum().reshape(1, 1, 1, 1)
        close(as_array(got), want, 18, np.abs(self.x * self.weight).sum())
