"""Gradients kept within bounds, between `backward()` and the optimizer's step; named as in torch.nn.utils."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import checks

Array = np.ndarray[Any, np.dtype[Any]]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by one factor, in place, so that their norm is at most max_norm.

        norm = (sum |g| ** norm_type) ** (1 / norm_type) over all elements g of all gradients
        g = g * min(max_norm / (norm + 1e-6), 1)

    Args:
        parameters: a Tensor or several, of any shapes, float32 or float64; those without a gradient are left out.
        max_norm: >= 0; infinity only measures.
        norm_type: > 0; infinity is the largest |g|.
        error_if_nonfinite: raise if the norm is NaN or infinite, before anything is changed. Otherwise such a
            norm scales as the formula says.

    Returns:
        The norm before, (), float64.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML
    2013, in the form of torch.nn.utils.clip_grad_norm_.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: max_norm or norm_type is out of range, a gradient cannot be written to, or the norm is not
            finite and error_if_nonfinite is set.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([0.0, 0.0])
    >>> w.grad = [3.0, 4.0]
    >>> tk.nn.utils.clip_grad_norm_(w, 0.5).item()
    5.0
    >>> w.grad.numpy().round(4).tolist()
    [0.30000001192092896, 0.4000000059604645]
    """
    op = "clip_grad_norm_"
    limit = _limit(op, "max_norm", max_norm)
    order = _limit(op, "norm_type", norm_type)
    if order == 0:
        raise bad_value(op, "norm_type", order, "a number > 0")
    strict = checks.flag(op, "error_if_nonfinite", error_if_nonfinite)
    gradients = [gradient for _, gradient in _with_gradients(op, parameters)]
    norms = [_norm(gradient.data, order) for gradient in gradients if gradient.data.size]
    total = _norm(np.array(norms), order) if norms else 0.0
    if strict and not math.isfinite(total):
        raise bad_value(op, "parameters", f"a norm of {total}", "gradients of a finite norm")
    factor = 1.0 if math.isinf(limit) else limit / (total + 1e-6)
    if not factor >= 1.0:  # NaN scales, too
        for gradient in gradients:
            with np.errstate(invalid="ignore"):  # infinity * 0
                gradient.data *= factor
    return Tensor(np.float64(total))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of the gradients, in place: g = min(max(g, -clip_value), clip_value). NaN stays.

    Args:
        parameters: a Tensor or several, of any shapes, float32 or float64; those without a gradient are left out.
        clip_value: >= 0.

    Source: torch.nn.utils.clip_grad_value_.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: clip_value is out of range, or a gradient cannot be written to.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([0.0, 0.0])
    >>> w.grad = [0.5, -4.0]
    >>> tk.nn.utils.clip_grad_value_(w, 1)
    >>> w.grad.numpy().tolist()
    [0.5, -1.0]
    """
    limit = _limit("clip_grad_value_", "clip_value", clip_value)
    for _, gradient in _with_gradients("clip_grad_value_", parameters):
        np.clip(gradient.data, -limit, limit, out=gradient.data)
        gradient.bump()


def adaptive_clip_grad_(parameters: Tensor | Iterable[Tensor], clip_factor: float = 0.01, eps: float = 1e-3) -> None:
    """Adaptive gradient clipping (AGC), unit by unit, in place: no unit's gradient is long beside its weights.

        G_i = G_i * min(clip_factor * max(|W_i|, eps) / |G_i|, 1)

    |.| is the Euclidean norm. A unit i is one output of a weight (out, in, *kernel): W_i = W[i]. A parameter
    of fewer than 2 axes, such as a bias, is one unit. The paper leaves out the parameters of the last linear
    layer: hand over the others.

    Args:
        parameters: a Tensor or several, float32 or float64; those without a gradient are left out.
        clip_factor: > 0; the smaller the larger batch and rate are.
        eps: > 0, stands for the norm of smaller weights, so that zeros can be trained.

    Source: A. Brock, S. De, S. L. Smith, K. Simonyan, "High-Performance Large-Scale Image Recognition Without
    Normalization", ICML 2021, section 4.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: clip_factor or eps is out of range, or a gradient cannot be written to.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([[3.0, 4.0], [3.0, 4.0]])
    >>> w.grad = [[0.0, 8.0], [0.0, 2.0]]
    >>> tk.nn.utils.adaptive_clip_grad_(w, clip_factor=0.5)
    >>> w.grad.numpy().tolist()
    [[0.0, 2.5], [0.0, 2.0]]
    """
    op = "adaptive_clip_grad_"
    part, least = _limit(op, "clip_factor", clip_factor), _limit(op, "eps", eps)
    for argument, value in (("clip_factor", part), ("eps", least)):
        if value == 0:
            raise bad_value(op, argument, value, "a number > 0")
    for parameter, gradient in _with_gradients(op, parameters):
        limits, norms = part * np.maximum(_unit_norms(parameter.data), least), _unit_norms(gradient.data)
        factors = np.divide(limits, norms, out=np.ones_like(norms), where=~(norms <= limits))
        with np.errstate(invalid="ignore"):  # infinity * 0
            gradient.data *= factors.astype(gradient.dtype)


def _with_gradients(op: str, parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The parameters that have a gradient, each with it."""
    if not isinstance(parameters, Iterable):
        raise bad_type(op, "parameters", type(parameters).__name__, "a Tensor or an iterable of Tensors")
    found = []
    for one in [parameters] if isinstance(parameters, Tensor) else parameters:
        if not isinstance(one, Tensor):
            raise bad_type(op, "parameters", type(one).__name__, "Tensors")
        if one.grad is not None:
            if not one.grad.data.flags.writeable:
                raise bad_value(op, "parameters", "a read-only one", "gradients that can be written to")
            found.append((one, one.grad))
    return found


def _norm(values: Array, order: float) -> float:
    return float(np.linalg.norm(values.astype(np.float64).ravel(), order))


def _unit_norms(values: Array) -> Array:
    """(out, 1, ...) float64, or () for fewer than 2 axes: the Euclidean norm of every unit."""
    axes = tuple(range(1, values.ndim)) if values.ndim > 1 else None
    norms: Array = np.sqrt(np.sum(np.square(values, dtype=np.float64), axis=axes, keepdims=values.ndim > 1))
    return np.asarray(norms)


def _limit(op: str, argument: str, value: object) -> float:
    """A number >= 0, infinity included."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, type(value).__name__, "a number")
    if not value >= 0:
        raise bad_value(op, argument, float(value), "a number >= 0")
    return float(value)
