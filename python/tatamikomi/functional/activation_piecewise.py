"""Activations of straight pieces: leaky ReLUs, hard sigmoid, swish and tanh, shrinkage, threshold and step."""

from __future__ import annotations

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, is_grad_enabled, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_value
from tatamikomi.functional.activation_kinds import apply
from tatamikomi.functional.inputs import TensorLike, as_input, overwrite, own_names
from tatamikomi.functional.randomness import uniforms
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.scalars import as_number, as_real
from tatamikomi.random import Generator


class _Prelu(Function):
    saves = ((0, 1), (0, 1))

    def forward(self, x: Array, weight: Array) -> Array:
        return kernels.prelu_forward(x, weight)

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = self.saved(0), self.saved(1)
        if not is_grad_enabled():
            dx, dweight = kernels.prelu_backward(dy.data, x.data, weight.data)
            return wrap(dx), wrap(dweight)
        count = weight.data.size
        slopes = weight.reshape([count if axis == 1 else 1 for axis in range(x.ndim)] if count > 1 else ())
        others = tuple(axis for axis in range(x.ndim) if axis != 1 or count == 1)
        parts = where(x.data > 0, 0.0, dy * x)
        total = parts.sum(others) if others else parts
        return where(x.data > 0, dy, dy * slopes), total.reshape(weight.shape)


@own_names(half=True)
def relu6(input: TensorLike, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6); the gradient at both ends is 0.

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    >>> import tatamikomi as tk
    >>> tk.functional.relu6([-1.0, 2.0, 8.0])
    tensor([0., 2., 6.])
    """
    return apply("relu6", input, "hardtanh", 0.0, 6.0, inplace)


@own_names(half=True)
def hardtanh(input: TensorLike, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """The input held from min_val to max_val; the gradient at both ends is 0.

    Args:
        input: any shape, float32 or float64.
        min_val, max_val: the ends, min_val <= max_val.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype, or an end is no number.
        ValueError: min_val > max_val.

    Source: R. Collobert, "Large scale machine learning", thesis, Universite Paris VI, 2004.

    >>> import tatamikomi as tk
    >>> tk.functional.hardtanh([-3.0, 0.5, 2.0])
    tensor([-1. ,  0.5,  1. ])
    """
    low, high = as_real("hardtanh", "min_val", min_val), as_real("hardtanh", "max_val", max_val)
    if low > high:
        raise bad_value("hardtanh", "min_val", min_val, f"a number <= max_val = {max_val}")
    return apply("hardtanh", input, "hardtanh", low, high, inplace)


@own_names(half=True)
def hardsigmoid(input: TensorLike, inplace: bool = False) -> Tensor:
    """(input + 3) / 6, held from 0 to 1.

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244.

    >>> import tatamikomi as tk
    >>> tk.functional.hardsigmoid([-4.0, 0.0, 3.0])
    tensor([0. , 0.5, 1. ])
    """
    return apply("hardsigmoid", input, "hardsigmoid", inplace=inplace)


@own_names(half=True)
def hardswish(input: TensorLike, inplace: bool = False) -> Tensor:
    """input * hardsigmoid(input).

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244.

    >>> import tatamikomi as tk
    >>> tk.functional.hardswish([-3.0, 0.0, 3.0])
    tensor([-0.,  0.,  3.])
    """
    return apply("hardswish", input, "hardswish", inplace=inplace)


@own_names(half=True)
def leaky_relu(input: TensorLike, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope * input.

    Args:
        input: any shape, float32 or float64.
        negative_slope: of the line below 0.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype, or the slope is no number.

    Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models",
    ICML 2013.

    >>> import tatamikomi as tk
    >>> tk.functional.leaky_relu([-2.0, 3.0], 0.5)
    tensor([-1.,  3.])
    """
    slope = as_real("leaky_relu", "negative_slope", negative_slope)
    return apply("leaky_relu", input, "leaky_relu", slope, inplace=inplace)


@own_names(half=True)
def prelu(input: TensorLike, weight: TensorLike) -> Tensor:
    """input where it is positive, else weight * input: a leaky ReLU that learns its slopes.

    Args:
        input: (N, C, ...), or with a single weight any shape; float32 or float64.
        weight: (C,), one slope per channel, or a single one of shape (1,) or (); the same dtype.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: weight is no such shape.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.

    >>> import tatamikomi as tk
    >>> tk.functional.prelu([[-2.0, -2.0, 3.0]], [0.5, 0.25, 0.125])
    tensor([[-1. , -0.5,  3. ]])
    """
    return _Prelu()(as_input("prelu", "input", input), as_input("prelu", "weight", weight))


