"""One training step (forward, loss, backward, Adam) in tatamikomi and in torch, on the same values and data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk

MODELS = ("deep_convnet", "lenet5")
LR = 1e-3


class Probe(NamedTuple):
    """What must agree before anything is timed: without dropout, the loss and the gradient's norm."""

    loss: float
    gradient: float


class Step(ABC):
    """A network ready to be trained on one batch."""

    @abstractmethod
    def probe(self) -> Probe: ...

    @abstractmethod
    def run(self) -> None: ...


def batch_of(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in 0..1 and labels, the same for every engine."""
    random = np.random.default_rng(0)
    return random.random((size, 1, 28, 28), dtype=np.float32), np.arange(size) % 10


def _norm(gradients: Any) -> float:
    return float(np.sqrt(sum((np.asarray(g, np.float64) ** 2).sum() for g in gradients)))


class Ours(Step):
    """tatamikomi on the active backend."""

    def __init__(self, name: str, batch: int) -> None:
        x, self.labels = batch_of(batch)
        self.x = tk.tensor(x)
        self.model = tk.models.create(name, seed=1)
        self.loss = tk.nn.CrossEntropyLoss()
        self.optimizer = tk.optim.Adam(self.model.parameters(), lr=LR)

    def _backward(self) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x), self.labels)
        loss.backward()
        return loss

    def probe(self) -> Probe:
        self.model.eval()
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
        x, labels = batch_of(batch)
        self.x, self.labels = torch.from_numpy(x).to(memory_format=layout), torch.from_numpy(labels)
        self.model = twin(tk.models.create(name, seed=1), name).to(memory_format=layout)
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LR, fused=True)

    def _backward(self) -> Any:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.model(self.x), self.labels)
        loss.backward()
        return loss

    def probe(self) -> Probe:
        self.model.eval()
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
    fans = [int(np.prod(p.shape[1:])) for p in tk.models.create(name, seed=1).parameters() if p.ndim > 1]
    terms = 2 * (sum(fans) + max(fans))
    bound = terms * float(np.finfo(np.float32).eps) / 2
    return all(abs(a - b) <= bound * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True))
