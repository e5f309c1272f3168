"""Dropout, whose mask is made from two integers whenever it is needed and never kept."""

from __future__ import annotations

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, flag, overwrite, own_names
from tatamikomi.kernels.arrays import Array
from tatamikomi.random import Generator, default_generator


class _Dropout(Function):
    """x times the mask of (seed, offset); linear, and its own adjoint."""

    fresh = True

    def __init__(self, p: float, seed: int, offset: int) -> None:
        self.mask = (p, seed, offset)

    def forward(self, x: Array) -> Array:
        return kernels.dropout_forward(x, *self.mask)

    def backward(self, dy: Tensor) -> Tensor:
        return _DropoutGradient(*self.mask)(dy)


class _DropoutGradient(_Dropout):
    def forward(self, dy: Array) -> Array:
        return kernels.dropout_backward(dy, *self.mask)

    def backward(self, ddx: Tensor) -> Tensor:
        return _Dropout(*self.mask)(ddx)


@own_names()
def dropout(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Each element 0 with probability p, else divided by 1 - p; without training the input itself.

    Args:
        input: any shape, float32 or float64.
        p: 0 <= p <= 1.
        training: drop.
        inplace: overwrite the input where no gradient and no array of the user's can notice.
        generator: where the randomness comes from; each call takes one block. None means `tk.default_generator()`.

    Raises:
        TypeError: another dtype.
        ValueError: p is out of range.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    >>> import tatamikomi as tk
    >>> x = tk.functional.dropout([1.0] * 1000, p=0.25, generator=tk.Generator(0))
    >>> sorted(set(x.tolist()))
    [0.0, 1.3333333730697632]
    """
    if isinstance(p, bool) or not isinstance(p, (int, float, np.integer, np.floating)):
        raise bad_type("dropout", "p", p, "a number")
    if not 0 <= p <= 1:
        raise bad_value("dropout", "p", p, "0 <= p <= 1")
    x = as_input("dropout", "input", input)
    drop, replace = flag("dropout", "training", training), flag("dropout", "inplace", inplace)
    if generator is not None and not isinstance(generator, Generator):
        raise bad_type("dropout", "generator", generator, "a tatamikomi Generator or None")
    if not drop or p == 0:
        return x
    y = _Dropout(p, *(generator or default_generator()).take())(x)
    return overwrite(x, y, input) if replace else y
