"""ProgressiveResize: training images that grow from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.data import resize
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks
from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.training.trainer import Trainer


class ProgressiveResize(Callback):
    """Train on images of another size from given epochs on, small ones first.

    Batches are resized by `data.resize` after all that the loader does. The size follows from the epoch alone, so
    that a resumed run continues with the same bits; a checkpoint keeps the list and refuses another one. Validation
    sees the images as they are.

    Args:
        sizes: pairs (epoch, size), epochs growing and counted from 0; size is (height, width) or one number for both.
            Before the first of them images stay as they are.

    Source: M. Tan, Q. V. Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021 (progressive learning).

    Raises:
        TypeError, ValueError: no pairs, epochs that do not grow, or no size; in a run, batches that are no images
            (N, C, H, W) of float32 or float64.

    >>> import tatamikomi as tk
    >>> growing = tk.training.ProgressiveResize([(0, 16), (5, 24)])
    >>> growing.size(0), growing.size(4), growing.size(5)
    ((16, 16), (16, 16), (24, 24))
    """

    def __init__(self, sizes: Sequence[tuple[int, int | tuple[int, int]]]) -> None:
        op = "ProgressiveResize"
        if not isinstance(sizes, (list, tuple)) or not sizes:
            raise bad_value(op, "sizes", repr(sizes), "pairs (epoch, size), at least one")
        self.sizes: list[tuple[int, tuple[int, int]]] = []
        for pair in sizes:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise bad_type(op, "sizes", repr(pair), "pairs (epoch, size)")
            epoch, size = pair
            if checks.integer(op, "sizes", epoch) <= (self.sizes[-1][0] if self.sizes else -1):
                raise bad_value(op, "sizes", [one for one, _ in sizes], "epochs that grow")
            self.sizes.append((int(epoch), height_and_width(op, "sizes", size)))

    def size(self, epoch: int) -> tuple[int, int] | None:
        """(height, width) in an epoch; None where images stay as they are."""
        known = [size for first, size in self.sizes if first <= epoch]
        return known[-1] if known else None

    def transform(self, trainer: Trainer, x: Any) -> Any:
        """Resize a batch."""
        size = self.size(trainer.epoch)
        return x if size is None else resize(np.asarray(x), size)

    def state_dict(self) -> dict[str, Any]:
        """The list."""
        return {"sizes": [[epoch, list(size)] for epoch, size in self.sizes]}

    def load_state_dict(self, state: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Make sure that the run continues with the list it began with.

        Raises:
            ValueError: it was another one.
        """
        ours = self.state_dict()["sizes"]
        if state["sizes"] != ours:
            raise bad_value("ProgressiveResize.load_state_dict", "sizes", state["sizes"], f"{ours}, as it was built")
