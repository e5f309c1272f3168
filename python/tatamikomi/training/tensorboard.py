"""TensorBoard: a run's measures as event files, written by tensorboardX."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tatamikomi.errors import missing_extra
from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer


class TensorBoard(Callback):
    """Write every number of the history as a scalar, one step per epoch; `tensorboard --logdir FOLDER` shows them.

    "loss" and "validation_loss" share a chart: they are written as loss/train and loss/validation, all other measures
    alike. A resumed run goes on in a file of its own, after the epochs that are complete.

    Args:
        folder: where the event files go.

    Raises:
        ImportError: at the start of `fit`, tensorboardX is not installed; the message names the extra.

    >>> import tatamikomi as tk
    >>> tk.training.TensorBoard("runs/board").tag("validation_accuracy")
    'accuracy/validation'
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._writer: Any = None

    def tag(self, name: str) -> str:
        """The chart and the line that a measure belongs to."""
        measure = name.removeprefix("validation_")
        return f"{measure}/{'train' if measure == name else 'validation'}"

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open an event file."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise missing_extra("TensorBoard", "tensorboardX", "tensorboard") from None
        # Files are named by the second: the epoch keeps a run that goes on at once from writing over its beginning.
        self._writer = SummaryWriter(self.folder, filename_suffix=f".{trainer.epoch}")

    def on_epoch_recorded(self, trainer: Trainer) -> None:
        """Add the epoch's numbers."""
        entry = trainer.history[-1]
        for name, value in entry.items():
            if name != "epoch":
                self._writer.add_scalar(self.tag(name), value, entry["epoch"])
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
