"""Is a gradient right? Compared in float64 with differences of the function, under a measured error bound.

Along a line x + t d the scalar phi(t) = <v, f(x + t d)>, v random, is evaluated at seven points t = -3s ..
3s:

- the sixth-order central difference D6 is the derivative, up to s**6 phi'''''''/140;
- the fourth-order one, D4, errs by s**4 phi'''''/30, so |D6 - D4| bounds the truncation of D6 amply;
- the sixth difference of the values holds nothing but their rounding noise, 924 times its variance (Moré and
  Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011);
- two third-order one-sided differences agree to s**3 phi''''/2 unless the line crosses a kink there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.engine import grad
from tatamikomi.autograd.grad_mode import enable_grad
from tatamikomi.autograd.tensor import Tensor, as_tensor, tensor
from tatamikomi.errors import bad_type, bad_value

_Floats = NDArray[np.float64]
_Lines = Iterator[tuple[str, _Floats]]  # a name and a direction, of the input's shape

_STENCIL = np.arange(-3, 4)
_D6 = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
_D4 = np.array([0, 1, -8, 0, 8, -1, 0]) / 12
_LEFT = np.array([-2, 9, -18, 11, 0, 0, 0]) / 6
_RIGHT = np.array([0, 0, 0, -11, 18, -9, 2]) / 6
_SIXTH = np.array([1, -6, 15, -20, 15, -6, 1])
_EPS = float(np.finfo(np.float64).eps)
_NARROW = 2.0**-16  # spacing at which noise is measured, in steps
_NOISE_LINES = 4
_DEVIATIONS = 8  # a rounding error beyond eight standard deviations is none
_RESOLUTION = 1e-6  # the power of the test: where it could not see a relative error of this size it raises


class GradcheckError(AssertionError):
    """A gradient is wrong, or could not be checked; the message says where and why."""


class _Check:
    """One function at one point, with one random cotangent."""

    def __init__(
        self, function: Callable[..., Any], inputs: Sequence[ArrayLike | Tensor], step: float, seed: int
    ) -> None:
        self.function, self.step = function, step
        self.random = np.random.default_rng(seed)
        self.inputs = [as_tensor(value) for value in inputs]
        self.wanted: list[int] = []
        for position, (given, value) in enumerate(zip(inputs, self.inputs, strict=True)):
            if value.dtype.kind == "f" and (value.requires_grad or not isinstance(given, Tensor)):
                if value.dtype != np.float64:
                    raise bad_type("gradcheck", "inputs", f"input {position} of {value.dtype.name}", "float64")
                self.wanted.append(position)
        if not self.wanted:
            raise bad_value("gradcheck", "inputs", "none that requires a gradient", "at least one")
        self.points = {position: self.inputs[position].numpy().copy() for position in self.wanted}

    def call(self, moved: dict[int, _Floats]) -> tuple[list[Tensor], list[Tensor]]:
        """Fresh leaves, and the float outputs of the function there."""
        arguments = list(self.inputs)
        for position in self.wanted:
            arguments[position] = tensor(moved.get(position, self.points[position]), requires_grad=True)
        with enable_grad():
            results = self.function(*arguments)
        outputs = [results] if isinstance(results, Tensor) else list(results)
        floats = [one for one in outputs if isinstance(one, Tensor) and one.dtype.kind == "f"]
        if not floats:
            raise bad_value("gradcheck", "function", "no float Tensor as output", "at least one")
        return [arguments[position] for position in self.wanted], floats

    def backward(self, create_graph: bool) -> list[_Floats]:
        """The gradients to be checked; draws the cotangent and looks whether the function repeats itself."""
        leaves, outputs = self.call({})
        again = self.call({})[1]
        if not all(np.array_equal(a.data, b.data, equal_nan=True) for a, b in zip(outputs, again, strict=True)):
            raise GradcheckError("gradcheck: two calls at the same point give different values")
        if not all(np.isfinite(one.data).all() for one in outputs):
            raise GradcheckError("gradcheck: the output is not finite at the given point")
        self.cotangents = [self.random.standard_normal(one.shape) for one in outputs]
        tracked = [(one, v) for one, v in zip(outputs, self.cotangents, strict=True) if one.requires_grad]
        if not tracked:
            raise GradcheckError("gradcheck: no output requires a gradient: the function left the tape")
        gradients = grad(
            [one for one, _ in tracked],
            leaves,
            [v for _, v in tracked],
            create_graph=create_graph,
            allow_unused=True,
        )
        return [
            np.zeros(leaf.shape) if one is None else np.array(one) for leaf, one in zip(leaves, gradients, strict=True)
        ]

    def sample(self, position: int, direction: _Floats, spacing: float) -> tuple[_Floats, float]:
        """phi at seven points, and the largest sum |v f|: the scale on which phi is rounded."""
        values, size = np.empty(7), 0.0
        for i, multiple in enumerate(_STENCIL):
            outputs = self.call({position: self.points[position] + multiple * spacing * direction})[1]
            terms = [(v * one.data).ravel() for v, one in zip(self.cotangents, outputs, strict=True)]
            joined = np.concatenate(terms)
            values[i] = joined.sum()
            size = max(size, float(np.abs(joined).sum()))
        return values, size

    def noise(self, position: int) -> float:
        """A bound on the rounding error of phi, from sixth differences so narrow that a kink hardly counts."""
        shape = self.points[position].shape
        sixth, sizes = [], []
        for _ in range(_NOISE_LINES):
            values, size = self.sample(position, self.direction(shape), self.step * _NARROW)
            sixth.append(values @ _SIXTH)
            sizes.append(size)
        deviation = float(np.sqrt(np.mean(np.square(sixth)) / 924))
        if not deviation <= _RESOLUTION * max(sizes):
            raise GradcheckError(
                f"gradcheck: input {position}: a step, or values too rough to difference: they scatter by "
                f"{deviation:.3g} on a scale of {max(sizes):.3g}"
            )
        return _DEVIATIONS * deviation

    def compare(self, position: int, lines: _Lines, gradient: _Floats, noise: float) -> None:
        for name, direction in lines:
            values, size = self.sample(position, direction, self.step)
            size += float(np.abs(self.points[position] * direction * gradient).sum())  # x itself is rounded too
            given = float((direction * gradient).sum())
            self.judge(f"input {position}, {name}", values, given, max(noise, _EPS * size) / self.step)

    def judge(self, where: str, values: _Floats, given: float, noise: float) -> None:
        """Compare the derivative `given` with that of the values; `noise` bounds the error of one, over the step."""
        if not np.isfinite(values).all():
            raise GradcheckError(f"gradcheck: {where}: values nearby are not finite")
        sixth, fourth, left, right = [float(values @ weights) / self.step for weights in (_D6, _D4, _LEFT, _RIGHT)]
        scale = max(abs(left), abs(right), abs(given))
        if abs(left - right) > _RESOLUTION * scale + noise * np.abs(_LEFT - _RIGHT).sum():
            raise GradcheckError(
                f"gradcheck: {where}: a kink, or a curve too sharp for eps={self.step:g}: the derivative is "
                f"{left:.9g} from the left and {right:.9g} from the right; choose another point"
            )
        bound = abs(sixth - fourth) + noise * np.abs(_D6).sum()
        if abs(sixth - given) > bound:
            raise GradcheckError(
                f"gradcheck: {where}: backward says {given:.12g}, differences say {sixth:.12g}, "
                f"off by {abs(sixth - given):.3g} where at most {bound:.3g} is rounding and truncation"
            )

    def elements(self, position: int) -> _Lines:
        """One line per element."""
        shape = self.points[position].shape
        for index in np.ndindex(*shape):
            direction = np.zeros(shape)
            direction[index] = 1.0
            yield f"element {index}", direction

    def direction(self, shape: tuple[int, ...]) -> _Floats:
        """A random direction in which every element moves."""
        return self.random.choice([-1.0, 1.0], shape) * self.random.uniform(0.5, 1.0, shape)

    def run(self, fast_mode: bool, create_graph: bool) -> None:
        """Check every input, element by element or (fast_mode) along one direction first."""
        for position, gradient in zip(self.wanted, self.backward(create_graph), strict=True):
            if not gradient.size:
                continue
            if not np.isfinite(gradient).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(gradient))[0])
                raise GradcheckError(f"gradcheck: input {position}, element {index}: the gradient is not finite")
            noise = self.noise(position)
            if fast_mode:
                try:
                    line = ("a random direction", self.direction(gradient.shape))
                    self.compare(position, iter([line]), gradient, noise)
                    continue
                except GradcheckError:
                    self.compare(position, self.elements(position), gradient, noise)  # says which element
                    raise
            self.compare(position, self.elements(position), gradient, noise)


def gradcheck(
    function: Callable[..., Any],
    inputs: Sequence[ArrayLike | Tensor],
    eps: float = 2.0**-13,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Compare the gradients of a function with differences of its values.

    The scalar <v, f(x)>, with a random v, is differentiated along every element of every input (or along one
    random direction per input) by a central difference of sixth order. The bound on the error is measured at
    the same points: truncation by a difference of lower order, rounding by sixth differences.

    Args:
        function: takes Tensors, returns a Tensor or several; outputs of integer dtypes are ignored.
        inputs: float64 arrays, or Tensors, of which those that require a gradient are checked; others are
            passed on.
        eps: the step s; the function is evaluated up to 3s away.
        fast_mode: a random direction per input instead of every element; a wrong one is then searched element
            by element.
        seed: of the cotangent and the directions.

    Returns:
        True.

    Raises:
        GradcheckError: (an AssertionError) a gradient differs, the function has a kink there, is not finite,
            or does not repeat itself; the message names input and element.
        TypeError: an input to check is not float64.
        ValueError: nothing to check.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.gradcheck(lambda x, y: (x * y).exp(), [np.array([0.5, -1.0]), np.array([2.0, 0.3])])
    True
    """
    _Check(function, inputs, eps, seed).run(fast_mode, create_graph=False)
    return True


