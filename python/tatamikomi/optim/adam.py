"""Adam, AdamW and Adamax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from tatamikomi import kernels
from tatamikomi.optim import checks
from tatamikomi.optim.fused import Fused, States
from tatamikomi.optim.optimizer import Array, Group, Memory


class Adam(Fused):
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
        amsgrad: the largest v so far stands for v.
        maximize: go up: -grad stands for grad.

    A parameter without a gradient is left as it is. One kernel call updates a group.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; amsgrad: S. J. Reddi,
    S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR 2018.

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

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_avg_sq", "max_exp_avg_sq"})
    absent: ClassVar[Mapping[str, Any]] = {"amsgrad": False, "maximize": False}
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "amsgrad": amsgrad, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        op = type(self).__name__
        checks.numbers(op, options, "lr", "eps", "weight_decay")
        checks.betas(op, options["betas"])
        checks.flags(op, options, "amsgrad", "maximize")

    def kept(self, options: Mapping[str, Any]) -> frozenset[str]:
        """The largest squares only with amsgrad."""
        return self.arrays if options["amsgrad"] else self.arrays - {"max_exp_avg_sq"}

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.adam_step`."""
        kernels.adam_step(
            params,
            grads,
            states["exp_avg"],
            states["exp_avg_sq"],
            states.get("max_exp_avg_sq"),
            step=numbers["step"],
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self.decoupled,
            maximize=group["maximize"],
        )


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
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class Adamax(Fused):
    """Adamax: Adam with a fading maximum of |g| in the place of the root of the mean square.

        m = beta1 * m + (1 - beta1) * g,   u = max(beta2 * u, |g| + eps)
        w = w - lr / (1 - beta1**t) * m / u,   t = 1, 2, ... per parameter

    Arguments and errors as in `Adam`, with lr=0.002 by default and no amsgrad.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, section 7.1.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_inf"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("Adamax", options, "lr", "eps", "weight_decay")
        checks.betas("Adamax", options["betas"])
        checks.flags("Adamax", options, "maximize")

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.adamax_step`."""
        options = {name: group[name] for name in self.defaults}
        kernels.adamax_step(params, grads, states["exp_avg"], states["exp_inf"], step=numbers["step"], **options)
