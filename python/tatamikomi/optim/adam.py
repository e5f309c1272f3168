"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.optim import checks
from tatamikomi.optim.optimizer import Memory, Optimizer


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

        g = grad + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps),   t = 1, 2, ... per parameter

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        betas: (beta1, beta2), each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0, added to the gradient; `AdamW` takes it off the parameter instead.

    A parameter without a gradient is left as it is. One kernel call updates a group.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_avg_sq"})
    scalars: ClassVar[frozenset[str]] = frozenset({"step"})
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        op = type(self).__name__
        for name in ("lr", "eps", "weight_decay"):
            checks.number(op, name, options[name])
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise bad_value(op, "betas", betas, "two numbers >= 0 and < 1")
        for beta in betas:
            checks.number(op, "betas", beta, below=1.0)

    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        for group in self.param_groups:
            # One entry, and one call, unless gradients came late or dtypes are mixed.
            alike: dict[tuple[np.dtype[Any], int], list[tuple[Tensor, Memory]]] = {}
            for param, memory in self._ready(group):
                if not memory:
                    memory["step"] = 0
                    memory["exp_avg"] = np.zeros(param.shape, param.dtype)
                    memory["exp_avg_sq"] = np.zeros(param.shape, param.dtype)
                memory["step"] += 1
                alike.setdefault((param.dtype, memory["step"]), []).append((param, memory))
            for (_, step), some in alike.items():
                kernels.adam_step(
                    [param.data for param, _ in some],
                    [param.grad.data for param, _ in some if param.grad is not None],
                    [memory["exp_avg"] for _, memory in some],
                    [memory["exp_avg_sq"] for _, memory in some],
                    step=step,
                    lr=group["lr"],
                    betas=tuple(group["betas"]),
                    eps=group["eps"],
                    weight_decay=group["weight_decay"],
                    decoupled=self.decoupled,
                )
                for param, _ in some:
                    param.bump()


class AdamW(Adam):
    """Adam with decoupled weight decay: w is first multiplied by 1 - lr * weight_decay, and g = grad.

    Arguments and errors as in `Adam`, with weight_decay=0.01 by default.

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0])
    >>> optimizer = tk.optim.AdamW([w], lr=0.5, weight_decay=0.5)
    >>> w.grad = [0.0]
    >>> optimizer.step()
    >>> w.numpy().tolist()
    [0.75]
    """

    decoupled: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