@own_names(half=True)
def rrelu(
    input: TensorLike,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input where it is positive, else slope * input; in training every element draws its slope anew.

    Slopes are uniform from lower to upper; without training all are (lower + upper) / 2.

    Args:
        input: any shape, float32 or float64.
        lower, upper: finite numbers, lower <= upper.
        training: draw.
        inplace: overwrite the input where no gradient and no array of the user's can notice.
        generator: where the randomness comes from; each drawing call takes one block. None means
            `tk.default_generator()`.

    Raises:
        TypeError: another dtype, or an argument of another kind.
        ValueError: lower > upper.

    Source: B. Xu, N. Wang, T. Chen, M. Li, "Empirical evaluation of rectified activations in convolutional network",
    arXiv:1505.00853.

    >>> import tatamikomi as tk
    >>> tk.functional.rrelu([-4.0, 3.0], 0.25, 0.75)
    tensor([-2.,  3.])
    """
    op = "rrelu"
    low, high = (as_number(op, name, one, -np.inf) for name, one in (("lower", lower), ("upper", upper)))
    if low > high:
        raise bad_value(op, "lower", lower, f"a number <= upper = {upper}")
    if not flag(op, "training", training):
        return apply(op, input, "leaky_relu", (low + high) / 2, inplace=inplace)
    x, replace = as_input(op, "input", input), flag(op, "inplace", inplace)
    slopes = wrap((low + (high - low) * uniforms(op, x.shape, generator)).astype(x.dtype))
    y = where(x.data > 0, x, x * slopes)
    return overwrite(x, y, input) if replace else y


@own_names(half=True)
def hardshrink(input: TensorLike, lambd: float = 0.5) -> Tensor:
    """0 where -lambd <= input <= lambd, else the input.

    Args:
        input: any shape, float32 or float64.
        lambd: half the width of what becomes 0; a negative one leaves everything.

    Raises:
        TypeError: another dtype, or lambd is no number.

    >>> import tatamikomi as tk
    >>> tk.functional.hardshrink([-2.0, 0.25, 0.75])
    tensor([-2.  ,  0.  ,  0.75])
    """
    return apply("hardshrink", input, "hardshrink", as_real("hardshrink", "lambd", lambd))


@own_names(half=True)
def softshrink(input: TensorLike, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by lambd; 0 where -lambd <= input <= lambd.

    Args:
        input: any shape, float32 or float64.
        lambd: a finite number >= 0.

    Raises:
        TypeError: another dtype, or lambd is no number.
        ValueError: lambd < 0.

    >>> import tatamikomi as tk
    >>> tk.functional.softshrink([-2.0, 0.25, 0.75])
    tensor([-1.5 ,  0.  ,  0.25])
    """
    return apply("softshrink", input, "softshrink", as_number("softshrink", "lambd", lambd))


@own_names(half=True)
def threshold(input: TensorLike, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The input where it is above the threshold, else the value.

    Args:
        input: any shape, float32 or float64.
        threshold, value: numbers.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype, or an option is no number.

    >>> import tatamikomi as tk
    >>> tk.functional.threshold([-1.0, 0.5, 2.0], 0.5, -7.0)
    tensor([-7., -7.,  2.])
    """
    limit, other = as_real("threshold", "threshold", threshold), as_real("threshold", "value", value)
    return apply("threshold", input, "threshold", limit, other, inplace)


@own_names(half=True)
def step(input: TensorLike, at_zero: float = 0.0) -> Tensor:
    """0 where the input is negative, at_zero where it is 0, 1 where it is positive; the gradient is 0.

    Args:
        input: any shape, float32 or float64.
        at_zero: a number.

    Raises:
        TypeError: another dtype, or at_zero is no number.

    Source: the function of O. Heaviside; F. Rosenblatt, "The perceptron", Psychological Review 65, 1958.

    >>> import tatamikomi as tk
    >>> tk.functional.step([-2.0, 0.0, 2.0], 0.5)
    tensor([0. , 0.5, 1. ])
    """
    return apply("step", input, "step", as_real("step", "at_zero", at_zero))
