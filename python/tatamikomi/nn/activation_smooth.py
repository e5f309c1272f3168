"""Activation layers with curves; `functional` has their formulas and sources."""

from __future__ import annotations

from tatamikomi import functional as F
from tatamikomi.nn.activation_base import Elementwise, Inplace


class ELU(Elementwise):
    """y = x where x > 0, else alpha (exp(x) - 1); arguments and errors as in `functional.elu`.

    >>> import tatamikomi as tk
    >>> tk.nn.ELU(0.5)([-100.0, 2.0]).tolist()
    [-0.5, 2.0]
    """

    function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.keep(alpha=alpha, inplace=inplace)


class CELU(Elementwise):
    """y = x where x > 0, else alpha (exp(x / alpha) - 1); arguments and errors as in `functional.celu`.

    >>> import tatamikomi as tk
    >>> tk.nn.CELU(0.5)([-100.0, 2.0]).tolist()
    [-0.5, 2.0]
    """

    function = staticmethod(F.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.keep(alpha=alpha, inplace=inplace)


class SELU(Inplace):
    """y = 1.0507 x where x > 0, else 1.7581 (exp(x) - 1); arguments and errors as in `functional.selu`.

    >>> import tatamikomi as tk
    >>> tk.nn.SELU()([0.0]).tolist()
    [0.0]
    """

    function = staticmethod(F.selu)


class GELU(Elementwise):
    """y = x P(x), P the normal distribution; arguments and errors as in `functional.gelu`.

    >>> import tatamikomi as tk
    >>> tk.nn.GELU("tanh")([0.0, 100.0]).tolist()
    [0.0, 100.0]
    """

    function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.keep(approximate=approximate)


class SiLU(Inplace):
    """y = x / (1 + exp(-x)); arguments and errors as in `functional.silu`.

    >>> import tatamikomi as tk
    >>> tk.nn.SiLU()([0.0, 100.0]).tolist()
    [0.0, 100.0]
    """

    function = staticmethod(F.silu)


class Mish(Inplace):
    """y = x tanh(log(1 + exp(x))); arguments and errors as in `functional.mish`.

    >>> import tatamikomi as tk
    >>> tk.nn.Mish()([0.0, 100.0]).tolist()
    [0.0, 100.0]
    """

    function = staticmethod(F.mish)


class Softplus(Elementwise):
    """y = log(1 + exp(beta x)) / beta; arguments and errors as in `functional.softplus`.

    >>> import tatamikomi as tk
    >>> tk.nn.Softplus()([-1000.0, 1000.0]).tolist()
    [0.0, 1000.0]
    """

    function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.keep(beta=beta, threshold=threshold)


class LogSigmoid(Elementwise):
    """y = log(1 / (1 + exp(-x))).

    >>> import tatamikomi as tk
    >>> tk.nn.LogSigmoid()([-1000.0]).tolist()
    [-1000.0]
    """

    function = staticmethod(F.logsigmoid)


class Softsign(Elementwise):
    """y = x / (1 + |x|).

    >>> import tatamikomi as tk
    >>> tk.nn.Softsign()([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """

    function = staticmethod(F.softsign)


class Tanhshrink(Elementwise):
    """y = x - tanh(x).

    >>> import tatamikomi as tk
    >>> tk.nn.Tanhshrink()([-100.0, 0.0]).tolist()
    [-99.0, 0.0]
    """

    function = staticmethod(F.tanhshrink)
