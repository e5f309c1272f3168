"""Group, instance and layer normalisation, with weight and bias. Bound by memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import as_array, close
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor

EPS = 1e-5
STREAMS = {"forward": 2, "backward": 3}  # arrays read or written
ROWS = 8  # of them the results are checked


class GroupNorm(Task):
    """A layer says `groups`; `axes` normalises over so many of the last ones, with a weight for each element."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.x = self.draw(case.n, *case.layer["x"])
        self.dy = self.draw(*self.x.shape)
        axes = case.layer.get("axes")
        self.normalized = None if axes is None else self.x.shape[-axes:]
        self.parameters = self.x.shape[1:2] if self.normalized is None else self.normalized
        self.weight, self.bias = self.draw(*self.parameters), self.draw(*self.parameters)
        self.groups = case.layer.get("groups", 1)
        # (n, channels, *sizes): the rows of a layer norm are images, its elements channels.
        self.shape = self.x.shape if self.normalized is None else (-1, int(np.prod(self.normalized)))
        self.moved = float(STREAMS[case.direction] * self.x.nbytes)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return {engine: self._ours()}
        return {engine: self._torch(engine)} if engine.startswith("torch") else {}

    def _ours(self) -> Call:
        k, x, dy = tk.kernels, self.x.reshape(self.shape), self.dy.reshape(self.shape)
        w, b, groups = self.weight.ravel(), self.bias.ravel(), self.groups
        if self.case.direction == "forward":
            return lambda: k.group_norm_forward(x, groups, w, b, EPS)[0]
        _, mean, invstd = k.group_norm_forward(x, groups, w, b, EPS)
        return lambda: k.group_norm_backward(dy, x, mean, invstd, groups, w)[0]

    def _torch(self, engine: str) -> Call:
        """What torch's layers call: instance normalisation is its batch normalisation of (1, n * c, *sizes)."""
        import torch

        aten = torch.ops.aten
        x, dy = torch_tensor(self.x, engine), torch_tensor(self.dy, engine)
        w, b = torch.from_numpy(self.weight), torch.from_numpy(self.bias)
        backward = self.case.direction == "backward"
        if self.normalized is not None:
            shape = list(self.normalized)
            if not backward:
                return lambda: aten.native_layer_norm(x, shape, w, b, EPS)[0]
            _, mean, invstd = aten.native_layer_norm(x, shape, w, b, EPS)
            return lambda: aten.native_layer_norm_backward(dy, x, shape, mean, invstd, w, b, [True] * 3)[0]
        n, c, sizes = self.x.shape[0], self.x.shape[1], int(np.prod(self.x.shape[2:]))
        if self.groups == c:
            if not backward:
                return lambda: torch.nn.functional.instance_norm(x, None, None, w, b, True, 0.1, EPS)
            flat, gradient, weights = x.reshape(1, n * c, sizes), dy.reshape(1, n * c, sizes), w.repeat(n)
            _, mean, invstd = aten.native_batch_norm(flat, weights, b.repeat(n), None, None, True, 0.1, EPS)

            def gradients() -> Any:
                given = gradient, flat, weights, None, None, mean, invstd, True, EPS, [True] * 3
                dx, dw, db = aten.native_batch_norm_backward(*given)
                dw.view(n, c).sum(0), db.view(n, c).sum(0)
                return dx.view(self.x.shape)

            return gradients
        sides = n, c, sizes, self.groups
        if not backward:
            return lambda: aten.native_group_norm(x, w, b, *sides, EPS)[0]
        _, mean, invstd = aten.native_group_norm(x, w, b, *sides, EPS)
        return lambda: aten.native_group_norm_backward(dy, x, mean, invstd, w, *sides, [True] * 3)[0]

    def check(self, got: Any) -> None:
        """Some rows in float64."""
        rows = (-1, self.x.reshape(self.shape).shape[1] // self.groups, int(np.prod(self.shape[2:], dtype=int)))
        got, x, dy = (one.reshape(rows) for one in (as_array(got), self.x, self.dy))
        assert np.isfinite(got).all(), "not everywhere a number"
        w, b = (np.resize(one, (len(x), rows[1])).astype(float) for one in (self.weight, self.bias))
        for row in {*range(0, len(x), max(1, len(x) // ROWS)), len(x) - 1}:
            values, weight = x[row].astype(float), w[row][:, None]
            deviation = np.sqrt(values.var() + EPS)
            centred = (values - values.mean()) / deviation
            if self.case.direction == "forward":
                want = centred * weight + b[row][:, None]
            else:
                g = dy[row].astype(float) * weight
                want = (g - g.mean() - centred * (g * centred).mean()) / deviation
            close(got[row], want, values.size)
