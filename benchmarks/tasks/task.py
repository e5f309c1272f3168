"""What the families share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import Case

Call = Callable[[], Any]
OURS = ("native", "reference")
PRIME = 1_000_003  # numbers drawn before they repeat: large arrays are filled fast


class Task(ABC):
    """One case on data of its own, the same in every process.

    Attributes:
        flops: useful floating-point operations, 0 where they are not the point.
        moved: bytes that must be read and written at least.
        tape: whether torch's autograd takes part.
    """

    flops = 0.0
    moved = 0.0
    tape = False

    def __init__(self, case: Case) -> None:
        self.case = case
        self._random = np.random.default_rng(1)

    def draw(self, *shape: int) -> np.ndarray:
        """Normal numbers in float32."""
        count = math.prod(shape)
        some = self._random.standard_normal(min(count, PRIME), dtype=np.float32)
        return np.resize(some, count).reshape(shape) if count > PRIME else some.reshape(shape)

    @abstractmethod
    def calls(self, engine: str) -> dict[str, Call]:
        """What to time, by the name of the entry: the engine's own name, or that with a suffix. Empty: no part."""

    @abstractmethod
    def check(self, got: Any) -> None:
        """Raise AssertionError where a result is wrong."""

    def algorithm(self, engine: str) -> str | None:
        """The name of what runs, where an engine of ours chooses among several."""
        return None


def torch_tensor(array: np.ndarray, engine: str) -> Any:
    """The array for torch, in the engine's layout: a copy, so that torch's own alignment holds.

    Raises:
        LookupError: torch has no channels_last for so many dimensions.
    """
    import torch

    tensor = torch.from_numpy(array)
    if engine == "torch":
        return tensor.clone()
    if array.ndim not in (4, 5):
        raise LookupError(f"channels_last knows no {array.ndim} dimensions")
    layout = torch.channels_last if array.ndim == 4 else torch.channels_last_3d
    return tensor.to(memory_format=layout, copy=True)
