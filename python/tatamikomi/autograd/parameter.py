"""Parameter: a leaf that an optimizer changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tatamikomi.autograd.arrays import as_array, float_dtype
from tatamikomi.autograd.base import Storage
from tatamikomi.autograd.tensor import Tensor
from tatamikomi.kernels.half import is_half


class Parameter(Tensor):
    """A Tensor that owns a copy of its initial value and is changed in place by optimizers.

    Every writer counts its write with `bump()` (`copy_` and assigning to `.data` do), so that whatever was
    derived from old values can tell. Once the memory was handed out writable through DLPack, `exported` is
    True and `version` proves nothing any more.

    Args:
        data: the initial value, copied (C-contiguous); float32 or float64, lists of floats become float32.
        requires_grad: collect a gradient in `.grad`.
        dtype: a NumPy dtype to convert to.

    Raises:
        TypeError: a dtype that is neither float32 nor float64, where a gradient is wanted.

    >>> import tatamikomi as tk
    >>> weight = tk.autograd.Parameter([1.0, 2.0])
    >>> weight.data -= 0.5
    >>> weight, weight.version
    (Parameter([0.5, 1.5], requires_grad=True), 1)
    """

    __slots__ = ()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        self._data = np.array(as_array("Parameter", "data", data, dtype), order="C")
        self._grad = self._node = None
        self._storage = Storage()
        self._requires_grad = False
        self.requires_grad_(requires_grad)

    def cast_(self, dtype: DTypeLike) -> Parameter:
        """Hold the values, and the gradient, as another float dtype; the object stays, its array is a new one.

        Returns self. What was recorded with the old values raises in `backward`, as after any write. Stored in 16 bits
        it wants no gradient any more.

        Raises:
            TypeError: dtype is no float dtype.

        >>> import tatamikomi as tk
        >>> tk.autograd.Parameter([1.0]).cast_("float64").dtype
        dtype('float64')
        """
        changed = as_array("Parameter.cast_", "dtype", self._data, float_dtype("Parameter.cast_", dtype))
        if is_half(changed.dtype):
            self._requires_grad, self._grad = False, None
        if changed.dtype != self._data.dtype:
            self._data = np.array(changed, order="C")
            self.bump()
            if self._grad is not None:
                self._grad = self._grad.detach().to(changed.dtype)
        return self
