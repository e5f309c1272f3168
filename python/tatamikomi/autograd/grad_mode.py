"""Whether operations are recorded: a context variable, so every thread and every task has its own answer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeVar

from tatamikomi.errors import bad_type

_Call = TypeVar("_Call", bound=Callable[..., Any])

_enabled: ContextVar[bool] = ContextVar("tatamikomi_grad_enabled", default=True)


def is_grad_enabled() -> bool:
    """True where operations on Tensors that require a gradient are recorded (the default).

    >>> import tatamikomi as tk
    >>> with tk.no_grad():
    ...     tk.autograd.is_grad_enabled()
    False
    """
    return _enabled.get()


class set_grad_enabled:  # noqa: N801 - used like a function, as in torch
    """Record operations or not, inside a `with` block or in every call of a decorated function.

    Args:
        mode: True to record.

    Raises:
        TypeError: a generator or a coroutine function is decorated: its body runs after the call returned.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([1.0], requires_grad=True)
    >>> with tk.autograd.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self._mode = bool(mode)
        self._tokens: list[Token[bool]] = []  # one per open `with`, so that one object may be nested in itself

    def __enter__(self) -> None:
        self._tokens.append(_enabled.set(self._mode))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _enabled.reset(self._tokens.pop())

    def __call__(self, function: _Call) -> _Call:
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise bad_type(type(self).__name__, "function", repr(function), "a plain function")
        mode = self._mode

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(mode):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


class no_grad(set_grad_enabled):  # noqa: N801
    """Do not record: results require no gradient and keep nothing for a backward pass.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([1.0], requires_grad=True)
    >>> @tk.no_grad()
    ... def double(x):
    ...     return x * 2
    >>> double(x).requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):  # noqa: N801
    """Record again inside `no_grad`.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([1.0], requires_grad=True)
    >>> with tk.no_grad(), tk.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)
