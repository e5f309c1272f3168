"""Convolution: forward (with a bias, the pack made inside the call or held), and both gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case, conv_of
from benchmarks.checks import as_array, close
from benchmarks.tasks import peers
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor

EXACT_TERMS = 2e6  # multiply-adds spent on exact results of a sample of outputs
SAMPLES = (8, 256)


class Convolution(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.shape = conv_of(case)
        self.flops = self.shape.flops
        self.moved = 4.0 * (math.prod(self.shape.x) + math.prod(self.shape.weight) + math.prod(self.shape.y))
        self.x, self.weight, self.bias, self.dy = (
            self.draw(*self.shape.x) if case.direction != "backward_input" else None,
            self.draw(*self.shape.weight) if case.direction != "backward_weight" else None,
            self.draw(self.shape.weight[0]) if case.direction == "forward" else None,
            self.draw(*self.shape.y) if case.direction != "forward" else None,
        )

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            return self._ours(engine)
        if engine.startswith("torch"):
            return {engine: self._torch(engine)}
        if engine in peers.PEERS and self.case.direction == "forward":
            return {engine: peers.conv_forward(engine, self.shape, self.x, self.weight, self.bias)}
        return {}

    def algorithm(self, engine: str) -> str | None:
        if engine != "native":
            return None
        told = tk.explain_conv(self.shape.x, self.shape.weight, **self.shape.options)
        return told.chosen(self.case.direction).name

    def _ours(self, engine: str) -> dict[str, Call]:
        """By the algorithm that is chosen; where that is Winograd's, also directly: that share of the peak is told."""
        s, x, w, b, dy = self.shape, self.x, self.weight, self.bias, self.dy
        options = s.options
        direct = (self.algorithm(engine) or "").startswith("winograd")
        k = tk.kernels
        if self.case.direction == "backward_input":
            calls: dict[str, Call] = {engine: lambda: k.conv_backward_input(dy, w, s.x, **options)}
            if direct:
                calls["native-direct"] = lambda: k.conv_backward_input(dy, w, s.x, **options, algorithm="direct")
        elif self.case.direction == "backward_weight":
            calls = {engine: lambda: k.conv_backward_weight(dy, x, s.weight, **options)}
            if direct:
                calls["native-direct"] = lambda: k.conv_backward_weight(dy, x, s.weight, **options, algorithm="direct")
        else:
            calls = {engine: lambda: k.conv_forward(x, w, b, **options)}
            if engine == "native":
                packed = k.conv_pack_weight(w, s.x, **options)
                calls["native-packed"] = lambda: k.conv_forward(x, packed, b, **options)
            if direct:
                laid = k.conv_pack_weight(w, s.x, **options, algorithm="direct")
                calls["native-direct"] = lambda: k.conv_forward(x, laid, b, **options)
        return calls

    def _torch(self, engine: str) -> Call:
        import torch

        s = self.shape
        options = (list(s.stride), list(s.padding), list(s.dilation))
        if self.case.direction == "forward":
            tx, tw, tb = torch_tensor(self.x, engine), torch_tensor(self.weight, engine), torch.from_numpy(self.bias)
            forward = getattr(torch.nn.functional, f"conv{len(s.stride)}d")
            return lambda: forward(tx, tw, tb, *options, s.groups)
        # The operand that the wanted gradient does not read gives its shape, its layout and no data.
        tdy = torch_tensor(self.dy, engine)
        tx, tw = (
            torch_tensor(np.empty(shape, np.float32) if array is None else array, engine)
            for array, shape in ((self.x, s.x), (self.weight, s.weight))
        )
        which = 0 if self.case.direction == "backward_input" else 1
        mask = [which == 0, which == 1, False]
        rest = (*options, False, [0] * len(s.stride), s.groups, mask)
        backward = torch.ops.aten.convolution_backward
        return lambda: backward(tdy, tx, tw, None, *rest)[which]

    def check(self, got: Any) -> None:
        """A sample of outputs, the corners among them, against float64; everywhere a number.

        The bound, gamma of twice the terms on the largest sum of absolute values in the sample, is a direct sum's;
        Winograd's transforms mix the outputs of a tile and stay far within it from some 16 channels on.
        """
        got = as_array(got)
        assert np.isfinite(got).all(), "not everywhere a number"
        exact = {"forward": self._forward, "backward_input": self._input, "backward_weight": self._weight}
        terms, one = exact[self.case.direction]()
        count = int(np.clip(EXACT_TERMS / terms, *SAMPLES))
        random = np.random.default_rng(2)
        chosen = np.concatenate([[0, got.size - 1], random.integers(0, got.size, count - 2)])
        places = list(zip(*np.unravel_index(chosen, got.shape), strict=True))
        want, scale = np.array([one(*map(int, place)) for place in places]).T
        close(np.array([got[place] for place in places]), want, 2 * terms + 2, scale.max())

    def _forward(self) -> Any:
        """Terms of one output, and a function from its place to (value, sum of absolute values)."""
        s = self.shape
        per_group = s.weight[0] // s.groups

        def one(n: int, k: int, *o: int) -> tuple[float, float]:
            channels = slice(k // per_group * s.weight[1], (k // per_group + 1) * s.weight[1])
            taps = [
                [(r, i * step - pad + r * dil) for r in range(size) if 0 <= i * step - pad + r * dil < length]
                for i, size, length, step, pad, dil in zip(
                    o, s.weight[2:], s.x[2:], s.stride, s.padding, s.dilation, strict=True
                )
            ]
            return _dot(self.x[n, channels], self.weight[k], taps, float(self.bias[k]))

        return math.prod(s.weight[1:]), one

    def _input(self) -> Any:
        s = self.shape
        per_group = s.weight[0] // s.groups

        def one(n: int, c: int, *place: int) -> tuple[float, float]:
            group, inside = divmod(c, s.weight[1])
            channels = slice(group * per_group, (group + 1) * per_group)
            taps = []
            for i, size, length, step, pad, dil in zip(
                place, s.weight[2:], s.y[2:], s.stride, s.padding, s.dilation, strict=True
            ):
                outputs = [(r, divmod(i + pad - r * dil, step)) for r in range(size)]
                taps.append([(r, o) for r, (o, rest) in outputs if rest == 0 and 0 <= o < length])
            return _dot(self.dy[n, channels], self.weight[channels, inside], taps, 0.0)

        return per_group * math.prod(s.weight[2:]), one

    def _weight(self) -> Any:
        s = self.shape
        per_group = s.weight[0] // s.groups

        def one(k: int, c: int, *tap: int) -> tuple[float, float]:
            source, gradient = [], []
            for r, length, outputs, step, pad, dil in zip(
                tap, s.x[2:], s.y[2:], s.stride, s.padding, s.dilation, strict=True
            ):
                first = r * dil - pad
                low = max(0, -(first // step))  # the first output whose tap lies inside
                high = min(outputs, (length - 1 - first) // step + 1)
                gradient.append(slice(low, high))
                source.append(slice(low * step + first, (high - 1) * step + first + 1, step))
            x = self.x[(slice(None), k // per_group * s.weight[1] + c, *source)]
            products = x.astype(float) * self.dy[(slice(None), k, *gradient)]
            return float(products.sum()), float(np.abs(products).sum())

        return s.x[0] * math.prod(s.y[2:]), one


def _dot(maps: np.ndarray, kernels: np.ndarray, taps: list[list[tuple[int, int]]], bias: float) -> tuple[float, float]:
    """Over channels and taps; each axis lists (place in the kernel, place in the map)."""
    if not all(taps):
        return bias, abs(bias)
    inner, outer = ([[pair[i] for pair in axis] for axis in taps] for i in (0, 1))
    every = range(maps.shape[0])
    products = kernels[np.ix_(every, *inner)].astype(float) * maps[np.ix_(every, *outer)]
    return float(products.sum()) + bias, float(np.abs(products).sum()) + abs(bias)
