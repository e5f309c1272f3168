"""A trained network and what is remembered of its training; rounds of steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data import DataLoader
from tatamikomi.nn import Module


@dataclass
class Run:
    """One trained network.

    Attributes:
        label: its name in tables and figures.
        model: as it is at the end.
        history: of the Trainer, an entry per round of `every` steps.
        every: steps per round.
        train, test: accuracy at the end, in evaluation mode; train on at most 1,000 of the samples.
        seconds: of training, with what is measured between the rounds.
        diverged: the loss was not finite, and training ended there.
    """

    label: str
    model: Module
    history: list[dict[str, Any]]
    every: int
    train: float
    test: float
    seconds: float
    diverged: bool

    def curve(self, key: str = "validation_accuracy") -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(steps, values) of one key of the history."""
        values = np.array([entry[key] for entry in self.history], np.float64)
        return self.every * np.arange(1, len(values) + 1), values

    def steps_to(self, accuracy: float) -> int | None:
        """The first round's end at which the test accuracy was reached; None if it never was."""
        steps, values = self.curve()
        at = np.flatnonzero(values >= accuracy)
        return int(steps[at[0]]) if len(at) else None


class Rounds:
    """A loader without end, cut into rounds of so many batches whatever an epoch holds."""

    def __init__(self, loader: DataLoader, every: int) -> None:
        self.every = every
        self._batches = self._endless(loader)

    @staticmethod
    def _endless(loader: DataLoader) -> Iterator[Any]:
        while True:
            yield from loader

    def __iter__(self) -> Iterator[Any]:
        for _ in range(self.every):
            yield next(self._batches)
