"""Module: a tree of parameters, buffers and sub-modules with a forward function."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from tatamikomi.autograd import Parameter
from tatamikomi.autograd.arrays import float_dtype
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.half import is_half
from tatamikomi.nn import hooks, state
from tatamikomi.nn.faults import name_the_module
from tatamikomi.nn.hooks import BackwardHook, Handle, Hook, PreHook
from tatamikomi.nn.tree import Tree

Array = np.ndarray[Any, np.dtype[Any]]
M = TypeVar("M", bound="Module")


class Module(Tree):
    """Base class of layers and models.

    A subclass calls `super().__init__()` first, then assigns Parameters and Modules as attributes: they are
    found by `parameters()`, `state_dict()` and the others under their attribute names joined by dots, as in
    torch.nn. Arrays that belong to the state but are not trained are given by `register_buffer`. `module(x)`
    calls `forward(x)`; an error raised inside names the path of the module that met it, once: "features.3
    (Conv2d): conv2d: ...".

    >>> import tatamikomi as tk
    >>> class Twice(tk.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = tk.nn.Linear(3, 3)
    ...
    ...     def forward(self, x):
    ...         return self.layer(self.layer(x))
    >>> net = Twice()
    >>> [name for name, parameter in net.named_parameters()]
    ['layer.weight', 'layer.bias']
    >>> net
    Twice(
      (layer): Linear(in_features=3, out_features=3, bias=True)
    )
    """

    training: bool
    held_in_eval: bool = False  # stays in evaluation mode whatever `train()` says
    inference_only: bool = False  # made by nn.utils.optimize_for_inference: neither trained nor loaded

    def __init__(self) -> None:
        self._parameters: dict[str, Parameter] = {}
        self._buffers: dict[str, Array] = {}
        self._transient: set[str] = set()
        self._modules: dict[str, Module] = {}
        self._hooks: dict[int, Hook] = {}
        self._pre_hooks: dict[int, PreHook] = {}
        self._backward_hooks: dict[int, BackwardHook] = {}
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass gives its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._pre_hooks:
                for before in list(self._pre_hooks.values()):
                    changed = before(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            tap = hooks.Tap(self, list(self._backward_hooks.values())) if self._backward_hooks else None
            if tap is not None:
                args = tap.enter(args)
            result = self.forward(*args, **kwargs)
            if self._hooks:
                for hook in list(self._hooks.values()):
                    changed = hook(self, args, result)
                    if changed is not None:
                        result = changed
            return result if tap is None else tap.leave(result)
        except Exception as error:
            name_the_module(error, self)
            raise

    # Hooks ------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Hook) -> Handle[Hook]:
        """Call `hook(module, args, output)` after every forward; a result other than None replaces it.

        >>> import tatamikomi as tk
        >>> layer, seen = tk.nn.Identity(), []
        >>> handle = layer.register_forward_hook(lambda module, args, output: seen.append(output))
        >>> layer(1), seen
        (1, [1])
        >>> handle.remove()
        """
        return hooks.add(self._hooks, hook, "register_forward_hook")

    def register_forward_pre_hook(self, hook: PreHook) -> Handle[PreHook]:
        """Call `hook(module, args)` before every forward; a result other than None, a tuple or one argument, replaces
        the positional arguments.

        >>> import tatamikomi as tk
        >>> layer = tk.nn.Identity()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
        >>> layer(1)
        2
        """
        return hooks.add(self._pre_hooks, hook, "register_forward_pre_hook")

    def register_full_backward_hook(self, hook: BackwardHook) -> Handle[BackwardHook]:
        """Call `hook(module, grad_input, grad_output)` when a backward pass has come through the module.

        `grad_input` has an entry per positional argument of the call, None for those that want no gradient;
        `grad_output` has one. A result other than None, such a tuple or a single Tensor, goes on in the place of
        grad_input. A module with such a hook takes at most one argument that requires a gradient and gives one
        Tensor; a call with other ones raises.

        >>> import tatamikomi as tk
        >>> layer, x = tk.nn.Tanh(), tk.tensor([0.0], requires_grad=True)
        >>> handle = layer.register_full_backward_hook(lambda module, grad_input, grad_output: grad_input[0] * 2)
        >>> layer(x).backward()
        >>> x.grad
        tensor([2.])
        """
        return hooks.add(self._backward_hooks, hook, "register_full_backward_hook")

    def has_hooks(self) -> bool:
        """Whether anybody looks at what goes in and comes out."""
        return bool(self._hooks or self._pre_hooks or self._backward_hooks)

    # Attributes -------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for room in ("_parameters", "_modules", "_buffers"):
            if room in own and name in own[room]:
                return own[room][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._place("_parameters", name, value)
        elif isinstance(value, Module):
            self._place("_modules", name, value)
        elif name in self.__dict__.get("_buffers", {}) and isinstance(value, np.ndarray):
            self._buffers[name] = value
        else:
            self._forget(name)
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _rooms(self) -> tuple[dict[str, Any], ...]:
        own = self.__dict__
        return tuple(own[room] for room in ("_parameters", "_buffers", "_modules") if room in own)

    def _forget(self, name: str) -> bool:
        found = [room.pop(name) for room in self._rooms() if name in room]
        self.__dict__.get("_transient", set()).discard(name)
        return bool(found)

    def _place(self, room: str, name: str, value: Any) -> None:
        """Put `value` under `name` in one room and nowhere else; an occupied place keeps its order."""
        if room not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
        state.check_name(type(self).__name__, name)
        own = self.__dict__[room]
        if name not in own:
            self._forget(name)
            self.__dict__.pop(name, None)
        own[name] = value

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Add a parameter under `name`; None says that there is none and stores a plain None."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise bad_type("register_parameter", name, type(parameter).__name__, "a Parameter or None")
        setattr(self, name, parameter)

    def register_buffer(self, name: str, array: Array | None, persistent: bool = True) -> None:
        """Add an array that belongs to the state but is not trained, such as a running mean.

        Args:
            name: the attribute's name.
            array: the array, kept as it is; None says that there is none and stores a plain None.
            persistent: whether `state_dict()` contains it.
        """
        if array is None:
            setattr(self, name, None)
            return
        if not isinstance(array, np.ndarray):
            raise bad_type("register_buffer", name, type(array).__name__, "a NumPy array or None")
        self._place("_buffers", name, array)
        if not persistent:
            self._transient.add(name)

    def add_module(self, name: str, module: Module) -> None:
        """Add a sub-module under `name`."""
        if not isinstance(module, Module):
            raise bad_type("add_module", name, type(module).__name__, "a Module")
        self._place("_modules", name, module)

    # All of it --------------------------------------------------------------------------------------------

    def apply(self: M, function: Callable[[Module], object]) -> M:
        """Call `function` on every sub-module, children first, then on this one; returns self."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    # State ------------------------------------------------------------------------------------------------

    def state_dict(self) -> OrderedDict[str, Array]:
        """Copies of all parameters and persistent buffers by path: later training does not change them.

        >>> import tatamikomi as tk
        >>> list(tk.nn.BatchNorm2d(4).state_dict())
        ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
        """
        for one in self.modules():
            one._own("_parameters")  # a lazy layer has no state yet, and says so
        return OrderedDict((key, place.read()) for key, place in state.places(self))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> state.LoadResult:
        """Fill parameters and buffers from arrays by path.

        All or nothing: when a key is at fault, every fault is told in one message and nothing is loaded.

        Args:
            state_dict: path -> array (or anything `np.asarray` takes); float arrays are cast to the dtype in
                place.
            strict: False lets keys be missing or unexpected; shapes have to agree all the same.

        Returns:
            LoadResult(missing_keys, unexpected_keys), both empty when strict.

        Raises:
            TypeError: state_dict is not a mapping.
            ValueError: keys are missing or unexpected (strict), shapes differ, or values cannot be cast.
            RuntimeError: a part was optimised for inference, whose weights are others than the model's.
        """
        self._refuse("load_state_dict", "load into")
        return state.load(self, state_dict, strict)

    # Modes ------------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all below it to training mode (or back, with False); returns self.

        Raises:
            ValueError: mode is neither True nor False.
            RuntimeError: a part was optimised for inference (`nn.utils.optimize_for_inference`).
        """
        if not isinstance(mode, bool):
            raise bad_value("train", "mode", mode, "True or False")
        if mode:
            self._refuse("train", "train")
        for module in self.modules():
            module.training = mode and not module.held_in_eval
        return self

    def eval(self: M) -> M:
        """Switch to evaluation mode: dropout passes through, batch-norm uses its running statistics."""
        return self.train(False)

    def to(self: M, dtype: Any) -> M:
        """Hold all parameters and float buffers as float32 or float64; returns self.

        The Parameters stay the same objects, so that an optimizer keeps them; what it remembers of them does not
        change with them: build it afterwards, or load its state anew.

        float16 and bfloat16 are storage for inference: parameters then want no gradient any more, also when they are
        converted back, and buffers such as running means stay as they are.

        Raises:
            TypeError: dtype is something else.

        >>> import tatamikomi as tk
        >>> tk.nn.Linear(2, 2).to("float64").weight.dtype
        dtype('float64')
        """
        kind = float_dtype("to", dtype)
        for parameter in self.parameters():
            parameter.cast_(kind)
        if is_half(kind):
            return self
        changed: dict[int, Array] = {}
        for module in self.modules():
            for name, array in module._buffers.items():
                if array.dtype.kind == "f" and array.dtype != kind:
                    module._buffers[name] = changed.setdefault(id(array), array.astype(kind))
        return self

    def float(self: M) -> M:
        """Hold everything as float32; returns self."""
        return self.to(np.float32)

    def double(self: M) -> M:
        """Hold everything as float64; returns self."""
        return self.to(np.float64)

    def half(self: M) -> M:
        """Hold the parameters as float16, without gradients; returns self.

        >>> import numpy as np, tatamikomi as tk
        >>> layer = tk.nn.Linear(2, 3).half()
        >>> layer(np.ones((1, 2), np.float16)).dtype
        dtype('float16')
        """
        return self.to(np.float16)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Ask for gradients of all parameters, or with False freeze them; returns self.

        Raises:
            RuntimeError: gradients of a part that was optimised for inference.
        """
        if requires_grad:
            self._refuse("requires_grad_", "train")
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def _refuse(self, op: str, instead: str) -> None:
        """What was optimised for inference is no longer the model: all of it raises before anything changes."""
        for path, module in self.named_modules():
            if module.inference_only:
                name = path or type(module).__name__
                remedy = f"{instead} the model that it was made of, and optimise anew"
                raise RuntimeError(f"{op}: {name} was optimised for inference: {remedy}")

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    # Text -------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the brackets of `repr`; a layer names its options."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {_indent(repr(child))}" for name, child in self.named_children()]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}({extra}", *lines]) + "\n)"


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
