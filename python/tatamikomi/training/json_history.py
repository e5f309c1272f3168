"""JSONHistory: the history of a run in a file that people and programs read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tatamikomi import io
from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer


class JSONHistory(Callback):
    """Write {information..., "seconds", "images_per_s", "epochs": [...]} after every epoch, atomically.

    Args:
        path: the file.
        information: entries to begin with, in terms of JSON, such as the configuration of the run.

    >>> import tatamikomi as tk
    >>> history = tk.training.JSONHistory("runs/first/history.json", {"seed": 1})
    """

    def __init__(self, path: str | os.PathLike[str], information: Mapping[str, Any] | None = None) -> None:
        self.path = os.fspath(path)
        self.information = dict(information or {})

    def on_fit_start(self, trainer: Trainer) -> None:
        """Write where the run begins."""
        self.write(trainer)

    def on_epoch_recorded(self, trainer: Trainer) -> None:
        """Write the file anew."""
        self.write(trainer)

    def write(self, trainer: Trainer) -> None:
        """Write the file now; after a change of `information`, say.

        "seconds" is the time of all epochs with their validation, "images_per_s" that of training alone.
        """
        epochs = [dict(entry) for entry in trainer.history]
        images = sum(entry["samples"] for entry in epochs)
        training = sum(entry["train_seconds"] for entry in epochs)
        totals = {
            "seconds": sum(entry["seconds"] for entry in epochs),
            "images_per_s": images / training if training else 0.0,
        }
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        io.write_json(self.path, {**self.information, **totals, "epochs": epochs})
