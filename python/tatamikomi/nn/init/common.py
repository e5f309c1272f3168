"""What all initialisers share: the check of what they fill, where random numbers come from, the write, now or later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type
from tatamikomi.random import Generator, default_generator

Pending = dict[int, Callable[[], object]]  # by the id of the Tensor, which the function holds
_pending: ContextVar[Pending | None] = ContextVar("pending", default=None)
_CHUNK = 1 << 15  # numbers that stay in the cache between the steps


@contextmanager
def postponed() -> Iterator[Pending]:
    """Within, uniform, normal and truncated normal values take their blocks of the Generator and are drawn at the end.

    What is filled twice is drawn once, with the same bits as ever, and whoever clears the dict draws nothing. Until
    then parameters hold zeros: this is for code that fills them and does not read them.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi.nn.init.common import postponed
    >>> w = tk.tensor([0.0])
    >>> with postponed():
    ...     before = tk.nn.init.uniform_(w, 1.0, 2.0).item()
    >>> before, w.item() >= 1
    (0.0, True)
    """
    outer = _pending.get()
    if outer is not None:
        yield outer
        return
    waiting: Pending = {}
    token = _pending.set(waiting)
    try:
        yield waiting
    finally:
        _pending.reset(token)
    for draw in waiting.values():
        draw()


def now_or_later(tensor: Tensor, draw: Callable[[], object]) -> Tensor:
    """Call `draw`, which fills `tensor`, or leave that to the end of `postponed`; returns the Tensor."""
    waiting = _pending.get()
    if waiting is None:
        draw()
    else:
        waiting[id(tensor)] = draw
    return tensor


def checked(op: str, tensor: object) -> Tensor:
    """What is to be filled; TypeError if it is no Tensor."""
    if not isinstance(tensor, Tensor):
        raise bad_type(op, "tensor", type(tensor).__name__, "a Tensor")
    return tensor


def source(op: str, generator: object) -> np.random.Generator:
    """A NumPy generator keyed by one block of `generator`."""
    if generator is None:
        return default_generator().numpy()
    if not isinstance(generator, Generator):
        raise bad_type(op, "generator", type(generator).__name__, "a tatamikomi Generator or None")
    return generator.numpy()


def fill(tensor: Tensor, values: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    """Write the values, count the write, return the Tensor."""
    waiting = _pending.get()
    if waiting is not None:
        waiting.pop(id(tensor), None)
    tensor.copy_(values)
    return tensor


def fill_scaled(tensor: Tensor, draw: Callable[..., NDArray[np.float64]], low: float, factor: float) -> Tensor:
    """Write low + factor * (numbers of `draw`), count the write, return the Tensor.

    The numbers come piece by piece, which is the same as all at once: temporary arrays stay in the cache.
    """
    values = np.empty(tensor.shape, tensor.dtype)
    flat, piece = values.reshape(-1), np.empty(min(_CHUNK, values.size))
    for start in range(0, flat.size, _CHUNK):
        part = piece[: flat.size - start]
        draw(out=part)
        np.multiply(part, factor, out=part)
        np.add(part, low, out=flat[start : start + part.size], casting="unsafe")
    tensor.copy_(values)
    return tensor
