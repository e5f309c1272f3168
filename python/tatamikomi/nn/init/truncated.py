"""Normal numbers between two bounds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.init.common import checked, fill, now_or_later, source
from tatamikomi.random import Generator


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers of the given mean and standard deviation, redrawn until they lie in [a, b].

    The bounds are values, not multiples of std. Where less than 0.3 of the normal numbers would do, uniform ones
    are drawn instead and x is kept with probability exp(-((x - mean)^2 - (m - mean)^2) / (2 std^2)), m being the
    most probable value between the bounds.

    Source: torch.nn.init.trunc_normal_.

    Raises:
        TypeError: tensor is not a Tensor, or a number is none.
        ValueError: std <= 0, or a >= b.

    >>> import tatamikomi as tk
    >>> w = tk.nn.init.trunc_normal_(tk.tensor([0.0, 0.0]), a=1.0, b=1.5)
    >>> bool(((w.numpy() >= 1.0) & (w.numpy() <= 1.5)).all())
    True
    """
    op = "trunc_normal_"
    centre, width = checks.real(op, "mean", mean), checks.real(op, "std", std)
    low, high = checks.real(op, "a", a), checks.real(op, "b", b)
    if width <= 0:
        raise bad_value(op, "std", width, "a number > 0")
    if low >= high:
        raise bad_value(op, "a, b", (low, high), "a < b")
    numbers = source(op, generator)
    checked(op, tensor)
    return now_or_later(tensor, lambda: fill(tensor, _between(numbers, tensor.shape, centre, width, low, high)))


def _between(
    numbers: np.random.Generator, shape: tuple[int, ...], centre: float, width: float, low: float, high: float
) -> NDArray[np.float64]:
    values = np.empty(math.prod(shape))
    often = math.erf((high - centre) / width / math.sqrt(2.0)) - math.erf((low - centre) / width / math.sqrt(2.0)) > 0.6
    peak = min(max(centre, low), high)
    wanted = np.arange(values.size)
    while wanted.size:
        if often:
            drawn = centre + width * numbers.standard_normal(wanted.size)
            kept = (low <= drawn) & (drawn <= high)
        else:
            drawn = low + (high - low) * numbers.random(wanted.size)
            exponent = ((drawn - centre) ** 2 - (peak - centre) ** 2) / (2.0 * width**2)
            kept = numbers.random(wanted.size) < np.exp(-exponent)
        values[wanted[kept]] = drawn[kept]
        wanted = wanted[~kept]
    return values.reshape(shape)
