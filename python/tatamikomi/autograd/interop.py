"""Tensors among others: NumPy's protocols, DLPack, pickle, repr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tatamikomi.autograd.tensor import Tensor, as_tensor, tensor
from tatamikomi.errors import bad_type


def array(x: Tensor, dtype: DTypeLike | None, copy: bool | None) -> NDArray[Any]:
    """What np.asarray(x) gives: a read-only view, or a copy where asked for or needed for another dtype."""
    view = x.numpy()
    if dtype is not None and np.dtype(dtype) != view.dtype:
        if copy is False:
            raise ValueError(f"Tensor.__array__: {view.dtype} to {np.dtype(dtype)} needs a copy, and copy=False")
        return view.astype(dtype)
    return view.copy() if copy else view


def dlpack(x: Tensor, options: dict[str, Any]) -> Any:
    """Hand the memory out, writable and shared, so that writes through it can go uncounted from now on.

    Negative strides, which other libraries cannot hold, are exported as a copy.
    """
    if x._node is not None:
        raise BufferError("Tensor.__dlpack__: the result of a recorded operation cannot be exported; detach() it")
    backwards = min(x._data.strides, default=0) < 0  # torch aborts the process on those: it gets a copy
    if backwards and options.get("copy") is False:
        raise BufferError("Tensor.__dlpack__: negative strides need a copy, and copy=False")
    data = x._data.copy(order="C") if backwards else x._data
    capsule = data.__dlpack__(**{name: value for name, value in options.items() if value is not None})
    if not options.get("copy") and not backwards:
        x._storage.exported = x._storage.pinned = True
    return capsule


def dlpack_device(x: Tensor) -> tuple[int, int]:
    """(1, 0): the CPU."""
    kind, number = x._data.__dlpack_device__()
    return int(kind), int(number)


def from_dlpack(source: Any) -> Tensor:
    """A Tensor that shares the memory of another library's CPU array, without a copy; it is never written to.

    Args:
        source: an object with `__dlpack__` and `__dlpack_device__`, such as a torch tensor.

    Raises:
        TypeError: no such object, or a dtype that a Tensor cannot hold.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if not hasattr(source, "__dlpack__"):
        raise bad_type("from_dlpack", "source", type(source).__name__, "an object with __dlpack__")
    shared = as_tensor(np.from_dlpack(source), "from_dlpack", "source")
    shared._storage.exported = True  # its owner writes without telling
    return shared


def reduce(x: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """How pickle and deepcopy take a leaf apart: class, values, requires_grad, gradient."""
    if x._node is not None:
        raise RuntimeError("Tensor: the result of a recorded operation cannot be pickled or deep-copied; detach() it")
    return _rebuild, (type(x), np.ascontiguousarray(x._data).reshape(x.shape), x.requires_grad, x.grad)


def _rebuild(kind: type[Tensor], data: NDArray[Any], requires_grad: bool, grad: Tensor | None) -> Tensor:
    made = object.__new__(kind)
    plain = tensor(data)
    made._data, made._storage, made._node = plain._data, plain._storage, None
    made._requires_grad, made._grad = requires_grad, grad
    return made


def describe(x: Tensor) -> str:
    """As NumPy prints it, with the dtype where it is not the usual one of its kind."""
    name = "tensor" if type(x) is Tensor else type(x).__name__
    values = np.array2string(x._data, separator=", ", prefix=name + "(")
    if x.numel() == 0:
        values = f"[], shape={x.shape}"
    dtype = "" if x.dtype.name in ("float32", "int64", "bool") else f", dtype={x.dtype.name}"
    grad = ", requires_grad=True" if x.requires_grad else ""
    return f"{name}({values}{dtype}{grad})"
