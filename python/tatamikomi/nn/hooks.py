"""Hooks: functions that a module calls on its way, forward and back, and the handles that take them away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tatamikomi.autograd import Function, Tensor, is_grad_enabled
from tatamikomi.errors import bad_type

if TYPE_CHECKING:
    from tatamikomi.nn.module import Module

Array = np.ndarray[Any, np.dtype[Any]]
Hook = Callable[["Module", tuple[Any, ...], Any], Any]
PreHook = Callable[["Module", tuple[Any, ...]], Any]
BackwardHook = Callable[["Module", tuple["Tensor | None", ...], tuple[Tensor, ...]], Any]
H = TypeVar("H")

_keys = count()  # a key is never used again: a handle reaches its own hook only


class Handle(Generic[H]):
    """Returned where a hook is registered; `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, H], key: int) -> None:
        self._hooks = hooks
        self._key = key

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self._key, None)


def add(hooks: dict[int, H], hook: H, op: str) -> Handle[H]:
    """Put a hook after the others."""
    if not callable(hook):
        raise bad_type(op, "hook", type(hook).__name__, "a function")
    key = next(_keys)
    hooks[key] = hook
    return Handle(hooks, key)


class Tap:
    """Two nodes on the tape around one call of a module, which see the gradients pass: into it, and out of it."""

    def __init__(self, module: Module, hooks: Sequence[BackwardHook]) -> None:
        self.module = module
        self.hooks = hooks
        self.arguments = 0
        self.position: int | None = None  # of the argument that wants a gradient
        self.grad_output: tuple[Tensor, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, the one that wants a gradient behind a node."""
        wanting = [i for i, one in enumerate(args) if isinstance(one, Tensor) and one.requires_grad]
        self.arguments = len(args)
        if not wanting or not is_grad_enabled():
            return args
        if len(wanting) > 1:
            raise RuntimeError("full backward hook: expected at most one argument that requires a gradient")
        self.position = wanting[0]
        return (*args[: self.position], _Enter(self)(args[self.position]), *args[self.position + 1 :])

    def leave(self, result: Any) -> Any:
        """The result behind a node."""
        if not isinstance(result, Tensor):
            raise bad_type("full backward hook", "output", type(result).__name__, "a single Tensor")
        return _Leave(self)(result) if result.requires_grad and is_grad_enabled() else result

    def call(self, gradient: Tensor | None) -> Tensor | None:
        """Let every hook see the gradients, and replace that of the input."""
        for hook in self.hooks:
            grad_input: list[Tensor | None] = [None] * self.arguments
            if self.position is not None:
                grad_input[self.position] = gradient
            changed = hook(self.module, tuple(grad_input), self.grad_output)
            if changed is not None and self.position is not None:
                gradient = changed[self.position] if isinstance(changed, tuple) else changed
        return gradient


class _Enter(Function):
    """The identity at the beginning of a module."""

    view = True

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Tensor) -> Tensor | None:
        return self.tap.call(dy)


class _Leave(Function):
    """The identity at the end of a module."""

    view = True

    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.tap.grad_output = (dy,)
        if self.tap.position is None:
            self.tap.call(None)
        return dy
