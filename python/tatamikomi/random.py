"""Counter-based randomness: two integers, a seed and an offset, say everything about what comes next.

A Generator hands out numbered blocks. Whoever needs random numbers takes one block and derives them from (seed, offset)
alone: a checkpoint stores two integers, and a backward pass can repeat a dropout mask without keeping it.
"""

from __future__ import annotations

import threading
from typing import TypedDict

import numpy as np

from tatamikomi.errors import bad_type, bad_value

_LIMIT = 1 << 63


class GeneratorState(TypedDict):
    """What a checkpoint stores of a Generator."""

    seed: int
    offset: int


def _integer(op: str, argument: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, type(value).__name__, "an integer")
    if not 0 <= value < _LIMIT:
        raise bad_value(op, argument, int(value), "0 <= value < 2**63")
    return int(value)


def _philox(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


class Generator:
    """A stream of numbered blocks of random numbers.

    Args:
        seed: 0 <= seed < 2**63, names the stream.
        offset: the number of the next block, 0 <= offset < 2**63.

    Raises:
        TypeError: seed or offset is not an integer.
        ValueError: seed or offset is out of range.

    >>> import tatamikomi as tk
    >>> generator = tk.Generator(7)
    >>> generator.take(), generator.take()
    ((7, 0), (7, 1))
    """

    def __init__(self, seed: int, offset: int = 0) -> None:
        self._seed = _integer("Generator", "seed", seed)
        self._offset = _integer("Generator", "offset", offset)
        self._lock = threading.Lock()

    def take(self) -> tuple[int, int]:
        """Hand out the next block as (seed, offset) and move on by one."""
        with self._lock:
            block = (self._seed, self._offset)
            self._offset += 1
        return block

    def numpy(self) -> np.random.Generator:
        """Take one block and return a NumPy generator (Philox) keyed by it."""
        return _philox(*self.take())

    def state(self) -> GeneratorState:
        """The two integers that a checkpoint needs."""
        with self._lock:
            return {"seed": self._seed, "offset": self._offset}

    def set_state(self, state: GeneratorState) -> None:
        """Continue where `state` was taken."""
        seed = _integer("Generator.set_state", "seed", state["seed"])
        offset = _integer("Generator.set_state", "offset", state["offset"])
        with self._lock:
            self._seed, self._offset = seed, offset

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"


_default = Generator(0)


def default_generator() -> Generator:
    """The Generator that operations use when none is given."""
    return _default


def manual_seed(seed: int) -> Generator:
    """Start the default Generator anew at `seed`, offset 0, and return it.

    >>> import tatamikomi as tk
    >>> tk.manual_seed(3)
    Generator(seed=3, offset=0)
    """
    _default.set_state({"seed": _integer("manual_seed", "seed", seed), "offset": 0})
    return _default


def stream(seed: int, *path: int) -> np.random.Generator:
    """A NumPy generator that depends on (seed, path) alone, such as (seed, epoch, index).

    >>> from tatamikomi.random import stream
    >>> bool(stream(1, 2, 3).random() == stream(1, 2, 3).random())
    True
    """
    words = (_integer("stream", "path", word) for word in path)
    return _philox(_integer("stream", "seed", seed), *words)
