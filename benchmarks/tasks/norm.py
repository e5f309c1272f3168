"""Batch normalisation in training and inference, alone and with a ReLU behind it. Bound by memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor

EPS = 1e-5
STREAMS = {"forward": 2, "forward_relu": 2, "backward": 3, "backward_relu": 3, "inference": 2}  # maps read or written


class Norm(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.x = self.draw(case.n, *case.layer["x"])
        channels = self.x.shape[1]
        self.weight, self.bias = self.draw(channels), self.draw(channels)
        self.dy = self.draw(*self.x.shape) if case.direction.startswith("backward") else None
        self.moved = float(STREAMS[case.direction] * self.x.nbytes)
        self.axes = (0, *range(2, self.x.ndim))
        self.mean = self.x.mean(self.axes, dtype=np.float64).astype(np.float32)
        self.var = self.x.var(self.axes, dtype=np.float64).astype(np.float32)
        self.invstd = 1 / np.sqrt(self.var + np.float32(EPS))
        self.y = self._activated() if case.direction == "backward_relu" else None

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        k, x, w, b, dy = tk.kernels, self.x, self.weight, self.bias, self.dy
        mean, invstd = self.mean, self.invstd
        calls: dict[str, Call] = {
            "forward": lambda: k.batch_norm_forward(x, w, b)[0],
            "forward_relu": lambda: k.batch_norm_forward(x, w, b, activation="relu")[0],
            "backward": lambda: k.batch_norm_backward(dy, x, mean, invstd, w)[0],
            "backward_relu": lambda: k.batch_norm_backward(dy, x, mean, invstd, w, b, activation="relu")[0],
            "inference": lambda: k.batch_norm_inference(x, mean, self.var, w, b),
        }
        return calls[self.case.direction]

    def _torch(self, engine: str) -> Call:
        import torch

        aten = torch.ops.aten
        x, w, b = torch_tensor(self.x, engine), torch.from_numpy(self.weight), torch.from_numpy(self.bias)
        mean, invstd, var = map(torch.from_numpy, (self.mean, self.invstd, self.var))
        dy = None if self.dy is None else torch_tensor(self.dy, engine)
        y = None if self.y is None else torch_tensor(self.y, engine)

        def forward() -> Any:
            return aten.native_batch_norm(x, w, b, None, None, True, 0.1, EPS)[0]

        def backward(gradient: Any) -> Any:
            return aten.native_batch_norm_backward(gradient, x, w, None, None, mean, invstd, True, EPS, [True] * 3)[0]

        calls: dict[str, Call] = {
            "forward": forward,
            "forward_relu": lambda: torch.relu(forward()),
            "backward": lambda: backward(dy),
            "backward_relu": lambda: backward(aten.threshold_backward(dy, y, 0)),
            "inference": lambda: torch.nn.functional.batch_norm(x, mean, var, w, b, False, 0.1, EPS),
        }
        return calls[self.case.direction]

    def _activated(self) -> np.ndarray:
        """The saved output of BN and ReLU."""
        per_channel = (-1, *(1,) * (self.x.ndim - 2))
        mean, factor = self.mean.reshape(per_channel), (self.invstd * self.weight).reshape(per_channel)
        return np.maximum((self.x - mean) * factor + self.bias.reshape(per_channel), 0)

    def check(self, got: Any) -> None:
        """Three channels in float64."""
        got = as_array(got)
        assert np.isfinite(got).all(), "not everywhere a number"
        count = math.prod(self.x.shape) // self.x.shape[1]
        for channel in {0, self.x.shape[1] // 2, self.x.shape[1] - 1}:
            x = self.x[:, channel].astype(float)
            w, b = float(self.weight[channel]), float(self.bias[channel])
            centred = (x - x.mean()) / np.sqrt(x.var() + EPS)
            if self.dy is None:
                want = centred * w + b
                if self.case.direction == "forward_relu":
                    want = np.maximum(want, 0)
            else:
                dy = self.dy[:, channel].astype(float)
                if self.y is not None:
                    dy = np.where(self.y[:, channel] > 0, dy, 0)
                want = w / np.sqrt(x.var() + EPS) * (dy - dy.mean() - centred * (dy * centred).mean())
            close(got[:, channel], want, count)
