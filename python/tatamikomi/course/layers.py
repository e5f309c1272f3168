"""Layers of the lessons: forward(x) keeps what backward(dout) needs, and gradients become attributes, dW and db.

Layers compute in the float dtype that NumPy's promotion gives for their input and weights. Arrays that come in are
never written to. What lessons look at but no step needs (Relu.mask, Convolution.col, ...) is computed when asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import kernels
from tatamikomi.course import functions
from tatamikomi.course.dtypes import floats, kept_of
from tatamikomi.course.functions import *  # noqa: F403 - scripts take them from here too
from tatamikomi.course.functions import class_labels, log_loss, softmax
from tatamikomi.course.layers_image import Convolution, Pooling
from tatamikomi.course.util import col2im, im2col
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "Tanh",
    "col2im",
    "im2col",
]
__all__ += functions.__all__

_EPS = 1e-6  # of batch normalisation


class _Activation:
    """A function of every element; its gradient follows from `out`, what forward returned."""

    out: Any = None
    kernels: tuple[Callable[..., Array], Callable[..., Array]]

    def forward(self, x: ArrayLike) -> Array:
        """The function of x, any shape."""
        self.out = self.kernels[0](*floats(x))
        return self.out  # type: ignore[no-any-return]

    def backward(self, dout: ArrayLike) -> Array:
        """dout times the derivative."""
        return self.kernels[1](*floats(dout, kept_of(self, "out")))


class Relu(_Activation):
    """max(x, 0), any shape; the derivative at 0 is 0. `mask` is True where x <= 0.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Relu
    >>> layer = Relu()
    >>> layer.forward(np.array([-1.0, 2.0])), layer.backward(np.array([3.0, 3.0])), layer.mask
    (array([0., 2.]), array([0., 3.]), array([ True, False]))
    """

    kernels = (kernels.relu_forward, kernels.relu_backward)

    @property
    def mask(self) -> Array | None:
        """True where x <= 0; None before the first forward."""
        return None if self.out is None else self.out <= 0


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), any shape; `out` is the last output.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Sigmoid
    >>> layer = Sigmoid()
    >>> layer.forward(np.zeros(1)), layer.backward(np.ones(1))
    (array([0.5]), array([0.25]))
    """

    kernels = (kernels.sigmoid_forward, kernels.sigmoid_backward)


class Tanh(_Activation):
    """tanh(x), any shape; `out` is the last output.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Tanh
    >>> layer = Tanh()
    >>> layer.forward(np.zeros(1)), layer.backward(np.ones(1))
    (array([0.]), array([1.]))
    """

    kernels = (kernels.tanh_forward, kernels.tanh_backward)


class Affine:
    """x @ W + b. Images (N, C, H, W) are taken as rows (N, C * H * W).

    Args:
        W: (inputs, outputs), kept as it is: an optimizer that changes it in place changes the layer.
        b: (outputs,).

    After forward x is the input as rows, after backward dW and db are the gradients.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Affine
    >>> layer = Affine(np.array([[1.0], [2.0]]), np.array([0.5]))
    >>> layer.forward(np.array([[3.0, 4.0]])), layer.backward(np.array([[1.0]])), layer.dW.tolist(), layer.db
    (array([[11.5]]), array([[1., 2.]]), [[3.0], [4.0]], array([1.]))
    """

    def __init__(self, W: Array, b: Array) -> None:
        self.W, self.b = W, b
        self.x: Any = None
        self.original_x_shape: tuple[int, ...] | None = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: ArrayLike) -> Array:
        """(N, inputs), or (N, C, H, W) with C * H * W inputs -> (N, outputs)."""
        array, W, b = floats(x, self.W, self.b)
        if array.ndim < 2:
            raise bad_value("Affine.forward", "x", f"shape {array.shape}", "a batch, (N, inputs) or (N, C, H, W)")
        self.original_x_shape = array.shape
        self.x = array.reshape(len(array), -1)
        return kernels.matmul(self.x, W, bias=b.reshape(-1))

    def backward(self, dout: ArrayLike, want_dx: bool = True) -> Any:
        """The gradient of x, in x's shape, or None where it is not wanted; sets dW and db."""
        dy, W, x = floats(dout, self.W, kept_of(self, "x"))
        self.dW = kernels.matmul(x, dy, transpose_a=True)
        self.db = dy.sum(axis=0)
        if not want_dx:
            return None
        return kernels.matmul(dy, W, transpose_b=True).reshape(self.original_x_shape or x.shape)


