"""Sequential and ModuleList: modules in an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from tatamikomi.autograd import is_grad_enabled
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn.activation import ReLU
from tatamikomi.nn.module import Module
from tatamikomi.nn.pool import MaxPool1d, MaxPool2d, MaxPool3d


class _Ordered(Module):
    """Children under the names "0", "1", ... (or given ones), reached by index as in a list."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))

    def _name_at(self, index: object) -> str:
        kind = type(self).__name__
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise bad_type(kind, "index", type(index).__name__, "an integer or a slice")
        number: int = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(f"{kind}: index: expected -{len(self)} <= index < {len(self)}, got {number}")
        return list(self._modules)[number]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name_at(index), module)

    def _renumber(self, modules: Iterable[Module]) -> None:
        kept = list(modules)
        self._modules.clear()
        for number, module in enumerate(kept):
            self.add_module(str(number), module)


def _takes_relu(module: Module) -> bool:
    plain = getattr(module, "activation", "none of its own") is None and not getattr(module, "return_indices", False)
    return plain and not module.has_hooks()


def _is_plain_relu(module: Module) -> bool:
    return type(module) is ReLU and not module.has_hooks()


def _pools_relu(module: Module) -> bool:
    return type(module) in (MaxPool1d, MaxPool2d, MaxPool3d) and _takes_relu(module)


class Sequential(_Ordered):
    """Modules called one after the other.

    Args:
        *modules: the modules, named "0", "1", ...; or one mapping of names to modules.

    Shape: whatever the first module takes, to whatever the last one gives.

    Raises:
        TypeError: an argument is not a Module.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.nn.Sequential(tk.nn.Linear(4, 8), tk.nn.ReLU(), tk.nn.Linear(8, 2))
    >>> net(np.ones((5, 4), np.float32)).shape
    (5, 2)
    >>> net[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named: Iterable[tuple[str, Any]] = modules[0].items()
        else:
            named = ((str(number), module) for number, module in enumerate(modules))
        for name, module in named:
            if not isinstance(module, Module):
                raise bad_type("Sequential", f"module {name}", type(module).__name__, "a Module")
            self.add_module(name, module)

    def forward(self, x: Any) -> Any:
        """The modules in their order, each on the output of the one before.

        A ReLU after a layer that takes `activation` runs inside of that layer, with the same bits in fewer passes over
        memory, unless one of the two has hooks. Before max pooling, where gradients are recorded, it runs inside of the
        pool: the largest of rectified numbers is the largest, rectified, and the layer need not keep its output.
        """
        modules = list(self._modules.values())
        i = 0
        while i < len(modules):
            module, behind = modules[i], modules[i + 1 : i + 3]
            if not (behind and _is_plain_relu(behind[0]) and _takes_relu(module)):
                x = module(x)
                i += 1
            elif len(behind) == 2 and _pools_relu(behind[1]) and is_grad_enabled():
                x = behind[1](module(x), activation="relu")
                i += 3
            else:
                x = module(x, activation="relu")
                i += 2
        return x

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Module | Sequential:
        if isinstance(index, slice):
            return Sequential(dict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def __delitem__(self, index: int) -> None:
        del self._modules[self._name_at(index)]
        if all(name.isdecimal() for name in self._modules):
            self._renumber(self._modules.values())

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its number; returns self."""
        if not isinstance(module, Module):
            raise bad_type("Sequential.append", "module", type(module).__name__, "a Module")
        name = str(len(self))
        if name in self._modules:
            raise bad_value("Sequential.append", "module", name, "a number not used as a name")
        self.add_module(name, module)
        return self

    def extend(self, modules: Iterable[Module]) -> Sequential:
        """Append several modules; returns self."""
        for module in modules:
            self.append(module)
        return self


class ModuleList(_Ordered):
    """A list of modules whose parameters are found; it has no forward of its own.

    Args:
        modules: the modules to begin with.

    Raises:
        TypeError: an element is not a Module.

    >>> import tatamikomi as tk
    >>> layers = tk.nn.ModuleList([tk.nn.Linear(2, 2) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module | ModuleList:
        if isinstance(index, slice):
            return ModuleList(list(self._modules.values())[index])
        return self._modules[self._name_at(index)]

    def __delitem__(self, index: int) -> None:
        del self._modules[self._name_at(index)]
        self._renumber(self._modules.values())

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; returns self."""
        if not isinstance(module, Module):
            raise bad_type("ModuleList.append", "module", type(module).__name__, "a Module")
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Append several modules; returns self."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`, as `list.insert` does."""
        if not isinstance(module, Module):
            raise bad_type("ModuleList.insert", "module", type(module).__name__, "a Module")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
