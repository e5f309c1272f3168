"""Kernels on arrays: explicit forward and backward functions, checked, no Tensor and no tape.

Every function coerces and checks its arguments once, takes its output from the buffer pool and calls the active
backend, native or reference.
"""

from tatamikomi.kernels.backend import backend, get_backend, set_backend
from tatamikomi.kernels.config import (
    config,
    empty_cache,
    get_num_threads,
    memory_stats,
    set_num_threads,
    show_config,
    threads,
)
from tatamikomi.kernels.conv import (
    col2im,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_forward,
    im2col,
)
from tatamikomi.kernels.linear import matmul

__all__ = [
    "backend",
    "col2im",
    "config",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "empty_cache",
    "get_backend",
    "get_num_threads",
    "im2col",
    "matmul",
    "memory_stats",
    "set_backend",
    "set_num_threads",
    "show_config",
    "threads",
]
