"""Constants, uniform and normal numbers, and the families that follow from a layer's fans."""

from __future__ import annotations

import math

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.nn import checks
from tatamikomi.nn.init.common import checked, fill, fill_scaled, now_or_later, source
from tatamikomi.random import Generator

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer's standard deviation grows to make up for its activation.

        "linear", "conv1d" to "conv3d", "conv_transpose1d" to "conv_transpose3d", "sigmoid"    1
        "tanh"                                                                                 5 / 3
        "relu"                                                                                 sqrt(2)
        "leaky_relu", whose slope param is 0.01 unless given                       sqrt(2 / (1 + param**2))
        "selu", found by experiment; self-normalizing nets want "linear"                       3 / 4

    Source: torch.nn.init.calculate_gain.

    Raises:
        TypeError: param is not a number.
        ValueError: an unknown name, or a param for an activation that has none.

    >>> import tatamikomi as tk
    >>> tk.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else checks.real("calculate_gain", "param", param)
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in _GAINS:
        raise unknown_name("calculate_gain", "nonlinearity", nonlinearity, [*_GAINS, "leaky_relu"])
    if param is not None:
        raise bad_value("calculate_gain", "param", param, f"None for {nonlinearity!r}")
    return _GAINS[nonlinearity]


def fans(op: str, tensor: Tensor) -> tuple[int, int]:
    """(n_in, n_out) of a weight (out, in, *kernel); `op` is who asks, for the message.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.init.fans("example", tk.tensor(np.zeros((8, 4, 3, 3))))
    (36, 72)
    """
    shape = checked(op, tensor).shape
    if len(shape) < 2:
        raise bad_value(op, "tensor", f"shape {shape}", "at least 2 axes (out, in, *kernel)")
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from [a, b).

    Raises:
        TypeError: tensor is not a Tensor, or a bound not a number.
        ValueError: a > b.

    >>> import tatamikomi as tk
    >>> w = tk.nn.init.uniform_(tk.tensor([0.0, 0.0]), 3, 4)
    >>> bool((w.numpy() >= 3).all())
    True
    """
    low, high = checks.real("uniform_", "a", a), checks.real("uniform_", "b", b)
    if low > high:
        raise bad_value("uniform_", "a, b", (low, high), "a <= b")
    checked("uniform_", tensor)
    numbers = source("uniform_", generator)
    return now_or_later(tensor, lambda: fill_scaled(tensor, numbers.random, low, high - low))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of the given mean and standard deviation.

    Raises:
        TypeError: tensor is not a Tensor, or mean or std not a number.
        ValueError: std < 0.

    >>> import tatamikomi as tk
    >>> tk.nn.init.normal_(tk.tensor([0.0, 0.0]), mean=2, std=0).numpy().tolist()
    [2.0, 2.0]
    """
    centre, width = checks.real("normal_", "mean", mean), checks.real("normal_", "std", std)
    if width < 0:
        raise bad_value("normal_", "std", width, "a number >= 0")
    checked("normal_", tensor)
    numbers = source("normal_", generator)
    return now_or_later(tensor, lambda: fill_scaled(tensor, numbers.standard_normal, centre, width))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    >>> import tatamikomi as tk
    >>> tk.nn.init.constant_(tk.tensor([1.0, 2.0]), 5).numpy().tolist()
    [5.0, 5.0]
    """
    value = checks.real("constant_", "val", val)
    return fill(tensor, np.full(checked("constant_", tensor).shape, value))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    >>> import tatamikomi as tk
    >>> tk.nn.init.zeros_(tk.tensor([1.0, 2.0])).numpy().tolist()
    [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    >>> import tatamikomi as tk
    >>> tk.nn.init.ones_(tk.tensor([3.0, 2.0])).numpy().tolist()
    [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in [-b, b), b = gain * sqrt(6 / (n_in + n_out)); also called `glorot_uniform_`.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.

    Raises:
        TypeError: tensor is not a Tensor, or gain not a number.
        ValueError: tensor has fewer than 2 axes.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.xavier_uniform_(tk.tensor(np.zeros((2, 4))))
    >>> bool((abs(w.numpy()) <= 1).all())
    True
    """
    n_in, n_out = fans("xavier_uniform_", tensor)
    bound = _factor("xavier_uniform_", gain) * math.sqrt(6.0 / max(n_in + n_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (n_in + n_out)); also called `glorot_normal_`.

    Source and errors: see `xavier_uniform_`.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.xavier_normal_(tk.tensor(np.zeros((50, 200))), generator=tk.Generator(1))
    >>> round(float(w.numpy().std()), 2)
    0.09
    """
    n_in, n_out = fans("xavier_normal_", tensor)
    std = _factor("xavier_normal_", gain) * math.sqrt(2.0 / max(n_in + n_out, 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in [-b, b), b = gain * sqrt(3 / n); also called `he_uniform_`.

    Args:
        tensor: (out, in, *kernel).
        a: the negative slope of a leaky ReLU after the layer; 0 is ReLU.
        mode: n is n_in for "fan_in", n_out for "fan_out".
        nonlinearity: the activation after the layer, see `calculate_gain`; `a` matters for "leaky_relu"
            alone.
        generator: where the numbers come from.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015.

    Raises:
        TypeError: tensor is not a Tensor, or a not a number.
        ValueError: fewer than 2 axes, unknown mode or nonlinearity.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.kaiming_uniform_(tk.tensor(np.zeros((2, 6))))
    >>> bool((abs(w.numpy()) <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(n); also called `he_normal_`.

    With the defaults this is sqrt(2 / n_in), made for ReLU. Arguments, source and errors: see
    `kaiming_uniform_`.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.kaiming_normal_(tk.tensor(np.zeros((50, 200))), generator=tk.Generator(1))
    >>> round(float(w.numpy().std()), 2)
    0.1
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation 1 / sqrt(n_in); some courses call this one Xavier.

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998.

    Raises:
        TypeError: tensor is not a Tensor.
        ValueError: tensor has fewer than 2 axes.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.lecun_normal_(tk.tensor(np.zeros((50, 200))), generator=tk.Generator(1))
    >>> round(float(w.numpy().std()), 2)
    0.07
    """
    n_in, _ = fans("lecun_normal_", tensor)
    return normal_(tensor, 0.0, 1.0 / math.sqrt(max(n_in, 1)), generator)


glorot_uniform_ = xavier_uniform_
glorot_normal_ = xavier_normal_
he_uniform_ = kaiming_uniform_
he_normal_ = kaiming_normal_


def _kaiming_std(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    n_in, n_out = fans(op, tensor)
    if mode not in ("fan_in", "fan_out"):
        raise unknown_name(op, "mode", mode, ["fan_in", "fan_out"])
    slope = checks.real(op, "a", a)
    gain = calculate_gain(nonlinearity, slope if nonlinearity == "leaky_relu" else None)
    return gain / math.sqrt(max(n_in if mode == "fan_in" else n_out, 1))


def _factor(op: str, gain: object) -> float:
    value = checks.real(op, "gain", gain)
    if value < 0:
        raise bad_value(op, "gain", value, "a number >= 0")
    return value
