"""Whole networks in evaluation mode, from a NumPy array to a NumPy array."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.checks import close
from benchmarks.engines import PEERS
from benchmarks.nets import NETS
from benchmarks.tasks.task import OURS, Call, Task, torch_tensor


class Inference(Task):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        net = NETS[case.model]
        self.x = net.data(case.n)[0]
        with tk.backend("native"):
            self.model = net.settled()
        rows = tk.summary(self.model, (1, *net.x)).layers
        self.flops = 2.0 * case.n * sum(row.macs or 0 for row in rows)

    def calls(self, engine: str) -> dict[str, Call]:
        if engine in OURS:
            optimized = tk.nn.utils.optimize_for_inference(self.model, self.x)
            return {engine: lambda: self._ours(self.model), f"{engine}-optimized": lambda: self._ours(optimized)}
        if engine in PEERS:
            from benchmarks.exported import load

            return {engine: load(engine, self.case.model, self.model, self.x)}
        if not engine.startswith("torch"):
            return {}
        import torch

        from benchmarks.torch_twins import twin

        x = torch_tensor(self.x, engine)
        layout = torch.contiguous_format if engine == "torch" else torch.channels_last
        model = twin(self.model, self.case.model).to(memory_format=layout).eval()

        def run() -> np.ndarray:
            with torch.inference_mode():
                return model(x).numpy()

        return {engine: run}

    def _ours(self, model: tk.nn.Module) -> Any:
        with tk.no_grad():
            return model(self.x).numpy()

    def check(self, got: Any) -> None:
        """The first sample against the reference's; in evaluation mode samples do not meet."""
        with tk.backend("reference"), tk.no_grad():
            want = self.model(self.x[:1]).numpy()
        assert got.shape == (len(self.x), *want.shape[1:]), got.shape
        fans = [int(np.prod(p.shape[1:])) for p in self.model.parameters() if p.ndim > 1]
        close(got[:1], want.astype(np.float64), sum(fans))
