"""Activations by kind, and PReLU, whose gradients torch's autograd finds. Bound by memory or by their exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor
from tatamikomi.kernels.reference.activation import KINDS as EXACT

SELU = (1.0507009873554805, 1.0507009873554805 * 1.6732632423543772)
# torch.nn.functional's name: our kind and its parameters, torch's options
KINDS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "celu": (("celu", 0.75, 0.0), {"alpha": 0.75}),
    "elu": (("elu", 1.0, 1.0), {}),
    "gelu": (("gelu", 0.0, 0.0), {}),
    "gelu_tanh": (("gelu_tanh", 0.0, 0.0), {"approximate": "tanh"}),
    "hardshrink": (("hardshrink", 0.5, 0.0), {}),
    "hardsigmoid": (("hardsigmoid", 0.0, 0.0), {}),
    "hardswish": (("hardswish", 0.0, 0.0), {}),
    "hardtanh": (("hardtanh", -1.0, 1.0), {}),
    "leaky_relu": (("leaky_relu", 0.01, 0.0), {}),
    "logsigmoid": (("softplus", -1.0, math.inf), {}),
    "mish": (("mish", 0.0, 0.0), {}),
    "prelu": ((), {}),
    "relu6": (("hardtanh", 0.0, 6.0), {}),
    "selu": (("elu", *SELU), {}),
    "silu": (("silu", 0.0, 0.0), {}),
    "softplus": (("softplus", 1.0, 20.0), {}),
    "softshrink": (("softshrink", 0.5, 0.0), {}),
    "softsign": (("softsign", 0.0, 0.0), {}),
    "tanhshrink": (("tanhshrink", 0.0, 0.0), {}),
    "threshold": (("threshold", 0.5, -1.0), {"threshold": 0.5, "value": -1.0}),
}
ROUNDINGS = 32  # of an exponential, a logarithm and a few quotients, relative to the largest result


class ActivationKind(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.name = case.layer["kind"]
        self.backward = self.tape = case.direction == "backward"
        self.x = self.draw(case.n, *case.layer["x"])
        self.dy = self.draw(*self.x.shape)[::-1].copy()
        self.weight = self.draw(self.x.shape[1])
        self.moved = float((3 if self.backward else 2) * self.x.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        k, x, dy, w = tk.kernels, self.x, self.dy, self.weight
        options = KINDS[self.name][0]
        if self.name == "prelu":
            return (lambda: k.prelu_backward(dy, x, w)[0]) if self.backward else (lambda: k.prelu_forward(x, w))
        if self.backward:
            return lambda: k.activation_backward(dy, x, *options)
        return lambda: k.activation_forward(x, *options)

    def _torch(self, engine: str) -> Call:
        import torch

        function: Callable[..., Any] = getattr(torch.nn.functional, self.name.removesuffix("_tanh"))
        options = dict(KINDS[self.name][1])
        x, dy, w = torch_tensor(self.x, engine), torch_tensor(self.dy, engine), torch.from_numpy(self.weight)
        if self.name == "prelu":
            options["weight"] = w
        if not self.backward:
            return lambda: function(x, **options)
        wanted = [one.requires_grad_() for one in ([x, w] if self.name == "prelu" else [x])]
        y = function(x, **options)
        return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)[0]

    def check(self, got: Any) -> None:
        x, dy = self.x.astype(float), self.dy.astype(float)
        if self.name == "prelu":
            slopes = np.where(x > 0, 1, self.weight.astype(float).reshape(-1, *[1] * (x.ndim - 2)))
            want = slopes * (dy if self.backward else x)
        else:
            kind, a, b = KINDS[self.name][0]
            with np.errstate(all="ignore"):
                want = EXACT[kind][1](dy, x, a, b) if self.backward else EXACT[kind][0](x, a, b)
        close(got, want, ROUNDINGS)
