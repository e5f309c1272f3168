"""Max and average pooling; a window as large as the map is global pooling. Adaptive pooling. Bound by memory."""

from __future__ import annotations

from collections.abc import Iterator
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
        self.output_size = layer.get("output_size")  # of adaptive pooling
        if self.output_size is None:
            self.window = layer["kernel_size"], layer.get("stride", layer["kernel_size"]), layer.get("padding", 0)
            size, stride, padding = self.window
            sides = tuple((side + 2 * padding - size) // stride + 1 for side in self.x.shape[2:])
        else:
            sides = (self.output_size,) * 2
        self.dy = self.draw(*self.x.shape[:2], *sides)
        self.moved = float(self.x.nbytes + self.dy.nbytes)
        self.maximum = layer["kind"].endswith("max")

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours() if self.output_size is None else self._ours_adaptive()}
        if not engine.startswith("torch"):
            return {}
        return {engine: self._torch(engine) if self.output_size is None else self._torch_adaptive(engine)}

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

    def _ours_adaptive(self) -> Call:
        k, x, dy, size = tk.kernels, self.x, self.dy, self.output_size
        if self.case.direction == "forward":
            if self.maximum:
                return lambda: k.adaptive_max_pool_forward(x, size)[0]
            return lambda: k.adaptive_avg_pool_forward(x, size)
        if self.maximum:
            indices = k.adaptive_max_pool_forward(x, size)[1]
            return lambda: k.max_pool_backward(dy, indices, x.shape)
        return lambda: k.adaptive_avg_pool_backward(dy, x.shape)

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

    def _torch_adaptive(self, engine: str) -> Call:
        import torch

        aten = torch.ops.aten
        x, dy, size = torch_tensor(self.x, engine), torch_tensor(self.dy, engine), [self.output_size] * 2
        if self.case.direction == "forward":
            if self.maximum:
                return lambda: aten.adaptive_max_pool2d(x, size)[0]
            return lambda: aten._adaptive_avg_pool2d(x, size)
        if self.maximum:
            indices = aten.adaptive_max_pool2d(x, size)[1]
            return lambda: aten.adaptive_max_pool2d_backward(dy, x, indices)
        return lambda: aten._adaptive_avg_pool2d_backward(dy, x)

    def _windows(self, sides: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
        """Every output, and its window in the padded map."""
        padding = 0 if self.output_size is not None else self.window[2]

        def along(o: int, side: int) -> slice:
            if self.output_size is not None:
                return slice(o * side // self.output_size, -(-(o + 1) * side // self.output_size))
            return slice(o * self.window[1], o * self.window[1] + self.window[0])

        for i, j in np.ndindex(*self.dy.shape[2:]):
            yield (i, j), (along(i, sides[0] + 2 * padding), along(j, sides[1] + 2 * padding))

    def check(self, got: Any) -> None:
        """Some planes against window after window."""
        got = as_array(got)
        assert np.isfinite(got).all(), "not everywhere a number"
        padding = 0 if self.output_size is not None else self.window[2]
        sides = self.x.shape[2:]
        planes = got.reshape(-1, *got.shape[2:])
        for plane in {*range(0, len(planes), max(1, len(planes) // PLANES)), len(planes) - 1}:
            place = np.unravel_index(plane, self.x.shape[:2])
            x, dy = self.x[place].astype(float), self.dy[place].astype(float)
            padded = np.pad(x, padding, constant_values=-np.inf if self.maximum else 0.0)
            pooled, back, largest = np.empty(dy.shape), np.zeros_like(padded), 1
            for at, window in self._windows(sides):
                block = padded[window]
                largest = max(largest, block.size)
                pooled[at] = block.max() if self.maximum else block.mean()
                if self.maximum:
                    back[window][np.unravel_index(block.argmax(), block.shape)] += dy[at]
                else:
                    back[window] += dy[at] / block.size
            if self.case.direction == "forward":
                close(planes[plane], pooled, largest + 1, np.abs(x).max())
                continue
            inside = slice(padding, padding + sides[0]), slice(padding, padding + sides[1])
            close(planes[plane], back[inside], 2 * largest, largest * np.abs(dy).max())
