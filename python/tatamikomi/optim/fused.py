"""Fused: optimizers whose step is one kernel call for all parameters that are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.optim.optimizer import Array, Group, Memory, Optimizer

States = Mapping[str, Sequence[Array]]


class Fused(Optimizer):
    """Base class of the methods that count their steps, per parameter, and keep arrays of the parameter's shape.

    A method of one's own names what it keeps in `arrays` (and `kept`, where options decide), and gives `update` and
    `check_options`.

    Raises:
        TypeError, ValueError: as `Optimizer` does.

    >>> import tatamikomi as tk
    >>> class SlowDescent(tk.optim.fused.Fused):
    ...     arrays = frozenset({"mean"})
    ...
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...
    ...     def check_options(self, options):
    ...         tk.optim.checks.number("SlowDescent", "lr", options["lr"])
    ...
    ...     def update(self, group, numbers, params, grads, states):
    ...         for w, grad, mean in zip(params, grads, states["mean"]):
    ...             mean += (grad - mean) / numbers["step"]
    ...             w -= group["lr"] * mean
    >>> w = tk.nn.Parameter([4.0])
    >>> (w * w).sum().backward()
    >>> SlowDescent([w], lr=0.25).step()
    >>> w.item()
    2.0
    """

    scalars: ClassVar[frozenset[str]] = frozenset({"step"})

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """Change `params` and `states` in place; `numbers` are those of `scalars`, this step counted."""
        raise NotImplementedError(f"{type(self).__name__} has no update()")

    def advance(self, memory: Memory, options: Group) -> None:
        """Move a parameter's numbers on by one step."""
        memory["step"] = memory.get("step", 0) + 1

    def beginning(self, options: Group) -> float:
        """What the arrays hold before a parameter's first step."""
        return 0.0

    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        for group in self.param_groups:
            names, scalars = self.kept(group), sorted(self.scalars)
            # One entry, and one call, unless gradients came late or dtypes are mixed.
            alike: dict[tuple[Any, ...], list[tuple[Tensor, Memory]]] = {}
            for param, memory in self._ready(group):
                for name in names:
                    if name not in memory:
                        memory[name] = np.full(param.shape, self.beginning(group), param.dtype)
                self.advance(memory, group)
                key = (param.dtype, *[memory[name] for name in scalars])
                alike.setdefault(key, []).append((param, memory))
            for some in alike.values():
                self.update(
                    group,
                    {name: some[0][1][name] for name in self.scalars},
                    [param.data for param, _ in some],
                    [param.grad.data for param, _ in some if param.grad is not None],
                    {name: [memory[name] for _, memory in some] for name in names},
                )
                for param, _ in some:
                    param.bump()
