"""The plain side of a Tensor: its array, what is known about it, and the ways out to Python and NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd.arrays import as_array, has_gradients
from tatamikomi.errors import bad_type, bad_value

if TYPE_CHECKING:
    from tatamikomi.autograd.function import Function
    from tatamikomi.autograd.tensor import Tensor

_Self = TypeVar("_Self", bound="Base")


class Storage:
    """What all Tensors that share memory know in common.

    Attributes:
        version: counts the writes; a backward pass compares it with what it was when a value was saved.
        pinned: someone else may look at these bytes (a tape, an array of the user's, another library).
        exported: they were handed out writable through DLPack, so that writes can go uncounted.
        foreign: they are an array of the user's, who writes without counting.
    """

    version: int = 0  # an object of its own for each of these only once it is written: most never are
    pinned: bool = False
    exported: bool = False
    foreign: bool = False


class Base:
    """What `Tensor` builds its algebra on."""

    __slots__ = ("__weakref__", "_data", "_grad", "_node", "_requires_grad", "_storage")

    _data: NDArray[Any]
    _grad: Tensor | None
    _node: Function | None
    _requires_grad: bool
    _storage: Storage

    __array_priority__ = 1000
    __array_ufunc__ = None  # ndarray + Tensor asks Tensor.__radd__

    @property
    def data(self) -> NDArray[Any]:
        """The array. Whoever writes to it calls `bump()`; assigning copies the values in and bumps."""
        return self._data

    @data.setter
    def data(self, values: ArrayLike) -> None:
        if values is not self._data:  # `x.data -= step` assigns what it has just written
            self.copy_(values)
        else:
            self.bump()

    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass reaches this Tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self: _Self, requires_grad: bool = True) -> _Self:
        """Set whether this leaf collects a gradient; returns self.

        Raises:
            TypeError: the dtype is not a float dtype.
            RuntimeError: the Tensor is not a leaf (use `detach()`).
        """
        if requires_grad and not has_gradients(self._data.dtype):
            raise bad_type("Tensor", "requires_grad", f"a gradient for {self.dtype.name}", "float32 or float64")
        if self._node is not None and not requires_grad:
            raise RuntimeError("Tensor: requires_grad: the result of an operation cannot be switched off; detach() it")
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """True unless a recorded operation made it."""
        return self._node is None

    @property
    def version(self) -> int:
        """How often the memory was written to."""
        return self._storage.version

    @property
    def exported(self) -> bool:
        """Whether the memory was handed out writable (DLPack), so that `version` may miss writes."""
        return self._storage.exported

    def bump(self) -> None:
        """Count a write: every writer calls it, so that tapes and caches that hold old values notice."""
        self._storage.version += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every dimension."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self._data.dtype

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def numpy(self) -> NDArray[Any]:
        """A read-only view of the array (copy it to change it)."""
        self._storage.pinned = True
        view = self._data.view()
        view.flags.writeable = False
        return view

    def item(self) -> Any:
        """The only element, as a Python scalar.

        Raises:
            ValueError: there is not exactly one element.
        """
        if self._data.size != 1:
            raise bad_value("Tensor.item", "self", f"shape {self.shape}", "a single element")
        return self._data.item()

    def tolist(self) -> Any:
        """Nested lists of Python scalars."""
        return self._data.tolist()

    def copy_(self: _Self, source: ArrayLike | Base) -> _Self:
        """Overwrite a leaf's values by those of `source` (same shape, converted to this dtype); returns self.

        Raises:
            ValueError: another shape.
            RuntimeError: the Tensor is the result of a recorded operation.
        """
        if self._node is not None:
            raise RuntimeError("Tensor.copy_: the result of a recorded operation cannot be overwritten; detach() it")
        values = as_array("Tensor.copy_", "source", source)
        if values.shape != self.shape:
            raise bad_value("Tensor.copy_", "source", values.shape, f"shape {self.shape}")
        np.copyto(self._data, values, casting="unsafe")
        self.bump()
        return self

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d Tensor")
        return len(self._data)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu":
            raise bad_type("Tensor", "__index__", self.dtype.name, "an integer Tensor")
        return int(self.item())
