"""Activation layers."""

from __future__ import annotations

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class ReLU(Module):
    """y = max(x, 0), elementwise, of any shape; NaN stays NaN.

    Args:
        inplace: overwrite x where no gradient and no array of the user's can notice; the values are the same.

    >>> import tatamikomi as tk
    >>> tk.nn.ReLU()([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = checks.flag("ReLU", "inplace", inplace)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.relu(x, self.inplace)

    def extra_repr(self) -> str:
        """The option, where it is not the default."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x)), elementwise, of any shape.

    >>> import tatamikomi as tk
    >>> tk.nn.Sigmoid()([0.0]).numpy().tolist()
    [0.5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.sigmoid(x)


class Tanh(Module):
    """y = tanh(x), elementwise, of any shape.

    >>> import tatamikomi as tk
    >>> tk.nn.Tanh()([0.0]).numpy().tolist()
    [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.tanh(x)


class _AlongAxis(Module):
    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise bad_type(type(self).__name__, "dim", type(dim).__name__, "an integer")
        self.dim = dim

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """y = exp(x) / sum(exp(x)) along the axis `dim`.

    Raises:
        TypeError: dim is not an integer.
        ValueError: at the call, x has no such axis.

    >>> import tatamikomi as tk
    >>> tk.nn.Softmax(dim=1)([[0.0, 0.0]]).numpy().tolist()
    [[0.5, 0.5]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.softmax(x, self.dim)


class LogSoftmax(_AlongAxis):
    """y = x - log(sum(exp(x))) along the axis `dim`; arguments and errors as in `Softmax`.

    >>> import tatamikomi as tk
    >>> tk.nn.LogSoftmax(dim=0)([0.0]).numpy().tolist()
    [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.log_softmax(x, self.dim)


class Softmin(_AlongAxis):
    """The softmax of -x along the axis `dim`; arguments and errors as in `Softmax`.

    >>> import tatamikomi as tk
    >>> tk.nn.Softmin(dim=0)([0.0, 1000.0]).tolist()
    [1.0, 0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.softmin(x, self.dim)


class Softmax2d(Module):
    """The softmax over the channels of images: at every place they add up to 1.

    Shape: x (N, C, H, W) or (C, H, W) -> the same.

    Raises:
        ValueError: at the call, x has another rank.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Softmax2d()(np.zeros((2, 1, 1))).numpy().ravel().tolist()
    [0.5, 0.5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) -> the same."""
        if np.ndim(x) not in (3, 4):
            raise bad_value("Softmax2d", "x", f"shape {np.shape(x)}", "(N, C, H, W) or (C, H, W)")
        return F.softmax(x, -3)


class GLU(_AlongAxis):
    """The first half of x along the axis `dim` times the sigmoid of the second; errors as in `functional.glu`.

    >>> import tatamikomi as tk
    >>> tk.nn.GLU()([1.0, 2.0, 0.0, 100.0]).tolist()
    [0.5, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """An even size along `dim` -> half of it."""
        return F.glu(x, self.dim)