class SoftmaxWithLoss:
    """Softmax and cross-entropy: y the probabilities, t (or d) the teacher signal, loss the mean over the batch.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import SoftmaxWithLoss
    >>> layer = SoftmaxWithLoss()
    >>> round(float(layer.forward(np.zeros((1, 2)), np.array([1]))), 5), layer.backward()
    (0.69315, array([[ 0.5, -0.5]]))
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    @property
    def d(self) -> Any:
        """The teacher signal, under its other name."""
        return self.t

    def forward(self, x: ArrayLike, t: ArrayLike) -> Any:
        """The mean of -log(softmax(x)[true class] + 1e-7); x (n, classes), t labels (n,) or one-hot (n, classes)."""
        self.t, self.y = np.asarray(t), softmax(x)
        self.loss = log_loss("SoftmaxWithLoss.forward", self.y, self.t)
        return self.loss

    def backward(self, dout: float = 1) -> Array:
        """(y - t) * dout / n, t one-hot."""
        dx: Array = kept_of(self, "y").copy()
        rows, n = np.atleast_2d(dx), len(np.atleast_2d(dx))
        if self.t.size == self.y.size:
            rows -= self.t.reshape(rows.shape)
        else:
            rows[np.arange(n), class_labels("SoftmaxWithLoss.backward", rows, self.t)] -= 1
        dx *= dout / n
        return dx


class Dropout:
    """Drops elements with probability dropout_ratio in training; otherwise scales all by 1 - dropout_ratio.

    `mask` is True where the last training pass kept an element. Random numbers are np.random's.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import Dropout
    >>> layer = Dropout(0.25)
    >>> layer.forward(np.ones(2), train_flg=False)
    array([0.75, 0.75])
    >>> np.array_equal(layer.forward(np.ones(8)), layer.mask)
    True
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: Any = None

    def forward(self, x: ArrayLike, train_flg: bool = True) -> Array:
        """x * mask in training, x * (1 - dropout_ratio) otherwise; any shape."""
        (array,) = floats(x)
        if not train_flg:
            return array * float(1 - self.dropout_ratio)
        self.mask = np.random.rand(*array.shape) > self.dropout_ratio
        return array * self.mask  # type: ignore[no-any-return]

    def backward(self, dout: ArrayLike) -> Array:
        """dout * mask."""
        return floats(dout)[0] * kept_of(self, "mask")  # type: ignore[no-any-return]


class BatchNormalization:
    """gamma * (x - mean) / sqrt(var + 1e-6) + beta: by the batch in training, by running means otherwise.

    Running means are momentum * old + (1 - momentum) * new, from zeros, of the variance that divides by the count.

    Args:
        gamma, beta: one per unit, for x (N, D) or images as rows of D = C * H * W; or, for images (N, C, H, W), one per
            channel: their size decides.
        momentum: the share of the old running mean.
        running_mean, running_var: to begin with, of gamma's shape.

    backward sets dgamma and dbeta.

    >>> import numpy as np
    >>> from tatamikomi.course.layers import BatchNormalization
    >>> layer = BatchNormalization(np.ones(1), np.zeros(1))
    >>> layer.forward(np.array([[1.0], [3.0]])).round(5).ravel(), layer.running_mean.round(5)
    (array([-1.,  1.]), array([0.2]))
    """

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
    ) -> None:
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean: Any = running_mean
        self.running_var: Any = running_var
        self.input_shape: tuple[int, ...] | None = None
        self.batch_size: int | None = None
        self.dgamma: Any = None
        self.dbeta: Any = None
        self._saved: tuple[Array, Array, Array] | None = None  # x, mean, 1 / std

    def _rows(self, x: Array) -> Array:
        """x as it is where gamma has one number per channel (or column), else as rows."""
        if x.ndim > 1 and x.shape[1] == np.size(self.gamma):
            return x
        if x.ndim > 2 and x[0].size == np.size(self.gamma):
            return x.reshape(len(x), -1)
        expected = f"a shape of {np.size(self.gamma)} columns or channels, as many as gamma has"
        raise bad_value("BatchNormalization.forward", "x", f"shape {x.shape}", expected)

    def forward(self, x: ArrayLike, train_flg: bool = True) -> Array:
        """y of x's shape; in training one sample alone has no spread, and raises ValueError."""
        array, gamma, beta = floats(x, np.ravel(self.gamma), np.ravel(self.beta))
        self.input_shape = array.shape
        rows = self._rows(array)
        if self.running_mean is None or self.running_var is None:
            self.running_mean, self.running_var = np.zeros_like(gamma), np.zeros_like(gamma)
        if not train_flg:
            rows, mean, var, gamma, beta = floats(rows, self.running_mean, self.running_var, gamma, beta)
            return kernels.batch_norm_inference(rows, mean, var, gamma, beta, _EPS).reshape(array.shape)
        mean, var = np.zeros_like(gamma), np.zeros_like(gamma)
        y, mean, invstd = kernels.batch_norm_forward(rows, gamma, beta, mean, var, 1.0, _EPS)
        self._saved, self.batch_size = (rows, mean, invstd), len(array)
        count, rate = rows.size // gamma.size, self.momentum
        biased = var * ((count - 1) / count)  # the kernel's divides by count - 1
        self.running_mean = rate * self.running_mean + (1 - rate) * mean
        self.running_var = rate * self.running_var + (1 - rate) * biased
        return y.reshape(array.shape)

    def backward(self, dout: ArrayLike) -> Array:
        """The gradient of x, in x's shape; sets dgamma and dbeta."""
        x, mean, invstd = self._of_training("backward")
        dy, x, mean, invstd, gamma = floats(dout, x, mean, invstd, np.ravel(self.gamma))
        dx, dgamma, dbeta = kernels.batch_norm_backward(dy.reshape(x.shape), x, mean, invstd, gamma)
        self.dgamma, self.dbeta = dgamma.reshape(np.shape(self.gamma)), dbeta.reshape(np.shape(self.beta))
        return dx.reshape(dy.shape)

    def _of_training(self, name: str) -> tuple[Array, Array, Array]:
        if self._saved is None:
            raise bad_type(f"BatchNormalization.{name}", "x", "None", "a call of forward in training before")
        return self._saved

    @property
    def std(self) -> Array:
        """sqrt(var + 1e-6) of the last training batch, gamma's shape."""
        return 1 / self._of_training("std")[2]

    @property
    def xc(self) -> Array:
        """x - mean of the last training batch, images per channel as they are, else rows."""
        x, mean, _ = self._of_training("xc")
        return x - mean.reshape(-1, *(1,) * (x.ndim - 2))

    @property
    def xn(self) -> Array:
        """xc / std of the last training batch."""
        return self.xc / self.std.reshape(-1, *(1,) * (self.xc.ndim - 2))
