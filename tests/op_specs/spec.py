"""What a record of an operation says about it; the runners (tests/test_*.py) do the rest.

An operation has one or more directions (forward, the backward kernels), each with samples of its arguments, an
oracle of plain loops and a bound on the rounding error, derived from the computation, never picked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from tests.oracles.rounding import Rounded, exact

EXACT = np.longdouble  # what oracles compute in

Array = np.ndarray


class Draw:
    """Where samples take their arrays from: small integers, none of them 0, or normal numbers."""

    def __init__(self, seed: int, dtype: Any, integers: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.dtype, self.integers = np.dtype(dtype), integers

    def __call__(self, *shape: int) -> Array:
        if self.integers:
            return self.random.choice(np.array([-3, -2, -1, 1, 2, 3]), shape).astype(self.dtype)
        return self.random.standard_normal(shape).astype(self.dtype)

    def positive(self, *shape: int) -> Array:
        """Values in (0.5, 2)."""
        return self.random.uniform(0.5, 2, shape).astype(self.dtype)

    def distinct(self, *shape: int) -> Array:
        """Values at least 0.125 apart, around 0 but not 0: no maximum changes hands nearby."""
        size = int(np.prod(shape))
        return ((self.random.permutation(size).reshape(shape) - size // 2 + 0.5) / 8).astype(self.dtype)

    def labels(self, classes: int, *shape: int) -> Array:
        """Integers 0 <= label < classes."""
        return self.random.integers(0, classes, shape)


class Call(NamedTuple):
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}  # noqa: RUF012 (never written to)


@dataclass(frozen=True, eq=False)
class Sample:
    """Arguments by recipe: `make` draws the same ones whenever it is given an equal Draw."""

    label: str
    make: Callable[[Draw], Call]
    big: bool = False  # enough work to be shared among threads; runs where bits are compared, not in oracles
    split: bool = True  # takes part where batches are split
    torch: bool = True  # torch can do it too


def gamma(terms: Any, eps: Any) -> Any:
    """K eps / (1 - K eps) with the unit roundoff eps: the relative error of K roundings at most (Higham, ch. 3)."""
    return terms * eps / (1 - terms * eps)


def roundoff(dtype: Any) -> Any:
    """The unit roundoff: half the spacing of numbers at 1."""
    return EXACT(np.finfo(dtype).eps) / 2


def as_tuple(result: Any) -> tuple[Array, ...]:
    return result if isinstance(result, tuple) else (result,)


def _map_floats(change: Callable[[Array], Array], call: Call) -> Call:
    def each(value: Any) -> Any:
        if isinstance(value, list):
            return [each(one) for one in value]
        return change(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    return Call(tuple(map(each, call.args)), {name: each(value) for name, value in call.kwargs.items()})


def multilinear(oracle: Callable[..., Any], call: Call, dtype: Any) -> tuple[Array, ...]:
    """The bound of sums of products: gamma_K sum |a||b|, K the number of products of each element.

    Both come out of the oracle: K with ones for every array, the sum with absolute values. The oracle's own error is
    added.
    """
    ones = _map_floats(np.ones_like, call)
    terms = as_tuple(oracle(*ones.args, **ones.kwargs))
    sizes = _map_floats(np.abs, call)
    sums = as_tuple(oracle(*sizes.args, **sizes.kwargs))
    both = zip(terms, sums, strict=True)
    return tuple((gamma(k, roundoff(dtype)) + gamma(k, roundoff(EXACT))) * total for k, total in both)


def copied(oracle: Callable[..., Any], call: Call, dtype: Any) -> tuple[Array, ...]:
    """No error at all: the function moves numbers and computes none."""
    return tuple(np.zeros(np.shape(one)) for one in as_tuple(oracle(*call.args, **call.kwargs)))


def analysed(formula: Callable[..., Any]) -> dict[str, Any]:
    """Oracle and bound of a direction out of one formula on Rounded numbers (tests/oracles/rounding.py).

    The formula takes Rounded for each float array and the other arguments as they are, and returns one or more Rounded.
    """

    def evaluate(call: Call, dtype: Any) -> tuple[Rounded, ...]:
        given = _map_floats(lambda array: exact(array, dtype), call)
        with np.errstate(all="ignore"):
            return as_tuple(formula(*given.args, **given.kwargs))

    def oracle(*args: Any, **kwargs: Any) -> tuple[Array, ...]:
        return tuple(one.value for one in evaluate(Call(args, kwargs), np.float64))

    def bound(_: Any, call: Call, dtype: Any) -> tuple[Array, ...]:
        return tuple(one.error for one in evaluate(call, dtype))

    return {"oracle": oracle, "bound": bound, "exact": False}


@dataclass(frozen=True, eq=False)
class Direction:
    """One function: a kernel's checked face, or a composed function.

    Args:
        name: of the function; a kernel's is that of the backend function and of tatamikomi.kernels.
        samples: of its arguments.
        oracle: takes the same arguments, returns what the function should, in numbers of any precision.
        bound: (oracle, call, dtype) to one array per result, the most that each element may be off.
        exact: small integers give exact results.
        split: (call, slice of the batch) to a call; None where no bits are promised for split batches.
        joined: (call, result, slice of the batch) to the slice of the whole result that must match.
        function: by default the function of tatamikomi.kernels.
        twin: (torch, call of tensors) to tensors: the same computation by torch.
        any_layout: arrays of every layout are taken; False where they are updated in place.
        has_out: takes out=.
        dtype: of the results, where it is another one than the arguments'.
    """

    name: str
    samples: Sequence[Sample]
    oracle: Callable[..., Any]
    bound: Callable[[Callable[..., Any], Call, Any], tuple[Array, ...]] = multilinear
    exact: bool = True
    split: Callable[[Call, slice], Call] | None = None
    joined: Callable[[Call, Array, slice], Array] = lambda _, result, part: result[part]
    function: Callable[..., Any] | None = None
    twin: Callable[[Any, Call], Any] | None = None
    any_layout: bool = True
    has_out: bool = True
    dtype: Any = None

    def run(self, call: Call) -> tuple[Array, ...]:
        function = self.function or getattr(tk.kernels, self.name)
        return as_tuple(function(*call.args, **call.kwargs))

    def expected(self, call: Call) -> tuple[Array, ...]:
        return as_tuple(self.oracle(*call.args, **call.kwargs))

    def errors(self, call: Call, dtype: Any) -> tuple[Array, ...]:
        return self.bound(self.oracle, call, dtype)


def leading(*positions: int, names: Sequence[str] = ()) -> Callable[[Call, slice], Call]:
    """Split the arguments at `positions`, and those of `names` that are given, along their first axis.

    Of a tuple, a shape, the first entry shrinks.
    """

    def of(value: Any, part: slice) -> Any:
        return (len(range(value[0])[part]), *value[1:]) if isinstance(value, tuple) else value[part]

    def split(call: Call, part: slice) -> Call:
        args = (of(value, part) if i in positions else value for i, value in enumerate(call.args))
        kwargs = {name: of(value, part) if name in names else value for name, value in call.kwargs.items()}
        return Call(tuple(args), kwargs)

    return split


@dataclass(frozen=True, eq=False)
class Identity:
    """Integers that must come out equal: `numbers` draws arrays and computes the same number in several ways."""

    label: str
    numbers: Callable[[Draw], Sequence[Any]]


@dataclass(frozen=True, eq=False)
class Gradient:
    """A function of Tensors and float64 arrays for it, to be checked against differences."""

    label: str
    make: Callable[[Draw], tuple[Callable[..., Any], list[Array]]]
    second: bool = True


@dataclass(frozen=True, eq=False)
class ErrorCase:
    """A call that must raise `exception` with a message that matches `pattern`."""

    label: str
    call: Callable[[], Any]
    exception: type[BaseException]
    pattern: str


@dataclass(frozen=True, eq=False)
class OpSpec:
    """Everything the runners need to know of one operation.

    Args:
        name: of the operation.
        kind: "kernel" (C++ and NumPy), "composed" (of other operations) or "host" (NumPy everywhere).
        functional: the names in tatamikomi.functional or tatamikomi.autograd that it stands behind.
        directions: forward and backward.
        reason: why a host operation is one.
    """

    name: str
    kind: str
    functional: tuple[str, ...]
    directions: tuple[Direction, ...]
    identities: tuple[Identity, ...] = ()
    gradients: tuple[Gradient, ...] = ()
    errors: tuple[ErrorCase, ...] = ()
    reason: str = field(default="")

    def __post_init__(self) -> None:
        assert self.kind in ("kernel", "composed", "host"), self.kind
        assert self.kind != "host" or self.reason, f"{self.name}: say why it is a host operation"
