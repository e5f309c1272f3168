"""Outputs that show what was written to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Guarded:
    """An output filled with NaN (or a strange integer) between guard zones."""

    ZONE = 64

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        kind = np.dtype(dtype).kind
        self.fill = np.nan if kind == "f" else -987654321
        size = int(np.prod(shape))
        self.memory = np.full(size + 2 * self.ZONE, self.fill, dtype)
        self.array: NDArray[Any] = self.memory[self.ZONE : self.ZONE + size].reshape(shape)

    def check(self) -> None:
        size = self.array.size
        for zone in (self.memory[: self.ZONE], self.memory[self.ZONE + size :]):
            np.testing.assert_array_equal(zone, np.full(self.ZONE, self.fill, zone.dtype))
