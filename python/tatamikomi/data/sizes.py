"""What a size of pictures must be."""

from __future__ import annotations

import numpy as np

from tatamikomi.errors import bad_type, bad_value


def height_and_width(op: str, argument: str, size: int | tuple[int, int], low: int = 1) -> tuple[int, int]:
    """(height, width), or one number for both.

    Raises:
        TypeError: the numbers are not integers.
        ValueError: not one or two of them, or one is below `low`.

    >>> from tatamikomi.data.sizes import height_and_width
    >>> height_and_width("Resize", "size", 32), height_and_width("Resize", "size", (24, 32))
    ((32, 32), (24, 32))
    """
    pair = (size, size) if isinstance(size, (int, np.integer)) else size
    if not isinstance(pair, (tuple, list)):
        raise bad_type(op, argument, type(size).__name__, "an integer, or (height, width)")
    if any(isinstance(one, bool) or not isinstance(one, (int, np.integer)) for one in pair):
        raise bad_type(op, argument, repr(size), "integers")
    if len(pair) != 2 or min(pair) < low:
        raise bad_value(op, argument, repr(size), f"an integer >= {low}, or (height, width) of such")
    return int(pair[0]), int(pair[1])
