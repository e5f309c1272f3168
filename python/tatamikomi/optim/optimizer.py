"""Optimizer: groups of parameters, their options, and what the method remembers of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value

Array = np.ndarray[Any, np.dtype[Any]]
Group = dict[str, Any]
Memory = dict[str, Any]  # name -> array of the parameter's shape, or number


class Optimizer:
    """Base class of the optimizers.

    Args:
        params: Tensors that require gradients; or dicts with "params" and options of their own, one per
            group.
        defaults: the options of groups that do not give theirs.

    Attributes:
        param_groups: a list of dicts: "params" (a list of Tensors) and the group's options, which may be
            changed between steps, as schedulers do with "lr".

    Raises:
        TypeError: params holds something else.
        ValueError: no parameters, a parameter twice, an unknown option, or an option out of range.

    A method of one's own gives `check_options` and `step`:

    >>> import tatamikomi as tk
    >>> class SignDescent(tk.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     def check_options(self, options):
    ...         tk.optim.checks.number("SignDescent", "lr", options["lr"])
    ...
    ...     def step(self):
    ...         for group in self.param_groups:
    ...             for param in group["params"]:
    ...                 param.data -= group["lr"] * param.grad.sign().numpy()
    >>> w = tk.nn.Parameter([4.0])
    >>> (w * w).sum().backward()
    >>> SignDescent([w], lr=0.5).step()
    >>> w.item()
    3.5
    """

    arrays: ClassVar[frozenset[str]] = frozenset()  # what the method remembers of a parameter, in its shape
    scalars: ClassVar[frozenset[str]] = frozenset()  # and as a number

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self._op = type(self).__name__
        self.defaults = dict(defaults)
        self.check_options(self.defaults)
        self.param_groups: list[Group] = []
        self._memory: dict[int, Memory] = {}  # id of a Tensor held in param_groups -> what is remembered of it
        if isinstance(params, (Tensor, Mapping, str)):
            raise bad_type(self._op, "params", type(params).__name__, "an iterable of Tensors or of dicts")
        given = list(params)
        if not given:
            raise bad_value(self._op, "params", "none", "at least one Tensor")
        if all(isinstance(one, Mapping) for one in given):
            for group in given:
                self.add_param_group(group)
        else:
            self.add_param_group({"params": given})

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add a group: "params" and any options that differ from the defaults."""
        if "params" not in param_group:
            raise bad_value(self._op, "params", sorted(param_group), 'a group with the key "params"')
        given = param_group["params"]
        params = [given] if isinstance(given, Tensor) else list(given)
        options = {key: value for key, value in param_group.items() if key != "params"}
        for key in options:
            if key not in self.defaults:
                raise bad_value(self._op, "params", f"the option {key!r}", f"options among {list(self.defaults)}")
        group = {**self.defaults, **options}
        self.check_options(group)
        taken = {id(param) for other in self.param_groups for param in other["params"]}
        for param in params:
            if not isinstance(param, Tensor):
                raise bad_type(self._op, "params", type(param).__name__, "Tensors")
            if not param.is_leaf or param.dtype.kind != "f":
                raise bad_value(self._op, "params", f"{param.dtype}, not a leaf", "leaves of float32 or float64")
            if id(param) in taken:
                raise bad_value(self._op, "params", "a Tensor twice", "every Tensor once")
            taken.add(id(param))
        self.param_groups.append({"params": params, **group})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise if an option is of the wrong kind or out of range; every optimizer gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no check_options()")

    def step(self) -> None:
        """Change every parameter that has a gradient, in place; every optimizer gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no step()")

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for param in group["params"]:
                param.grad = None

    def _ready(self, group: Group) -> list[tuple[Tensor, Memory]]:
        """The group's parameters that have a gradient, each with what is remembered of it."""
        return [(param, self._memory.setdefault(id(param), {})) for param in group["params"] if param.grad is not None]

    # State ------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs, as in torch.optim: arrays are copies.

        {"state": {number: {name: array or number}}, "param_groups": [{options..., "params": [numbers]}]},
        parameters being numbered through all groups.
        """
        state: dict[int, Memory] = {}
        groups: list[Group] = []
        number = 0
        for group in self.param_groups:
            numbers = list(range(number, number + len(group["params"])))
            number += len(numbers)
            groups.append({**{key: value for key, value in group.items() if key != "params"}, "params": numbers})
            for index, param in zip(numbers, group["params"], strict=True):
                memory = self._memory.get(id(param))
                if memory:
                    state[index] = {
                        key: value.copy() if isinstance(value, np.ndarray) else value for key, value in memory.items()
                    }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken; all or nothing.

        Raises:
            ValueError: the number of groups or parameters, a shape or an option does not fit; nothing is
                loaded.
        """
        op = f"{self._op}.load_state_dict"
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise bad_value(op, "state_dict", type(state_dict).__name__, 'a mapping with "state" and "param_groups"')
        groups = state_dict["param_groups"]
        sizes, given = (
            [len(group["params"]) for group in self.param_groups],
            [len(one["params"]) for one in groups],
        )
        if sizes != given:
            raise bad_value(op, "param_groups", f"{given} parameters per group", f"{sizes}")
        for group in groups:
            missing = sorted(set(self.defaults) - set(group))
            if missing:
                raise bad_value(op, "param_groups", f"no {', '.join(missing)}", "all options")
            self.check_options(group)
        params = [param for group in self.param_groups for param in group["params"]]
        memory: dict[int, Memory] = {}
        for key, found in state_dict["state"].items():
            index = int(key)
            if not 0 <= index < len(params):
                raise bad_value(op, "state", f"parameter {index}", f"numbers below {len(params)}")
            memory[id(params[index])] = self._fitted(op, index, params[index], found)
        for group, loaded in zip(self.param_groups, groups, strict=True):
            for name in (*self.defaults, *({"initial_lr"} & set(loaded))):  # the latter a schedule's, see LRScheduler
                group[name] = tuple(loaded[name]) if isinstance(loaded[name], list) else loaded[name]
        self._memory = memory

    def _fitted(self, op: str, index: int, param: Tensor, found: Mapping[str, Any]) -> Memory:
        """A copy of one parameter's memory, of the parameter's dtype; numbers stay Python numbers."""
        memory: Memory = {}
        if set(found) != self.arrays | self.scalars:
            expected = ", ".join(sorted(self.arrays | self.scalars)) or "nothing"
            raise bad_value(op, f"state[{index}]", ", ".join(found) or "nothing", expected)
        for name, value in found.items():
            array = np.asarray(value)
            if name in self.scalars:
                if array.size != 1:
                    raise bad_value(op, f"state[{index}].{name}", f"shape {array.shape}", "a number")
                memory[name] = int(array.item())
            elif array.shape != param.shape:
                raise bad_value(op, f"state[{index}].{name}", f"shape {array.shape}", f"shape {param.shape}")
            else:
                memory[name] = np.array(array, dtype=param.dtype, order="C")
        return memory

    def __repr__(self) -> str:
        lines = []
        for number, group in enumerate(self.param_groups):
            options = ", ".join(f"{key}={value}" for key, value in group.items() if key != "params")
            lines.append(f"  group {number}: {len(group['params'])} parameters, {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])
