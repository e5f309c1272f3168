"""Identities, orthogonal and sparse matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.init.common import checked, fill, source
from tatamikomi.random import Generator


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix (out, in) with the identity: 1 on the diagonal, 0 elsewhere.

    Source: torch.nn.init.eye_.

    Raises:
        TypeError: tensor is not a Tensor.
        ValueError: it has not 2 axes.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.init.eye_(tk.tensor(np.ones((2, 3)))).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    return fill(tensor, np.eye(*_matrix("eye_", tensor)))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight (out, in, *kernel) so that it hands on its input, as far as channels go.

    w[g * out / groups + c, c, k // 2, ...] = 1 in each group g for c < min(out / groups, in), 0 elsewhere.

    Args:
        tensor: 3 to 5 axes; `in` counts the channels of one group.
        groups: the convolution's groups, a divisor of `out`.

    Source: torch.nn.init.dirac_.

    Raises:
        TypeError: tensor is not a Tensor, or groups not an integer.
        ValueError: not 3 to 5 axes, or groups does not divide `out`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.init.dirac_(tk.tensor(np.zeros((2, 1, 3))), groups=2).numpy().tolist()
    [[[0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0]]]
    """
    shape = checked("dirac_", tensor).shape
    if not 3 <= len(shape) <= 5:
        raise bad_value("dirac_", "tensor", f"shape {shape}", "3 to 5 axes (out, in, *kernel)")
    count = checks.integer("dirac_", "groups", groups)
    if shape[0] % count:
        raise bad_value("dirac_", "groups", count, f"a divisor of {shape[0]} output channels")
    weight = np.zeros(shape)
    if weight.size:
        channels = np.arange(min(shape[0] // count, shape[1]))
        place: tuple[Any, ...] = (..., *(size // 2 for size in shape[2:]))
        middle = weight[place]  # (out, in), a view
        for first in range(0, shape[0], shape[0] // count):
            middle[first + channels, channels] = 1.0
    return fill(tensor, weight)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight, seen as a matrix (out, in * prod(kernel)), with gain times a random orthogonal one.

    Its rows are orthonormal, or its columns where it has more rows than columns: Q of a normal matrix's QR
    decomposition, each column with the sign of R's diagonal, so that all are equally probable.

    Source: A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014; F. Mezzadri, "How to generate random matrices from the classical
    compact groups", 2007, for the signs.

    Raises:
        TypeError: tensor is not a Tensor, or gain not a number.
        ValueError: tensor has fewer than 2 axes.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.orthogonal_(tk.tensor(np.zeros((2, 3)))).numpy()
    >>> bool(np.allclose(w @ w.T, np.eye(2)))
    True
    """
    shape = checked("orthogonal_", tensor).shape
    factor = checks.real("orthogonal_", "gain", gain)
    if len(shape) < 2:
        raise bad_value("orthogonal_", "tensor", f"shape {shape}", "at least 2 axes (out, in, *kernel)")
    rows, columns = shape[0], math.prod(shape[1:])
    normal = source("orthogonal_", generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diagonal(r) < 0, -factor, factor)
    return fill(tensor, (q if rows >= columns else q.T).reshape(shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix (out, in) with normal numbers, ceil(sparsity * out) of each column being 0 instead.

    Args:
        tensor: 2 axes.
        sparsity: the part of zeros in a column, 0 to 1.
        std: standard deviation of the others, >= 0; their mean is 0.
        generator: where the numbers come from.

    Source: J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, as in torch.nn.init.sparse_.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: not 2 axes, or sparsity or std is out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> w = tk.nn.init.sparse_(tk.tensor(np.ones((4, 3))), sparsity=0.5)
    >>> (w.numpy() == 0).sum(axis=0).tolist()
    [2, 2, 2]
    """
    rows, columns = _matrix("sparse_", tensor)
    part, width = checks.real("sparse_", "sparsity", sparsity), checks.real("sparse_", "std", std)
    if not 0 <= part <= 1:
        raise bad_value("sparse_", "sparsity", part, "a number from 0 to 1")
    if width < 0:
        raise bad_value("sparse_", "std", width, "a number >= 0")
    numbers = source("sparse_", generator)
    values = width * numbers.standard_normal((rows, columns))
    zeros = np.repeat(np.arange(rows)[:, None] < math.ceil(part * rows), columns, axis=1)
    return fill(tensor, np.where(numbers.permuted(zeros, axis=0), 0.0, values))


def _matrix(op: str, tensor: Tensor) -> tuple[int, int]:
    shape = checked(op, tensor).shape
    if len(shape) != 2:
        raise bad_value(op, "tensor", f"shape {shape}", "2 axes (out, in)")
    return shape[0], shape[1]
