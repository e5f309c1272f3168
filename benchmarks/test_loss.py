"""Softmax and cross-entropy in one, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.checks import close
from benchmarks.layers import layers


@layers("loss")
def test_cross_entropy(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    logits = draw(*layer["logits"])
    n, classes = logits.shape
    labels, dlosses = np.arange(n) % classes, np.full(n, 1 / n, np.float32)
    powers = np.exp(logits.astype(float))
    want = (powers / powers.sum(1, keepdims=True) - np.eye(classes)[labels]) * dlosses[:, None]
    if engine == "torch":
        import torch

        tl, ty = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(labels)

        def run() -> Any:
            return torch.autograd.grad(torch.nn.functional.cross_entropy(tl, ty), tl)[0]

    else:

        def run() -> Any:
            _, log_probs = tk.kernels.softmax_cross_entropy_forward(logits, labels)
            return tk.kernels.softmax_cross_entropy_backward(dlosses, log_probs, labels)

    # A sum over the classes and a few roundings of exp and log, of numbers up to log(classes) + 4.
    measure("cross_entropy", run, moved=4 * logits.nbytes, check=lambda got: close(got, want, classes + 32))
