"""The reference backend: every kernel in readable NumPy, one file per family as in cpp/kernels.

Functions write into the outputs they are given, as the C++ kernels do. Reductions go through NumPy's BLAS, so
this backend promises no bits across thread counts or batch splits.
"""

from tatamikomi.kernels.reference.conv import (
    col2im,
    conv_backward_bias,
    conv_backward_input,
    conv_backward_weight,
    conv_forward,
    im2col,
)
from tatamikomi.kernels.reference.linear import matmul

__all__ = [
    "col2im",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_forward",
    "im2col",
    "matmul",
]
