"""Checkpoint: writes down, epoch by epoch, from where a run can continue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.training import snapshot
from tatamikomi.training.callback import Best, Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer

Array = np.ndarray[Any, np.dtype[Any]]


class Checkpoint(Callback):
    """Keep `last.safetensors`, and `best.safetensors` if a measure is named, in a folder.

    Both are whole checkpoints for `Trainer.load_checkpoint`. They are written to a temporary name, synced and
    renamed, so that a process killed at any moment leaves the last good one. There is one before the first
    epoch already. After Ctrl-C `last.safetensors` holds the end of the last complete epoch: a resumed run
    repeats the broken one from its beginning, with the same random numbers.

    Args:
        folder: where; made if it does not exist.
        every: epochs between two writings of `last.safetensors`; the end of a run is always written.
        monitor: a key of the history, such as "validation_accuracy", whose best value decides what is best.
        mode: "min", "max" or "auto" ("max" for names that contain "accuracy").
        extra: anything in terms of JSON, kept in the file.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or unknown.

    >>> import tatamikomi as tk
    >>> tk.training.Checkpoint("runs/first", monitor="validation_loss").last_path
    'runs/first/last.safetensors'
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 1,
        monitor: str | None = None,
        mode: str = "auto",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, (int, np.integer)):
            raise bad_type("Checkpoint", "every", type(every).__name__, "an integer")
        if every < 1:
            raise bad_value("Checkpoint", "every", every, "an integer >= 1")
        self.folder = os.fspath(folder)
        self.every = int(every)
        self.extra = dict(extra or {})
        self.last_path = os.path.join(self.folder, "last.safetensors")
        self.best_path = os.path.join(self.folder, "best.safetensors")
        self._best = None if monitor is None else Best("Checkpoint", monitor, mode)
        self._waiting: snapshot.Snapshot | None = None
        self._begun = False

    def on_fit_start(self, trainer: Trainer) -> None:
        """Make the folder; what another trainer left is forgotten."""
        os.makedirs(self.folder, exist_ok=True)
        if self._best is not None:
            self._best.begin(trainer)
        self._waiting = snapshot.capture(trainer, self.extra)
        self._begun = False

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Write where the run begins: the callbacks after this one are at their start, too."""
        if not self._begun:
            self._waiting = snapshot.capture(trainer, self.extra)
            self._flush()
            self._begun = True

    def on_epoch_recorded(self, trainer: Trainer) -> None:
        """Write what is due."""
        better = self._best is not None and self._best.update(trainer)
        self._waiting = taken = snapshot.capture(trainer, self.extra)
        if better:
            snapshot.write(self.best_path, taken)
        if trainer.epoch % self.every == 0:
            self._flush()

    def on_interrupt(self, trainer: Trainer) -> None:
        """Write the end of the last complete epoch, unless it is written."""
        self._flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """As after an interruption."""
        self._flush()

    def _flush(self) -> None:
        if self._waiting is not None:
            snapshot.write(self.last_path, self._waiting)
            self._waiting = None

    def state_dict(self) -> dict[str, Any]:
        """The best value so far, when a measure is watched."""
        return {} if self._best is None else self._best.state_dict()

    def load_state_dict(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Continue with the best value of before.

        Raises:
            ValueError: it is the best by another measure.
        """
        if self._best is not None:
            self._best.load_state_dict(state)
