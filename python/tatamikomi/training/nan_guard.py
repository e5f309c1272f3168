"""NaNGuard: the first layer whose output is not finite, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import Module
from tatamikomi.training.callback import Callback

if TYPE_CHECKING:
    from tatamikomi.nn.hooks import Handle
    from tatamikomi.training.trainer import Trainer


class NaNGuard(Callback):
    """Stop a run at the first NaN or infinity, and name the layer where it appeared.

    The outputs of all layers are looked at in training, a pass over memory for each.

    Args:
        every: look at every so many batches only.

    Raises:
        ValueError: every < 1.

    `fit` then raises FloatingPointError with the path of the layer, the batch, and whether its input or one of its
    parameters was to blame.

    >>> import numpy as np, tatamikomi as tk
    >>> model = tk.nn.Sequential(tk.nn.Linear(2, 2), tk.nn.ReLU())
    >>> _ = model[0].weight.copy_([[1.0, np.inf], [0.0, 0.0]])
    >>> optimizer = tk.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = tk.Trainer(model, optimizer, callbacks=[tk.training.NaNGuard()])
    >>> trainer.fit([(np.ones((1, 2), np.float32), [0])])
    Traceback (most recent call last):
    FloatingPointError: 0 (Linear): NaNGuard: the output is not finite in batch 1, epoch 1; its weight is not finite
    """

    def __init__(self, every: int = 1) -> None:
        if every < 1:
            raise bad_value("NaNGuard", "every", every, "an integer >= 1")
        self.every = every
        self.batch = 0
        self.epoch = 0
        self._handles: list[Handle[Any]] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        """Hang on to every module that has no module below it."""
        for module in trainer.model.modules():
            if not any(True for _ in module.children()):
                self._handles.append(module.register_forward_hook(self._look))

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Count anew."""
        self.batch, self.epoch = 0, trainer.epoch

    def on_batch_end(self, trainer: Trainer, samples: int, measures: Mapping[str, float]) -> None:
        """Count."""
        self.batch += 1

    def on_fit_end(self, trainer: Trainer) -> None:
        """Let go."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _look(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        if not module.training or self.batch % self.every or all(_finite(one) for one in _tensors(output)):
            return
        blame = [f"its {name} is not finite" for name, one in module.named_parameters() if not _finite(one)]
        if not all(_finite(one) for one in _tensors(args)):
            blame.append("its input is not finite")
        cause = "; ".join(blame) or "its input and parameters are finite"
        at = f"batch {self.batch + 1}, epoch {self.epoch + 1}"
        raise FloatingPointError(f"NaNGuard: the output is not finite in {at}; {cause}")


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [one for part in value for one in _tensors(part)] if isinstance(value, (tuple, list)) else []


def _finite(tensor: Tensor) -> bool:
    return tensor.dtype.kind != "f" or bool(np.isfinite(tensor.data).all())
