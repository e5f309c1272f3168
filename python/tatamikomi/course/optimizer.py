"""Optimizers of the lessons: update(params, grads) on dictionaries, in place; lr is called learning_rate too."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from tatamikomi import kernels
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSProp", "RMSprop", "np"]

_SMALL = 1e-7  # added to square roots before they divide
_States = list[list[Array]]


class _Optimizer:
    """What all share: the rate under both names, states by parameter, and one call of a kernel per dtype."""

    kept: tuple[str, ...] = ()  # attributes that hold a state per parameter: None, then a dictionary

    _default = 0.01

    def __init__(self, lr: float | None = None, *, learning_rate: float | None = None) -> None:
        if lr is not None and learning_rate is not None:
            raise bad_type(type(self).__name__, "learning_rate", "both", "lr or learning_rate")
        given = learning_rate if lr is None else lr
        self.lr: float = self._default if given is None else given
        for name in self.kept:
            setattr(self, name, None)

    @property
    def learning_rate(self) -> float:
        """lr."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.lr = value

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """One step on every parameter.

        Args:
            params: arrays of float32 or float64, updated in place, and numbers, replaced.
            grads: the gradient of each, by the same names; dtypes follow the parameters.

        Raises:
            TypeError: a parameter is no float; the message names it.
            ValueError: a gradient is missing or does not fit.
        """
        op = f"{type(self).__name__}.update"
        groups: dict[np.dtype[Any], list[tuple[str, Array, Array]]] = {}
        for name in params:
            w = _writable(op, name, params[name])
            groups.setdefault(w.dtype, []).append((name, w, _slope(op, name, w, grads)))
        self._begin()
        for entries in groups.values():
            states = [self._states(name, entries) for name in self.kept]
            self._step([w for _, w, _ in entries], [g for *_, g in entries], states)
        for entries in groups.values():
            for name, w, _ in entries:
                given = params[name]
                if not isinstance(given, np.ndarray):
                    params[name] = w[()]
                elif w is not given:
                    given[...] = w

    def _states(self, kept: str, entries: list[tuple[str, Array, Array]]) -> list[Array]:
        states: dict[str, Array] | None = getattr(self, kept)
        if states is None:
            setattr(self, kept, states := {})
        return [states.setdefault(name, np.zeros_like(w)) for name, w, _ in entries]

    def _begin(self) -> None:
        """Called once before each step."""

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        raise NotImplementedError


def _writable(op: str, name: str, value: Any) -> Array:
    """The parameter itself where a kernel can write to it, else a copy."""
    w = np.asarray(value, None if isinstance(value, np.ndarray) else np.float64)
    if w.dtype.kind != "f" or w.dtype.itemsize not in (4, 8):
        raise bad_type(op, f"params[{name!r}]", str(w.dtype), "float32 or float64")
    if w.flags.carray and w.dtype.isnative and isinstance(value, np.ndarray):
        return w
    return np.array(w, w.dtype.newbyteorder("="), order="C")


def _slope(op: str, name: str, w: Array, grads: Mapping[str, Any]) -> Array:
    if name not in grads:
        raise bad_value(op, "grads", f"none for {name!r}", "a gradient for every parameter")
    g = np.asarray(grads[name], w.dtype)
    try:
        return g if g.shape == w.shape else np.broadcast_to(g, w.shape)
    except ValueError:
        raise bad_value(op, f"grads[{name!r}]", f"shape {g.shape}", f"shape {w.shape} as its parameter") from None


class SGD(_Optimizer):
    """w -= lr * g.

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import SGD
    >>> params = {"W": np.array([1.0]), "x": 2.0}
    >>> SGD(lr=0.5).update(params, {"W": np.array([1.0]), "x": 1.0})
    >>> params["W"], float(params["x"])
    (array([0.5]), 1.5)
    """

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        kernels.sgd_step(w, g, lr=self.lr)


