"""A pickle read without pickle: a stack machine of its own for plain values and for the names that a caller allows.

Only data come out: None, booleans, numbers, text, bytes, tuples, lists and dicts. Nothing is imported and nothing that
the file names is run; a name that is not allowed, or an opcode that plain data do not need, ends the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ARGUMENTS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}


class Name(NamedTuple):
    """A name met in a pickle, and what its call with arguments gives; None: it is passed on and never called."""

    text: str
    make: Callable[..., Any] | None


def parse_pickle(data: bytes, names: Mapping[str, Callable[..., Any] | None], persistent: Callable[[Any], Any]) -> Any:
    """The value that a pickle of plain data describes.

    Args:
        data: the pickle, of protocol 2 or later.
        names: "module.name" -> what a call of it gives, as in `Name`; the file can name nothing else.
        persistent: what a persistent id stands for.

    Raises:
        ValueError: no such pickle; a name or an opcode beyond these, which the message gives; or what `names` and
            `persistent` say.

    >>> import pickle
    >>> from tatamikomi.io.pickles import parse_pickle
    >>> parse_pickle(pickle.dumps({"epoch": 3, "sizes": (1, 2)}), {}, print)
    {'epoch': 3, 'sizes': (1, 2)}
    >>> parse_pickle(pickle.dumps(print), {}, print)
    Traceback (most recent call last):
    ValueError: the name 'builtins.print', which is not plain data
    """
    import pickletools

    try:
        return _run(pickletools.genops(data), names, persistent)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a broken pickle: {type(error).__name__}: {error!s:.100}") from None


def _run(opcodes: Any, names: Mapping[str, Callable[..., Any] | None], persistent: Callable[[Any], Any]) -> Any:
    stack: list[Any] = []
    below: list[list[Any]] = []  # the stacks under each mark
    memo: dict[int, Any] = {}

    def to_mark() -> list[Any]:
        nonlocal stack
        items, stack = stack, below.pop()
        return items

    def named(text: str) -> Name:
        if text not in names:
            raise ValueError(f"the name {text!r:.200}, which is not plain data")
        return Name(text, names[text])

    for opcode, argument, _ in opcodes:
        kind = opcode.name
        if kind in _CONSTANTS:
            stack.append(_CONSTANTS[kind])
        elif kind in _ARGUMENTS:
            stack.append(argument)
        elif kind in _EMPTY:
            stack.append(_EMPTY[kind]())
        elif kind in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif kind == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif kind in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif kind == "MARK":
            below.append(stack)
            stack = []
        elif kind == "TUPLE":
            items = to_mark()
            stack.append(tuple(items))
        elif kind in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(kind[-1])
            if len(stack) < count:
                raise IndexError(kind)
            stack[-count:] = [tuple(stack[-count:])]
        elif kind in ("APPEND", "APPENDS"):
            items = to_mark() if kind == "APPENDS" else [stack.pop()]
            _of(list, stack[-1]).extend(items)
        elif kind in ("SETITEM", "SETITEMS"):
            items = to_mark() if kind == "SETITEMS" else [stack.pop() for _ in "kv"][::-1]
            for key, value in zip(items[::2], items[1::2], strict=True):
                # A tuple as key would be hashed: deeply nested ones end the process.
                _of(dict, stack[-1])[key if isinstance(key, int) else _of(str, key)] = value
        elif kind == "GLOBAL":
            stack.append(named(argument.replace(" ", ".", 1)))
        elif kind == "STACK_GLOBAL":
            name, module = _of(str, stack.pop()), _of(str, stack.pop())
            stack.append(named(f"{module}.{name}"))
        elif kind == "BINPERSID":
            stack.append(persistent(stack.pop()))
        elif kind == "REDUCE":
            arguments, name = _of(tuple, stack.pop()), _of(Name, stack.pop())
            if name.make is None:
                raise ValueError(f"a call of {name.text!r}")
            stack.append(name.make(*arguments))
        elif kind == "BUILD":
            stack.pop()  # attributes of an OrderedDict, such as the versions of modules
            _of(dict, stack[-1])
        elif kind == "STOP":
            return stack.pop()
        elif kind not in ("PROTO", "FRAME"):
            raise ValueError(f"the opcode {kind}, which plain data do not need")
    raise IndexError("no end")


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, got {type(value).__name__}")
    return value
