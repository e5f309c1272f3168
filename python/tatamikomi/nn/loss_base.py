"""What every loss module has: a reduction, and perhaps weights."""

from __future__ import annotations

import numpy as np

from tatamikomi.functional.inputs import TensorLike, as_input
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class Loss(Module):
    """How the losses of a batch become one: their mean, their sum, or all of them ("none").

    >>> import tatamikomi as tk
    >>> tk.nn.MSELoss(reduction="sum").reduction
    'sum'
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = checks.reduction(type(self).__name__, reduction)

    def _register_weight(self, name: str, weight: TensorLike | None) -> None:
        """A copy of a weight as a buffer, or None."""
        array = None if weight is None else np.array(as_input(type(self).__name__, name, weight).data)
        self.register_buffer(name, array)
