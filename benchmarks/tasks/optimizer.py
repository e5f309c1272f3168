"""One step of SGD with momentum and of Adam over all parameters. Bytes: what a step must read and write at least."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task
from tatamikomi import nn, optim

LR = 0.01
CLASSES = {"sgd": "SGD", "adam": "Adam"}
STREAMS = {"sgd": 5, "adam": 7}  # arrays read or written: w, g, v and w, v again; w, g, m, v and w, m, v


class OptimizerStep(Task):
    tape = True  # torch's optimizers update parameters, which inference tensors are not

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.kind = case.layer["kind"]
        self.weights = [self.draw(size) for size in case.layer["params"]]
        self.grads = [self.draw(size) for size in case.layer["params"]]
        self.moved = float(STREAMS[self.kind] * sum(w.nbytes for w in self.weights))

    def calls(self, engine: str) -> dict[str, Call]:
        options: dict[str, Any] = {"momentum": 0.9} if self.kind == "sgd" else {}
        params: list[Any]
        if engine in OURS:
            params = [nn.Parameter(w) for w in self.weights]
            for param, g in zip(params, self.grads, strict=True):
                param.grad = g
            optimizer: Any = getattr(optim, CLASSES[self.kind])(params, lr=LR, **options)
        elif engine == "torch":
            import torch

            params = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in self.weights]
            for param, g in zip(params, self.grads, strict=True):
                param.grad = torch.from_numpy(g)
            optimizer = getattr(torch.optim, CLASSES[self.kind])(params, lr=LR, fused=True, **options)
        else:
            return {}

        def step() -> list[Any]:
            optimizer.step()
            return params

        return {engine: step}

    def check(self, got: Any) -> None:
        """After the first step, from no memory: SGD goes by g, Adam by g / |g|."""
        for param, w, g in zip(got, self.weights, self.grads, strict=True):
            w, g = w.astype(float), g.astype(float)
            want = w - LR * (g if self.kind == "sgd" else g / (np.abs(g) + 1e-8))
            close(as_array(param.data), want, 32, np.abs(w) + LR * (1 + np.abs(g)))
