"""One voice for every error: the operation, the argument, what was expected and what was given.

The functions build exceptions and return them; the caller raises, so that the traceback ends where the fault is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

E = TypeVar("E", bound=Exception)
_MARK = "_tatamikomi_fault"


class _Fault(NamedTuple):
    """What a message is made of; an error carries it, so that a floor above can say it in its own names."""

    op: str
    argument: str
    rule: str
    as_other: str  # the argument that this one should agree with, or ""
    fact: str

    def text(self) -> str:
        other = f" as {self.as_other}" if self.as_other else ""
        return f"{self.op}: {self.argument}: {self.rule}{other}{self.fact}"


def _error(kind: type[E], fault: _Fault) -> E:
    error = kind(fault.text())
    setattr(error, _MARK, fault)
    return error


def _unmet(op: str, argument: str, given: object, expected: str, as_other: str = "") -> _Fault:
    shown = given if isinstance(given, str) else repr(given)
    return _Fault(op, argument, f"expected {expected}", as_other, f", got {shown}")


def bad_value(op: str, argument: str, given: object, expected: str) -> ValueError:
    """A shape or a value is wrong.

    >>> from tatamikomi.errors import bad_value
    >>> str(bad_value("conv2d", "stride", (0, 1), "positive integers"))
    'conv2d: stride: expected positive integers, got (0, 1)'
    """
    return _error(ValueError, _unmet(op, argument, given, expected))


def bad_type(op: str, argument: str, given: object, expected: str, as_other: str = "") -> TypeError:
    """A kind of object or a dtype is wrong, perhaps since that of another argument differs.

    >>> from tatamikomi.errors import bad_type
    >>> str(bad_type("relu", "x", "int64", "float32 or float64"))
    'relu: x: expected float32 or float64, got int64'
    >>> str(bad_type("matmul", "b", "float64", "float32", as_other="a"))
    'matmul: b: expected float32 as a, got float64'
    """
    return _error(TypeError, _unmet(op, argument, given, expected, as_other))


def unknown_name(op: str, argument: str, given: object, valid: Iterable[str]) -> ValueError:
    """A name is not one of those known; the message lists the valid ones.

    >>> from tatamikomi.errors import unknown_name
    >>> str(unknown_name("create", "name", "lenet6", ["lenet5"]))
    "create: name: expected one of 'lenet5', got 'lenet6'"
    """
    names = ", ".join(repr(name) for name in valid)
    return _error(ValueError, _unmet(op, argument, repr(given), f"one of {names}"))


def no_memory(op: str, argument: str, shape: Sequence[int], dtype: Any) -> MemoryError:
    """The system has no memory for an array; `dtype` is a NumPy dtype.

    >>> import numpy as np
    >>> from tatamikomi.errors import no_memory
    >>> str(no_memory("relu", "output", (2, 3), np.dtype(np.float32)))
    'relu: output: no memory for 24 bytes, shape (2, 3) of float32'
    """
    size = math.prod(shape) * dtype.itemsize
    return _error(
        MemoryError, _Fault(op, argument, f"no memory for {size} bytes, shape {tuple(shape)} of {dtype}", "", "")
    )


def memory_of(op: str, error: MemoryError) -> MemoryError:
    """A MemoryError met inside `op`, in our words if it does not say so: NumPy's or that of a workspace."""
    if hasattr(error, _MARK):
        return error
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is not None and dtype is not None:
        return no_memory(op, "temporary array", shape, dtype)
    what, _, rule = str(error).rpartition(": ")
    return _error(MemoryError, _Fault(op, what or "temporary array", rule or "no memory", "", ""))


def retell(error: Exception, op: str, renamed: Mapping[str, str]) -> None:
    """Let an error that was built here speak of `op`, and of its arguments by their names there; leave others alone.

    >>> from tatamikomi.errors import bad_value, retell
    >>> error = bad_value("conv_forward", "x", (4, 6), "a shape (n, channels, 1 to 3 axes)")
    >>> retell(error, "conv2d", {"x": "input"})
    >>> str(error)
    'conv2d: input: expected a shape (n, channels, 1 to 3 axes), got (4, 6)'
    """
    fault: _Fault | None = getattr(error, _MARK, None)
    if fault is None:
        return
    name, bracket, index = fault.argument.partition("[")
    told = fault._replace(
        op=op,
        argument=renamed.get(name, name) + bracket + index,
        as_other=renamed.get(fault.as_other, fault.as_other),
    )
    error.args = (told.text(),)
    setattr(error, _MARK, told)


def missing_extra(feature: str, package: str, extra: str) -> ImportError:
    """An optional package is not installed; the message names the extra that brings it.

    >>> from tatamikomi.errors import missing_extra
    >>> str(missing_extra("curves.png", "matplotlib", "plot"))
    "curves.png needs matplotlib: pip install 'tatamikomi[plot]'"
    """
    return ImportError(f"{feature} needs {package}: pip install 'tatamikomi[{extra}]'")
