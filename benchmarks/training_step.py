"""One training step (forward, loss, backward, Adam) in tatamikomi and in torch, on the same values and data.

python -m benchmarks.training_step ENGINE MODEL BATCH prints the loss and the norm of the gradient.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from benchmarks.nets import NETS

LR = 1e-3


class Probe(NamedTuple):
    """What must agree before anything is timed: in training without dropout, the loss and the gradient's norm."""

    loss: float
    gradient: float


class Step(ABC):
    """A network ready to be trained on one batch."""

    @abstractmethod
    def probe(self) -> Probe: ...

    @abstractmethod
    def run(self) -> None: ...


def without_dropout(model: Any) -> None:
    """Training mode, except for what is left to chance: of ours and of torch's."""
    model.train()
    for module in model.modules():
        if type(module).__name__ in ("Dropout", "DropPath"):
            module.eval()


def _norm(gradients: Any) -> float:
    return float(np.sqrt(sum((np.asarray(g, np.float64) ** 2).sum() for g in gradients)))


class Ours(Step):
    """tatamikomi on the active backend."""

    def __init__(self, name: str, batch: int) -> None:
        x, self.labels = NETS[name].data(batch)
        self.x = tk.tensor(x)
        self.model = NETS[name].create()
        self.loss = tk.nn.CrossEntropyLoss()
        self.optimizer = tk.optim.Adam(self.model.parameters(), lr=LR)

    def _backward(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x), self.labels)
        loss.backward()
        return loss

    def probe(self) -> Probe:
        without_dropout(self.model)
        loss = self._backward().item()
        self.model.train()
        return Probe(loss, _norm([p.grad.numpy() for p in self.model.parameters()]))

    def run(self) -> None:
        self._backward()
        self.optimizer.step()


class Torch(Step):
    """torch, plain NCHW or channels_last, with the fused form of its Adam and gradients set to None."""

    def __init__(self, name: str, batch: int, channels_last: bool) -> None:
        import torch

        from benchmarks.torch_twins import twin

        layout = torch.channels_last if channels_last else torch.contiguous_format
        x, labels = NETS[name].data(batch)
        self.x, self.labels = torch.from_numpy(x).to(memory_format=layout), torch.from_numpy(labels)
        self.model = twin(NETS[name].create(), name).to(memory_format=layout)
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LR, fused=True)

    def _backward(self) -> Any:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.model(self.x), self.labels)
        loss.backward()
        return loss

    def probe(self) -> Probe:
        without_dropout(self.model)
        loss = self._backward().item()
        self.model.train()
        return Probe(loss, _norm([p.grad.numpy() for p in self.model.parameters()]))

    def run(self) -> None:
        self._backward()
        self.optimizer.step()


def build(engine: str, name: str, batch: int) -> Step:
    """A step of `name`; engine is reference, native, torch or torch-channels-last. The backend is set by the caller."""
    if engine.startswith("torch"):
        return Torch(name, batch, engine == "torch-channels-last")
    return Ours(name, batch)


def agree(one: Probe, other: Probe, name: str) -> bool:
    """Whether two engines computed the same step, up to rounding: gamma_K, K the multiply-adds in a row on the longest
    way through the network and back, of terms that cancel by no more than the widest layer's fan-in."""
    fans = [int(np.prod(p.shape[1:])) for p in NETS[name].create().parameters() if p.ndim > 1]
    terms = 2 * (sum(fans) + max(fans))
    bound = terms * float(np.finfo(np.float32).eps) / 2
    return all(abs(a - b) <= bound * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True))


def main() -> None:
    engine, name, batch = sys.argv[1:]
    if not engine.startswith("torch"):
        tk.set_backend(engine)
    print(json.dumps(build(engine, name, int(batch)).probe()))


if __name__ == "__main__":
    main()
