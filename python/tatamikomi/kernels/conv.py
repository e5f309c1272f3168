"""Convolution, its three gradients, im2col and col2im on arrays.

1-D, 2-D and 3-D share everything: x (n, channels, *sizes), weight (out_channels, channels / groups, *kernel).
What is called convolution in neural networks is the cross-correlation:

    y[n, k, o] = bias[k] + sum over c, r of x[n, c, o * stride + r * dilation - padding] * weight[k, c, r]
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.geometry import ConvShape, Padding, Size, as_shape, conv_shape, per_axis
from tatamikomi.geometry.arguments import plain
from tatamikomi.kernels.algorithm import POLICIES, chosen, code_in_force, policy_code
from tatamikomi.kernels.arrays import Array, as_float, empty, output, relu_output, same_dtype
from tatamikomi.kernels.backend import active, engine
from tatamikomi.kernels.scalars import is_relu

_Options = tuple[object, object, object, object]  # stride, padding, dilation, groups

# Where a geometry's faults lie: in arguments of these names.
_OF_FORWARD = {"kernel_size": "weight"}
_OF_PACK = {"x": "x_shape", "kernel_size": "weight"}
_OF_BACKWARD_INPUT = {"x": "input_shape", "kernel_size": "weight"}
_OF_BACKWARD_WEIGHT = {"weight": "weight_shape", "kernel_size": "weight_shape"}


def _out_shape(s: ConvShape, axes: int) -> tuple[int, ...]:
    """n, oc and the last of od, oh, ow."""
    if axes == 2:  # as mostly, and soon said
        return s[0], s[2], s[8], s[9]
    return (s[0], s[2]) + s[10 - axes : 10]


def conv_forward(
    x: ArrayLike,
    weight: ArrayLike | PackedWeight,
    bias: ArrayLike | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    out: Array | None = None,
    *,
    activation: str | None = None,
    algorithm: str | None = None,
) -> Array:
    """Convolve x with weight.

    Args:
        x: (n, ic, *sizes), 1 to 3 axes; float32 or float64.
        weight: (oc, ic / groups, *kernel), dtype of x; or what `conv_pack_weight` made of it for this geometry.
        bias: (oc,) or None.
        stride, dilation: an integer, or one per axis; >= 1.
        padding: an integer, one per axis, ((before, after), ...), "valid", or "same" (TensorFlow's rule:
            output = ceil(size / stride), the odd element after).
        groups: a divisor of ic and oc; output channel k sees the input channels of its group.
        out: (n, oc, *output sizes), receives the result.
        activation: None, or "relu": max(y, 0) in the same pass.
        algorithm: instead of the policy in force (`set_conv_algorithm`); one that is named must take this shape.

    Returns:
        (n, oc, *output sizes), output = floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1.

    Raises:
        TypeError: a dtype is not float32 or float64, or dtypes are mixed.
        ValueError: shapes or options do not fit together.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> image = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    >>> tk.kernels.conv_forward(image, np.ones((1, 1, 2, 2)))[0, 0]
    array([[12., 16.],
           [24., 28.]])
    """
    op = "conv_forward"
    if out is None and algorithm is None and not isinstance(weight, PackedWeight):
        # Arrays as they are: what follows would take as long as a small layer does.
        options = stride, padding, dilation, groups
        convolved: Array | None = active().plain_conv_forward(x, weight, options, activation, bias, code_in_force())
        if convolved is not None:
            return convolved
    x = as_float(op, "x", x)
    pack: PackedWeight | None = None
    if isinstance(weight, PackedWeight):
        pack, w = weight, weight.weight
        s = pack.shape(op, x.shape, (stride, padding, dilation, groups))
    else:
        w = as_float(op, "weight", weight)
        s = conv_shape(op, x.shape, w.shape, stride, padding, dilation, groups, _OF_FORWARD)
    if bias is not None:
        bias = as_float(op, "bias", bias)
        if bias.shape != (s.oc,):
            raise bad_value(op, "bias", f"shape {bias.shape}", f"shape ({s.oc},), one per output channel")
    dtype = x.dtype
    if dtype is not w.dtype or bias is not None:
        same_dtype(op, "x weight bias", x, w, bias)
    relu = is_relu(op, activation)
    packed = None
    if pack is not None:
        packed, code = pack.for_call(op, s, algorithm)
    else:
        code = policy_code(op, "forward", dtype, s, algorithm)
    shape = _out_shape(s, x.ndim - 2)
    y = empty(op, shape, dtype) if out is None else output(op, out, shape, dtype, x, w, bias)
    active().conv_forward(y, x, w, bias, packed, s, relu, code)
    return y


class PackedWeight:
    """A weight laid out for the algorithm that one geometry's forward pass runs; `conv_pack_weight` makes it.

    Attributes:
        weight: a read-only copy of the weight.
        algorithm: the algorithm that it is packed for.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> packed = tk.kernels.conv_pack_weight(np.ones((8, 4, 3, 3)), (1, 4, 16, 16), algorithm="direct")
    >>> packed
    PackedWeight((8, 4, 3, 3), algorithm='direct')
    """

    __slots__ = ("_code", "_engine", "_packed", "_seen", "_shape", "algorithm", "weight")

    def __init__(self, weight: Array, s: ConvShape, code: int) -> None:
        self.weight = weight.copy()
        self.weight.flags.writeable = False
        self.algorithm, size = chosen("forward", weight.dtype, s, code)
        self._shape, self._engine = s[1:], engine()
        self._seen: tuple[tuple[int, ...], _Options, ConvShape] | None = None
        self._code = POLICIES.get(self.algorithm, 0)
        self._packed = empty("conv_pack_weight", (size,), weight.dtype)
        active().conv_pack_weight(self._packed, weight, s, self._code)

    def __repr__(self) -> str:
        return f"PackedWeight({self.weight.shape}, algorithm={self.algorithm!r})"

    def shape(self, op: str, x_shape: tuple[int, ...], options: _Options) -> ConvShape:
        """The geometry of a call; that of the last one is remembered, by the very objects that said it.

        Raises:
            TypeError, ValueError: as `conv_shape`.
        """
        if self._seen is not None:
            seen, (stride, padding, dilation, groups), s = self._seen
            same = options[0] is stride and options[1] is padding and options[2] is dilation and options[3] is groups
            if same and seen == x_shape:
                return s
        s = conv_shape(op, x_shape, self.weight.shape, *options, _OF_FORWARD)
        if plain(*options):
            self._seen = x_shape, options, s
        return s

    def for_call(self, op: str, s: ConvShape, algorithm: str | None) -> tuple[Array, int]:
        """The pack and the code of its algorithm.

        Raises:
            ValueError: it was packed for another geometry, backend or instruction set.
        """
        if s[1:] != self._shape:
            expected = f"x and options as given to conv_pack_weight, {ConvShape(s.n, *self._shape)}"
            raise bad_value(op, "weight", f"a weight packed for another geometry than {s}", expected)
        if engine() != self._engine:
            raise bad_value(op, "weight", f"one packed for {self._engine}", f"one packed for {engine()}")
        if algorithm is not None:
            raise bad_value(op, "algorithm", algorithm, f"None beside a packed weight ({self.algorithm})")
        return self._packed, self._code


def conv_pack_weight(
    weight: ArrayLike,
    x_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    algorithm: str | None = None,
) -> PackedWeight:
    """Lay a weight out once for many forward passes over inputs of one shape; the batch size may vary.

    Args:
        weight: (oc, ic / groups, *kernel), float32 or float64; copied.
        x_shape: (n, ic, *sizes), the shape of x; n does not matter.
        stride, padding, dilation, groups: as in conv_forward.
        algorithm: instead of the policy in force (`set_conv_algorithm`); one that is named must take this shape.

    Returns:
        What conv_forward takes in place of the weight. Results are the same, bit for bit.

    Raises:
        TypeError, ValueError: as conv_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> x, weight = np.ones((2, 4, 6, 6)), np.ones((8, 4, 3, 3))
    >>> packed = tk.kernels.conv_pack_weight(weight, x.shape, padding=1)
    >>> y = tk.kernels.conv_forward(x, packed, padding=1)
    >>> np.array_equal(y, tk.kernels.conv_forward(x, weight, padding=1))
    True
    """
    op = "conv_pack_weight"
    w = as_float(op, "weight", weight)
    sizes = as_shape(op, "x_shape", x_shape)
    s = conv_shape(op, sizes, w.shape, stride, padding, dilation, groups, _OF_PACK)
    return PackedWeight(w, s, policy_code(op, "forward", w.dtype, s, algorithm))


def conv_backward_input(
    dy: ArrayLike,
    weight: ArrayLike,
    input_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    out: Array | None = None,
    *,
    y: ArrayLike | None = None,
    algorithm: str | None = None,
) -> Array:
    """The gradient of a convolution with respect to its input; the adjoint of conv_forward in x.

    dx[n, c, i] = sum of dy[n, k, o] * weight[k, c, r] over all k, o, r with o * stride + r * dilation - padding = i

    Args:
        dy: (n, oc, *output sizes), the gradient of the output.
        weight: (oc, ic / groups, *kernel).
        input_shape: (n, ic, *sizes), the shape of x.
        stride, padding, dilation, groups: as in conv_forward.
        out: receives the result.
        y: (n, oc, *output sizes), the output of conv_forward with activation="relu": dy counts where y > 0.
        algorithm: as in conv_forward.

    Returns:
        dx of `input_shape`.

    Raises:
        TypeError, ValueError: as conv_forward; dy must have the shape of its output.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.conv_backward_input(np.ones((1, 1, 2)), np.array([[[1.0, 10.0]]]), (1, 1, 3))
    array([[[ 1., 11., 10.]]])
    """
    op = "conv_backward_input"
    dy, weight = as_float(op, "dy", dy), as_float(op, "weight", weight)
    sizes = as_shape(op, "input_shape", input_shape)
    s = conv_shape(op, sizes, weight.shape, stride, padding, dilation, groups, _OF_BACKWARD_INPUT)
    _check_dy(op, dy, _out_shape(s, len(sizes) - 2))
    y = relu_output(op, y, dy)
    dtype = same_dtype(op, "dy weight y", dy, weight, y)
    code = policy_code(op, "backward_input", dtype, s, algorithm)
    dx = output(op, out, sizes, dtype, dy, weight, y)
    active().conv_backward_input(dx, dy, y, weight, s, code)
    return dx


def conv_backward_weight(
    dy: ArrayLike,
    x: ArrayLike,
    weight_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    out: Array | None = None,
    *,
    y: ArrayLike | None = None,
    dbias: Array | None = None,
    algorithm: str | None = None,
) -> Array:
    """The gradient of a convolution with respect to its weight; the adjoint of conv_forward in the weight.

    dweight[k, c, r] = sum over n, o of dy[n, k, o] * x[n, c, o * stride + r * dilation - padding]

    Args:
        dy: (n, oc, *output sizes), the gradient of the output.
        x: (n, ic, *sizes).
        weight_shape: (oc, ic / groups, *kernel).
        stride, padding, dilation, groups: as in conv_forward.
        out: receives the result.
        y: (n, oc, *output sizes), the output of conv_forward with activation="relu": dy counts where y > 0.
        dbias: (oc,), receives the gradient of the bias, dy summed, in the same pass.
        algorithm: as in conv_forward.

    Returns:
        dweight of `weight_shape`.

    Raises:
        TypeError, ValueError: as conv_forward; dy must have the shape of its output.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.conv_backward_weight(np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0]]]), (1, 1, 2))
    array([[[21., 32.]]])
    """
    op = "conv_backward_weight"
    dy, x = as_float(op, "dy", dy), as_float(op, "x", x)
    shape = as_shape(op, "weight_shape", weight_shape, 1)
    s = conv_shape(op, x.shape, shape, stride, padding, dilation, groups, _OF_BACKWARD_WEIGHT)
    _check_dy(op, dy, _out_shape(s, len(shape) - 2))
    y = relu_output(op, y, dy)
    dtype = same_dtype(op, "dy x y", dy, x, y)
    code = policy_code(op, "backward_weight", dtype, s, algorithm)
    dweight = output(op, out, shape, dtype, dy, x, y)
    if dbias is not None:
        output(op, dbias, (s.oc,), dtype, dy, x, y, dweight, argument="dbias")
    active().conv_backward_weight(dweight, dbias, dy, y, x, s, code)
    return dweight


def conv_backward_bias(dy: ArrayLike, out: Array | None = None, *, y: ArrayLike | None = None) -> Array:
    """The gradient of a convolution with respect to its bias: dy (n, oc, *sizes) summed to (oc,).

    Args:
        dy: (n, oc, *sizes), the gradient of the output.
        out: (oc,), receives the result.
        y: of dy's shape, the output of conv_forward with activation="relu": dy counts where y > 0.

    Raises:
        TypeError: dy is not float32 or float64.
        ValueError: dy has not 3 to 5 dimensions.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.conv_backward_bias(np.ones((2, 3, 4)))
    array([8., 8., 8.])
    """
    op = "conv_backward_bias"
    dy = as_float(op, "dy", dy)
    if not 3 <= dy.ndim <= 5:
        raise bad_value(op, "dy", f"shape {dy.shape}", "a shape (n, channels, 1 to 3 axes)")
    y = relu_output(op, y, dy)
    n, oc = dy.shape[:2]
    s = conv_shape(op, (n, 1, *dy.shape[2:]), (oc, 1, *(1,) * (dy.ndim - 2)), 1, 0, 1, 1)
    dbias = output(op, out, (oc,), same_dtype(op, "dy y", dy, y), dy, y)
    active().conv_backward_bias(dbias, dy, y, s)
    return dbias


def im2col(
    x: ArrayLike,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Padding = 0,
    stride: Size = 1,
    out: Array | None = None,
) -> Array:
    """Every window of x as a column, in the layout of unfold.

    Args:
        x: (n, ic, *sizes), 1 to 3 axes.
        kernel_size, dilation, stride: an integer, or one per axis; >= 1.
        padding: as in conv_forward.
        out: receives the result.

    Returns:
        (n, ic * prod(kernel_size), number of windows); the rows of a column run over channels, then taps.

    Raises:
        TypeError, ValueError: as conv_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.im2col(np.array([[[1.0, 2.0, 3.0]]]), 2)
    array([[[1., 2.],
            [2., 3.]]])
    """
    op = "im2col"
    x = as_float(op, "x", x)
    s = _window_shape(op, "x", x.shape, kernel_size, dilation, padding, stride)
    cols = output(op, out, _cols_shape(s), x.dtype, x)
    active().im2col(cols, x, s)
    return cols


def col2im(
    cols: ArrayLike,
    input_shape: Sequence[int],
    kernel_size: Size,
    dilation: Size = 1,
    padding: Padding = 0,
    stride: Size = 1,
    out: Array | None = None,
) -> Array:
    """The adjoint of im2col: put every column back where its window was; overlaps are added up.

    Args:
        cols: (n, ic * prod(kernel_size), number of windows).
        input_shape: (n, ic, *sizes), the shape of the result.
        kernel_size, dilation, padding, stride: as in im2col.
        out: receives the result.

    Returns:
        x of `input_shape`.

    Raises:
        TypeError, ValueError: as im2col; cols must have the shape of its result.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.col2im(np.array([[[1.0, 2.0], [2.0, 3.0]]]), (1, 1, 3), 2)
    array([[[1., 4., 3.]]])
    """
    op = "col2im"
    cols = as_float(op, "cols", cols, ndim=3)
    sizes = as_shape(op, "input_shape", input_shape)
    s = _window_shape(op, "input_shape", sizes, kernel_size, dilation, padding, stride)
    if cols.shape != _cols_shape(s):
        raise bad_value(op, "cols", f"shape {cols.shape}", f"shape {_cols_shape(s)}")
    x = output(op, out, sizes, cols.dtype, cols)
    active().col2im(x, cols, s)
    return x


def _check_dy(op: str, dy: Array, expected: tuple[int, ...]) -> None:
    if dy.shape != expected:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"the output's shape {expected}")


def _window_shape(
    op: str,
    argument: str,
    shape: tuple[int, ...],
    kernel_size: Size,
    dilation: Size,
    padding: Padding,
    stride: Size,
) -> ConvShape:
    axes = len(shape) - 2
    if not 1 <= axes <= 3:
        raise bad_value(op, argument, shape, "a shape (n, channels, 1 to 3 axes)")
    if shape[1] < 1:
        raise bad_value(op, argument, shape, "at least one channel")
    kernel = per_axis(op, "kernel_size", kernel_size, axes, 1)
    return conv_shape(op, shape, (shape[1], 1, *kernel), stride, padding, dilation, shape[1])


def _cols_shape(s: ConvShape) -> tuple[int, int, int]:
    return s.n, s.ic * s.kd * s.kh * s.kw, s.od * s.oh * s.ow
