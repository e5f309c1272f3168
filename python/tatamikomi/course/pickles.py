"""Parameter files of the lessons: .npz, or pickles, read without running anything that they name.

A pickle may name any function of any module to be called. Here it may name what NumPy's arrays and numbers are pickled
by, and those names mean stand-ins of ours; anything else is refused.
"""

from __future__ import annotations

import codecs
import math
import os
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any, NoReturn

import numpy as np

from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.faults import bad_file
from tatamikomi.kernels.arrays import Array

_MODULES = {f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric")}


class _Dtype:
    """A dtype of numbers, booleans or text; its state may turn the byte order and nothing else."""

    def __init__(self, name: str, align: object = False, copy: object = False) -> None:
        self.real = np.dtype(name) if isinstance(name, str) else np.dtype(object)
        if self.real.kind not in "biufcUS" or self.real.subdtype is not None:
            raise ValueError(f"an array of {name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if any(part is not None for part in state[2:5]):
            raise ValueError("an array of records")
        if state[1] in ("<", ">"):
            self.real = self.real.newbyteorder(state[1])


class _Values:
    """An array, or a number of NumPy's, once its bytes are known."""

    real: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> _Values:
        """Take the values; their bytes must be as many as the shape asks for."""
        data = data.encode("latin1") if isinstance(data, str) else data  # Python 2 wrote bytes so
        if len(data) != math.prod(shape) * dtype.real.itemsize:
            raise ValueError(f"{len(data)} bytes for shape {shape} of {dtype.real}")
        self.real = np.frombuffer(bytearray(data), dtype.real).reshape(shape, order=order)
        if not self.real.dtype.isnative:
            self.real = self.real.astype(self.real.dtype.newbyteorder("="))
        return self


# Python's own Unpickler in Python: the one in C makes room for as many objects as a file claims.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # Functions made anew: whatever a file does to them ends with it.
        def scalar(dtype: _Dtype, data: Any) -> _Values:
            values = _Values().fill(data, dtype, (), "C")
            values.real = values.real[()]
            return values

        known: dict[str, Any] = {}
        if module in _MODULES:
            known = {
                "_reconstruct": lambda kind, shape, code: _Values(),
                "_frombuffer": lambda data, dtype, shape, order: _Values().fill(data, dtype, shape, order),
                "scalar": scalar,
            }
        elif module == "numpy":
            known = {"ndarray": None, "dtype": lambda *given: _Dtype(*given)}
        elif module == "collections":
            known = {"OrderedDict": lambda *given: OrderedDict(*given)}
        elif module in ("builtins", "__builtin__"):
            known = {"bytes": lambda: b""}
        elif module == "_codecs":
            known = {"encode": lambda text, code: codecs.encode(text, {"latin1": "latin1"}[code])}
        if name in known:
            return known[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is refused: it might run code")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it points to objects outside of the file, which is refused")


def _real(value: Any, done: dict[int, Any]) -> Any:
    """Values in place of stand-ins, in dictionaries, lists and tuples; each object once, however often it occurs."""
    if id(value) in done:
        return done[id(value)]
    made: Any
    if isinstance(value, _Values):
        made = value.real
    elif type(value) is list:
        made = done[id(value)] = []
        made.extend(_real(one, done) for one in value)
    elif type(value) is tuple:
        made = tuple(_real(one, done) for one in value)
    elif type(value) in (dict, OrderedDict):
        made = done[id(value)] = type(value)()
        made.update((_real(key, done), _real(one, done)) for key, one in value.items())
    elif value is None or isinstance(value, (bool, int, float, complex, str, bytes, bytearray)):
        made = value
    else:
        raise ValueError(f"it holds a {type(value).__name__}")
    done[id(value)] = made
    return made


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle of NumPy arrays and numbers, dictionaries, lists, tuples, text and numbers.

    Arrays come back writable, C- or Fortran-ordered as they were, in the machine's byte order. Pickles of every
    protocol, of Python 2 and of NumPy before and after 2.0 are read.

    Raises:
        ValueError: the file names anything else, which might run code, or is no whole pickle; the message says what.
        OSError: the file cannot be opened.

    >>> import os, pickle, tempfile
    >>> import numpy as np
    >>> from tatamikomi.course.pickles import load_pickle
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "params.pkl")
    ...     with open(path, "wb") as file:
    ...         pickle.dump({"W1": np.ones((1, 2)), "b1": np.zeros(2)}, file)
    ...     load_pickle(path)
    {'W1': array([[1., 1.]]), 'b1': array([0., 0.])}
    """
    with open(path, "rb") as file:
        try:
            return _real(_read(file), {})
        except OSError:
            raise
        except Exception as error:  # a hostile file meets any of the machine's errors
            raise bad_file(path, f"not a pickle of arrays: {str(error) or type(error).__name__}") from None


def _read(file: IO[bytes]) -> Any:
    return _Unpickler(file, encoding="latin1").load()


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read a dictionary of arrays from a .npz file or a pickle.

    Raises:
        ValueError: the file holds anything else; the message names it.
        OSError: the file cannot be opened.
    """
    from tatamikomi.data.arrays import load_npz

    if os.fspath(path).endswith(".npz"):
        return load_npz(path)
    found = load_pickle(path)
    if not isinstance(found, dict) or not all(isinstance(one, np.ndarray) for one in found.values()):
        raise bad_file(path, "not a dictionary of arrays")
    return found


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write a dictionary of arrays: a .npz file where the name ends so, else a pickle; never half of one.

    Raises:
        OSError: what the file system says.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from tatamikomi.course.pickles import load_arrays, save_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "params.npz")
    ...     save_arrays(path, {"b1": np.zeros(2)})
    ...     load_arrays(path)
    {'b1': array([0., 0.])}
    """
    with atomic_write(path) as file:
        if os.fspath(path).endswith(".npz"):
            np.savez(file, **arrays)  # type: ignore[arg-type]
        else:
            pickle.dump({name: np.asarray(array) for name, array in arrays.items()}, file)
