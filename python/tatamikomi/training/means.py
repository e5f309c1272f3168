"""Means over samples that come in batches of different sizes."""

from __future__ import annotations

from collections.abc import Mapping


class Means:
    """Running means: each batch counts for as many samples as it holds.

    >>> from tatamikomi.training.means import Means
    >>> means = Means()
    >>> means.add(3, {"loss": 1.0})
    >>> means.add(1, {"loss": 5.0})
    >>> means.values(), means.samples
    ({'loss': 2.0}, 4)
    """

    def __init__(self) -> None:
        self.samples = 0
        self._sums: dict[str, float] = {}

    def add(self, samples: int, measures: Mapping[str, float]) -> None:
        """Count a batch whose means are `measures`."""
        self.samples += samples
        for name, value in measures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * samples

    def values(self) -> dict[str, float]:
        """The means so far; an empty dict before the first sample."""
        return {name: total / self.samples for name, total in self._sums.items()} if self.samples else {}
