"""What all initialisers share: the check of what they fill, where random numbers come from, the write."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type
from tatamikomi.random import Generator, default_generator


def checked(op: str, tensor: object) -> Tensor:
    """What is to be filled; TypeError if it is no Tensor."""
    if not isinstance(tensor, Tensor):
        raise bad_type(op, "tensor", type(tensor).__name__, "a Tensor")
    return tensor


def source(op: str, generator: object) -> np.random.Generator:
    """A NumPy generator keyed by one block of `generator`."""
    if generator is None:
        return default_generator().numpy()
    if not isinstance(generator, Generator):
        raise bad_type(op, "generator", type(generator).__name__, "a tatamikomi Generator or None")
    return generator.numpy()


def fill(tensor: Tensor, values: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    """Write the values, count the write, return the Tensor."""
    tensor.copy_(values)
    return tensor
