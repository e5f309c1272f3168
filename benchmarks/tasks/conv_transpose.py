"""Transposed convolution of images: forward (without a bias), and both gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor


class TransposedConvolution(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        layer = case.layer
        self.x, self.weight = self.draw(case.n, *layer["x"]), self.draw(*layer["weight"])
        self.stride, self.padding = layer["stride"], layer.get("padding", 0)
        self.extra = layer.get("output_padding", 0)
        sizes = [
            (size - 1) * self.stride - 2 * self.padding + kernel + self.extra
            for size, kernel in zip(self.x.shape[2:], self.weight.shape[2:], strict=True)
        ]
        self.dy = self.draw(case.n, self.weight.shape[1], *sizes)
        self.flops = 2.0 * self.x.size * math.prod(self.weight.shape[1:])
        self.moved = float(self.x.nbytes + self.weight.nbytes + self.dy.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        k, x, w, dy = tk.kernels, self.x, self.weight, self.dy
        options = self.stride, ((self.padding, max(self.padding - self.extra, 0)),) * 2
        if self.case.direction == "forward":
            return lambda: tk.functional.conv_transpose2d(x, w, None, self.stride, self.padding, self.extra).numpy()
        if self.case.direction == "backward_input":
            return lambda: k.conv_forward(dy, w, None, *options)
        return lambda: k.conv_backward_weight(x, dy, w.shape, *options)

    def _torch(self, engine: str) -> Call:
        import torch

        x, w, dy = (torch_tensor(one, engine) for one in (self.x, self.weight, self.dy))
        if self.case.direction == "forward":
            function = torch.nn.functional.conv_transpose2d
            return lambda: function(x, w, None, self.stride, self.padding, self.extra)
        which = 0 if self.case.direction == "backward_input" else 1
        options = [self.stride] * 2, [self.padding] * 2, [1, 1], True, [self.extra] * 2, 1
        mask = [which == 0, which == 1, False]
        backward = torch.ops.aten.convolution_backward
        return lambda: backward(dy, x, w, None, *options, mask)[which]

    def check(self, got: Any) -> None:
        """All of it against float64, tap by tap; sums of Winograd's transforms stay within twice the terms."""
        got = as_array(got)
        want, scale = (self._exact(*arrays) for arrays in (self._given(np.asarray), self._given(np.abs)))
        terms = {
            "forward": self.x.shape[1] * math.prod(self.weight.shape[2:]),
            "backward_input": math.prod(self.weight.shape[1:]),
            "backward_weight": self.x.shape[0] * math.prod(self.x.shape[2:]),
        }
        close(got, want, 2 * terms[self.case.direction] + 2, scale.max())

    def _given(self, change: Any) -> list[np.ndarray]:
        return [change(one).astype(float) for one in (self.x, self.weight, self.dy)]

    def _exact(self, x: np.ndarray, weight: np.ndarray, dy: np.ndarray) -> np.ndarray:
        around = [(self.padding, self.padding + self.stride)] * 2  # so that every tap finds its place
        padded = np.pad(dy, [(0, 0), (0, 0), *around])
        result = {"forward": 0 * padded, "backward_input": 0 * x, "backward_weight": 0 * weight}[self.case.direction]
        for a, b in np.ndindex(*weight.shape[2:]):
            place = tuple(
                slice(tap, tap + (size - 1) * self.stride + 1, self.stride)
                for tap, size in zip((a, b), x.shape[2:], strict=True)
            )
            seen = padded[(..., *place)]
            if self.case.direction == "forward":
                result[(..., *place)] += np.einsum("nchw,ck->nkhw", x, weight[..., a, b], optimize=True)
            elif self.case.direction == "backward_input":
                result += np.einsum("nkhw,ck->nchw", seen, weight[..., a, b], optimize=True)
            else:
                result[..., a, b] = np.einsum("nchw,nkhw->ck", x, seen, optimize=True)
        if self.case.direction != "forward":
            return result
        return result[(..., *(slice(self.padding, self.padding + size) for size in dy.shape[2:]))]
