"""Binary arithmetic with broadcasting: + - * / **, maximum, minimum, where, and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.broadcasting import sum_to
from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor, as_tensor, wrap
from tatamikomi.errors import bad_type
from tatamikomi.kernels.arrays import empty

_SCALARS = (bool, int, float, np.generic)
_LARGE = 1 << 15  # elements
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}  # a scalar joins a Tensor of its own kind or a wider one

_Pair = tuple[Tensor | None, Tensor | None]


def _scalar_like(op: str, value: Any, dtype: np.dtype[Any]) -> Tensor:
    """A Python or NumPy scalar as a 0-d Tensor of the other operand's dtype."""
    kind = "b" if isinstance(value, (bool, np.bool_)) else np.asarray(value).dtype.kind
    if _RANK.get(kind, 3) > _RANK[dtype.kind]:
        raise bad_type(op, "other", f"{type(value).__name__} with a Tensor of {dtype.name}", "the same kind")
    return wrap(np.array(value, dtype))


def _operands(op: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Both operands as Tensors of one dtype (integers and bools among themselves may differ)."""
    if not isinstance(b, Tensor):
        if isinstance(b, _SCALARS):
            a = as_tensor(a, op, "input")
            return a, _scalar_like(op, b, a._data.dtype)
        b = as_tensor(b, op, "other")
    if not isinstance(a, Tensor):
        if isinstance(a, _SCALARS):
            return _scalar_like(op, a, b._data.dtype), b
        a = as_tensor(a, op, "input")
    left, right = a._data.dtype, b._data.dtype
    if left == right or "f" not in left.kind + right.kind:
        return a, b
    if right.kind == "b":
        return a, wrap(b._data.astype(left))
    if left.kind == "b":
        return wrap(a._data.astype(right)), b
    raise bad_type(op, "other", f"{left.name} and {right.name}", "operands of one dtype (convert with .to)")


def _floats(op: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    a, b = _operands(op, a, b)
    if a.dtype.kind != "f":
        raise bad_type(op, "input", a.dtype.name, "float32 or float64")
    return a, b


def _pooled(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    """The ufunc, whose large results lie in blocks of the pool: fresh memory costs page faults."""

    def compute(a: NDArray[Any], b: NDArray[Any]) -> Any:
        if max(a.size, b.size) < _LARGE or a.dtype != b.dtype or a.dtype.kind != "f":
            return ufunc(a, b)
        return ufunc(a, b, out=empty(ufunc.__name__, np.broadcast(a, b).shape, a.dtype))

    return compute


class _Binary(Function):
    """Two inputs that broadcast; `slopes` gives the gradients in the broadcast shape."""

    def forward(self, a: NDArray[Any], b: NDArray[Any]) -> Any:
        if self.needs:
            self.shapes = a.shape, b.shape
        return self.compute(a, b)

    def backward(self, dy: Tensor) -> _Pair:
        da = sum_to(self.slope_a(dy), self.shapes[0]) if self.needs[0] else None
        db = sum_to(self.slope_b(dy), self.shapes[1]) if self.needs[1] else None
        return da, db

    compute: Callable[..., Any]
    slope_a: Callable[[Tensor], Tensor]
    slope_b: Callable[[Tensor], Tensor]


class _Add(_Binary):
    compute = staticmethod(_pooled(np.add))

    def slope_a(self, dy: Tensor) -> Tensor:
        return dy

    def slope_b(self, dy: Tensor) -> Tensor:
        return dy


class _Sub(_Binary):
    compute = staticmethod(_pooled(np.subtract))

    def slope_a(self, dy: Tensor) -> Tensor:
        return dy

    def slope_b(self, dy: Tensor) -> Tensor:
        return -dy


class _Mul(_Binary):
    saves = ((1,), (0,))
    compute = staticmethod(_pooled(np.multiply))

    def slope_a(self, dy: Tensor) -> Tensor:
        return dy * self.saved(1)

    def slope_b(self, dy: Tensor) -> Tensor:
        return dy * self.saved(0)


class _Div(_Binary):
    saves = ((1,), (0, 1))
    compute = staticmethod(_pooled(np.true_divide))

    def slope_a(self, dy: Tensor) -> Tensor:
        return dy / self.saved(1)

    def slope_b(self, dy: Tensor) -> Tensor:
        b = self.saved(1)
        return -(dy * self.saved(0)) / (b * b)


class _Pow(_Binary):
    saves = ((0, 1), (0, 1))
    compute = staticmethod(np.power)

    def slope_a(self, dy: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        flat = b._data == 0  # a ** 0 is 1 everywhere, also at a = 0 where 0 * a ** -1 is no number
        return where(flat, 0.0, dy * b * a ** where(flat, 1.0, b - 1.0))

    def slope_b(self, dy: Tensor) -> Tensor:
        a, b = self.saved(0), self.saved(1)
        flat = (a._data == 0) & (b._data >= 0)  # 0 ** b is 0 and stays it; log 0 must not come in
        base = where(flat, 1.0, a)
        return where(flat, 0.0, dy * base**b * base.log())


class _PowScalar(Function):
    """x ** p for a number p: no logarithm, and x ** 2 and friends stay exact."""

    saves = ((0,),)

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: NDArray[Any]) -> Any:
        return x ** np.array(self.exponent, x.dtype) if self.exponent != 2 else x * x

    def backward(self, dy: Tensor) -> Tensor | None:
        p = self.exponent
        if p == 0:
            return None
        return dy * (pow(self.saved(0), p - 1) * p)


class _Where(_Binary):
    """a where the condition holds, b elsewhere."""

    def __init__(self, condition: NDArray[np.bool_]) -> None:
        self.condition = condition

    def compute(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.where(self.condition, a, b)

    def slope_a(self, dy: Tensor) -> Tensor:
        return where(self.condition, dy, 0.0)

    def slope_b(self, dy: Tensor) -> Tensor:
        return where(self.condition, 0.0, dy)


class _Extreme(_Binary):
    """The larger or the smaller of two; equal ones get half the gradient each."""

    def compute(self, a: NDArray[Any], b: NDArray[Any]) -> Any:
        y = self.choose(a, b)
        if self.needs:
            dtype = y.dtype.type
            share = (y == a) * dtype(1) - (a == b) * dtype(0.5)
            self.share_a: NDArray[Any] = np.where(np.isnan(y), np.isnan(a).astype(y.dtype), share)
        return y

    def slope_a(self, dy: Tensor) -> Tensor:
        return dy * wrap(self.share_a)

    def slope_b(self, dy: Tensor) -> Tensor:
        return dy * wrap(1 - self.share_a)

    choose: Callable[..., Any]


class _Maximum(_Extreme):
    choose = staticmethod(np.maximum)


class _Minimum(_Extreme):
    choose = staticmethod(np.minimum)


def add(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """input + other, broadcast."""
    return _Add()(*_operands("add", input, other))


def sub(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """input - other, broadcast."""
    return _Sub()(*_operands("sub", input, other))


def mul(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """input * other, broadcast."""
    return _Mul()(*_operands("mul", input, other))


def div(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """input / other, broadcast; float operands only.

    Raises:
        TypeError: integer operands, or float32 with float64.
    """
    return _Div()(*_floats("div", input, other))


def pow(input: ArrayLike | Tensor, exponent: ArrayLike | Tensor) -> Tensor:
    """input ** exponent, broadcast; float operands only. 0 ** 0 is 1, with gradient 0.

    >>> import tatamikomi as tk
    >>> tk.tensor([2.0, 3.0]) ** 2
    tensor([4., 9.])
    """
    if isinstance(exponent, (int, float)) and isinstance(input, Tensor):
        _floats("pow", input, exponent)
        return _PowScalar(float(exponent))(input)
    return _Pow()(*_floats("pow", input, exponent))


def maximum(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """The larger of two, elementwise and broadcast; NaN wins, equal ones get half the gradient each.

    >>> import tatamikomi as tk
    >>> tk.autograd.maximum(tk.tensor([1.0, 5.0]), 3.0)
    tensor([3., 5.])
    """
    return _Maximum()(*_operands("maximum", input, other))


def minimum(input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """The smaller of two, elementwise and broadcast; NaN wins, equal ones get half the gradient each.

    >>> import tatamikomi as tk
    >>> tk.autograd.minimum(tk.tensor([1.0, 5.0]), 3.0)
    tensor([1., 3.])
    """
    return _Minimum()(*_operands("minimum", input, other))


def where(condition: ArrayLike | Tensor, input: ArrayLike | Tensor, other: ArrayLike | Tensor) -> Tensor:
    """input where the bool `condition` holds, other elsewhere; all three broadcast.

    Raises:
        TypeError: the condition is not bool.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([-1.0, 2.0])
    >>> tk.autograd.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    chosen = as_tensor(condition, "where", "condition")
    if chosen.dtype.kind != "b":
        raise bad_type("where", "condition", chosen.dtype.name, "bool")
    return _Where(chosen._data.copy() if chosen._storage.pinned else chosen._data)(*_operands("where", input, other))


def compare(ufunc: Callable[..., Any], input: Tensor, other: object) -> Tensor:
    """A comparison: a bool Tensor without gradient; NotImplemented for what is no array, as Python wants."""
    if not isinstance(other, (*_SCALARS, Tensor, np.ndarray, list, tuple)) or isinstance(other, str):
        return cast(Tensor, NotImplemented)
    a, b = _operands(ufunc.__name__, input, other)
    return wrap(np.asarray(ufunc(a._data, b._data)))
