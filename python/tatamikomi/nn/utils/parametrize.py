"""Parameters that are computed from others: a module's weight as a function of what is trained in its place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from tatamikomi.autograd import Parameter, Tensor, no_grad
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn.collection import ModuleDict
from tatamikomi.nn.container import ModuleList
from tatamikomi.nn.module import Module


class ParametrizationList(ModuleList):
    """The parametrizations of one parameter, each on the result of the one before, and what they begin with.

    That is the Parameter `original`; or, where the first one's `right_inverse` gives several, `original0`,
    `original1`, ...
    """

    def __init__(self, parametrization: Module, value: Parameter) -> None:
        super().__init__([parametrization])
        parts = _inverse(parametrization, value)
        self.pieces = (
            ("original",) if not isinstance(parts, tuple) else tuple(f"original{i}" for i in range(len(parts)))
        )
        for name, part in zip(self.pieces, parts if isinstance(parts, tuple) else (parts,), strict=True):
            keeps = part is value
            setattr(self, name, value if keeps else Parameter(part, value.requires_grad))

    def forward(self) -> Tensor:
        """The parameter as it is now."""
        first, *others = self
        value: Tensor = first(*(getattr(self, name) for name in self.pieces))
        for one in others:
            value = one(value)
        return value

    def assign(self, value: Any) -> None:
        """Find originals that give this value, and write them.

        Raises:
            NotImplementedError: a parametrization has no `right_inverse`.
            ValueError: a shape differs.
        """
        with no_grad():
            for one in reversed(list(self)):
                if not hasattr(one, "right_inverse"):
                    raise NotImplementedError(
                        f"{type(one).__name__} has no right_inverse(): its result is not assigned"
                    )
                value = one.right_inverse(value)
        for name, part in zip(self.pieces, value if isinstance(value, tuple) else (value,), strict=True):
            getattr(self, name).copy_(np.asarray(part))


def register_parametrization(module: Module, tensor_name: str, parametrization: Module) -> Module:
    """Let `module.tensor_name` be parametrization(original) from here on; returns module.

    The original is trained in its place: `parametrizations.NAME.original` in `named_parameters()` and in the state. A
    parametrization that has `right_inverse(value)` begins with the originals that it returns, one or a tuple, and can
    be assigned to. A second one takes the first one's result. Register before the optimizer is built.

    Args:
        module: whose parameter it is; its class becomes a subclass of what it was.
        tensor_name: the attribute's name.
        parametrization: a Module that gives a Tensor of the parameter's shape and dtype.

    Source: torch.nn.utils.parametrize.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: the module has no such parameter, or the result has another shape or dtype.

    >>> import tatamikomi as tk
    >>> class Doubled(tk.nn.Module):
    ...     def forward(self, original):
    ...         return original * 2
    >>> layer = tk.nn.Linear(2, 1)
    >>> before = layer.weight.numpy()
    >>> layer = tk.nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    >>> (layer.weight.numpy() == 2 * before).all(), list(layer.state_dict())
    (np.True_, ['bias', 'parametrizations.weight.original'])
    """
    op = "register_parametrization"
    for argument, given in (("module", module), ("parametrization", parametrization)):
        if not isinstance(given, Module):
            raise bad_type(op, argument, type(given).__name__, "a Module")
    if is_parametrized(module, tensor_name):
        before = getattr(module, tensor_name)
        _fits(op, before, parametrization(before))
        module.parametrizations[tensor_name].append(parametrization)
        return module
    value = module._parameters.get(tensor_name)
    if value is None:
        known = ", ".join(module._parameters) or "none"
        raise bad_value(op, "tensor_name", repr(tensor_name), f"a parameter of {type(module).__name__} ({known})")
    entry = ParametrizationList(parametrization, value)
    with no_grad():
        _fits(op, value, entry())
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
        _become_parametrized(module)
    del module._parameters[tensor_name]
    module.parametrizations[tensor_name] = entry
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether `tensor_name`, or with None anything of this module alone, is parametrized."""
    entries = module._modules.get("parametrizations")
    if not isinstance(entries, ModuleDict) or not isinstance(module, _Parametrized):
        return False
    return tensor_name is None or tensor_name in entries


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make `tensor_name` a plain Parameter again; returns module.

    Args:
        module: whose parameter it is.
        tensor_name: the attribute's name.
        leave_parametrized: with its value as it is now; False: with the original, where there is a single one.

    Raises:
        ValueError: it is not parametrized, or has several originals and leave_parametrized is False.
    """
    op = "remove_parametrizations"
    if not is_parametrized(module, tensor_name):
        raise bad_value(op, "tensor_name", repr(tensor_name), "a parametrized parameter")
    entry: Any = module.parametrizations[tensor_name]
    if not leave_parametrized and entry.pieces != ("original",):
        raise bad_value(op, "leave_parametrized", False, f"True for {len(entry.pieces)} originals")
    with no_grad():
        value = getattr(module, tensor_name) if leave_parametrized else entry.original
    originals = [getattr(entry, name) for name in entry.pieces]
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module._modules["parametrizations"]
        module.__class__ = type(module).__mro__[2]
    if len(originals) == 1:
        plain = originals[0]
        plain.copy_(value.numpy())
    else:
        plain = Parameter(value, any(one.requires_grad for one in originals))
    setattr(module, tensor_name, plain)
    return module


class _Parametrized(Module):
    """Found before a module's own class: parametrized names are computed when asked for, and assigned through."""

    def __getattr__(self, name: str) -> Any:
        entries = self.__dict__["_modules"].get("parametrizations", ())
        return entries[name]() if name in entries else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__["_modules"].get("parametrizations", ()):
            self.parametrizations[name].assign(value)
        else:
            super().__setattr__(name, value)

    def __reduce__(self) -> Any:
        raise TypeError(f"{type(self).__name__}: a parametrized module is not pickled; save its state_dict()")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        other = object.__new__(type(self))
        memo[id(self)] = other
        other.__dict__.update({key: deepcopy(value, memo) for key, value in self.__dict__.items()})
        return other


def _become_parametrized(module: Module) -> None:
    kind = type(module)
    module.__class__ = type(f"Parametrized{kind.__name__}", (_Parametrized, kind), {"__doc__": kind.__doc__})


def _inverse(parametrization: Module, value: Parameter) -> Any:
    if not hasattr(parametrization, "right_inverse"):
        return value
    with no_grad():
        return parametrization.right_inverse(value)


def _fits(op: str, before: Tensor, after: object) -> None:
    if not isinstance(after, Tensor):
        raise bad_type(op, "parametrization", type(after).__name__, "a Module that gives a Tensor")
    if (after.shape, after.dtype) != (before.shape, before.dtype):
        expected = f"one that gives {before.dtype} {before.shape}"
        raise bad_value(op, "parametrization", f"{after.dtype} {after.shape}", expected)
