"""Convolution and pooling of the lessons, on images (N, C, H, W)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import kernels
from tatamikomi.course.dtypes import floats, kept_of
from tatamikomi.course.util import im2col
from tatamikomi.errors import unknown_name
from tatamikomi.kernels.arrays import Array

__all__ = ["Convolution", "Pooling"]


class Convolution:
    """Convolution with filters W (FN, C, FH, FW) and one bias per filter: (N, C, H, W) to (N, FN, OH, OW).

    OH = floor((H + 2 * pad - FH) / stride) + 1, OW likewise. After forward x is the input, after backward dW and db are
    the gradients. `col` and `col_W`, the matrices of the textbooks' product col @ col_W, are made when looked at.

    Args:
        W, b: kept as they are: an optimizer that changes them in place changes the layer.
        stride, pad: integers; pads are zeros.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Convolution
    >>> layer = Convolution(np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> layer.forward(np.arange(9.0).reshape(1, 1, 3, 3))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    >>> layer.backward(np.ones((1, 1, 2, 2)))[0, 0, 1], layer.dW.ravel(), layer.db
    (array([2., 4., 2.]), array([ 8., 12., 20., 24.]), array([4.]))
    >>> np.array_equal(layer.col @ layer.col_W, [[8.0], [12.0], [20.0], [24.0]])
    True
    """

    def __init__(self, W: Array, b: Array, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.x: Any = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: ArrayLike, activation: str | None = None) -> Array:
        """(N, C, H, W) -> (N, FN, OH, OW); with activation="relu" max(y, 0) in the same pass."""
        self.x, W, b = floats(x, self.W, self.b)
        return kernels.conv_forward(self.x, W, b.reshape(-1), self.stride, self.pad, activation=activation)

    def backward(self, dout: ArrayLike, y: Array | None = None, want_dx: bool = True) -> Any:
        """The gradient of x, in its shape, or None where it is not wanted; sets dW and db.

        y: what forward returned with activation="relu": dout counts where y > 0.
        """
        dy, W, x = floats(dout, self.W, kept_of(self, "x"))
        self.db = np.empty(len(W), dy.dtype)
        self.dW = kernels.conv_backward_weight(dy, x, W.shape, self.stride, self.pad, y=y, dbias=self.db)
        return kernels.conv_backward_input(dy, W, x.shape, self.stride, self.pad, y=y) if want_dx else None

    @property
    def col(self) -> Array | None:
        """The windows of x as rows, (N * OH * OW, C * FH * FW); None before the first forward."""
        return None if self.x is None else im2col(self.x, self.W.shape[2], self.W.shape[3], self.stride, self.pad)

    @property
    def col_W(self) -> Array:  # noqa: N802 - the lessons' name
        """The filters as columns, (C * FH * FW, FN)."""
        return self.W.reshape(len(self.W), -1).T


class Pooling:
    """The maximum, or the average, of every window: (N, C, H, W) to (N, C, OH, OW), OH as in Convolution.

    Pads count in the output's size. They never are a maximum; in an average they are zeros.

    Args:
        pool_h, pool_w: the window.
        stride, pad: integers.
        mode: "max" or "average".

    Raises:
        ValueError: another mode.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Pooling
    >>> layer = Pooling(2, 2, stride=2)
    >>> x = np.array([[[[1.0, 3.0, 2.0, 4.0], [5.0, 6.0, 1.0, 2.0]]]])
    >>> layer.forward(x), layer.backward(np.ones((1, 1, 1, 2)))[0, 0], layer.arg_max
    (array([[[[6., 4.]]]]), array([[0., 0., 0., 1.], [0., 1., 0., 0.]]), array([3, 1]))
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 1, pad: int = 0, mode: str = "max") -> None:
        if mode not in ("max", "average"):
            raise unknown_name("Pooling", "mode", mode, ["max", "average"])
        self.pool_h, self.pool_w, self.stride, self.pad, self.mode = pool_h, pool_w, stride, pad, mode
        self.x: Any = None
        self._places: Any = None  # (N, C, OH, OW): of the maxima, in the flattened plane

    def forward(self, x: ArrayLike) -> Array:
        """(N, C, H, W) -> (N, C, OH, OW)."""
        (self.x,) = floats(x)
        window = (self.pool_h, self.pool_w)
        if self.mode == "average":
            return kernels.avg_pool_forward(self.x, window, self.stride, self.pad)
        y, self._places = kernels.max_pool_forward(self.x, window, self.stride, self.pad)
        return y

    def backward(self, dout: ArrayLike) -> Array:
        """The gradient of x, in its shape."""
        x, (dy,) = kept_of(self, "x"), floats(dout)
        if self.mode == "average":
            return kernels.avg_pool_backward(dy, x.shape, (self.pool_h, self.pool_w), self.stride, self.pad)
        return kernels.max_pool_backward(dy, self._places, x.shape)

    @property
    def arg_max(self) -> Array | None:
        """Where in its window each maximum is, (N * OH * OW * C,), channels last; None without maxima."""
        if self._places is None:
            return None
        rows, columns = np.divmod(self._places, self.x.shape[3])
        oh, ow = self._places.shape[2:]
        rows -= np.arange(oh)[:, None] * self.stride - self.pad
        columns -= np.arange(ow) * self.stride - self.pad
        return (rows * self.pool_w + columns).transpose(0, 2, 3, 1).reshape(-1)  # type: ignore[no-any-return]
