"""What a Trainer goes through: loaders, and a model in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tatamikomi.autograd import no_grad
from tatamikomi.errors import bad_type
from tatamikomi.nn import Module


class evaluating:  # noqa: N801 - used as a function
    """Evaluation mode and no gradients inside a with block; every module's mode comes back."""

    def __init__(self, model: Module) -> None:
        self._modes = [(module, module.training) for module in model.modules()]
        self._no_grad = no_grad()
        self._model = model

    def __enter__(self) -> None:
        self._model.eval()
        self._no_grad.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._no_grad.__exit__(*error)
        for module, mode in self._modes:
            module.training = mode


def expect_iterable(op: str, argument: str, given: object) -> None:
    """Ask without iter(), which begins a DataLoader's next pass."""
    if not (hasattr(given, "__iter__") or hasattr(given, "__getitem__")):
        raise bad_type(op, argument, type(given).__name__, "an iterable of batches")


def samples_of(loader: Any) -> int | None:
    """How many samples a pass has, where the loader can tell."""
    if isinstance(loader, (list, tuple)) and all(isinstance(batch, (list, tuple)) for batch in loader):
        return sum(len(batch[0]) for batch in loader)
    dataset = getattr(loader, "dataset", None)
    if dataset is None or not hasattr(dataset, "__len__"):
        return None
    size = len(dataset)
    return size - size % loader.batch_size if getattr(loader, "drop_last", False) else size


def batches(op: str, argument: str, loader: Any, epoch: int) -> Iterator[tuple[Any, Any, Any]]:
    """(x, labels, weights or None) of one pass through a loader, which is told the epoch if it wants to know."""
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(epoch)
    for batch in loader:
        if not isinstance(batch, (tuple, list)) or not 2 <= len(batch) <= 3:
            raise bad_type(op, argument, type(batch).__name__, "batches (x, labels) or (x, labels, weights)")
        yield batch[0], batch[1], batch[2] if len(batch) == 3 else None
