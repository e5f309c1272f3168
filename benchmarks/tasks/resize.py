"""Images in other sizes, bilinear and nearest. Bound by memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor
from tatamikomi.kernels.resize_tables import linear_table, nearest_table

PLANES = 16  # of them the results are checked
TERMS = 12  # 4 taps and their weights, both ways


class Resize(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        layer = case.layer
        self.mode, self.goals = layer["mode"], tuple(layer["size"])
        self.x = self.draw(case.n, *layer["x"])
        self.dy = self.draw(*self.x.shape[:2], *self.goals)
        self.moved = float(self.x.nbytes + self.dy.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        make = nearest_table if self.mode == "nearest" else linear_table
        tables = [make(*axis) for axis in zip(self.x.shape[2:], self.goals, strict=True)]
        if self.case.direction == "forward":
            return lambda: tk.kernels.resample(self.x, tables)
        back = [table.transposed for table in tables]
        return lambda: tk.kernels.resample(self.dy, back)

    def _torch(self, engine: str) -> Call:
        import torch

        x, dy = torch_tensor(self.x, engine), torch_tensor(self.dy, engine)
        if self.case.direction == "forward":
            return lambda: torch.nn.functional.interpolate(x, self.goals, mode=self.mode)
        sizes = list(self.goals), list(self.x.shape)
        if self.mode == "nearest":
            return lambda: torch.ops.aten.upsample_nearest2d_backward(dy, *sizes, None, None)
        return lambda: torch.ops.aten.upsample_bilinear2d_backward(dy, *sizes, False, None, None)

    def check(self, got: Any) -> None:
        """Some planes against products with the matrices of both axes."""
        got = as_array(got)
        rows, columns = (self._matrix(*axis) for axis in zip(self.x.shape[2:], self.goals, strict=True))
        backward = self.case.direction == "backward"
        given = self.dy if backward else self.x
        planes, source = got.reshape(-1, *got.shape[2:]), given.reshape(-1, *given.shape[2:])
        for plane in {*range(0, len(planes), max(1, len(planes) // PLANES)), len(planes) - 1}:
            one = source[plane].astype(float)
            left, right = (rows.T, columns) if backward else (rows, columns.T)
            terms = TERMS + int(rows.astype(bool).sum(0).max() + columns.astype(bool).sum(0).max())
            close(planes[plane], left @ one @ right, terms, left @ np.abs(one) @ right)

    def _matrix(self, size: int, outputs: int) -> np.ndarray:
        """(outputs, size)"""
        if self.mode == "nearest":
            return np.eye(size)[np.arange(outputs) * size // outputs]
        positions = np.clip((np.arange(outputs) + 0.5) * size / outputs - 0.5, 0, size - 1)
        return np.stack([np.interp(positions, np.arange(size), one) for one in np.eye(size)], 1)