class Momentum(_Optimizer):
    """v = momentum * v - lr * g, then w += v. `v` holds the velocities by parameter, None before the first step.

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import Momentum
    >>> optimizer, params = Momentum(lr=0.5, momentum=0.5), {"W": np.array([1.0])}
    >>> for _ in range(2):
    ...     optimizer.update(params, {"W": np.array([1.0])})
    >>> params["W"], optimizer.v["W"]
    (array([-0.25]), array([-0.75]))
    """

    kept = ("_steps",)  # -v by parameter: the kernel subtracts
    _steps: dict[str, Array] | None
    _nesterov = False

    def __init__(self, lr: float | None = None, momentum: float = 0.9, *, learning_rate: float | None = None) -> None:
        super().__init__(lr, learning_rate=learning_rate)
        self.momentum = momentum

    @property
    def v(self) -> dict[str, Array] | None:
        """The velocities."""
        return None if self._steps is None else {name: -step for name, step in self._steps.items()}

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        # The rate goes into the gradient: another rate later leaves the velocity as it is.
        moves = [np.asarray(self.lr * one, one.dtype) for one in g]
        nesterov = self._nesterov and self.momentum > 0
        kernels.sgd_step(w, moves, states[0], lr=1.0, momentum=self.momentum, nesterov=nesterov)


class Nesterov(Momentum):
    """v = momentum * v - lr * g, then w += momentum * v - lr * g: w is the point looked ahead to.

    Source: Y. Bengio, N. Boulanger-Lewandowski, R. Pascanu, "Advances in optimizing recurrent networks", 2012.

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import Nesterov
    >>> params = {"W": np.array([1.0])}
    >>> Nesterov(lr=0.5, momentum=0.5).update(params, {"W": np.array([1.0])})
    >>> params["W"]
    array([0.25])
    """

    _nesterov = True


class AdaGrad(_Optimizer):
    """h += g**2, then w -= lr * g / (sqrt(h) + 1e-7).

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import AdaGrad
    >>> params = {"W": np.array([1.0])}
    >>> AdaGrad(lr=0.5).update(params, {"W": np.array([3.0])})
    >>> params["W"].round(6)
    array([0.5])
    """

    kept = ("h",)
    h: dict[str, Array] | None

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        kernels.adagrad_step(w, g, states[0], lr=self.lr, eps=_SMALL)


class RMSprop(_Optimizer):
    """h = decay_rate * h + (1 - decay_rate) * g**2, then w -= lr * g / (sqrt(h) + 1e-7).

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import RMSprop
    >>> params = {"W": np.array([1.0])}
    >>> RMSprop(lr=0.05, decay_rate=0.99).update(params, {"W": np.array([3.0])})
    >>> params["W"].round(5)
    array([0.5])
    """

    kept = ("h",)
    h: dict[str, Array] | None

    def __init__(
        self, lr: float | None = None, decay_rate: float = 0.99, *, learning_rate: float | None = None
    ) -> None:
        super().__init__(lr, learning_rate=learning_rate)
        self.decay_rate = decay_rate

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        kernels.rmsprop_step(w, g, states[0], lr=self.lr, alpha=self.decay_rate, eps=_SMALL)


RMSProp = RMSprop


class Adam(_Optimizer):
    """m += (1 - beta1) * (g - m), v += (1 - beta2) * (g**2 - v), then w -= rate * m / (sqrt(v) + 1e-7),

    rate = lr * sqrt(1 - beta2**iter) / (1 - beta1**iter); `iter` counts the steps.

    >>> import numpy as np
    >>> from tatamikomi.course.optimizer import Adam
    >>> params = {"W": np.array([1.0])}
    >>> Adam(lr=0.5).update(params, {"W": np.array([3.0])})
    >>> params["W"].round(5)
    array([0.5])
    """

    kept = ("m", "v")
    _default = 0.001
    m: dict[str, Array] | None
    v: dict[str, Array] | None

    def __init__(
        self,
        lr: float | None = None,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        learning_rate: float | None = None,
    ) -> None:
        super().__init__(lr, learning_rate=learning_rate)
        self.beta1, self.beta2, self.iter = beta1, beta2, 0

    def _begin(self) -> None:
        self.iter += 1

    def _step(self, w: list[Array], g: list[Array], states: _States) -> None:
        # The kernel adds eps after correcting v.
        eps = _SMALL / math.sqrt(1 - self.beta2**self.iter)
        kernels.adam_step(w, g, *states, step=self.iter, lr=self.lr, betas=(self.beta1, self.beta2), eps=eps)
