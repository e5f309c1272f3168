"""Tensors, the tape behind them, and array algebra on them."""

from __future__ import annotations

from tatamikomi.autograd.tensor import Tensor, as_tensor, tensor  # isort: skip  (first: operations need it)

from tatamikomi.autograd.arithmetic import add, div, maximum, minimum, mul, pow, sub, where
from tatamikomi.autograd.elementwise import abs, clip, clone, exp, log, neg, sign, sqrt, to
from tatamikomi.autograd.engine import backward, grad
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tatamikomi.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tatamikomi.autograd.indexing import gather, scatter_add
from tatamikomi.autograd.interop import from_dlpack
from tatamikomi.autograd.linear import matmul
from tatamikomi.autograd.parameter import Parameter
from tatamikomi.autograd.reductions import amax, amin, argmax, argmin, max, mean, min, std, sum, var
from tatamikomi.autograd.shaping import (
    cat,
    expand,
    flatten,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unflatten,
    unsqueeze,
)

__all__ = [
    "Function",
    "GradcheckError",
    "Parameter",
    "Tensor",
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "as_tensor",
    "backward",
    "cat",
    "clip",
    "clone",
    "div",
    "enable_grad",
    "exp",
    "expand",
    "flatten",
    "from_dlpack",
    "gather",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "log",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "no_grad",
    "permute",
    "pow",
    "reshape",
    "scatter_add",
    "set_grad_enabled",
    "sign",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tensor",
    "to",
    "transpose",
    "unflatten",
    "unsqueeze",
    "var",
    "where",
]
