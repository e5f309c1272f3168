"""ProgressBar: loss, accuracy, images/s and the time left, on one line of a terminal or in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer


class ProgressBar(Callback):
    """One bar for the whole run, made by tqdm, on stderr; in a notebook a widget, where tqdm can draw one.

    Args:
        show: True or False; None shows it where stderr is a terminal or a notebook runs.

    >>> import tatamikomi as tk
    >>> quiet = tk.training.ProgressBar(show=False)
    """

    def __init__(self, show: bool | None = None) -> None:
        self.show = show
        self._bar: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open the bar, counting the epochs that are complete already."""
        notebook = "ipykernel" in sys.modules
        show = sys.stderr.isatty() or notebook if self.show is None else self.show
        if not show:
            return
        tqdm = import_module("tqdm.auto" if notebook else "tqdm").tqdm

        size = trainer.samples_per_epoch
        total = None if size is None else size * trainer.epochs
        done = 0 if size is None else size * trainer.epoch
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=" images",
            unit_scale=True,
            dynamic_ncols=True,
            file=sys.stderr,
            leave=True,
        )

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Number the epoch."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {trainer.epoch + 1}/{trainer.epochs}", refresh=False)

    def on_batch_end(self, trainer: Trainer, samples: int, measures: Mapping[str, float]) -> None:
        """Move on, and show the epoch's means so far beside the last validation."""
        if self._bar is None:
            return
        shown = dict(measures)
        if trainer.history:
            first = f"validation_{next(iter(trainer.metrics), None)}"
            if first in trainer.history[-1]:
                shown["validation"] = trainer.history[-1][first]
        self._bar.set_postfix({key: f"{value:.4f}" for key, value in shown.items()}, refresh=False)
        self._bar.update(samples)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Leave the line and close."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
