"""Activations with curves: ELU and its kin, GELU, SiLU, Mish, softplus, log-sigmoid, softsign, tanhshrink."""

from __future__ import annotations

import math

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.functional.activation_kinds import apply
from tatamikomi.functional.inputs import TensorLike, own_names
from tatamikomi.kernels.scalars import as_number, as_real

# Fixed by the paper: activations keep mean 0 and variance 1 from layer to layer.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@own_names(half=True)
def elu(input: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha (exp(input) - 1).

    Args:
        input: any shape, float32 or float64.
        alpha: the limit far below 0 is -alpha.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype, or alpha is no number.

    Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential
    linear units (ELUs)", ICLR 2016, arXiv:1511.07289.

    >>> import tatamikomi as tk
    >>> tk.functional.elu([-100.0, 0.0, 2.0], alpha=0.5)
    tensor([-0.5,  0. ,  2. ])
    """
    return apply("elu", input, "elu", 1.0, as_real("elu", "alpha", alpha), inplace)


@own_names(half=True)
def celu(input: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha (exp(input / alpha) - 1): an ELU whose slope is continuous.

    Args:
        input: any shape, float32 or float64.
        alpha: > 0; the limit far below 0 is -alpha.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype, or alpha is no number.
        ValueError: alpha is not positive.

    Source: J. T. Barron, "Continuously differentiable exponential linear units", arXiv:1704.07483.

    >>> import tatamikomi as tk
    >>> tk.functional.celu([-100.0, 0.0, 2.0], alpha=0.5)
    tensor([-0.5,  0. ,  2. ])
    """
    a = as_number("celu", "alpha", alpha)
    if a == 0:
        raise bad_value("celu", "alpha", alpha, "a number > 0")
    return apply("celu", input, "celu", a, inplace=inplace)


@own_names(half=True)
def selu(input: TensorLike, inplace: bool = False) -> Tensor:
    """scale times ELU with alpha; scale = 1.0507 and alpha = 1.6733 keep mean 0 and variance 1 across layers.

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", NeurIPS 2017,
    arXiv:1706.02515.

    >>> import tatamikomi as tk
    >>> [round(one, 4) for one in tk.functional.selu([-100.0, 0.0, 1.0]).tolist()]
    [-1.7581, 0.0, 1.0507]
    """
    return apply("selu", input, "elu", SELU_SCALE, SELU_SCALE * SELU_ALPHA, inplace)


@own_names(half=True)
def gelu(input: TensorLike, *, approximate: str = "none") -> Tensor:
    """input times the normal distribution at input, x P(x) with P(x) = (1 + erf(x / sqrt(2))) / 2.

    "tanh" approximates P(x) by (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2.

    Args:
        input: any shape, float32 or float64.
        approximate: "none" or "tanh".

    Raises:
        TypeError: another dtype.
        ValueError: another name.

    Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.

    >>> import tatamikomi as tk
    >>> [round(one, 4) for one in tk.functional.gelu([-1.0, 0.0, 1.0]).tolist()]
    [-0.1587, 0.0, 0.8413]
    """
    if approximate not in ("none", "tanh"):
        raise unknown_name("gelu", "approximate", approximate, ["none", "tanh"])
    return apply("gelu", input, "gelu" if approximate == "none" else "gelu_tanh")


@own_names(half=True)
def silu(input: TensorLike, inplace: bool = False) -> Tensor:
    """input * sigmoid(input), also known as swish.

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", Neural Networks 107, 2018, arXiv:1702.03118.

    >>> import tatamikomi as tk
    >>> [round(one, 4) for one in tk.functional.silu([0.0, 1.0]).tolist()]
    [0.0, 0.7311]
    """
    return apply("silu", input, "silu", inplace=inplace)


@own_names(half=True)
def mish(input: TensorLike, inplace: bool = False) -> Tensor:
    """input * tanh(log(1 + exp(input))).

    Args:
        input: any shape, float32 or float64.
        inplace: overwrite the input where no gradient and no array of the user's can notice.

    Raises:
        TypeError: another dtype.

    Source: D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020, arXiv:1908.08681.

    >>> import tatamikomi as tk
    >>> tk.functional.mish([0.0, 100.0])
    tensor([  0., 100.])
    """
    return apply("mish", input, "mish", inplace=inplace)


@own_names(half=True)
def softplus(input: TensorLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta: a smooth ReLU. Where beta * input > threshold, the input itself.

    Args:
        input: any shape, float32 or float64.
        beta: how sharp the bend is; not 0.
        threshold: where the line begins.

    Raises:
        TypeError: another dtype, or an option that is no number.
        ValueError: beta is 0.

    Source: C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing", NIPS 2000.

    >>> import tatamikomi as tk
    >>> [round(one, 4) for one in tk.functional.softplus([-1000.0, 0.0, 30.0]).tolist()]
    [0.0, 0.6931, 30.0]
    """
    rate, line = as_number("softplus", "beta", beta, low=-math.inf), as_real("softplus", "threshold", threshold)
    if rate == 0:
        raise bad_value("softplus", "beta", beta, "a number other than 0")
    return apply("softplus", input, "softplus", rate, line)


@own_names(half=True)
def logsigmoid(input: TensorLike) -> Tensor:
    """log(1 / (1 + exp(-input))), which neither overflows nor loses the digits of a result near 0.

    Args:
        input: any shape, float32 or float64.

    Raises:
        TypeError: another dtype.

    >>> import tatamikomi as tk
    >>> [round(one, 4) for one in tk.functional.logsigmoid([-1000.0, 0.0]).tolist()]
    [-1000.0, -0.6931]
    """
    return apply("logsigmoid", input, "softplus", -1.0, math.inf)  # log(1 + exp(-x)) / -1, without a line


@own_names(half=True)
def softsign(input: TensorLike) -> Tensor:
    """input / (1 + |input|).

    Args:
        input: any shape, float32 or float64.

    Raises:
        TypeError: another dtype.

    Source: J. Turian, J. Bergstra, Y. Bengio, "Quadratic features and deep architectures for chunking", NAACL 2009.

    >>> import tatamikomi as tk
    >>> tk.functional.softsign([-1.0, 3.0])
    tensor([-0.5 ,  0.75])
    """
    return apply("softsign", input, "softsign")


@own_names(half=True)
def tanhshrink(input: TensorLike) -> Tensor:
    """input - tanh(input).

    Args:
        input: any shape, float32 or float64.

    Raises:
        TypeError: another dtype.

    >>> import tatamikomi as tk
    >>> tk.functional.tanhshrink([-100.0, 0.0, 100.0])
    tensor([-99.,   0.,  99.])
    """
    return apply("tanhshrink", input, "tanhshrink")
