"""Activations of one element on the tape: one Function, one for its gradient, and second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.functional.activation import sigmoid, tanh
from tatamikomi.functional.inputs import TensorLike, as_input, overwrite
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array

Curvature = Callable[[Tensor, float, float], Tensor]


class Activation(Function):
    """y(x) by kind; a and b are its parameters (`kernels.activation_forward`)."""

    saves = ((0,),)
    fresh = True

    def __init__(self, kind: str, a: float = 0.0, b: float = 0.0) -> None:
        self.options = (kind, a, b)

    def forward(self, x: Array) -> Array:
        return kernels.activation_forward(x, *self.options)

    def backward(self, dy: Tensor) -> Tensor:
        return _ActivationGradient(*self.options)(dy, self.saved(0))


class _ActivationGradient(Function):
    """dy y'(x): linear in dy, and dy y''(x) is its derivative by x. One kernel, whoever asks for more."""

    saves = ((1,), (0, 1))

    def __init__(self, kind: str, a: float, b: float) -> None:
        self.options = (kind, a, b)

    def forward(self, dy: Array, x: Array) -> Array:
        return kernels.activation_backward(dy, x, *self.options)

    def backward(self, ddx: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, (kind, a, b) = self.saved(1), self.options
        by_dy = _ActivationGradient(kind, a, b)(ddx, x) if self.needs[0] else None
        curvature = _CURVATURES.get(kind)
        by_x = ddx * self.saved(0) * curvature(x, a, b) if self.needs[1] and curvature else None
        return by_dy, by_x


def apply(op: str, input: TensorLike, kind: str, a: float = 0.0, b: float = 0.0, inplace: bool | None = None) -> Tensor:
    """The activation of an input that is checked here; `inplace` None: the function has no such option."""
    x = as_input(op, "input", input)
    replace = inplace is not None and flag(op, "inplace", inplace)
    y = Activation(kind, a, b)(x)
    return overwrite(x, y, input) if replace else y


def _exponential(x: Tensor, scale: float, rate: float) -> Tensor:
    """scale exp(rate x) up to 0, and 0 above; nothing overflows."""
    return where(x.data > 0, 0.0, (x.clip(max=0.0) * rate).exp() * scale)


def _gelu(x: Tensor, a: float, b: float) -> Tensor:
    return (x * x * -0.5).exp() * (2.0 - x * x) * (1 / math.sqrt(2 * math.pi))


def _gelu_tanh(x: Tensor, a: float, b: float) -> Tensor:
    """(x s(u))'' = 2 s' u' + x (s'' u'^2 + s' u'')"""
    x, slope, cube = x.clip(-64.0, 64.0), 2 * math.sqrt(2 / math.pi), 0.044715
    square = x * x * cube
    s, du, ddu = sigmoid(x * (square + 1.0) * slope), (square * 3.0 + 1.0) * slope, x * (6 * cube * slope)
    ds = s * (1.0 - s)
    return ds * (du * 2.0 + x * ((1.0 - s * 2.0) * du * du + ddu))


def _mish(x: Tensor, a: float, b: float) -> Tensor:
    """t = tanh(softplus(x)), t' = (1 - t^2) s, t'' = t' (1 - s - 2 t s); (x t)'' = 2 t' + x t''"""
    s, t = sigmoid(x), tanh(Activation("softplus", 1.0, math.inf)(x))
    dt = (1.0 - t * t) * s
    return dt * (2.0 + x * (1.0 - s - t * s * 2.0))


def _silu(x: Tensor, a: float, b: float) -> Tensor:
    s = sigmoid(x)
    return s * (1.0 - s) * (2.0 + x * (1.0 - s * 2.0))


def _softplus(x: Tensor, a: float, b: float) -> Tensor:
    s = sigmoid(x * a)
    return where(x.data * a > b, 0.0, s * (1.0 - s) * a)


def _softsign(x: Tensor, a: float, b: float) -> Tensor:
    return x.sign() * -2.0 / (x.abs() + 1.0) ** 3


def _tanhshrink(x: Tensor, a: float, b: float) -> Tensor:
    t = tanh(x)
    return t * (1.0 - t * t) * 2.0


# y''(x, a, b) where it is not 0 throughout.
_CURVATURES: dict[str, Curvature] = {
    "celu": lambda x, a, b: _exponential(x, 1 / a, 1 / a),
    "elu": lambda x, a, b: _exponential(x, b, 1.0),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hardswish": lambda x, a, b: wrap(((x.data > -3) & (x.data < 3)).astype(x.dtype)) / 3.0,
    "mish": _mish,
    "silu": _silu,
    "softplus": _softplus,
    "softsign": _softsign,
    "tanhshrink": _tanhshrink,
}
