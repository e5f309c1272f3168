"""Layers that learn their input channels from the first batch, or from a state that is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, ClassVar

import numpy as np

from tatamikomi.errors import bad_value
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tatamikomi.nn.norm_group import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from tatamikomi.random import Generator


class Lazy(Module):
    """What lazy layers share. Such a layer becomes the layer that it stands for, object and place staying the same.

    Until then it has no parameters, and says so where it is asked for them or its state: an optimizer is built after
    the first batch, or after a state was loaded. Initial values are drawn when it becomes a layer.
    """

    kind: ClassVar[type[Any]]
    key: ClassVar[tuple[str, int] | None] = ("weight", 1)  # the entry of a state, and its axis, that tell the channels

    def __init__(self, *args: Any, **options: Any) -> None:
        Module.__init__(self)
        self._arguments = (args, options)
        bound = signature(self.kind).bind(1, *args, **options)
        bound.apply_defaults()
        self._options = bound.arguments
        # Whether the rest fits is known now: a layer is built and thrown away. Drawing waits.
        probe = {**self._options, next(iter(self._options)): self.divisor() or 1}
        if isinstance(probe.get("generator", self), (Generator, type(None))):
            probe["generator"] = Generator(0)
        self.kind(**probe)

    def divisor(self) -> int:
        """What divides the channels: a convolution's groups."""
        groups = self._options.get("groups", 1)
        return groups if isinstance(groups, int) else 1

    def channels_of(self, shape: tuple[int, ...]) -> int:
        """The channels of an input of this shape."""
        raise NotImplementedError(f"{type(self).__name__} has no channels_of()")

    def channels_in(self, size: int) -> int:
        """The channels that a state is for whose entry has this size."""
        return size * self.divisor()

    def materialize(self, channels: int) -> Callable[[], None]:
        """Become the layer for so many channels; what is returned takes that back."""
        args, options = self._arguments
        layer = self.kind(channels, *args, **options)
        before, kind = dict(self.__dict__), type(self)
        own = {name: value for name, value in before.items() if name.endswith("hooks") or name == "training"}
        object.__setattr__(self, "__class__", type(layer))
        self.__dict__.clear()
        self.__dict__.update({**layer.__dict__, **own})

        def back() -> None:
            object.__setattr__(self, "__class__", kind)
            self.__dict__.clear()
            self.__dict__.update(before)

        return back

    def materialize_from(self, state_dict: Mapping[str, Any], prefix: str) -> Callable[[], None]:
        """The same with the channels that a state has; nothing where it has none of this layer."""
        name, axis = self.key or ("", 0)
        shape = np.shape(state_dict.get(prefix + name, 0.0))
        return self.materialize(self.channels_in(shape[axis])) if len(shape) > axis else lambda: None

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Become the layer that x wants, and compute what it does."""
        self.materialize(self.channels_of(np.shape(x)))
        return self.forward(x, *args, **kwargs)

    def _own(self, room: str) -> dict[str, Any]:
        raise RuntimeError(
            f"{type(self).__name__}: it has no parameters before its first batch; call the model once, "
            "or load a state, and build the optimizer then"
        )

    def extra_repr(self) -> str:
        """The arguments as they were given."""
        args, options = self._arguments
        return ", ".join([*(repr(one) for one in args), *(f"{name}={value!r}" for name, value in options.items())])


class LazyLinear(Lazy, Linear):
    """A Linear whose in_features is the size of the last axis of the first x; other arguments as in `Linear`.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.LazyLinear(3)
    >>> layer(np.ones((2, 5), np.float32)).shape, layer
    ((2, 3), Linear(in_features=5, out_features=3, bias=True))
    """

    kind = Linear

    def channels_of(self, shape: tuple[int, ...]) -> int:
        """The size of the last axis."""
        if not shape:
            raise bad_value("LazyLinear", "x", "shape ()", "at least one axis")
        return shape[-1]


class _LazyConv(Lazy):
    axes: ClassVar[int]

    def channels_of(self, shape: tuple[int, ...]) -> int:
        """The axis before the spatial ones."""
        if len(shape) not in (self.axes + 1, self.axes + 2):
            expected = f"{self.axes + 2} axes, or {self.axes + 1} without a batch"
            raise bad_value(type(self).__name__, "x", f"shape {shape}", expected)
        return shape[-self.axes - 1]


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d whose in_channels are those of the first x; other arguments as in `Conv1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyConv1d(4, 3)(np.ones((2, 5, 9), np.float32)).shape
    (2, 4, 7)
    """

    kind = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d whose in_channels are those of the first x; other arguments as in `Conv2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.LazyConv2d(4, 3, padding=1)
    >>> layer(np.ones((2, 5, 9, 9), np.float32)).shape, layer.weight.shape
    ((2, 4, 9, 9), (4, 5, 3, 3))
    """

    kind = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d whose in_channels are those of the first x; other arguments as in `Conv3d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyConv3d(4, 1)(np.ones((2, 5, 3, 3, 3), np.float32)).shape
    (2, 4, 3, 3, 3)
    """

    kind = Conv3d


class _LazyConvTranspose(_LazyConv):
    key = ("weight", 0)

    def channels_in(self, size: int) -> int:
        """As many: groups divide the output channels of such a weight."""
        return size


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d whose in_channels are those of the first x; other arguments as in `ConvTranspose1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyConvTranspose1d(4, 3)(np.ones((2, 5, 9), np.float32)).shape
    (2, 4, 11)
    """

    kind = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d whose in_channels are those of the first x; other arguments as in `ConvTranspose2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.LazyConvTranspose2d(4, 2, stride=2)
    >>> layer(np.ones((2, 5, 9, 9), np.float32)).shape, layer.weight.shape
    ((2, 4, 18, 18), (5, 4, 2, 2))
    """

    kind = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d whose in_channels are those of the first x; other arguments as in `ConvTranspose3d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyConvTranspose3d(4, 1)(np.ones((2, 5, 3, 3, 3), np.float32)).shape
    (2, 4, 3, 3, 3)
    """

    kind = ConvTranspose3d


class _LazyNorm(Lazy):
    ranks: ClassVar[Any]

    @property
    def key(self) -> tuple[str, int] | None:  # type: ignore[override]
        """The weight, or without one the running mean; nothing, where a state has nothing of the layer."""
        names = {"weight": self._options["affine"], "running_mean": self._options["track_running_stats"]}
        return next(((name, 0) for name, there in names.items() if there), None)


class _LazyBatchNorm(_LazyNorm):
    def channels_of(self, shape: tuple[int, ...]) -> int:
        """The second axis."""
        if len(shape) not in self.ranks:
            expected = " or ".join(f"{rank} axes" for rank in self.ranks)
            raise bad_value(type(self).__name__, "x", f"shape {shape}", expected)
        return shape[1]


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """A BatchNorm1d whose num_features are the channels of the first x; other arguments as in `BatchNorm1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyBatchNorm1d()(np.ones((2, 5), np.float32)).shape
    (2, 5)
    """

    kind = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """A BatchNorm2d whose num_features are the channels of the first x; other arguments as in `BatchNorm2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.LazyBatchNorm2d()
    >>> layer(np.ones((2, 5, 4, 4), np.float32)).shape, layer.running_mean.shape
    ((2, 5, 4, 4), (5,))
    """

    kind = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """A BatchNorm3d whose num_features are the channels of the first x; other arguments as in `BatchNorm3d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyBatchNorm3d()(np.ones((2, 5, 3, 3, 3), np.float32)).shape
    (2, 5, 3, 3, 3)
    """

    kind = BatchNorm3d


class _LazyInstanceNorm(_LazyNorm):
    def channels_of(self, shape: tuple[int, ...]) -> int:
        """The axis before the spatial ones."""
        rank: int = self.ranks[0]
        if len(shape) not in (rank, rank - 1):
            raise bad_value(type(self).__name__, "x", f"shape {shape}", f"{rank} axes, or {rank - 1} without a batch")
        return shape[1 - rank]


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An InstanceNorm1d whose num_features are the channels of the first x; other arguments as in `InstanceNorm1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyInstanceNorm1d()(np.ones((2, 5, 4), np.float32)).shape
    (2, 5, 4)
    """

    kind = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An InstanceNorm2d whose num_features are the channels of the first x; other arguments as in `InstanceNorm2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.LazyInstanceNorm2d(affine=True)
    >>> layer(np.ones((2, 5, 4, 4), np.float32)).shape, layer.weight.shape
    ((2, 5, 4, 4), (5,))
    """

    kind = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An InstanceNorm3d whose num_features are the channels of the first x; other arguments as in `InstanceNorm3d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LazyInstanceNorm3d()(np.ones((2, 5, 3, 3, 3), np.float32)).shape
    (2, 5, 3, 3, 3)
    """

    kind = InstanceNorm3d
