"""What every functional file does with its arguments before it calls a kernel, and with errors that come back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tatamikomi.autograd import Tensor, as_tensor, is_grad_enabled
from tatamikomi.autograd.arrays import as_dtype
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value, retell
from tatamikomi.kernels.arrays import as_float
from tatamikomi.kernels.half import is_half, narrow, widen

TensorLike: TypeAlias = ArrayLike | Tensor

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

P = ParamSpec("P")
R = TypeVar("R")
#: What computes a call whose operands are stored in 16 bits: (function, args, kwargs) to its result.
Widened: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class HalfError(TypeError):
    """An operand is stored in 16 bits, where float32 or float64 is needed: `own_names` knows what to do about it."""


def own_names(half: bool | Widened = False, **renamed: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Errors that leave the function speak of it and of its arguments, not of the kernel that found the fault.

    Above every public function; `renamed` gives the function's names for those of kernels (input for x is understood).
    With `half` the function takes float16 and bfloat16 too, as storage: it computes in float32 and rounds its result,
    by `widened` or in a way of its own.

    >>> import tatamikomi as tk
    >>> tk.functional.unfold([[1.0, 2.0]], (3,))
    Traceback (most recent call last):
    ValueError: unfold: kernel_size: expected a dilated kernel of at most the padded input's 2, got 3
    """
    names = {"x": "input", **renamed}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def speaking(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                try:
                    return function(*args, **kwargs)
                except HalfError as error:
                    if not half:
                        raise bad_type(function.__name__, *error.args) from None
                    compute = half if callable(half) else widened
                    result: R = compute(function, args, kwargs)
                    return result
            except Exception as error:
                retell(error, function.__name__, names)
                raise

        return speaking

    return decorate


def widened(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call in float32 for operands stored in 16 bits; the result is stored as the first argument is.

    Raises:
        TypeError: an operand wants a gradient, which such storage does not carry, or the call is one of training.
    """
    bound = signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    if given.get("training") or (given.get("use_input_stats") and given.get("running_mean") is not None):
        raise bad_type(function.__name__, "input", "16-bit floats in training", "float32 or float64")

    def single(value: Any) -> Any:
        data = value._data if isinstance(value, Tensor) else value
        if isinstance(value, Tensor) and value.requires_grad and is_grad_enabled():
            raise bad_type(function.__name__, "input", "16-bit floats where a gradient is wanted", "float32 or float64")
        if not isinstance(data, np.ndarray) or not is_half(data.dtype):
            return value
        return wrap(widen(data))

    first = next(iter(given.values()))
    dtype = getattr(first, "dtype", None)
    result = function(*map(single, args), **{name: single(value) for name, value in kwargs.items()})
    if not isinstance(dtype, np.dtype) or not is_half(dtype):
        return result
    many = result if isinstance(result, tuple) else (result,)
    kept = [wrap(narrow(one._data, dtype)) if one._data.dtype == np.float32 else one for one in many]
    return tuple(kept) if isinstance(result, tuple) else kept[0]


def as_input(op: str, argument: str, value: TensorLike) -> Tensor:
    """A Tensor as it is; anything else as float32 or float64, sharing memory where it can.

    Raises:
        TypeError: not float32 or float64, or no array at all.
        ValueError: a ragged list.
    """
    if not isinstance(value, Tensor):
        if isinstance(value, np.ndarray) and is_half(value.dtype):
            raise HalfError(argument, value.dtype.name, "float32 or float64")
        return as_tensor(as_float(op, argument, value))
    if value._data.dtype not in _FLOATS:
        if is_half(value._data.dtype):
            raise HalfError(argument, value._data.dtype.name, "float32 or float64")
        as_float(op, argument, value._data)  # raises
    return value


def floating(op: str, dtype: DTypeLike) -> np.dtype[Any]:
    """float32 or float64.

    Raises:
        TypeError: anything else.
    """
    wanted = as_dtype(op, dtype)
    if wanted.kind != "f":
        raise bad_type(op, "dtype", wanted.name, "float32 or float64")
    return wanted


def batched(op: str, value: TensorLike, axes: int) -> tuple[Tensor, bool]:
    """(N, C, *sizes) from that or from an unbatched (C, *sizes), and whether a batch dimension was added."""
    x = as_input(op, "input", value)
    ndim = x._data.ndim
    if ndim == axes + 2:
        return x, False
    if ndim != axes + 1:
        sizes = ", ".join(["L", "H, W", "D, H, W"][axes - 1 : axes])
        raise bad_value(op, "input", f"shape {x.shape}", f"(N, C, {sizes}) or (C, {sizes})")
    return x.unsqueeze(0), True


def unbatched(y: Tensor, single: bool) -> Tensor:
    """y without the batch dimension that `batched` added."""
    return y.squeeze(0) if single else y


def frozen(option: object) -> Any:
    """An option as tuples, which nobody can change between a forward and a backward pass."""
    try:
        hash(option)  # what has a hash has its value for good
    except TypeError:
        if isinstance(option, (list, tuple, np.ndarray)):
            return tuple([frozen(one) for one in option])
    return option


def overwrite(x: Tensor, y: Tensor, original: TensorLike) -> Tensor:
    """`inplace`: y's values written into x and x returned, where neither a tape nor a user's array can notice."""
    if x is not original or x.requires_grad or x._storage.pinned or not x._data.flags.writeable:
        return y
    return x.copy_(y)
