"""A model is looked at and left as it was: modes, buffers, hooks, gradients and randomness come back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.errors import bad_type
from tatamikomi.nn import Module
from tatamikomi.random import Generator, GeneratorState, default_generator

Array = np.ndarray[Any, np.dtype[Any]]


def expect_model(op: str, model: object) -> None:
    """Only Modules can be looked at."""
    if not isinstance(model, Module):
        raise bad_type(op, "model", type(model).__name__, "a Module")


class untouched:  # noqa: N801 - used as a function
    """Inside the with block the model is in the wanted mode and may be hooked, called and differentiated; at its end it
    is what it was: the modes, buffers, attributes and hooks of all modules (a lazy layer is lazy again), `.grad` of its
    parameters, the default Generator and those of the layers. Values of parameters are nobody's to change inside.

    Args:
        op: who asks, for messages.
        model: the Module.
        training: the mode inside; None leaves every module in its own.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi.interpret.untouched import untouched
    >>> norm = tk.nn.BatchNorm1d(1)
    >>> with untouched("example", norm, training=True):
    ...     y = norm(np.array([[1.0], [3.0]], np.float32))
    >>> norm.running_mean.tolist(), int(norm.num_batches_tracked)
    ([0.0], 0)
    """

    def __init__(self, op: str, model: Module, training: bool | None = False) -> None:
        expect_model(op, model)
        self._model = model
        self._training = training

    def __enter__(self) -> None:
        self._modules = [_Was(module) for module in self._model.modules()]
        self._default = default_generator().state()
        if self._training is not None:
            self._model.train(self._training)

    def __exit__(self, *error: Any) -> None:
        default_generator().set_state(self._default)
        for was in self._modules:
            was.restore()


class _Was:
    """One module as it was found."""

    def __init__(self, module: Module) -> None:
        own = vars(module)
        self.module, self.kind, self.attributes = module, type(module), dict(own)
        # Dictionaries and sets (parameters, buffers, hooks, ...) keep their identity and get their entries back.
        self.rooms = [(value, value.copy()) for value in own.values() if isinstance(value, (dict, set))]
        self.buffers = [(array, array.copy()) for array in own["_buffers"].values()]
        self.grads = [(parameter, parameter.grad) for parameter in own["_parameters"].values()]
        self.generators: list[tuple[Generator, GeneratorState]] = [
            (value, value.state()) for value in own.values() if isinstance(value, Generator)
        ]

    def restore(self) -> None:
        if type(self.module) is not self.kind:
            object.__setattr__(self.module, "__class__", self.kind)
        own = vars(self.module)
        own.clear()
        own.update(self.attributes)
        for room, entries in self.rooms:
            room.clear()
            room.update(entries)
        for array, values in self.buffers:
            if array.flags.writeable:
                np.copyto(array, values)
        for parameter, grad in self.grads:
            parameter.grad = grad
        for generator, state in self.generators:
            generator.set_state(state)
