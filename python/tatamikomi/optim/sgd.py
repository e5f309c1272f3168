"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Memory, Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum, Nesterov's momentum and weight decay.

        g = grad + weight_decay * w
        v = g at a parameter's first step, momentum * v + (1 - dampening) * g afterwards
        w = w - lr * (g + momentum * v if nesterov else v)

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        momentum: >= 0; 0 keeps no velocity.
        dampening: how much of the gradient the velocity leaves out, >= 0.
        weight_decay: >= 0.
        nesterov: needs momentum > 0 and dampening = 0.
        maximize: go up: -grad stands for grad.

    A parameter without a gradient is left as it is. One kernel call updates a group.

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
    2013, in the form of torch.optim.SGD.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, 2.0])
    >>> optimizer = tk.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().tolist()
    [0.0, 0.0]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"momentum_buffer"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range, and what Nesterov's momentum needs."""
        checks.numbers("SGD", options, "lr", "momentum", "dampening", "weight_decay")
        checks.flags("SGD", options, "maximize")
        if checks.flag("SGD", "nesterov", options["nesterov"]) and not (
            options["momentum"] > 0 and options["dampening"] == 0
        ):
            given = f"momentum={options['momentum']}, dampening={options['dampening']}"
            raise bad_value("SGD", "nesterov", given, "momentum > 0 and dampening = 0")

    def kept(self, options: Mapping[str, Any]) -> frozenset[str]:
        """A velocity, with momentum."""
        return self.arrays if options["momentum"] else frozenset()

    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        for group in self.param_groups:
            options = {key: value for key, value in group.items() if key in self.defaults}
            # One entry, and one call, unless gradients came late or dtypes are mixed.
            alike: dict[tuple[np.dtype[Any], bool], list[tuple[Tensor, Memory]]] = {}
            for param, memory in self._ready(group):
                alike.setdefault((param.dtype, not memory), []).append((param, memory))
            for (_, first), some in alike.items():
                velocities = []
                for param, memory in some if options["momentum"] else []:
                    if first:
                        memory["momentum_buffer"] = np.zeros(param.shape, param.dtype)
                    velocities.append(memory["momentum_buffer"])
                kernels.sgd_step(
                    [param.data for param, _ in some],
                    [param.grad.data for param, _ in some if param.grad is not None],
                    velocities,
                    first=first,
                    **options,
                )
                for param, _ in some:
                    param.bump()
