"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.nn import checks, init
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


def init_weight_and_bias(weight: Parameter, bias: Parameter | None, generator: Generator | None) -> None:
    """torch's documented default: both uniform in [-b, b) with b = 1 / sqrt(n_in)."""
    n_in, _ = init.fans("init", weight)
    bound = 1.0 / math.sqrt(n_in) if n_in else 0.0
    init.uniform_(weight, -bound, bound, generator)
    if bias is not None:
        init.uniform_(bias, -bound, bound, generator)


class Linear(Module):
    """y = activation(x @ weight.T + bias).

    Args:
        in_features: size of the last axis of x.
        out_features: size of the last axis of y.
        bias: whether there is a bias.
        activation: "relu", computed in the same pass as the product, or None.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (..., in_features) -> y (..., out_features).

    Attributes:
        weight: (out_features, in_features), uniform in [-b, b) with b = 1 / sqrt(in_features).
        bias: (out_features,), drawn alike, or None.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a size is not positive or the activation unknown; at the call, what `functional.linear` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Linear(20, 30)(np.ones((128, 20), np.float32)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        activation: str | None = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features = checks.integer("Linear", "in_features", in_features)
        self.out_features = checks.integer("Linear", "out_features", out_features)
        self.activation = checks.activation("Linear", activation)
        kind = checks.floating("Linear", dtype)
        self.weight = Parameter(checks.zeros("Linear", "weight", (self.out_features, self.in_features), kind))
        self.bias = Parameter(np.zeros(self.out_features, kind)) if checks.flag("Linear", "bias", bias) else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        init_weight_and_bias(self.weight, self.bias, generator)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """x (..., in_features) -> (..., out_features).

        `activation` stands in for the layer's own where that is None.
        """
        return F.linear(x, self.weight, self.bias, activation=self.activation or activation)

    def extra_repr(self) -> str:
        """The sizes, as torch writes them."""
        text = f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        return text if self.activation is None else f"{text}, activation={self.activation!r}"


class Bilinear(Module):
    """y[k] = x1^T weight[k] x2 + bias[k].

    Args:
        in1_features, in2_features, out_features: sizes of the last axes of x1, x2 and y.
        bias: whether there is a bias.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x1 (..., in1_features) and x2 (..., in2_features) -> y (..., out_features).

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform in [-b, b) with b = 1 / sqrt(in1_features).
        bias: (out_features,), drawn alike, or None.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a size is not positive; at the call, what `functional.bilinear` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.Bilinear(3, 4, 5)(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)).shape
    (2, 5)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.in1_features = checks.integer("Bilinear", "in1_features", in1_features)
        self.in2_features = checks.integer("Bilinear", "in2_features", in2_features)
        self.out_features = checks.integer("Bilinear", "out_features", out_features)
        kind, shape = checks.floating("Bilinear", dtype), (self.out_features, self.in1_features, self.in2_features)
        self.weight = Parameter(checks.zeros("Bilinear", "weight", shape, kind))
        self.bias = Parameter(np.zeros(self.out_features, kind)) if checks.flag("Bilinear", "bias", bias) else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """x1 (..., in1_features), x2 (..., in2_features) -> (..., out_features)."""
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes, as torch writes them."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{sizes}, out_features={self.out_features}, bias={self.bias is not None}"
