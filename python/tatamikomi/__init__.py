"""tatamikomi (畳み込み, convolution): convolutional networks on NumPy arrays."""

from __future__ import annotations

from tatamikomi.random import Generator, default_generator, manual_seed

__version__ = "0.1.0"

__all__ = ["Generator", "__version__", "default_generator", "manual_seed"]
