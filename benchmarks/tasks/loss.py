"""Softmax and cross-entropy in one: n logits of so many classes. The gradient is that of the sum of the losses."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import close
from benchmarks.tasks.task import OURS, Call, Task


class Loss(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.classes = case.layer["classes"]
        self.logits = self.draw(case.n, self.classes)
        self.labels = np.arange(case.n) % self.classes
        self.moved = float((2 if case.direction == "forward" else 3) * self.logits.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        logits, labels, ones = self.logits, self.labels, np.ones(self.case.n, np.float32)
        forward = self.case.direction == "forward"
        if engine in OURS:
            if forward:
                return {engine: lambda: tk.kernels.softmax_cross_entropy_forward(logits, labels)[0]}
            log_probs = tk.kernels.softmax_cross_entropy_forward(logits, labels)[1]
            return {engine: lambda: tk.kernels.softmax_cross_entropy_backward(ones, log_probs, labels)}
        if engine != "torch":
            return {}
        import torch

        aten = torch.ops.aten
        x, y, dy = map(torch.from_numpy, (logits, labels, ones))
        if forward:
            return {engine: lambda: torch.nn.functional.cross_entropy(x, y, reduction="none")}
        saved = torch.log_softmax(x, 1)
        total = torch.tensor(float(len(labels)))

        def backward() -> Any:
            """The two steps that autograd takes."""
            d_saved = aten.nll_loss_backward(dy, saved, y, None, 0, -100, total)
            return aten._log_softmax_backward_data(d_saved, saved, 1, torch.float32)

        return {engine: backward}

    def check(self, got: Any) -> None:
        powers = np.exp(self.logits.astype(float))
        probabilities = powers / powers.sum(1, keepdims=True)
        # A sum over the classes and a few roundings of exp and log, of numbers up to log(classes) + 4.
        if self.case.direction == "forward":
            close(got, -np.log(probabilities[np.arange(len(self.labels)), self.labels]), self.classes + 32)
        else:
            close(got, probabilities - np.eye(self.classes)[self.labels], self.classes + 32)
