"""Layers that add elements around signals, images and volumes, or cut them off."""

from __future__ import annotations

from typing import ClassVar

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.geometry import Size
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module

_LEAST = -(1 << 62)  # of a side: a negative number cuts off


def _sides(op: str, padding: object, axes: int) -> tuple[int, ...]:
    """(before, after) of the last axis, then of the one before it, ...; an integer stands for all of them."""
    if not isinstance(padding, (tuple, list)):
        return (checks.integer(op, "padding", padding, _LEAST),) * (2 * axes)
    if len(padding) != 2 * axes:
        raise bad_value(op, "padding", padding, f"an integer, or {2 * axes}: (before, after) from the last axis on")
    return tuple([checks.integer(op, "padding", one, _LEAST) for one in padding])


class _Pad(Module):
    """What all share: how many axes are padded, and in which mode of `functional.pad`."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Size) -> None:
        super().__init__()
        self.padding = _sides(type(self).__name__, padding, self.axes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) or (C, *sizes) -> the same with other sizes."""
        return F.pad(x, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The sides, as torch writes them."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Size, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        """(*, *sizes) -> the same with other sizes."""
        return F.pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """The sides and the value, as torch writes them."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Size) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The sides, as torch writes them."""
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """`value` around signals; as `ConstantPad2d`, padding (left, right).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ConstantPad1d(1, 9.0)(np.arange(3.0).reshape(1, 3)).numpy()[0].tolist()
    [9.0, 0.0, 1.0, 2.0, 9.0]
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """`value` around images.

    Args:
        padding: one integer for every side, or (left, right, top, bottom); a negative number cuts off.
        value: of the new elements.

    Shape: (*, H, W) -> (*, H + top + bottom, W + left + right).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a wrong number of sides; at the call, what `functional.pad` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ConstantPad2d((1, 2, 0, 1), 9.0)(np.ones((1, 2, 3, 4), np.float32)).shape
    (1, 2, 4, 7)
    """

    axes = 2


class ConstantPad3d(_ConstantPad):
    """`value` around volumes; as `ConstantPad2d`, padding (left, right, top, bottom, front, back).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ConstantPad3d(1, 9.0)(np.ones((1, 2, 3, 4, 5), np.float32)).shape
    (1, 2, 5, 6, 7)
    """

    axes = 3


class ZeroPad1d(_ZeroPad):
    """Zeros around signals; as `ZeroPad2d`, padding (left, right).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ZeroPad1d(1)(np.arange(3.0).reshape(1, 3)).numpy()[0].tolist()
    [0.0, 0.0, 1.0, 2.0, 0.0]
    """

    axes = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around images.

    Args:
        padding: one integer for every side, or (left, right, top, bottom); a negative number cuts off.

    Shape: (*, H, W) -> (*, H + top + bottom, W + left + right).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a wrong number of sides; at the call, what `functional.pad` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ZeroPad2d((1, 2, 0, 1))(np.ones((1, 2, 3, 4), np.float32)).shape
    (1, 2, 4, 7)
    """

    axes = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around volumes; as `ZeroPad2d`, padding (left, right, top, bottom, front, back).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ZeroPad3d(1)(np.ones((1, 2, 3, 4, 5), np.float32)).shape
    (1, 2, 5, 6, 7)
    """

    axes = 3


class ReflectionPad1d(_ReflectionPad):
    """The axes of signals mirrored at both ends; as `ReflectionPad2d`, padding (left, right).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReflectionPad1d(1)(np.arange(3.0).reshape(1, 3)).numpy()[0].tolist()
    [1.0, 0.0, 1.0, 2.0, 1.0]
    """

    axes = 1


class ReflectionPad2d(_ReflectionPad):
    """The axes of images mirrored at both ends.

    Args:
        padding: one integer for every side, or (left, right, top, bottom); fewer than the elements of its axis.

    Shape: (N, C, H, W) -> (N, C, H + top + bottom, W + left + right), unbatched alike.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a wrong number of sides; at the call, what `functional.pad` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReflectionPad2d((1, 2, 0, 1))(np.ones((1, 2, 3, 4), np.float32)).shape
    (1, 2, 4, 7)
    """

    axes = 2


class ReflectionPad3d(_ReflectionPad):
    """The axes of volumes mirrored at both ends; as `ReflectionPad2d`, padding (left, right, top, bottom, front, back).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReflectionPad3d(1)(np.ones((1, 2, 3, 4, 5), np.float32)).shape
    (1, 2, 5, 6, 7)
    """

    axes = 3


class ReplicationPad1d(_ReplicationPad):
    """The ends of signals repeated; as `ReplicationPad2d`, padding (left, right).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReplicationPad1d(1)(np.arange(3.0).reshape(1, 3)).numpy()[0].tolist()
    [0.0, 0.0, 1.0, 2.0, 2.0]
    """

    axes = 1


class ReplicationPad2d(_ReplicationPad):
    """The ends of every axis of images repeated.

    Args:
        padding: one integer for every side, or (left, right, top, bottom); a negative number cuts off.

    Shape: (N, C, H, W) -> (N, C, H + top + bottom, W + left + right), unbatched alike.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a wrong number of sides; at the call, what `functional.pad` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReplicationPad2d((1, 2, 0, 1))(np.ones((1, 2, 3, 4), np.float32)).shape
    (1, 2, 4, 7)
    """

    axes = 2


class ReplicationPad3d(_ReplicationPad):
    """The ends of volumes repeated; as `ReplicationPad2d`, padding (left, right, top, bottom, front, back).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ReplicationPad3d(1)(np.ones((1, 2, 3, 4, 5), np.float32)).shape
    (1, 2, 5, 6, 7)
    """

    axes = 3


class CircularPad1d(_CircularPad):
    """Signals continued from the other end; as `CircularPad2d`, padding (left, right).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.CircularPad1d(1)(np.arange(3.0).reshape(1, 3)).numpy()[0].tolist()
    [2.0, 0.0, 1.0, 2.0, 0.0]
    """

    axes = 1


class CircularPad2d(_CircularPad):
    """Every axis of images continued from its other end.

    Args:
        padding: one integer for every side, or (left, right, top, bottom); at most the elements of its axis.

    Shape: (N, C, H, W) -> (N, C, H + top + bottom, W + left + right), unbatched alike.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a wrong number of sides; at the call, what `functional.pad` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.CircularPad2d((1, 2, 0, 1))(np.ones((1, 2, 3, 4), np.float32)).shape
    (1, 2, 4, 7)
    """

    axes = 2


class CircularPad3d(_CircularPad):
    """Volumes continued from the other end; as `CircularPad2d`, padding (left, right, top, bottom, front, back).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.CircularPad3d(1)(np.ones((1, 2, 3, 4, 5), np.float32)).shape
    (1, 2, 5, 6, 7)
    """

    axes = 3
