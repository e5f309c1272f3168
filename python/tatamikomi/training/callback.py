"""Callback: what a Trainer calls as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.errors import bad_value, unknown_name

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer

Array = np.ndarray[Any, np.dtype[Any]]


class Callback:
    """Base class; every method does nothing unless a subclass says otherwise.

    In an epoch the order is: `on_epoch_start`, `transform` before every batch and `on_batch_end` after it, then, the
    epoch being measured and entered in `trainer.history`, `on_epoch_end` of all callbacks, which may change the
    course of the run, and `on_epoch_recorded` of all callbacks, which write down where the run stands.

    >>> import tatamikomi as tk
    >>> class Say(tk.training.Callback):
    ...     def on_epoch_end(self, trainer):
    ...         print(trainer.epoch, trainer.history[-1]["loss"])
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch of a `fit`."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before an epoch; `trainer.epoch` epochs are complete."""

    def transform(self, trainer: Trainer, x: Any) -> Any:
        """What is trained on in place of a batch's x; called of all callbacks in their order."""
        return x

    def on_batch_end(self, trainer: Trainer, samples: int, measures: Mapping[str, float]) -> None:
        """After a step on `samples` samples; `measures` are the means of the epoch so far."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After an epoch, `trainer.history[-1]` being its entry; setting `trainer.stop` ends the run here."""

    def on_epoch_recorded(self, trainer: Trainer) -> None:
        """After all callbacks' `on_epoch_end` and the scheduler: the state from which a resumed run
        continues."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After Ctrl-C, before KeyboardInterrupt goes on to the caller."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end, also after Ctrl-C or an error."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, in terms of JSON."""
        return {}

    def arrays(self) -> dict[str, Array]:
        """Arrays that a resumed run needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Continue where `state_dict()` and `arrays()` were taken."""


class Best:
    """The best value so far of one measure of the history.

    Args:
        op: who asks, for messages.
        monitor: a key of the history's entries, such as "validation_loss".
        mode: "min" or "max"; "auto" is "max" for names that contain "accuracy" and "min" for others.
        min_delta: by how much a value has to be better.
    """

    def __init__(self, op: str, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise unknown_name(op, "mode", mode, ["auto", "min", "max"])
        if mode == "auto":
            mode = "max" if "accuracy" in monitor else "min"
        self.op = op
        self.monitor = monitor
        self.mode = mode
        self.min_delta = min_delta
        self.value: float | None = None
        self._key: object = None  # of the trainer whose value it is; None for nobody's yet
        self._sign = 1.0 if mode == "max" else -1.0

    def begin(self, trainer: Trainer) -> bool:
        """At the start of a fit: forget the value of another trainer; whether it was another's."""
        other = self._key is not None and self._key is not trainer.key
        if other:
            self.value = None
        self._key = trainer.key
        return other

    def state_dict(self) -> dict[str, Any]:
        """The value and what it measures, in terms of JSON."""
        return {"monitor": self.monitor, "mode": self.mode, "best": self.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with a stored value; it belongs to the trainer of the next fit.

        Raises:
            ValueError: the value is of another measure, or the best in the other direction.
        """
        for name, ours in (("monitor", self.monitor), ("mode", self.mode)):
            stored = state.get(name, ours)  # files of before have no mode
            if stored != ours:
                raise bad_value(f"{self.op}.load_state_dict", name, repr(stored), f"{ours!r}, as it was built")
        self.value = state["best"]
        self._key = None

    def update(self, trainer: Trainer) -> bool:
        """Look at the last entry; whether it is the best so far. NaN never is.

        Raises:
            ValueError: the entry has no such measure; the message lists those it has.
        """
        entry = trainer.history[-1]
        if self.monitor not in entry:
            raise unknown_name(self.op, "monitor", self.monitor, entry)
        value = float(entry[self.monitor])
        better = self.value is None or self._sign * (value - self.value) > self.min_delta
        if better and value == value:
            self.value = value
            return True
        return False
