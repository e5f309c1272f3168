"""tatamikomi (畳み込み, convolution): convolutional networks on NumPy arrays."""

from __future__ import annotations

__version__ = "0.1.0"

from tatamikomi import kernels
from tatamikomi.kernels import (
    backend,
    empty_cache,
    get_backend,
    get_num_threads,
    memory_stats,
    set_backend,
    set_num_threads,
    show_config,
    threads,
)
from tatamikomi.random import Generator, default_generator, manual_seed

__all__ = [
    "Generator",
    "__version__",
    "backend",
    "default_generator",
    "empty_cache",
    "get_backend",
    "get_num_threads",
    "kernels",
    "manual_seed",
    "memory_stats",
    "set_backend",
    "set_num_threads",
    "show_config",
    "threads",
]
