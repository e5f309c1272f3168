"""The history of a run as a table: CSV for spreadsheets, JSON lines for programs. Written anew after every epoch."""

from __future__ import annotations

import csv
import io as streams
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tatamikomi import io
from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer


class _Log(Callback):
    """A file with one line per epoch, those before a resume included."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def text(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """What the file holds after these epochs."""
        raise NotImplementedError

    def on_epoch_recorded(self, trainer: Trainer) -> None:
        """Write the file anew, atomically."""
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        with io.atomic_write(self.path) as file:
            file.write(self.text(trainer.history).encode())


class CSVLog(_Log):
    """One row per epoch under a row of names: epoch, loss, metrics, lr, seconds, ...

    Args:
        path: the file.

    >>> import tatamikomi as tk
    >>> tk.training.CSVLog("log.csv").text([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    'epoch,loss\\r\\n1,0.5\\r\\n2,0.25\\r\\n'
    """

    def text(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """The table; an epoch that lacks a measure leaves its cell empty."""
        names = list(dict.fromkeys(name for entry in entries for name in entry))
        stream = streams.StringIO()
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(entries)
        return stream.getvalue()


class JSONLinesLog(_Log):
    """One JSON object per epoch and line.

    Args:
        path: the file.

    >>> import tatamikomi as tk
    >>> print(tk.training.JSONLinesLog("log.jsonl").text([{"epoch": 1, "loss": 0.5}]), end="")
    {"epoch": 1, "loss": 0.5}
    """

    def text(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """The lines."""
        return "".join(json.dumps(dict(entry)) + "\n" for entry in entries)
