"""Optimizer: groups of parameters, their options, and what the method remembers of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks

Array = np.ndarray[Any, np.dtype[Any]]
Group = dict[str, Any]
Memory = dict[str, Any]  # name -> array of the parameter's shape, or number


class Optimizer:
    """Base class of the optimizers.

    Args:
        params: Tensors that require gradients; or dicts with "params" and options of their own, one per
            group, as `no_decay_groups` makes them.
        defaults: the options of groups that do not give theirs.

    Attributes:
        param_groups: a list of dicts: "params" (a list of Tensors) and the group's options, which may be
            changed between steps, as schedulers do with "lr".

    Raises:
        TypeError: params holds something else.
        ValueError: no parameters, a parameter twice, an unknown option, or an option out of range. Where groups
            were given, the message ends in the group's number.

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

    arrays: ClassVar[frozenset[str]] = frozenset()  # what the method may remember of a parameter, in its shape
    scalars: ClassVar[frozenset[str]] = frozenset()  # and as a number
    absent: ClassVar[Mapping[str, Any]] = {"maximize": False}  # options that state of older versions lacks

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
            self._add(given, {})

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add a group: "params" and any options that differ from the defaults.

        Raises:
            TypeError, ValueError: as for `params`; nothing is added.
        """
        with _in_group(len(self.param_groups)):
            if not isinstance(param_group, Mapping):
                raise bad_type(self._op, "params", type(param_group).__name__, "a dict")
            if "params" not in param_group:
                raise bad_value(self._op, "params", sorted(param_group), 'a group with the key "params"')
            given = param_group["params"]
            params = [given] if isinstance(given, Tensor) else list(given)
            self._add(params, {key: value for key, value in param_group.items() if key != "params"})

    def _add(self, params: list[Any], options: Group) -> None:
        for key in options:
            if key not in self.defaults:
                raise bad_value(self._op, "params", f"the option {key!r}", f"options among {list(self.defaults)}")
        group = {**self.defaults, **options}
        self.check_options(group)
        taken = {id(param): number for number, other in enumerate(self.param_groups) for param in other["params"]}
        for param in params:
            if not isinstance(param, Tensor):
                raise bad_type(self._op, "params", type(param).__name__, "Tensors")
            if not param.is_leaf or param.dtype.kind != "f":
                raise bad_value(self._op, "params", f"{param.dtype}, not a leaf", "leaves of float32 or float64")
            if id(param) in taken:
                first = taken[id(param)]
                where = "" if first == len(self.param_groups) else f", first in group {first}"
                raise bad_value(self._op, "params", f"a Tensor twice{where}", "every Tensor once")
            taken[id(param)] = len(self.param_groups)
        self.param_groups.append({"params": params, **group})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise if an option is of the wrong kind or out of range; every optimizer gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no check_options()")

    def step(self) -> None:
        """Change every parameter that has a gradient, in place; every optimizer gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no step()")

    def kept(self, options: Mapping[str, Any]) -> frozenset[str]:
        """The names among `arrays` that are in use with these options of a group."""
        return self.arrays

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with set_to_none=False fill them with zeros instead."""
        forget = checks.flag(f"{self._op}.zero_grad", "set_to_none", set_to_none)
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    if forget:
                        param.grad = None
                    else:
                        param.grad.data.fill(0)
                        param.grad.bump()

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
        groups = [{**self.absent, **group} for group in groups]
        for number, group in enumerate(groups):
            with _in_group(number):
                missing = sorted(set(self.defaults) - set(group))
                if missing:
                    raise bad_value(op, "param_groups", f"no {', '.join(missing)}", "all options")
                self.check_options(group)
        places = [
            (param, group) for ours, group in zip(self.param_groups, groups, strict=True) for param in ours["params"]
        ]
        memory: dict[int, Memory] = {}
        for key, found in state_dict["state"].items():
            index = int(key)
            if not 0 <= index < len(places):
                raise bad_value(op, "state", f"parameter {index}", f"numbers below {len(places)}")
            param, options = places[index]
            memory[id(param)] = self._fitted(op, index, param, options, found)
        for group, loaded in zip(self.param_groups, groups, strict=True):
            for name in (*self.defaults, *({"initial_lr"} & set(loaded))):  # the latter a schedule's, see LRScheduler
                group[name] = tuple(loaded[name]) if isinstance(loaded[name], list) else loaded[name]
        self._memory = memory

    def _fitted(self, op: str, index: int, param: Tensor, options: Group, found: Mapping[str, Any]) -> Memory:
        """A copy of one parameter's memory, of the parameter's dtype; numbers stay Python numbers.

        What the options do not use, but did once, may be there.
        """
        memory: Memory = {}
        needed = self.kept(options) | self.scalars
        if not needed <= set(found) <= self.arrays | self.scalars:
            expected = ", ".join(sorted(needed)) or "nothing"
            raise bad_value(op, f"state[{index}]", ", ".join(found) or "nothing", expected)
        for name, value in found.items():
            array = np.asarray(value)
            if name in self.scalars:
                if array.size != 1:
                    raise bad_value(op, f"state[{index}].{name}", f"shape {array.shape}", "a number")
                memory[name] = int(array.item()) if name == "step" else float(array.item())
            elif array.shape != param.shape:
                raise bad_value(op, f"state[{index}].{name}", f"shape {array.shape}", f"shape {param.shape}")
            else:
                memory[name] = np.array(array, dtype=param.dtype, order="C")
        return memory

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: what is remembered goes with its parameter, of which a copy has another id."""
        pairs = [
            (param, self._memory[id(param)])
            for group in self.param_groups
            for param in group["params"]
            if id(param) in self._memory
        ]
        return {**self.__dict__, "_memory": pairs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The inverse of `__getstate__`."""
        self.__dict__.update(state, _memory={id(param): memory for param, memory in state["_memory"]})

    def __repr__(self) -> str:
        lines = []
        for number, group in enumerate(self.param_groups):
            options = ", ".join(f"{key}={value}" for key, value in group.items() if key != "params")
            lines.append(f"  group {number}: {len(group['params'])} parameters, {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


@contextmanager
def _in_group(number: int) -> Iterator[None]:
    """Errors inside name the group."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}, in group {number}") from None
