"""What layers of one elementwise function share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import retell
from tatamikomi.nn.module import Module


class Elementwise(Module):
    """`function(x, **options)`, any shape to the same.

    A subclass names its function, and its constructor hands the options to `keep`, which become attributes.
    """

    function: ClassVar[Callable[..., Tensor]]
    _options: tuple[str, ...] = ()

    def keep(self, **options: Any) -> None:
        """Keep the options, checked as the function checks them, under the layer's own name."""
        for name, value in options.items():
            setattr(self, name, value)
        self._options = tuple(options)
        try:
            self.forward(np.zeros(0, np.float32))
        except (TypeError, ValueError) as error:
            retell(error, type(self).__name__, {})
            raise

    def forward(self, x: Any) -> Tensor:
        """Any shape -> the same."""
        return type(self).function(x, **{name: getattr(self, name) for name in self._options})

    def extra_repr(self) -> str:
        """The options, as torch writes them: `inplace` where it is True."""
        shown = [name for name in self._options if name != "inplace" or self.inplace]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)


class Inplace(Elementwise):
    """An elementwise function whose one option is to overwrite x.

    Args:
        inplace: overwrite x where no gradient and no array of the user's can notice; the values are the same.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.keep(inplace=inplace)
