"""Max and average pooling; a window as large as the map is global pooling. Bound by memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor

PLANES = 16  # of them the results are checked


class Pool(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        layer = case.layer
        self.x = self.draw(case.n, *layer["x"])
        self.window = layer["kernel_size"], layer.get("stride", layer["kernel_size"]), layer.get("padding", 0)
        size, stride, padding = self.window
        shape = (*self.x.shape[:2], *((side + 2 * padding - size) // stride + 1 for side in self.x.shape[2:]))
        self.dy = self.draw(*shape)
        self.moved = float(self.x.nbytes + self.dy.nbytes)
        self.maximum = layer["kind"] == "max"

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        k, x, dy, window = tk.kernels, self.x, self.dy, self.window
        if self.case.direction == "forward":
            if self.maximum:
                return lambda: k.max_pool_forward(x, *window)[0]
            return lambda: k.avg_pool_forward(x, *window)
        if self.maximum:
            indices = k.max_pool_forward(x, *window)[1]
            return lambda: k.max_pool_backward(dy, indices, x.shape)
        return lambda: k.avg_pool_backward(dy, x.shape, *window)

    def _torch(self, engine: str) -> Call:
        import torch

        aten, functional = torch.ops.aten, torch.nn.functional
        x, dy = torch_tensor(self.x, engine), torch_tensor(self.dy, engine)
        window = [[size] * 2 for size in self.window]
        if self.case.direction == "forward":
            if self.maximum:
                return lambda: functional.max_pool2d(x, *self.window, return_indices=True)[0]
            return lambda: functional.avg_pool2d(x, *self.window)
        if self.maximum:
            indices = functional.max_pool2d(x, *self.window, return_indices=True)[1]
            return lambda: aten.max_pool2d_with_indices_backward(dy, x, *window, [1, 1], False, indices)
        return lambda: aten.avg_pool2d_backward(dy, x, *window, False, True, None)

    def check(self, got: Any) -> None:
        """Some planes against window after window."""
        got = as_array(got)
        assert np.isfinite(got).all(), "not everywhere a number"
        size, stride, padding = self.window
        planes = got.reshape(-1, *got.shape[2:])
        for plane in {*range(0, len(planes), max(1, len(planes) // PLANES)), len(planes) - 1}:
            place = np.unravel_index(plane, self.x.shape[:2])
            x, dy = self.x[place].astype(float), self.dy[place].astype(float)
            fill = -np.inf if self.maximum else 0.0
            padded = np.pad(x, padding, constant_values=fill)
            windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))[::stride, ::stride]
            windows = windows.reshape(*windows.shape[:2], -1)
            if self.case.direction == "forward":
                want = windows.max(-1) if self.maximum else windows.mean(-1)
                close(planes[plane], want, size * size + 1, np.abs(x).max())
                continue
            back = np.zeros_like(padded)
            for i, j in np.ndindex(*dy.shape):
                block = back[i * stride : i * stride + size, j * stride : j * stride + size]
                if self.maximum:
                    block[np.unravel_index(windows[i, j].argmax(), (size, size))] += dy[i, j]
                else:
                    block += dy[i, j] / size**2
            inside = slice(padding, padding + x.shape[0]), slice(padding, padding + x.shape[1])
            close(planes[plane], back[inside], 2 * size * size, size * size * np.abs(dy).max())
