"""NAdam, RAdam and LAMB: Adam looking ahead, careful at the beginning, at a rate for each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from tatamikomi import kernels
from tatamikomi.optim import checks
from tatamikomi.optim.fused import Fused, States
from tatamikomi.optim.optimizer import Array, Group, Memory


class NAdam(Fused):
    """NAdam: Adam with Nesterov's momentum, which grows during the first steps.

        m = beta1 * m + (1 - beta1) * g,   v = beta2 * v + (1 - beta2) * g**2,   t = 1, 2, ... per parameter
        mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2),   M(t) = mu(1) * mu(2) * ... * mu(t)
        w = w - lr * (mu(t + 1) * m / (1 - M(t + 1)) + (1 - mu(t)) * g / (1 - M(t))) / (sqrt(v / (1 - beta2**t)) + eps)

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        betas: (beta1, beta2), each in [0, 1).
        eps, momentum_decay: >= 0.
        weight_decay: >= 0, added to the gradient.
        decoupled_weight_decay: weight decay as in `AdamW` instead.
        maximize: go up: -grad stands for grad.

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.NAdam([w], lr=0.5, betas=(0.0, 0.999))
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_avg_sq"})
    scalars: ClassVar[frozenset[str]] = frozenset({"step", "mu_product"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        more = {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {**options, **more, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("NAdam", options, "lr", "eps", "weight_decay", "momentum_decay")
        checks.betas("NAdam", options["betas"])
        checks.flags("NAdam", options, "decoupled_weight_decay", "maximize")

    def advance(self, memory: Memory, options: Group) -> None:
        """The step, and the product of all momenta so far."""
        super().advance(memory, options)
        memory["mu_product"] = memory.get("mu_product", 1.0) * _momentum(options, memory["step"])

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.nadam_step`."""
        kernels.nadam_step(
            params,
            grads,
            states["exp_avg"],
            states["exp_avg_sq"],
            step=numbers["step"],
            mu=_momentum(group, numbers["step"]),
            mu_next=_momentum(group, numbers["step"] + 1),
            mu_product=numbers["mu_product"],
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


def _momentum(options: Group, step: int) -> float:
    return float(options["betas"][0] * (1 - 0.5 * 0.96 ** (step * options["momentum_decay"])))


class RAdam(Fused):
    """RAdam: Adam that takes plain steps along m until v has seen enough squares, and is careful with it at first.

        m = beta1 * m + (1 - beta1) * g,   v = beta2 * v + (1 - beta2) * g**2,   t = 1, 2, ... per parameter
        R = 2 / (1 - beta2) - 1,   r = R - 2 * t * beta2**t / (1 - beta2**t)
        w = w - lr * m / (1 - beta1**t) * (1 if r <= 5 else
                sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r)) * sqrt(1 - beta2**t) / (sqrt(v) + eps))

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        betas: (beta1, beta2), each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0, added to the gradient.
        decoupled_weight_decay: weight decay as in `AdamW` instead.
        maximize: go up: -grad stands for grad.

    Source: L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.RAdam([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [0.5, -1.0]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_avg_sq"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**options, "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("RAdam", options, "lr", "eps", "weight_decay")
        checks.betas("RAdam", options["betas"])
        checks.flags("RAdam", options, "decoupled_weight_decay", "maximize")

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.radam_step`."""
        kernels.radam_step(
            params,
            grads,
            states["exp_avg"],
            states["exp_avg_sq"],
            step=numbers["step"],
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class LAMB(Fused):
    """LAMB: Adam's direction, every parameter at a rate that fits its norm; for large batches.

        m = beta1 * m + (1 - beta1) * g,   v = beta2 * v + (1 - beta2) * g**2,   t = 1, 2, ... per parameter
        u = (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w
        w = w - lr * |w| / |u| * u,   the ratio being 1 where one of the two norms is 0

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        betas: (beta1, beta2), each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0, of `u`.
        maximize: go up: -grad stands for grad.

    Source: Y. You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020,
    algorithm 2.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([3.0, 4.0])
    >>> optimizer = tk.optim.LAMB([w], lr=0.2, weight_decay=0)
    >>> w.grad = [2.0, 0.0]
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [2.0, 4.0]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg", "exp_avg_sq"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("LAMB", options, "lr", "eps", "weight_decay")
        checks.betas("LAMB", options["betas"])
        checks.flags("LAMB", options, "maximize")

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.lamb_step`."""
        options = {name: group[name] for name in self.defaults}
        kernels.lamb_step(params, grads, states["exp_avg"], states["exp_avg_sq"], step=numbers["step"], **options)
