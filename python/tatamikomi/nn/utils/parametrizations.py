"""Weights of a given norm: weight normalisation and spectral normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module
from tatamikomi.nn.utils.parametrize import register_parametrization
from tatamikomi.random import Generator, default_generator

Array = np.ndarray[Any, np.dtype[Any]]


class _WeightNorm(Module):
    """g * v / |v|, the norms over all axes but one."""

    def __init__(self, axis: int | None, ndim: int) -> None:
        super().__init__()
        self.axes = None if axis is None else tuple(i for i in range(ndim) if i != axis)

    def _norm(self, v: Tensor) -> Tensor:
        if self.axes == ():  # one axis, which stays
            return v.abs()
        return (v * v).sum(self.axes, keepdim=self.axes is not None).sqrt()

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """(norms, direction) -> weight."""
        return v * (g / self._norm(v))

    def right_inverse(self, weight: Any) -> tuple[Tensor, Tensor]:
        """weight -> (norms, direction)."""
        v = as_tensor(weight)
        return self._norm(v), v


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train a weight's norms and its direction apart: weight = g * v / |v|; returns module.

    |v| is the Euclidean norm over all axes but `dim`: with 0, of each output's weights.

    Args:
        module: whose parameter it is.
        name: the attribute's name.
        dim: the axis that keeps norms of its own; None, or -1 as in torch, one norm of all.

    In the state: `parametrizations.NAME.original0` (g) and `original1` (v).

    Source: T. Salimans, D. P. Kingma, "Weight normalization", NeurIPS 2016.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind, or the module has no such parameter or axis.

    >>> import tatamikomi as tk
    >>> layer = tk.nn.utils.parametrizations.weight_norm(tk.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
    ((40, 1), (40, 20))
    """
    weight = _parameter("weight_norm", module, name)
    axis = None if dim in (None, -1) else _axis("weight_norm", dim, weight.ndim)
    return register_parametrization(module, name, _WeightNorm(axis, weight.ndim))


class _SpectralNorm(Module):
    """weight / sigma, sigma being u . W v, W the weight as a matrix; u and v come closer in each training step."""

    _u: Array
    _v: Array

    def __init__(self, weight: Tensor, steps: int, eps: float, axis: int, generator: Generator | None) -> None:
        super().__init__()
        self.steps, self.eps, self.axis = steps, eps, axis
        if weight.ndim > 1:
            rows, columns = self._matrix(weight.numpy()).shape
            draw = (default_generator() if generator is None else generator).numpy()
            for name, size in (("_u", rows), ("_v", columns)):
                self.register_buffer(name, self._unit(draw.standard_normal(size).astype(weight.dtype)))
            self._iterate(weight.numpy(), 15)

    def _matrix(self, weight: Array) -> Array:
        return np.moveaxis(weight, self.axis, 0).reshape(weight.shape[self.axis], -1)

    def _unit(self, vector: Array) -> Array:
        unit: Array = vector / np.maximum(np.linalg.norm(vector), vector.dtype.type(self.eps))
        return unit

    def _iterate(self, weight: Array, steps: int) -> None:
        matrix = self._matrix(weight)
        for _ in range(steps):
            self._u = self._unit(matrix @ self._v)
            self._v = self._unit(matrix.T @ self._u)

    def forward(self, weight: Tensor) -> Tensor:
        """weight -> weight of spectral norm 1."""
        if weight.ndim == 1:
            norm = (weight * weight).sum().sqrt()
            return weight / (norm if norm.item() > self.eps else self.eps)
        if self.training:
            self._iterate(weight.numpy(), self.steps)
        others = [size for i, size in enumerate(weight.shape) if i != self.axis]
        outer = np.moveaxis(np.outer(self._u, self._v).reshape(-1, *others), 0, self.axis)
        return weight / (weight * np.ascontiguousarray(outer)).sum()

    def right_inverse(self, value: Any) -> Tensor:
        """A weight that has spectral norm 1 is its own original."""
        return as_tensor(value)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    generator: Generator | None = None,
) -> Module:
    """Divide a weight by its largest singular value, so that the layer lengthens nothing; returns module.

        W: the weight as a matrix, axis `dim` against all others
        each time it is asked for in training: u = W v / |W v|, v = W' u / |W' u|, n_power_iterations times
        weight = original / (u . W v)

    The gradient takes u and v for constants.

    Args:
        module: whose parameter it is.
        name: the attribute's name.
        n_power_iterations: >= 1.
        eps: > 0, the least norm that is divided by.
        dim: the axis of the outputs; None is 1 for transposed convolutions and 0 for others.
        generator: where u and v begin; the default Generator when None.

    In the state: `parametrizations.NAME.original`, and the buffers `0._u` and `0._v` beside it.

    Source: T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, or the module has no such parameter.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.Linear(20, 40, generator=tk.Generator(0))
    >>> layer = tk.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=50, generator=tk.Generator(1))
    >>> abs(np.linalg.norm(layer.weight.numpy(), 2) - 1) < 1e-3
    np.True_
    """
    weight = _parameter("spectral_norm", module, name)
    steps = checks.integer("spectral_norm", "n_power_iterations", n_power_iterations)
    least = checks.real("spectral_norm", "eps", eps)
    if least <= 0:
        raise bad_value("spectral_norm", "eps", least, "a number > 0")
    transposed = any("ConvTranspose" in kind.__name__ for kind in type(module).__mro__)
    axis = _axis("spectral_norm", (1 if transposed else 0) if dim is None else dim, weight.ndim)
    return register_parametrization(module, name, _SpectralNorm(weight, steps, least, axis, generator))


def _parameter(op: str, module: object, name: str) -> Tensor:
    if not isinstance(module, Module):
        raise bad_type(op, "module", type(module).__name__, "a Module")
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        known = ", ".join(module._parameters) or "none"
        raise bad_value(op, "name", repr(name), f"a parameter of {type(module).__name__} ({known})")
    return weight


def _axis(op: str, dim: object, ndim: int) -> int:
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
        raise bad_type(op, "dim", type(dim).__name__, "an integer or None")
    if not -ndim <= dim < ndim:
        raise bad_value(op, "dim", int(dim), f"an axis of {ndim}")
    return int(dim) % ndim
