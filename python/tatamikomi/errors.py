"""One voice for every error: the operation, the argument, what was expected and what was given.

The functions build exceptions and return them; the caller raises, so that the traceback ends where the fault is.
"""

from __future__ import annotations

from collections.abc import Iterable


def _message(op: str, argument: str, given: object, expected: str) -> str:
    shown = given if isinstance(given, str) else repr(given)
    return f"{op}: {argument}: expected {expected}, got {shown}"


def bad_value(op: str, argument: str, given: object, expected: str) -> ValueError:
    """A shape or a value is wrong.

    >>> from tatamikomi.errors import bad_value
    >>> str(bad_value("conv2d", "stride", (0, 1), "positive integers"))
    'conv2d: stride: expected positive integers, got (0, 1)'
    """
    return ValueError(_message(op, argument, given, expected))


def bad_type(op: str, argument: str, given: object, expected: str) -> TypeError:
    """A kind of object or a dtype is wrong.

    >>> from tatamikomi.errors import bad_type
    >>> str(bad_type("relu", "x", "int64", "float32 or float64"))
    'relu: x: expected float32 or float64, got int64'
    """
    return TypeError(_message(op, argument, given, expected))


def unknown_name(op: str, argument: str, given: object, valid: Iterable[str]) -> ValueError:
    """A name is not one of those known; the message lists the valid ones.

    >>> from tatamikomi.errors import unknown_name
    >>> str(unknown_name("create", "name", "lenet6", ["lenet5"]))
    "create: name: expected one of 'lenet5', got 'lenet6'"
    """
    names = ", ".join(repr(name) for name in valid)
    return ValueError(_message(op, argument, repr(given), f"one of {names}"))


def missing_extra(feature: str, package: str, extra: str) -> ImportError:
    """An optional package is not installed; the message names the extra that brings it.

    >>> from tatamikomi.errors import missing_extra
    >>> str(missing_extra("curves.png", "matplotlib", "plot"))
    "curves.png needs matplotlib: pip install 'tatamikomi[plot]'"
    """
    return ImportError(f"{feature} needs {package}: pip install 'tatamikomi[{extra}]'")
