"""Tree: the walk through a module and those below it, and what is found on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tatamikomi.autograd import Parameter

if TYPE_CHECKING:
    from tatamikomi.nn.module import Module

Array = np.ndarray[Any, np.dtype[Any]]


class Tree:
    """What a Module says about its parameters, buffers and sub-modules, which it keeps in three rooms by name."""

    _parameters: dict[str, Parameter]
    _buffers: dict[str, Array]
    _modules: dict[str, Module]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct sub-modules."""
        yield from self._modules.items()

    def children(self) -> Iterator[Module]:
        """The direct sub-modules."""
        yield from self._modules.values()

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(path, module) of this module and all below it; a module met twice is given once, unless asked for."""
        seen: set[int] = set()
        for path, module in self._walk(prefix):
            if not (remove_duplicate and id(module) in seen):
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, cast("Module", self)
        for name, child in self._modules.items():
            yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def _named(self, room: str, prefix: str, recurse: bool, once: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self._walk(prefix) if recurse else [(prefix, cast("Module", self))]:
            for name, value in module._own(room).items():
                if not (once and id(value) in seen):
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def _own(self, room: str) -> dict[str, Any]:
        """The parameters or buffers of this module alone; a lazy layer refuses while it has none yet."""
        found: dict[str, Any] = self.__dict__[room]
        return found

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter); a parameter shared by two places is given once, unless asked for."""
        yield from self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once, in the order of registration."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Array]]:
        """(path, array) of the buffers."""
        yield from self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Array]:
        """Every buffer once."""
        for _, array in self.named_buffers(recurse=recurse):
            yield array

    def get_submodule(self, target: str) -> Module:
        """The module at a path, such as "features.0"; "" is this module.

        Raises:
            AttributeError: there is none; the message says how far the path goes.
        """
        module = cast("Module", self)
        for depth, name in enumerate(target.split(".") if target else ()):
            if name not in module._modules:
                at = ".".join(target.split(".")[:depth])
                known = ", ".join(module._modules) or "none"
                raise AttributeError(f"get_submodule: {target!r}: no module {name!r} at {at!r}; there is {known}")
            module = module._modules[name]
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path, such as "features.0.weight".

        Raises:
            AttributeError: there is none.
        """
        found: Parameter = self._find("get_parameter", "_parameters", target)
        return found

    def get_buffer(self, target: str) -> Array:
        """The buffer at a path, such as "features.1.running_mean".

        Raises:
            AttributeError: there is none.
        """
        found: Array = self._find("get_buffer", "_buffers", target)
        return found

    def _find(self, op: str, room: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._own(room)
        if name not in found:
            raise AttributeError(f"{op}: {target!r}: no {room[1:-1]} {name!r}; there is {', '.join(found) or 'none'}")
        return found[name]
