"""EarlyStopping: ends a run that no longer improves, and goes back to its best weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.training.callback import Best, Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer

Array = np.ndarray[Any, np.dtype[Any]]
_MARK = "average#"


class EarlyStopping(Callback):
    """Stop when a measure has not improved for `patience` epochs.

    The model always ends with the weights of its best epoch, whether the run was stopped, reached its last
    epoch or was interrupted; so does a Trainer's average, which is what was measured. A checkpoint keeps both the
    last and the best weights, so that a resumed run continues from the last.

    Args:
        monitor: a key of the history, such as "validation_loss".
        patience: epochs without improvement that are borne, >= 1.
        min_delta: by how much a value has to be better to count, >= 0.
        mode: "min", "max" or "auto" ("max" for names that contain "accuracy").

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range; in an epoch, the history has
            no such measure.

    >>> import tatamikomi as tk
    >>> stopping = tk.training.EarlyStopping("validation_accuracy", patience=3)
    """

    def __init__(
        self, monitor: str = "validation_loss", patience: int = 5, min_delta: float = 0.0, mode: str = "auto"
    ) -> None:
        if isinstance(patience, bool) or not isinstance(patience, (int, np.integer)):
            raise bad_type("EarlyStopping", "patience", type(patience).__name__, "an integer")
        if patience < 1:
            raise bad_value("EarlyStopping", "patience", patience, "an integer >= 1")
        if not min_delta >= 0:
            raise bad_value("EarlyStopping", "min_delta", min_delta, "a number >= 0")
        self.patience = int(patience)
        self.waited = 0
        self._best = Best("EarlyStopping", monitor, mode, min_delta)
        self._weights: dict[str, Array] = {}
        self._average: dict[str, Any] = {}

    @property
    def best(self) -> float | None:
        """The best value so far; None before the first epoch."""
        return self._best.value

    def on_fit_start(self, trainer: Trainer) -> None:
        """A run that was stopped before stays stopped; what another trainer left is forgotten."""
        if self._best.begin(trainer):
            self._weights, self._average = {}, {}
            self.waited = 0
        trainer.stop = trainer.stop or self.waited >= self.patience

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Compare, remember, count, stop."""
        if self._best.update(trainer):
            self._weights = dict(trainer.model.state_dict())
            self._average = {} if trainer.average is None else trainer.average.state_dict()
            self.waited = 0
        else:
            self.waited += 1
            trainer.stop = trainer.stop or self.waited >= self.patience

    def on_fit_end(self, trainer: Trainer) -> None:
        """Go back to the best weights."""
        if self._weights:
            trainer.model.load_state_dict(self._weights)
            if trainer.average is not None and self._average:
                trainer.average.load_state_dict(self._average)

    def state_dict(self) -> dict[str, Any]:
        """The best value and the epochs since."""
        average = {key: value for key, value in self._average.items() if key != "averages"}
        return {**self._best.state_dict(), "waited": self.waited, **({"average": average} if average else {})}

    def arrays(self) -> dict[str, Array]:
        """The best weights, and their averages under names that no weight has."""
        averages = self._average.get("averages", [])
        return {**self._weights, **{f"{_MARK}{index}": array for index, array in enumerate(averages)}}

    def load_state_dict(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Continue with the best value and weights of before.

        Raises:
            ValueError: they are the best by another measure.
        """
        self._best.load_state_dict(state)
        self.waited = int(state["waited"])
        self._weights = {key: array.copy() for key, array in arrays.items() if not key.startswith(_MARK)}
        averages = [arrays[f"{_MARK}{index}"].copy() for index in range(len(arrays) - len(self._weights))]
        self._average = {**state["average"], "averages": averages} if averages else {}
