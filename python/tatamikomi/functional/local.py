"""Local connections: windows as in a convolution, but weights of their own at every place."""

from __future__ import annotations

import math

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.inputs import TensorLike, as_input, batched, own_names, unbatched
from tatamikomi.functional.windows import unfold
from tatamikomi.geometry import Padding, Size


@own_names(half=True)
def locally_connected2d(
    input: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
) -> Tensor:
    """A convolution that shares nothing: every output position has a kernel of its own.

        y[n, k, o] = bias[k, o] + sum over c, r of input[n, c, o * stride + r * dilation - padding] * weight[k, o, c, r]

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        weight: (OC, OH, OW, C, KH, KW), dtype of input.
        bias: (OC, OH, OW) or None.
        stride, padding, dilation: as in `conv2d`.

    Returns:
        (N, OC, OH, OW) or (OC, OH, OW).

    Raises:
        TypeError: other or mixed dtypes, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    Source: Y. Taigman et al., "DeepFace", CVPR 2014.

    >>> import numpy as np, tatamikomi as tk
    >>> weight = np.array([1.0, 10.0], "float32").reshape(1, 1, 2, 1, 1, 1)
    >>> tk.functional.locally_connected2d([[[3.0, 4.0]]], weight)
    tensor([[[ 3., 40.]]])
    """
    op = "locally_connected2d"
    x, single = batched(op, input, 2)
    w = as_input(op, "weight", weight)
    if w.ndim != 6:
        raise bad_value(op, "weight", f"shape {w.shape}", "(OC, OH, OW, C, KH, KW)")
    if w.dtype != x.dtype:
        raise bad_type(op, "weight", w.dtype.name, x.dtype.name, as_other="input")
    outputs, (oh, ow), taps = w.shape[0], w.shape[1:3], w.shape[3:]
    if x.shape[1] != taps[0]:
        raise bad_value(op, "input", f"shape {x.shape}", f"{taps[0]} channels, as weight has")
    cols = unfold(x, taps[1:], dilation, padding, stride)  # (N, C * KH * KW, places)
    if cols.shape[2] != oh * ow:
        raise bad_value(op, "weight", f"{oh} x {ow} positions", f"{cols.shape[2]}, one per window of the input")
    kernels = w.reshape(outputs, oh * ow, math.prod(taps)).permute(1, 2, 0)  # (places, C * KH * KW, OC)
    y = cols.permute(2, 0, 1) @ kernels  # (places, N, OC)
    y = y.permute(1, 2, 0).reshape(x.shape[0], outputs, oh, ow)
    if bias is not None:
        b = as_input(op, "bias", bias)
        if b.shape != (outputs, oh, ow):
            raise bad_value(op, "bias", f"shape {b.shape}", f"shape {(outputs, oh, ow)}")
        if b.dtype != x.dtype:
            raise bad_type(op, "bias", b.dtype.name, x.dtype.name, as_other="input")
        y = y + b
    return unbatched(y, single)
