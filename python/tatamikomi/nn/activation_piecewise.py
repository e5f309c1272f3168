"""Activation layers of straight pieces; `functional` has their formulas and sources."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.errors import bad_type
from tatamikomi.nn import checks
from tatamikomi.nn.activation_base import Elementwise, Inplace
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class ReLU6(Inplace):
    """y = min(max(x, 0), 6); arguments and errors as in `functional.relu6`.

    >>> import tatamikomi as tk
    >>> tk.nn.ReLU6()([-1.0, 2.0, 8.0]).tolist()
    [0.0, 2.0, 6.0]
    """

    function = staticmethod(F.relu6)


class Hardtanh(Elementwise):
    """y = x, held from min_val to max_val; arguments and errors as in `functional.hardtanh`.

    >>> import tatamikomi as tk
    >>> tk.nn.Hardtanh()([-3.0, 0.5]).tolist()
    [-1.0, 0.5]
    """

    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.keep(min_val=min_val, max_val=max_val, inplace=inplace)


class Hardsigmoid(Inplace):
    """y = (x + 3) / 6, held from 0 to 1; arguments and errors as in `functional.hardsigmoid`.

    >>> import tatamikomi as tk
    >>> tk.nn.Hardsigmoid()([-4.0, 0.0]).tolist()
    [0.0, 0.5]
    """

    function = staticmethod(F.hardsigmoid)


class Hardswish(Inplace):
    """y = x hardsigmoid(x); arguments and errors as in `functional.hardswish`.

    >>> import tatamikomi as tk
    >>> tk.nn.Hardswish()([0.0, 3.0]).tolist()
    [0.0, 3.0]
    """

    function = staticmethod(F.hardswish)


class LeakyReLU(Elementwise):
    """y = x where x > 0, else negative_slope x; arguments and errors as in `functional.leaky_relu`.

    >>> import tatamikomi as tk
    >>> tk.nn.LeakyReLU(0.5)([-2.0, 3.0]).tolist()
    [-1.0, 3.0]
    """

    function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.keep(negative_slope=negative_slope, inplace=inplace)


class PReLU(Module):
    """y = x where x > 0, else weight x, with a weight for each channel or one for all.

    Args:
        num_parameters: 1, or the channels of x.
        init: what the weights begin with.
        dtype: float32 (None) or float64, of the weights.

    Shape: (N, C, ...), or with one weight any shape -> the same.

    Attributes:
        weight: (num_parameters,)

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: num_parameters < 1; at the call, x has other channels.

    >>> import tatamikomi as tk
    >>> tk.nn.PReLU()([-4.0, 3.0]).tolist()
    [-1.0, 3.0]
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = checks.integer("PReLU", "num_parameters", num_parameters)
        self.init = checks.real("PReLU", "init", init)
        self.weight = Parameter(np.full(self.num_parameters, self.init, checks.floating("PReLU", dtype)))

    def reset_parameters(self) -> None:
        """Begin with `init` anew."""
        self.weight.copy_(np.full(self.num_parameters, self.init, self.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> the same."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """How many weights there are."""
        return f"num_parameters={self.num_parameters}"


class RReLU(Elementwise):
    """y = x where x > 0, else s x: in training s is drawn for each element, uniform from lower to upper.

    In evaluation s is (lower + upper) / 2. Arguments and errors as in `functional.rrelu`.

    >>> import tatamikomi as tk
    >>> tk.nn.RReLU(0.25, 0.75).eval()([-2.0, 3.0]).tolist()
    [-1.0, 3.0]
    """

    function = staticmethod(F.rrelu)
    generator: Generator | None = None

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        inplace: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if generator is not None and not isinstance(generator, Generator):
            raise bad_type("RReLU", "generator", type(generator).__name__, "a tatamikomi Generator or None")
        self.training = False  # nothing is drawn while the options are checked
        self.keep(lower=lower, upper=upper, inplace=inplace)
        self.training, self.generator = True, generator

    def forward(self, x: Any) -> Tensor:
        """Any shape -> the same."""
        return F.rrelu(x, self.lower, self.upper, self.training, self.inplace, self.generator)


class _Shrink(Elementwise):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.keep(lambd=lambd)

    def extra_repr(self) -> str:
        """The width, as torch writes it."""
        return f"{self.lambd}"


class Hardshrink(_Shrink):
    """y = 0 where -lambd <= x <= lambd, else x; arguments and errors as in `functional.hardshrink`.

    >>> import tatamikomi as tk
    >>> tk.nn.Hardshrink()([-2.0, 0.25]).tolist()
    [-2.0, 0.0]
    """

    function = staticmethod(F.hardshrink)


class Softshrink(_Shrink):
    """y = x moved towards 0 by lambd; arguments and errors as in `functional.softshrink`.

    >>> import tatamikomi as tk
    >>> tk.nn.Softshrink()([-2.0, 0.25]).tolist()
    [-1.5, 0.0]
    """

    function = staticmethod(F.softshrink)


class Threshold(Elementwise):
    """y = x where x > threshold, else value; arguments and errors as in `functional.threshold`.

    >>> import tatamikomi as tk
    >>> tk.nn.Threshold(0.5, -7.0)([0.5, 2.0]).tolist()
    [-7.0, 2.0]
    """

    function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.keep(threshold=threshold, value=value, inplace=inplace)


class Step(Elementwise):
    """y = 0 where x < 0, at_zero where x = 0, 1 where x > 0; arguments and errors as in `functional.step`.

    >>> import tatamikomi as tk
    >>> tk.nn.Step()([-2.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 1.0]
    """

    function = staticmethod(F.step)

    def __init__(self, at_zero: float = 0.0) -> None:
        super().__init__()
        self.keep(at_zero=at_zero)
