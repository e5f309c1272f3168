"""The tape: what an operation remembers, and the walk back through what was remembered.

An operation is a class. One object of it is one call, and where a gradient is wanted, one node of the tape:

    class Square(Function):
        saves = ((0,),)                       # the gradient of input 0 needs input 0

        def forward(self, x):                   # arrays in, array out
            return x * x

        def backward(self, dy):                 # Tensors in, Tensors out, in differentiable operations
            return dy * 2.0 * self.saved(0)

    y = Square()(x)

A Tensor points at the node that made it, a node at the nodes of its inputs, and nothing points forward: no
reference cycle, so a tape that nobody holds is gone at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, ClassVar, Union

import numpy as np
from numpy.typing import NDArray

from tatamikomi.autograd.base import Storage
from tatamikomi.autograd.grad_mode import _enabled
from tatamikomi.autograd.tensor import Tensor, wrap
from tatamikomi.errors import memory_of

Gradients = Tensor | None | tuple[Tensor | None, ...]
_Kept = tuple[Tensor, int, NDArray[Any] | None]  # an input, its version, a copy if need be
Edge = Union["Function", Tensor]  # where a gradient goes: to the node of an input, or to a leaf

_orders = count()


class Function:
    """One call of a differentiable operation with one output.

    A subclass takes its options in `__init__` and writes `forward` and `backward`; calling the object with
    Tensors runs it. An object serves one call.

    - `forward(*arrays) -> array` computes the output. Here `self.needs` already says which inputs want a
      gradient (empty: nothing is recorded), and arrays may be kept as attributes of `self`.
    - `backward(dy) -> gradients` returns one Tensor or None per input (a bare one for a single input),
      written with operations on Tensors so that gradients of gradients exist. Where `is_grad_enabled()` is
      False nobody asks for those, and a fused kernel may answer instead. Entries where `self.needs` is False
      are ignored.

    Class attributes:
        saves: for each input, the positions of the inputs that its gradient is computed from
            (`self.saved(i)`); positions of inputs that a call leaves out are skipped. An input in memory that
            others write to without counting, such as an array of the user's, is kept as a copy.
        saves_output: the gradient is computed from the output, which `self.output()` gives back.
        view: the output shares memory with the first input.
        fresh: `backward` returns arrays that nobody else holds, so that a leaf may keep them without a copy.

    >>> import tatamikomi as tk
    >>> class Square(tk.autograd.Function):
    ...     saves = ((0,),)
    ...     def forward(self, x):
    ...         return x * x
    ...     def backward(self, dy):
    ...         return dy * 2.0 * self.saved(0)
    >>> x = tk.tensor([3.0], requires_grad=True)
    >>> Square()(x).backward()
    >>> x.grad
    tensor([6.])
    """

    saves: ClassVar[tuple[tuple[int, ...], ...]] = ()
    saves_output: ClassVar[bool] = False
    fresh: ClassVar[bool] = False
    view: bool = False

    forward: Callable[..., Any]
    backward: Callable[..., Gradients]

    needs: Sequence[bool] = ()
    _edges: list[Edge | None] | None = None  # None: not recorded, or already used and freed
    _kept: dict[int, _Kept]  # by position
    _output: tuple[NDArray[Any], Storage, int]
    _order: int
    _shape: tuple[int, ...]
    _dtype: np.dtype[Any]

    def __call__(self, *inputs: Tensor) -> Tensor:
        # Plain loops, and recording within: for small arrays the steps taken here are a good part of the call.
        arrays: list[NDArray[Any]] = []
        needs: list[bool] = []
        for tensor in inputs:
            arrays.append(tensor._data)
            needs.append(tensor._requires_grad)
        recording = True in needs and _enabled.get()
        if recording:
            if self._edges is not None:
                raise RuntimeError(f"{type(self).__name__}: one object serves one call")
            self.needs = needs
        try:
            data = self.forward(*arrays)
        except MemoryError as error:
            raise memory_of(type(self).__name__.lstrip("_").lower(), error) from None
        if type(data) is not np.ndarray:
            data = np.asarray(data)  # NumPy turns what has no axes into a scalar
        storage = inputs[0]._storage if self.view else Storage()
        if not recording:
            return wrap(data, storage)
        edges: list[Edge | None] = []
        kept: dict[int, _Kept] = {}
        saves = self.saves
        for need in needs:
            index = len(edges)
            if not need:
                edges.append(None)
                continue
            tensor = inputs[index]
            edges.append(tensor if tensor._node is None else tensor._node)
            if index < len(saves):
                for position in saves[index]:
                    if position < len(inputs) and position not in kept:
                        kept[position] = _keep(inputs[position])
        self._edges = edges
        self._kept = kept
        if self.saves_output:
            storage.pinned = True
            self._output = (data, storage, storage.version)
        self._order = next(_orders)
        self._shape = data.shape
        self._dtype = data.dtype
        return wrap(data, storage, self)

    def saved(self, position: int) -> Tensor:
        """The input at `position`, as it was.

        Raises:
            RuntimeError: its values were overwritten since.
        """
        tensor, version, values = self._kept[position]
        if values is not None:
            return _Restored(values)(tensor)
        if tensor._storage.version != version:
            raise self._overwritten(f"input {position}")
        return tensor

    def _input_shape(self, position: int) -> tuple[int, ...]:
        """The shape of the input at `position`, which wants a gradient: where that goes remembers its shape."""
        edge = self._edges[position] if self._edges else None
        if edge is None:
            raise RuntimeError(f"{type(self).__name__}: input {position} wants no gradient")
        return edge._shape if isinstance(edge, Function) else edge._data.shape

    def output(self) -> Tensor:
        """The output, as it was; a node does not hold it, it makes it anew around the same array.

        Raises:
            RuntimeError: its values were overwritten since.
        """
        data, storage, version = self._output
        if storage.version != version:
            raise self._overwritten("the output")
        return wrap(data, storage, self)

    def _overwritten(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"{type(self).__name__}: {what} was overwritten after the forward pass, "
            "and the gradient needs its old values"
        )

    def _free(self) -> None:
        """Let go of everything that was kept."""
        self.__dict__.clear()


class _Restored(Function):
    """A saved input with the values it had when it was saved; gradients go where the input's go."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        return self.values

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def _keep(tensor: Tensor) -> _Kept:
    """What a node saves of an input: the input itself, unless writes to its memory can go uncounted."""
    storage = tensor._storage
    storage.pinned = True
    if not (storage.foreign or storage.exported):
        return tensor, storage.version, None
    values = tensor._data.copy(order="K")
    return (tensor, 0, values) if tensor._requires_grad else (wrap(values), 0, None)
