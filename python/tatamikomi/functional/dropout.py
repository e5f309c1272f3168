"""Dropout of elements, channels, samples and weights; masks are made from two integers whenever they are needed."""

from __future__ import annotations

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Function, Tensor, where
from tatamikomi.autograd.tensor import wrap
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.activation_smooth import SELU_ALPHA, SELU_SCALE
from tatamikomi.functional.inputs import TensorLike, as_input, overwrite, own_names
from tatamikomi.functional.randomness import check_generator, take_block
from tatamikomi.geometry import flag
from tatamikomi.kernels.arrays import Array
from tatamikomi.random import Generator


class _Dropout(Function):
    """x times the mask of (seed, offset); linear, and its own adjoint."""

    fresh = True

    def __init__(self, p: float, seed: int, offset: int) -> None:
        self.mask = (p, seed, offset)

    def forward(self, x: Array) -> Array:
        return kernels.dropout_forward(x, *self.mask)

    def backward(self, dy: Tensor) -> Tensor:
        return _DropoutGradient(*self.mask)(dy)


class _DropoutGradient(_Dropout):
    def forward(self, dy: Array) -> Array:
        return kernels.dropout_backward(dy, *self.mask)

    def backward(self, ddx: Tensor) -> Tensor:
        return _Dropout(*self.mask)(ddx)


def _rate(op: str, p: object) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float, np.integer, np.floating)):
        raise bad_type(op, "p", p, "a number")
    if not 0 <= p <= 1:
        raise bad_value(op, "p", p, "0 <= p <= 1")
    return float(p)


def _factors(op: str, shape: tuple[int, ...], x: Tensor, p: float, generator: Generator | None) -> Tensor:
    """For each element of `shape` 0 with probability p, else 1 / (1 - p)."""
    return wrap(kernels.dropout_forward(np.ones(shape, x.dtype), p, *take_block(op, generator)))


