"""Reading a module's state into a dict of arrays and writing it back, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tatamikomi.autograd import Parameter
from tatamikomi.errors import bad_type

if TYPE_CHECKING:
    from tatamikomi.nn.module import Module

Array = np.ndarray[Any, np.dtype[Any]]


class LoadResult(NamedTuple):
    """Keys that `load_state_dict(strict=False)` did not find, and found without a place for them."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Place:
    """One parameter or buffer: where a key of the state dict reads from and writes to."""

    def __init__(self, holder: Parameter | Array) -> None:
        self._holder = holder
        self.array: Array = holder.data if isinstance(holder, Parameter) else holder

    def read(self) -> Array:
        """A copy of the values."""
        return self.array.copy()

    def write(self, values: Array) -> None:
        """Overwrite the values in place, cast to the dtype that is there."""
        if isinstance(self._holder, Parameter):
            self._holder.copy_(values)
        else:
            np.copyto(self._holder, values, casting="same_kind")


def places(module: Module) -> Iterator[tuple[str, Place]]:
    """(key, place) in torch's order: parameters, then persistent buffers, then those of the children."""
    for path, one in module._walk(""):
        start = f"{path}." if path else ""
        for name, parameter in one._parameters.items():
            yield start + name, Place(parameter)
        for name, array in one._buffers.items():
            if name not in one._transient:
                yield start + name, Place(array)


def check_name(kind: str, name: object) -> None:
    """A name of a parameter, buffer or module becomes part of a path: no dots, and not empty."""
    if not isinstance(name, str):
        raise bad_type(kind, "name", type(name).__name__, "a string")
    if not name or "." in name:
        raise ValueError(f"{kind}: name: expected a non-empty string without dots, got {name!r}")


def load(module: Module, state_dict: Mapping[str, Any], strict: bool) -> LoadResult:
    """The body of `Module.load_state_dict`."""
    if not isinstance(state_dict, Mapping):
        raise bad_type("load_state_dict", "state_dict", type(state_dict).__name__, "a mapping of names to arrays")
    waiting = [(path, one) for path, one in module.named_modules() if hasattr(one, "materialize_from")]
    undo = [one.materialize_from(state_dict, f"{path}." if path else "") for path, one in waiting]
    try:
        return _load(module, state_dict, strict)
    except Exception:
        for back in undo:
            back()
        raise


def _load(module: Module, state_dict: Mapping[str, Any], strict: bool) -> LoadResult:
    here = dict(places(module))
    lazy = [(path, one.key) for path, one in module.named_modules() if hasattr(one, "materialize_from")]
    missing = [f"{path}.{key[0]}".lstrip(".") for path, key in lazy if key]  # that such a layer needs to learn its size
    missing += [key for key in here if key not in state_dict]
    unexpected = [str(key) for key in state_dict if key not in here]
    faults: list[str] = []
    if strict:
        faults += [f"missing key {key!r}{_shape(here[key].array) if key in here else ''}" for key in missing]
        faults += [f"unexpected key {key!r}{_shape(value)}" for key, value in state_dict.items() if key not in here]
    values: dict[str, Array] = {}
    for key, place in here.items():
        if key in state_dict:
            fault, array = _fit(place.array, state_dict[key])
            if fault is None:
                values[key] = array
            else:
                faults.append(f"key {key!r}: {fault}")
    if faults:
        listed = "\n  ".join(faults)
        raise ValueError(f"load_state_dict: {type(module).__name__}: nothing was loaded:\n  {listed}")
    for key, array in values.items():
        here[key].write(array)
    return LoadResult(missing, unexpected)


def _shape(value: object) -> str:
    return f", of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""


def _fit(target: Array, given: object) -> tuple[str | None, Array]:
    """Whether `given` can be written to `target`: (fault or None, the array)."""
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        return f"not an array ({error})", target
    if array.shape != target.shape:
        return f"expected shape {target.shape}, got {array.shape}", array
    if not np.can_cast(array.dtype, target.dtype, casting="same_kind"):
        return f"expected dtype {target.dtype}, got {array.dtype}", array
    return None, array
