"""Sizes of windows: one place computes padding and output sizes for convolution, pooling and im2col.

A window operation looks at an axis of `size` elements through `kernel` taps that lie `dilation` apart, moving by
`stride`, over the axis padded by `before` and `after`:

    span   = dilation * (kernel - 1) + 1
    output = floor((size + before + after - span) / stride) + 1

Fewer than three axes are leading axes of size 1. arguments.py reads options, windows.py and pooling.py compute with
them, shapes.py holds what kernels are told.
"""

from __future__ import annotations

from tatamikomi.geometry.arguments import REMEMBERED, Padding, Size, as_shape, count_elements, flag, per_axis
from tatamikomi.geometry.pooling import adaptive_pool_shape, adaptive_sizes, pool_shape
from tatamikomi.geometry.shapes import (
    ConvShape,
    GroupNormShape,
    ImageShape,
    LossShape,
    MatmulShape,
    NormShape,
    PoolShape,
    ResampleShape,
    SampleShape,
    SoftmaxShape,
)
from tatamikomi.geometry.windows import Window, conv_shape, lead, output_size, window

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")  # of crops; kernels know them by their places here

__all__ = [
    "PADDING_MODES",
    "REMEMBERED",
    "ConvShape",
    "GroupNormShape",
    "ImageShape",
    "LossShape",
    "MatmulShape",
    "NormShape",
    "Padding",
    "PoolShape",
    "ResampleShape",
    "SampleShape",
    "Size",
    "SoftmaxShape",
    "Window",
    "adaptive_pool_shape",
    "adaptive_sizes",
    "as_shape",
    "conv_shape",
    "count_elements",
    "flag",
    "lead",
    "output_size",
    "per_axis",
    "pool_shape",
    "window",
]