@own_names(half=True)
def dropout(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Each element 0 with probability p, else divided by 1 - p; without training the input itself.

    Args:
        input: any shape, float32 or float64.
        p: 0 <= p <= 1.
        training: drop.
        inplace: overwrite the input where no gradient and no array of the user's can notice.
        generator: where the randomness comes from; each call takes one block. None means `tk.default_generator()`.

    Raises:
        TypeError: another dtype.
        ValueError: p is out of range.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    >>> import tatamikomi as tk
    >>> x = tk.functional.dropout([1.0] * 1000, p=0.25, generator=tk.Generator(0))
    >>> sorted(set(x.tolist()))
    [0.0, 1.3333333730697632]
    """
    rate, x = _rate("dropout", p), as_input("dropout", "input", input)
    drop, replace = flag("dropout", "training", training), flag("dropout", "inplace", inplace)
    check_generator("dropout", generator)
    if not drop or rate == 0:
        return x
    y = _Dropout(rate, *take_block("dropout", generator))(x)
    return overwrite(x, y, input) if replace else y


def _channelwise(
    op: str,
    input: TensorLike,
    p: float,
    training: bool,
    inplace: bool,
    generator: Generator | None,
    batches: dict[int, int],
    shapes: str,
) -> Tensor:
    """Whole channels dropped; `batches`: how many axes precede the positions, by the input's rank."""
    rate, x = _rate(op, p), as_input(op, "input", input)
    drop, replace = flag(op, "training", training), flag(op, "inplace", inplace)
    check_generator(op, generator)
    if x.ndim not in batches:
        raise bad_value(op, "input", f"shape {x.shape}", shapes)
    if not drop or rate == 0:
        return x
    leading = batches[x.ndim]
    y = x * _factors(op, (*x.shape[:leading], *(1,) * (x.ndim - leading)), x, rate, generator)
    return overwrite(x, y, input) if replace else y


@own_names(half=True)
def dropout1d(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of each sample 0 as a whole with probability p, else divided by 1 - p.

    Args:
        input: (N, C, L) or (C, L), float32 or float64.
        p, training, inplace, generator: as in `dropout`.

    Raises:
        TypeError: another dtype.
        ValueError: another rank, or p is out of range.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015,
    arXiv:1411.4280.

    >>> import numpy as np, tatamikomi as tk
    >>> x = tk.functional.dropout1d(np.ones((2, 3, 4)), generator=tk.Generator(1))
    >>> x.numpy().max(2).tolist() == x.numpy().min(2).tolist()
    True
    """
    batches = {2: 1, 3: 2}
    return _channelwise("dropout1d", input, p, training, inplace, generator, batches, "(N, C, L) or (C, L)")


@own_names(half=True)
def dropout2d(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of each sample 0 as a whole with probability p, else divided by 1 - p.

    Args:
        input: (N, C, H, W) or, as in torch, (N, C, L); float32 or float64.
        p, training, inplace, generator: as in `dropout`.

    Raises:
        TypeError: another dtype.
        ValueError: another rank, or p is out of range.

    Source: as in `dropout1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> x = tk.functional.dropout2d(np.ones((2, 3, 4, 5)), generator=tk.Generator(1))
    >>> x.numpy().max((2, 3)).tolist() == x.numpy().min((2, 3)).tolist()
    True
    """
    batches = {3: 2, 4: 2}
    return _channelwise("dropout2d", input, p, training, inplace, generator, batches, "(N, C, H, W) or (N, C, L)")


@own_names(half=True)
def dropout3d(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Each channel of each sample 0 as a whole with probability p, else divided by 1 - p.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), float32 or float64.
        p, training, inplace, generator: as in `dropout`.

    Raises:
        TypeError: another dtype.
        ValueError: another rank, or p is out of range.

    Source: as in `dropout1d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.functional.dropout3d(np.ones((2, 3, 2, 2, 2)), p=1.0).sum()
    tensor(0., dtype=float64)
    """
    batches, shapes = {4: 1, 5: 2}, "(N, C, D, H, W) or (C, D, H, W)"
    return _channelwise("dropout3d", input, p, training, inplace, generator, batches, shapes)


def _alpha(
    op: str, input: TensorLike, p: float, training: bool, inplace: bool, generator: Generator | None, whole: bool
) -> Tensor:
    """What is dropped becomes SELU's lowest value v; a (x or v) + b then has the mean and variance that x had.

    With q = 1 - p, v' = E + q p v^2 for mean 0 and variance 1: a = (q + p q v^2)^(-1/2), b = -a p v.
    """
    rate, x = _rate(op, p), as_input(op, "input", input)
    drop, replace = flag(op, "training", training), flag(op, "inplace", inplace)
    check_generator(op, generator)
    if not drop or rate == 0:
        return x
    if whole and x.ndim < 2:
        raise bad_value(op, "input", f"shape {x.shape}", "(N, C, ...)")
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2)) if whole else x.shape
    kept = _factors(op, shape, x, rate, generator).data > 0
    lowest = -SELU_SCALE * SELU_ALPHA
    scale = ((1 - rate) * (1 + rate * lowest**2)) ** -0.5 if rate < 1 else 0.0  # nothing kept: zeros
    y = where(kept, x * scale, scale * lowest) - scale * rate * lowest
    return overwrite(x, y, input) if replace else y


@own_names(half=True)
def alpha_dropout(
    input: TensorLike,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Dropout beside SELU: each element becomes v = -1.7581, SELU's lowest value, with probability p.

    Then a y + b brings mean 0 and variance 1 back: a = ((1 - p) (1 + p v**2))**-0.5, b = -a p v. With p 1 all is 0.

    Args:
        input: any shape, float32 or float64.
        p, inplace, generator: as in `dropout`.
        training: drop; off by default, as in torch.

    Raises:
        TypeError: another dtype.
        ValueError: p is out of range.

    Source: G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, arXiv:1706.02515.

    >>> import tatamikomi as tk
    >>> x = tk.functional.alpha_dropout([1.0] * 1000, p=0.25, training=True, generator=tk.Generator(0))
    >>> [round(value, 3) for value in sorted(set(x.tolist()))]
    [-1.144, 1.248]
    """
    return _alpha("alpha_dropout", input, p, training, inplace, generator, False)


@own_names(half=True)
def feature_alpha_dropout(
    input: TensorLike,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`alpha_dropout` of whole channels: one draw for each sample and channel.

    Args:
        input: (N, C, ...), without training any shape; float32 or float64.
        p, training, inplace, generator: as in `alpha_dropout`.

    Raises:
        TypeError: another dtype.
        ValueError: less than two axes, or p is out of range.

    Source: as in `alpha_dropout`.

    >>> import numpy as np, tatamikomi as tk
    >>> x = tk.functional.feature_alpha_dropout(np.ones((2, 3, 4)), training=True, generator=tk.Generator(1))
    >>> x.numpy().max(2).tolist() == x.numpy().min(2).tolist()
    True
    """
    return _alpha("feature_alpha_dropout", input, p, training, inplace, generator, True)


@own_names(half=True, input="weight")
def drop_connect(
    weight: TensorLike, p: float = 0.5, training: bool = True, generator: Generator | None = None
) -> Tensor:
    """Each weight 0 with probability p, else divided by 1 - p: connections are dropped rather than activations.

    One mask serves the whole batch. Without training the weight itself.

    Args:
        weight: any shape, float32 or float64.
        p, training, generator: as in `dropout`.

    Raises:
        TypeError: another dtype.
        ValueError: p is out of range.

    Source: L. Wan, M. Zeiler, S. Zhang, Y. LeCun, R. Fergus, "Regularization of neural networks using DropConnect",
    ICML 2013. At inference the paper draws from a Gaussian of the same mean and variance; here it is the mean.

    >>> import tatamikomi as tk
    >>> tk.functional.drop_connect([[1.0, 2.0]], p=1.0)
    tensor([[0., 0.]])
    """
    rate, w = _rate("drop_connect", p), as_input("drop_connect", "weight", weight)
    drop = flag("drop_connect", "training", training)
    check_generator("drop_connect", generator)
    return _Dropout(rate, *take_block("drop_connect", generator))(w) if drop and rate > 0 else w


@own_names(half=True)
def drop_path(
    input: TensorLike,
    p: float = 0.5,
    training: bool = True,
    scale_by_keep: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """Stochastic depth: each sample 0 as a whole with probability p, so that a residual block passes it by.

    Args:
        input: (N, ...), float32 or float64.
        p, training, generator: as in `dropout`.
        scale_by_keep: divide what is kept by 1 - p, so that the mean stays.

    Raises:
        TypeError: another dtype.
        ValueError: no axis, or p is out of range.

    Source: G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with stochastic depth", ECCV 2016,
    arXiv:1603.09382.

    >>> import numpy as np, tatamikomi as tk
    >>> x = tk.functional.drop_path(np.ones((4, 2)), p=0.5, generator=tk.Generator(3))
    >>> x.tolist()
    [[2.0, 2.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0]]
    """
    rate, x = _rate("drop_path", p), as_input("drop_path", "input", input)
    drop, scaled = flag("drop_path", "training", training), flag("drop_path", "scale_by_keep", scale_by_keep)
    check_generator("drop_path", generator)
    if x.ndim == 0:
        raise bad_value("drop_path", "input", "shape ()", "(N, ...)")
    if not drop or rate == 0:
        return x
    factors = _factors("drop_path", (x.shape[0], *(1,) * (x.ndim - 1)), x, rate, generator)
    return x * (factors if scaled else wrap((factors.data > 0).astype(x.dtype)))
