"""ModuleDict, ParameterList and ParameterDict: modules and parameters by key or number, found by the module above."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from tatamikomi.autograd import Parameter
from tatamikomi.errors import bad_type
from tatamikomi.nn.module import Module


def _pairs(op: str, argument: str, given: object) -> list[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, (ModuleDict, ParameterDict)):
        return list(given.items())
    if not isinstance(given, Iterable):
        raise bad_type(op, argument, type(given).__name__, "a mapping or pairs (name, value)")
    return [(name, value) for name, value in given]


class ModuleDict(Module):
    """A dict of modules whose parameters are found; it has no forward of its own.

    Args:
        modules: a mapping of names to modules, or pairs; None for none.

    Raises:
        TypeError: a value is not a Module, or a name not a string.
        ValueError: a name is empty or has a dot.

    >>> import tatamikomi as tk
    >>> layers = tk.nn.ModuleDict({"up": tk.nn.Linear(2, 4), "down": tk.nn.Linear(4, 2)})
    >>> layers["up"].out_features, [name for name, _ in layers.named_parameters()]
    (4, ['up.weight', 'up.bias', 'down.weight', 'down.bias'])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove one and return it.

        Raises:
            KeyError: there is none of this name.
        """
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Module]:
        """(name, module)."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | ModuleDict) -> None:
        """Add or replace several."""
        for name, module in _pairs("ModuleDict.update", "modules", modules):
            self.add_module(name, module)


class ParameterList(Module):
    """A list of parameters that are found, under the names "0", "1", ...

    Args:
        values: Parameters, or what makes one.

    Raises:
        TypeError: a value cannot become a Parameter.

    >>> import tatamikomi as tk
    >>> weights = tk.nn.ParameterList([[1.0], tk.nn.Parameter([2.0, 3.0])])
    >>> len(weights), weights[1].shape, [name for name, _ in weights.named_parameters()]
    (2, (2,), ['0', '1'])
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(values)

    def _name_at(self, index: object) -> str:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise bad_type("ParameterList", "index", type(index).__name__, "an integer or a slice")
        number: int = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(f"ParameterList: index: expected -{len(self)} <= index < {len(self)}, got {number}")
        return str(number % len(self))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return ParameterList(list(self)[index])
        return self._parameters[self._name_at(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), _parameter(value))

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(list(self._parameters.values()))

    def append(self, value: Any) -> ParameterList:
        """Add one at the end; returns self."""
        setattr(self, str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Append several; returns self."""
        for value in values:
            self.append(value)
        return self

    def __repr__(self) -> str:
        return _text(self)


class ParameterDict(Module):
    """A dict of parameters that are found.

    Args:
        parameters: a mapping of names to Parameters, or what makes one; or pairs; None for none.

    Raises:
        TypeError: a value cannot become a Parameter, or a name is not a string.
        ValueError: a name is empty or has a dot.

    >>> import tatamikomi as tk
    >>> scales = tk.nn.ParameterDict({"left": [1.0], "right": [2.0]})
    >>> scales["left"].shape, list(scales.keys())
    ((1,), ['left', 'right'])
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Parameter:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._place("_parameters", key, _parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._parameters.keys()

    def values(self) -> ValuesView[Parameter]:
        """The parameters."""
        return self._parameters.values()

    def items(self) -> ItemsView[str, Parameter]:
        """(name, parameter)."""
        return self._parameters.items()

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | ParameterDict) -> None:
        """Add or replace several."""
        for name, value in _pairs("ParameterDict.update", "parameters", parameters):
            self[name] = value

    def __repr__(self) -> str:
        return _text(self)


def _parameter(value: Any) -> Parameter:
    return value if isinstance(value, Parameter) else Parameter(value)


def _text(module: Module) -> str:
    """The shapes, a line each."""
    lines = [f"  ({name}): {value.dtype} {value.shape}" for name, value in module._parameters.items()]
    return "\n".join([f"{type(module).__name__}(", *lines, ")"]) if lines else f"{type(module).__name__}()"
