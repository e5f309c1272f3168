"""Means over samples that come in batches of different sizes."""

from __future__ import annotations

import math
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
        self._sums: dict[str, tuple[float, float]] = {}  # of weight * value, of weight

    def add(self, samples: int, measures: Mapping[str, float], **weights: float) -> None:
        """Count a batch whose means are `measures`; a measure named in `weights` counts for that much instead."""
        self.samples += samples
        for name, value in measures.items():
            total, weight = self._sums.get(name, (0.0, 0.0))
            own = weights.get(name, samples)
            self._sums[name] = total + value * own, weight + own

    def values(self) -> dict[str, float]:
        """The means so far; an empty dict before the first sample, NaN for a measure without any weight."""
        known = self._sums.items() if self.samples else ()
        return {name: total / weight if weight else math.nan for name, (total, weight) in known}
