"""Random numbers of an operation: one block of a Generator for each call."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type
from tatamikomi.random import Generator, block_words, default_generator, uniform24


def take_block(op: str, generator: Generator | None) -> tuple[int, int]:
    """The (seed, offset) of this call, from the generator or, where that is None, from the default one.

    Raises:
        TypeError: it is no Generator.
    """
    return (check_generator(op, generator) or default_generator()).take()


def check_generator(op: str, generator: Generator | None) -> Generator | None:
    """The generator as it is.

    Raises:
        TypeError: it is neither a Generator nor None.
    """
    if generator is not None and not isinstance(generator, Generator):
        raise bad_type(op, "generator", generator, "a tatamikomi Generator or None")
    return generator


def uniforms(op: str, shape: tuple[int, ...], generator: Generator | None) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1) from one block: that of element i follows from the block and i alone."""
    return uniform24(block_words(math.prod(shape), *take_block(op, generator))).reshape(shape)
