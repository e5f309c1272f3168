"""Numbers with a bound on what rounding may have done to them: running error analysis.

A Rounded holds an exact value (extended precision) and how far a computation in `dtype` may be off. Every operation
propagates the errors of its operands and adds its own: an operation is charged two roundings, so that a formula may be
rearranged into up to twice as many operations; sums, in any order, gamma_K of their K terms (Higham, Accuracy and
Stability of Numerical Algorithms, ch. 3 and 4). Results among the subnormals are off by the smallest of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EXACT = np.longdouble
ROUNDINGS = 2
# Four units in the last place, of two roundings each: what NumPy's vector loops for exp, log and tanh stay within;
# cpp/kernels/simd_math.hpp promises less.
FUNCTION_ROUNDINGS = 8
NORMAL_ROUNDINGS = 10  # five units: more than the C library's erfc


class Rounded:
    """Values, their errors, and the unit roundoff and smallest number of the dtype that computes."""

    def __init__(self, value: Any, error: Any, dtype: Any) -> None:
        self.value = np.asarray(value, EXACT)
        self.error = np.broadcast_to(np.asarray(error, EXACT), self.value.shape)
        self.dtype = np.dtype(dtype)

    @property
    def u(self) -> Any:
        return EXACT(np.finfo(self.dtype).eps) / 2

    def _of(self, other: Any) -> Rounded:
        """A Python float is rounded to dtype; an integer and an array are exact."""
        if isinstance(other, Rounded):
            return other
        return Rounded(other, abs(EXACT(other)) * self.u if isinstance(other, float) else 0, self.dtype)

    def _computed(self, value: Any, error: Any, roundings: float = ROUNDINGS) -> Rounded:
        tiny = EXACT(np.finfo(self.dtype).smallest_subnormal)
        own = roundings * self.u * (np.abs(value) + error) + roundings * tiny
        return Rounded(value, error + own, self.dtype)

    def __add__(self, other: Any) -> Rounded:
        other = self._of(other)
        return self._computed(self.value + other.value, self.error + other.error)

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error, self.dtype)

    def __sub__(self, other: Any) -> Rounded:
        return self + -self._of(other)

    def __rsub__(self, other: Any) -> Rounded:
        return self._of(other) + -self

    def __mul__(self, other: Any) -> Rounded:
        other = self._of(other)
        error = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        return self._computed(self.value * other.value, error)

    def __truediv__(self, other: Any) -> Rounded:
        other = self._of(other)
        value = self.value / other.value
        assert np.all(np.abs(other.value) > other.error), "the divisor may be 0"
        error = (self.error + np.abs(value) * other.error) / (np.abs(other.value) - other.error)
        return self._computed(value, error)

    def __rtruediv__(self, other: Any) -> Rounded:
        return self._of(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def sum(self, axis: Any, keepdims: bool = False) -> Rounded:
        axes = axis if isinstance(axis, tuple) else (axis,)
        terms = int(np.prod([self.value.shape[one] for one in axes]))
        value, error = self.value.sum(axes, keepdims=keepdims), self.error.sum(axes, keepdims=keepdims)
        gamma = terms * self.u / (1 - terms * self.u)
        sizes = np.abs(self.value).sum(axes, keepdims=keepdims)
        return Rounded(value, error + gamma * (sizes + error), self.dtype)

    def sqrt(self) -> Rounded:
        value = np.sqrt(self.value)
        lower = np.sqrt(np.maximum(self.value - self.error, 0))
        return self._computed(value, np.maximum(np.sqrt(self.value + self.error) - value, value - lower))

    def exp(self) -> Rounded:
        value = np.exp(self.value)
        return self._computed(value, value * np.expm1(self.error), FUNCTION_ROUNDINGS)

    def log(self) -> Rounded:
        assert np.all(self.value > self.error), "the logarithm of what may be 0"
        return self._computed(np.log(self.value), -np.log1p(-self.error / self.value), FUNCTION_ROUNDINGS)

    def tanh(self) -> Rounded:
        return self._computed(np.tanh(self.value), self.error, FUNCTION_ROUNDINGS)

    def expm1(self) -> Rounded:
        value = np.expm1(self.value)
        return self._computed(value, np.exp(self.value) * np.expm1(self.error), FUNCTION_ROUNDINGS)

    def log1p(self) -> Rounded:
        assert np.all(1 + self.value > self.error), "the logarithm of what may be 0"
        return self._computed(np.log1p(self.value), -np.log1p(-self.error / (1 + self.value)), FUNCTION_ROUNDINGS)

    def normal(self) -> Rounded:
        """The normal distribution below."""
        value = normal(self.value)
        error = np.maximum(normal(self.value + self.error) - value, value - normal(self.value - self.error))
        return self._computed(value, error, NORMAL_ROUNDINGS)

    def abs(self) -> Rounded:
        return Rounded(np.abs(self.value), self.error, self.dtype)

    def power(self, exponent: Any) -> Rounded:
        """Of exact values."""
        exponent = self._of(exponent)
        assert not self.error.any()
        assert not exponent.error.any()
        return self._computed(self.value**exponent.value, 0, FUNCTION_ROUNDINGS)

    def max(self, axis: int) -> Rounded:
        """Of exact values: choosing rounds nothing. The axis stays."""
        assert not self.error.any()
        return Rounded(self.value.max(axis, keepdims=True), 0, self.dtype)

    def maximum(self, other: Any) -> Rounded:
        """The larger of two: off by no more than the less certain one."""
        other = self._of(other)
        return Rounded(np.maximum(self.value, other.value), np.maximum(self.error, other.error), self.dtype)

    def absolute(self) -> Rounded:
        return Rounded(np.abs(self.value), self.error, self.dtype)

    def sign(self) -> Rounded:
        assert np.all(np.abs(self.value) > self.error), "the sign of what may be 0"
        return Rounded(np.sign(self.value), 0, self.dtype)

    def reshape(self, *shape: int) -> Rounded:
        return Rounded(self.value.reshape(shape), self.error.reshape(shape), self.dtype)


def normal(x: Any) -> Any:
    """The normal distribution, from its series near 0 and from Laplace's continued fraction in the tails.

    P(x) = 1/2 + bell(x) (x + x^3/3 + x^5/15 + ...) loses 5 of 64 bits at |x| = 2. Beyond,
    P(-x) = bell(x) / (x + 1 / (x + 2 / (x + ...))), cut off where it has long converged.
    """
    size = np.minimum(np.abs(np.asarray(x, EXACT)), 60)
    bell = np.exp(-size * size / 2) / np.sqrt(8 * np.arctan(EXACT(1)))
    near, far = np.minimum(size, 2), np.maximum(size, 2)
    term, total = near.copy(), near.copy()
    for k in range(3, 121, 2):
        term = term * near * near / k
        total = total + term
    fraction = far.copy()
    for k in range(400, 0, -1):
        fraction = far + k / fraction
    tail = np.where(size < 2, EXACT(0.5) - bell * total, bell / fraction)
    return np.where(np.asarray(x) > 0, 1 - tail, tail)


def choose(where: Any, a: Rounded, b: Any) -> Rounded:
    """a where the condition holds, else b; choosing rounds nothing."""
    b = a._of(b)
    return Rounded(np.where(where, a.value, b.value), np.where(where, a.error, b.error), a.dtype)


def exact(array: Any, dtype: Any) -> Rounded:
    """Numbers that a caller passes: they are what they are."""
    return Rounded(array, 0, dtype)