def gradgradcheck(
    function: Callable[..., Any],
    inputs: Sequence[ArrayLike | Tensor],
    eps: float = 2.0**-13,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Check a recorded backward pass, and its own gradients.

    First the gradients that a backward pass with create_graph=True gives (it may run other code than without), then
    `gradcheck` of (x, v) -> gradient of <v, f(x)>.

    Arguments, result and errors are those of `gradcheck`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.gradgradcheck(lambda x: x.exp() * x, [np.array([0.5, -1.0])])
    True
    """
    plain = _Check(function, inputs, eps, seed)
    plain.run(fast_mode, create_graph=True)
    leaves, outputs = plain.call({})
    tracked = [i for i, one in enumerate(outputs) if one.requires_grad]
    cotangents = [plain.random.standard_normal(outputs[i].shape) for i in tracked]
    count = len(leaves)

    def gradient(*arguments: Tensor) -> list[Tensor]:
        full = list(plain.inputs)
        for position, value in zip(plain.wanted, arguments[:count], strict=True):
            full[position] = value
        results = function(*full)
        results = [results] if isinstance(results, Tensor) else results
        floats = [one for one in results if isinstance(one, Tensor) and one.dtype.kind == "f"]
        answers = grad(
            [floats[i] for i in tracked],
            arguments[:count],
            arguments[count:],
            create_graph=True,
            allow_unused=True,
        )
        return [one for one in answers if one is not None]

    return gradcheck(gradient, [*plain.points.values(), *cotangents], eps, fast_mode, seed)
