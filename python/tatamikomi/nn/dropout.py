"""Dropout."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class Dropout(Module):
    """In training, every element becomes 0 with probability p, and the others are divided by 1 - p.

    In evaluation x passes through. Each call takes one block of the generator; the mask is a function of that
    block and of the element's place, so that nothing is kept for the backward pass.

    Args:
        p: 0 <= p <= 1.
        inplace: overwrite x where no gradient and no array of the user's can notice; the values are the same.
        generator: where the masks come from; the default Generator when None.

    Shape: any -> the same.

    Source: N. Srivastava et al., "Dropout", JMLR 15, 2014.

    Raises:
        TypeError: p is not a number, or generator not a Generator.
        ValueError: p is outside [0, 1].

    >>> import numpy as np, tatamikomi as tk
    >>> x = np.ones((2, 3), np.float32)
    >>> tk.nn.Dropout(0.5).eval()(x).numpy().tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        self.p = checks.probability("Dropout", "p", p)
        if generator is not None and not isinstance(generator, Generator):
            raise bad_type("Dropout", "generator", type(generator).__name__, "a tatamikomi Generator or None")
        self.inplace = checks.flag("Dropout", "inplace", inplace)
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return F.dropout(x, self.p, self.training, self.inplace, self.generator)

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        return f"p={self.p}, inplace={self.inplace}"
