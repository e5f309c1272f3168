"""Which backend runs: native (C++) or reference (NumPy). A contextvar: each thread and task has its own choice.

Backends offer the same function names with the same arguments. A kernel that a backend lacks raises, naming
itself; nothing falls back silently. Where memory for a workspace or a temporary array lacks, the error names the
kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from tatamikomi import _native
from tatamikomi.errors import memory_of, unknown_name
from tatamikomi.kernels import native, reference


class Backend:
    """The kernels of a module, as attributes; `frugal` names those that never ask for memory."""

    def __init__(self, name: str, module: ModuleType, frugal: Collection[str] = ()) -> None:
        self.name, self._module, self._frugal = name, module, frugal

    def __getattr__(self, op: str) -> Callable[..., Any]:
        """Called once per kernel: what it finds stays an attribute."""
        function: Callable[..., Any] | None = getattr(self._module, op, None)
        if function is None:
            raise AttributeError(f"{op}: the {self.name} backend has no such kernel")
        if op in self._frugal:  # no error of theirs has to be told: what would tell it takes a tenth of a microsecond
            setattr(self, op, function)
            return function

        def kernel(*args: Any) -> Any:
            try:
                return function(*args)
            except MemoryError as error:
                raise memory_of(op, error) from None

        setattr(self, op, kernel)
        return kernel


_BACKENDS = {"native": Backend("native", native, native.FRUGAL), "reference": Backend("reference", reference)}


def _lookup(op: str, argument: str, name: str) -> Backend:
    if name not in _BACKENDS:
        raise unknown_name(op, argument, name, _BACKENDS)
    return _BACKENDS[name]


_initial = _lookup("tatamikomi", "TATAMIKOMI_BACKEND", os.environ.get("TATAMIKOMI_BACKEND") or "native")
_active: ContextVar[Backend] = ContextVar("backend", default=_initial)


def active() -> Backend:
    """The backend whose kernels compute."""
    return _active.get()


def get_backend() -> str:
    """The name of the active backend.

    >>> import tatamikomi as tk
    >>> with tk.backend("reference"):
    ...     tk.get_backend()
    'reference'
    """
    return _active.get().name


def engine() -> tuple[str, str]:
    """The active backend and the native one's instruction set: packed weights are laid out for one of these.

    >>> from tatamikomi.kernels.backend import engine
    >>> len(engine())
    2
    """
    return get_backend(), _native.active_isa()


def set_backend(name: str) -> None:
    """Compute with `name`, "native" or "reference", from here on in this thread or task.

    Raises:
        ValueError: no such backend; the message lists the valid names.
    """
    _active.set(_lookup("set_backend", "name", name))


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Compute with `name` inside a with block.

    Raises:
        ValueError: no such backend; the message lists the valid names.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> with tk.backend("reference"):
    ...     tk.kernels.matmul(np.eye(2), np.ones((2, 1))).tolist()
    [[1.0], [1.0]]
    """
    token = _active.set(_lookup("backend", "name", name))
    try:
        yield
    finally:
        _active.reset(token)
