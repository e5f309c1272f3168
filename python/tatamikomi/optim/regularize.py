"""What keeps weights small: penalties, their proximal steps, and a limit to the norm of units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks

Array = np.ndarray[Any, np.dtype[Any]]


class ElasticNet:
    """l1 * sum |w| + l2 * sum w**2, as a penalty or as a step of its own.

    Args:
        l1, l2: >= 0.
        proximal: what a Trainer does: False adds the penalty to the loss, True calls `prox_` after each step.

    `parameters`, wherever they are taken, are a Tensor, several, or an object that has the method `parameters`, such
    as a Module: of that those of two or more axes, not its biases and scales.

    Source: H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", 2005; the proximal step:
    N. Parikh, S. Boyd, "Proximal algorithms", 2014, section 6.5.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([[1.0, -2.0]])
    >>> tk.optim.ElasticNet(0.5, 0.25).penalty([w]).item()
    2.75
    """

    def __init__(self, l1: float = 0.01, l2: float = 0.01, proximal: bool = False) -> None:
        op = type(self).__name__
        self.l1 = checks.number(op, "l1", l1)
        self.l2 = checks.number(op, "l2", l2)
        self.proximal = checks.flag(op, "proximal", proximal)

    def penalty(self, parameters: Any) -> Tensor:
        """l1 * sum |w| + l2 * sum w**2 over all elements, (); at 0 the slope of |w| is 0.

        Raises:
            TypeError: parameters holds something else, or Tensors of several dtypes.
            ValueError: no parameters.
        """
        weights = _weights(f"{type(self).__name__}.penalty", parameters)
        terms = [w.abs().sum() * self.l1 for w in weights if self.l1]
        terms += [(w * w).sum() * self.l2 for w in weights if self.l2]
        total, *others = terms or [(weights[0] * 0.0).sum()]
        for term in others:
            total = total + term
        return total

    def prox_(self, parameters: Any, lr: float) -> None:
        """The proximal step, in place: the w' that is best for lr * penalty(w') + |w' - w|**2 / 2.

            w = sign(w) * max(|w| - lr * l1, 0) / (1 + 2 * lr * l2)

        With l1 small weights become exact zeros and stay so.

        Raises:
            TypeError, ValueError: parameters or lr are of the wrong kind or out of range.
        """
        op = f"{type(self).__name__}.prox_"
        rate = checks.number(op, "lr", lr)
        for param in _weights(op, parameters):
            w = param.data
            if self.l1:
                w -= np.clip(w, -rate * self.l1, rate * self.l1)
            if self.l2:
                w /= 1 + 2 * rate * self.l2
            param.bump()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(l1={self.l1:g}, l2={self.l2:g}, proximal={self.proximal})"


class L1(ElasticNet):
    """l1 * sum |w|: few weights that are not 0. See `ElasticNet`.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([[0.5, -3.0]])
    >>> tk.optim.L1(2.0).prox_([w], lr=0.5)
    >>> w.tolist()
    [[0.0, -2.0]]
    """

    def __init__(self, l1: float = 0.01, proximal: bool = False) -> None:
        super().__init__(l1, 0.0, proximal)


class L2(ElasticNet):
    """l2 * sum w**2: small weights. See `ElasticNet`; an optimizer's weight_decay of 2 * l2 has the same gradient.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([[1.0, -3.0]])
    >>> tk.optim.L2(0.5).penalty([w]).backward()
    >>> w.grad.tolist()
    [[1.0, -3.0]]
    """

    def __init__(self, l2: float = 0.01, proximal: bool = False) -> None:
        super().__init__(0.0, l2, proximal)


class MaxNorm:
    """No unit's weights are longer than c: W_i = W_i * min(1, c / |W_i|), |.| being the Euclidean norm.

    A unit i is one output of a weight (out, in, *kernel): W_i = W[i]. A parameter of fewer than 2 axes is one unit.

    Args:
        c: > 0.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014,
    section 5.1.

    Raises:
        TypeError, ValueError: c is of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([[3.0, 4.0], [0.5, 0.0]])
    >>> tk.optim.MaxNorm(1.0).apply_([w])
    >>> w.numpy().round(4).tolist()
    [[0.6..., 0.8...], [0.5, 0.0]]
    """

    def __init__(self, c: float = 3.0) -> None:
        self.c = checks.number("MaxNorm", "c", c)
        if self.c == 0:
            raise bad_value("MaxNorm", "c", self.c, "a number > 0")

    def apply_(self, parameters: Any) -> None:
        """Shorten what is too long, in place; what is not keeps its bits.

        Args:
            parameters: as for `ElasticNet`.

        Raises:
            TypeError, ValueError: parameters holds something else, or nothing.
        """
        for param in _weights("MaxNorm.apply_", parameters):
            w = param.data
            axes = tuple(range(1, w.ndim)) if w.ndim > 1 else None
            norms = np.sqrt(np.sum(np.square(w, dtype=np.float64), axis=axes, keepdims=w.ndim > 1))
            factors = np.divide(self.c, norms, out=np.ones_like(norms), where=norms > self.c)
            w *= factors.astype(w.dtype)
            param.bump()

    def __repr__(self) -> str:
        return f"MaxNorm({self.c:g})"


def _weights(op: str, parameters: Any) -> list[Tensor]:
    if hasattr(parameters, "parameters"):
        return _some(op, [param for param in parameters.parameters() if param.ndim > 1])
    if isinstance(parameters, Tensor):
        return [parameters]
    if not isinstance(parameters, Iterable):
        raise bad_type(op, "parameters", type(parameters).__name__, "Tensors or a Module")
    return _some(op, list(parameters))


def _some(op: str, params: list[Any]) -> list[Tensor]:
    if not params:
        raise bad_value(op, "parameters", "none", "at least one Tensor")
    for param in params:
        if not isinstance(param, Tensor):
            raise bad_type(op, "parameters", type(param).__name__, "Tensors")
    return params
