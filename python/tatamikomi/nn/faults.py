"""An error raised inside a model names the module that met it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tatamikomi.nn.module import Module

# Exact types only: a subclass may build its message from other arguments than the first.
_PREFIXED = (
    ValueError,
    TypeError,
    RuntimeError,
    MemoryError,
    IndexError,
    NotImplementedError,
    FloatingPointError,
)
_MARK = "_tatamikomi_module"


def name_the_module(error: Exception, caller: Module) -> None:
    """Begin the error's message with the failing module's path as seen from `caller`.

    Called at every level that the error passes on its way out: the first call remembers the failing module
    and the bare message, each later one writes the prefix anew with a longer path, so that one prefix
    remains.
    """
    if type(error) not in _PREFIXED:
        return
    failing, message = getattr(error, _MARK, (None, None))
    if failing is None:
        message = error.args[0] if error.args else ""
        if not isinstance(message, str):
            return
        failing = caller
        setattr(error, _MARK, (failing, message))
    for path, module in caller.named_modules():
        if module is failing:
            kind = type(failing).__name__
            error.args = (f"{path} ({kind}): {message}" if path else f"{kind}: {message}", *error.args[1:])
            return
