"""Adagrad, Adadelta, RMSprop: steps divided by what the gradients' squares add up to; Lion: steps of one length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from tatamikomi import kernels
from tatamikomi.optim import checks
from tatamikomi.optim.fused import Fused, States
from tatamikomi.optim.optimizer import Array, Group, Memory


class Adagrad(Fused):
    """Adagrad: the more a weight's gradients have added up to, the smaller its steps.

        s = s + g**2,   w = w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps),   t = 1, 2, ... per parameter

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        lr_decay, eps: >= 0.
        weight_decay: >= 0, added to the gradient.
        initial_accumulator_value: what s begins with, >= 0.
        maximize: go up: -grad stands for grad.

    A parameter without a gradient is left as it is. One kernel call updates a group.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"sum"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        more = {"initial_accumulator_value": initial_accumulator_value, "maximize": maximize}
        super().__init__(params, {**options, **more})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("Adagrad", options, "lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value")
        checks.flags("Adagrad", options, "maximize")

    def beginning(self, options: Group) -> float:
        """`initial_accumulator_value`."""
        return float(options["initial_accumulator_value"])

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.adagrad_step`."""
        lr = group["lr"] / (1 + (numbers["step"] - 1) * group["lr_decay"])
        options = {name: group[name] for name in ("eps", "weight_decay", "maximize")}
        kernels.adagrad_step(params, grads, states["sum"], lr=lr, **options)


class Adadelta(Fused):
    """Adadelta: steps whose size follows that of the steps before, with no rate to choose.

        s = rho * s + (1 - rho) * g**2,   d = g * sqrt(a + eps) / sqrt(s + eps)
        a = rho * a + (1 - rho) * d**2,   w = w - lr * d

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: >= 0, on top of the formula.
        rho: how much of the means stays, from 0 to 1.
        eps: >= 0; the first steps are as long as its root.
        weight_decay: >= 0, added to the gradient.
        maximize: go up: -grad stands for grad.

    Source: M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv 1212.5701, 2012.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.Adadelta([w], rho=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4).tolist()
    [0.998..., -1.998...]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"square_avg", "acc_delta"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("Adadelta", options, "lr", "eps", "weight_decay")
        checks.part("Adadelta", "rho", options["rho"])
        checks.flags("Adadelta", options, "maximize")

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.adadelta_step`."""
        options = {name: group[name] for name in self.defaults}
        kernels.adadelta_step(params, grads, states["square_avg"], states["acc_delta"], **options)


class RMSprop(Fused):
    """RMSprop: the gradient divided by the root of its running mean square, optionally with momentum and centered.

        s = alpha * s + (1 - alpha) * g**2,   d = g / (sqrt(s) + eps)
        centered: m = alpha * m + (1 - alpha) * g, and s - m**2 below the root
        w = w - lr * (d if momentum = 0, else b = momentum * b + d)

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0.
        alpha: how much of the means stays, from 0 to 1.
        eps: >= 0.
        weight_decay: >= 0, added to the gradient.
        momentum: >= 0; 0 keeps no buffer.
        centered: divide by the root of the variance instead.
        maximize: go up: -grad stands for grad.

    Source: T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; centered: A. Graves, "Generating
    sequences with recurrent neural networks", arXiv 1308.0850, 2013; in the form of torch.optim.RMSprop.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.RMSprop([w], lr=0.25, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(5).tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"square_avg", "momentum_buffer", "grad_avg"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered}
        super().__init__(params, {**options, "weight_decay": weight_decay, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("RMSprop", options, "lr", "eps", "weight_decay", "momentum")
        checks.part("RMSprop", "alpha", options["alpha"])
        checks.flags("RMSprop", options, "centered", "maximize")

    def kept(self, options: Mapping[str, Any]) -> frozenset[str]:
        """What momentum and centered need."""
        names = {"square_avg"}
        if options["momentum"]:
            names.add("momentum_buffer")
        if options["centered"]:
            names.add("grad_avg")
        return frozenset(names)

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.rmsprop_step`."""
        options = {name: group[name] for name in self.defaults if name != "centered"}
        lists = (states["square_avg"], states.get("momentum_buffer"), states.get("grad_avg"))
        kernels.rmsprop_step(params, grads, *lists, **options)


class Lion(Fused):
    """Lion: every weight moves by lr, in the direction that a mean of the gradients points to.

        w = (1 - lr * weight_decay) * w - lr * sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g

    Args:
        params: Tensors, or dicts of groups with options of their own.
        lr: learning rate, >= 0; the authors advise a tenth to a third of AdamW's.
        betas: (beta1, beta2), each in [0, 1).
        weight_decay: >= 0, decoupled; the authors advise three to ten times AdamW's.
        maximize: go up: -grad stands for grad.

    Source: X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Optimizer`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([1.0, -2.0])
    >>> optimizer = tk.optim.Lion([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().tolist()
    [0.5, -1.5]
    """

    arrays: ClassVar[frozenset[str]] = frozenset({"exp_avg"})
    scalars: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Every option's kind and range."""
        checks.numbers("Lion", options, "lr", "weight_decay")
        checks.betas("Lion", options["betas"])
        checks.flags("Lion", options, "maximize")

    def advance(self, memory: Memory, options: Group) -> None:
        """Lion counts no steps."""

    def update(self, group: Group, numbers: Memory, params: list[Array], grads: list[Array], states: States) -> None:
        """One call of `kernels.lion_step`."""
        options = {name: group[name] for name in self.defaults}
        kernels.lion_step(params, grads, states["exp_avg"], **options)
