"""The neocognitron of 1980: a convolutional network before backpropagation, taught without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, as_tensor, no_grad
from tatamikomi.errors import bad_value
from tatamikomi.nn import Module, ModuleList, checks
from tatamikomi.random import Generator, default_generator

Array = NDArray[Any]
_LINES = np.array(
    [
        [[0, 0, 0], [1, 1, 1], [0, 0, 0]],
        [[0, 1, 0], [0, 1, 0], [0, 1, 0]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    ],
    np.float32,
)[:, None]


def _falling(size: int, width: float) -> NDArray[np.float32]:
    """(size, size), largest in the middle, of sum 1."""
    line = np.exp(-(((np.arange(size) - (size - 1) / 2) / width) ** 2) / 2)
    both = np.outer(line / line.sum(), line / line.sum())
    falling: NDArray[np.float32] = both.astype(np.float32)
    return falling


class SLayer(Module):
    """Planes of S-cells: each responds where it sees its feature, and inhibition makes it choosy.

        u = r relu((1 + sum a x) / (1 + 2 r / (1 + r) b v) - 1),  v = sqrt(sum c x^2)

    A well taught cell gives 1 for its feature and 0 for what has a correlation with it below r / (1 + r).

    Args:
        in_planes, planes: of x and of u.
        size: odd, of the square that a cell sees.
        r: how choosy.
        templates: (planes, in_planes, size, size) features that stay; None: small random ones, to be taught.
        generator: where these come from.

    Shape: x (N, in_planes, H, W) -> u (N, planes, H, W).
    """

    a: Array
    b: Array
    c: Array

    def __init__(
        self,
        in_planes: int,
        planes: int,
        size: int,
        r: float,
        templates: Array | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.r, self.fixed = checks.real("SLayer", "r", r), templates is not None
        shape = (planes, in_planes, size, size)
        self.register_buffer("c", np.broadcast_to(_falling(size, size / 3) / in_planes, (1, *shape[1:])).copy())
        self.register_buffer("a", np.zeros(shape, np.float32))
        self.register_buffer("b", np.zeros(planes, np.float32))
        if templates is None:
            numbers = (generator or default_generator()).numpy()
            self.a[...] = 1e-3 * self.c * (0.5 + numbers.random(shape))
        else:
            for plane, template in enumerate(templates):
                self.reinforce(plane, template)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_planes, H, W) -> (N, planes, H, W)."""
        around = self.c.shape[2] // 2
        seen = F.conv2d(x, self.a, padding=around)
        v = F.conv2d(as_tensor(x) * x, self.c, padding=around).clip(min=0.0).sqrt()
        inhibition = v * (2 * self.r / (1 + self.r) * self.b)[:, None, None]
        return F.relu((seen + 1.0) / (inhibition + 1.0) - 1.0) * self.r

    def reinforce(self, plane: int, patch: Array, q: float = 1e4) -> None:
        """Teach a plane what a cell of it sees, (in_planes, size, size): a += q c patch, b += q v / 2."""
        self.a[plane] += q * self.c[0] * patch
        self.b[plane] += q / 2 * np.sqrt((self.c[0] * patch**2).sum())

    def teach(self, x: Array) -> int:
        """One image (in_planes, H, W): the strongest cell teaches its plane; then, of the planes left, the strongest
        that is not near those before, and so on. How many did."""
        with no_grad():
            u = self.forward(as_tensor(x[None])).numpy()[0].copy()
        around = self.c.shape[2] // 2
        padded = np.pad(x, ((0, 0), (around, around), (around, around)))
        taught = 0
        while u.max(initial=0.0) > 0:
            plane, row, column = np.unravel_index(u.argmax(), u.shape)
            size = self.c.shape[2]
            self.reinforce(int(plane), padded[:, row : row + size, column : column + size])
            u[plane] = 0
            u[:, max(0, row - around) : row + around + 1, max(0, column - around) : column + around + 1] = 0
            taught += 1
        return taught


class CLayer(Module):
    """Planes of C-cells: each looks at S-cells of one plane around a place, so that a shift changes little.

        u = psi((1 + sum d s) / (1 + mean over planes of sum d s) - 1),  psi(x) = relu(x) / (0.5 + relu(x))

    Args:
        size: odd, of the square that a cell sees.
        stride: between the cells that are kept.

    Shape: s (N, planes, H, W) -> u (N, planes, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, size: int, stride: int) -> None:
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, s: Tensor) -> Tensor:
        """(N, planes, H, W) -> (N, planes, oH, oW)."""
        planes = s.shape[1]
        d = np.broadcast_to(self.size * _falling(self.size, self.size / 3), (planes, 1, self.size, self.size))
        seen = F.conv2d(s, d.copy(), stride=self.stride, padding=self.size // 2, groups=planes)
        x = F.relu((seen + 1.0) / (seen.mean(1, keepdim=True) + 1.0) - 1.0)
        return x / (x + 0.5)


class Neocognitron(Module):
    """Pairs of S- and C-layers; the first knows lines of four directions, the others are taught by `learn`.

    A small demonstration with the cells and the rule of learning of the paper; its sizes and constants are other ones,
    and lines are given where the paper teaches its first layer as well. No gradient is involved.

    Args:
        planes: of the taught layers; the last is how many patterns can be told apart.
        size: side of the images.
        r: how choosy the S-cells are, one number per layer.
        generator: of the weak features before teaching; the default Generator when None.

    Shape: x (N, 1, size, size), 0 to 1 -> (N, planes[-1]), how strongly each plane of the last layer responds.

    Raises:
        ValueError: not one r per layer; at the call, another shape.

    Source: K. Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition
    unaffected by shift in position", Biological Cybernetics 36, 193-202 (1980), equations 2 to 9.

    >>> import numpy as np, tatamikomi as tk
    >>> images = np.zeros((2, 1, 16, 16), np.float32)
    >>> images[0, 0, 4:12, 7] = images[1, 0, 7, 4:12] = 1
    >>> net = tk.models.Neocognitron(generator=tk.Generator(0))
    >>> net.learn(images)
    >>> net(images).shape
    (2, 8)
    """

    def __init__(
        self,
        planes: Sequence[int] = (32, 8),
        size: int = 16,
        r: Sequence[float] = (1.7, 2.5, 2.5),
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if len(r) != len(planes) + 1:
            raise bad_value("Neocognitron", "r", tuple(r), f"{len(planes) + 1} numbers, one per layer")
        self.size = checks.integer("Neocognitron", "size", size)
        counts = [len(_LINES), *planes]
        self.s_layers = ModuleList([SLayer(1, counts[0], 3, r[0], _LINES)])
        for before, count, choosy in zip(counts, counts[1:], r[1:], strict=False):
            self.s_layers.append(SLayer(before, count, 5, choosy, generator=generator))
        self.c_layers = ModuleList([CLayer(5, 2) for _ in counts])

    def _check(self, x: Any) -> Array:
        array = np.asarray(x.numpy() if isinstance(x, Tensor) else x, np.float32)
        if array.shape[1:] != (1, self.size, self.size):
            expected = f"(N, 1, {self.size}, {self.size})"
            raise bad_value("Neocognitron", "x", f"shape {array.shape}", expected)
        return array

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, size, size) -> (N, planes[-1])."""
        y = as_tensor(self._check(x))
        with no_grad():
            for s, c in zip(self.s_layers, self.c_layers, strict=True):
                y = c(s(y))
            return y.amax((2, 3))

    def learn(self, x: Any, rounds: int = 3) -> None:
        """Teach layer after layer: all images (N, 1, size, size) `rounds` times, each by the rule of `SLayer.teach`."""
        y = as_tensor(self._check(x))
        with no_grad():
            for s, c in zip(self.s_layers, self.c_layers, strict=True):
                assert isinstance(s, SLayer)
                for _ in range(0 if s.fixed else checks.integer("learn", "rounds", rounds)):
                    for image in y.numpy():
                        s.teach(image)
                y = c(s(y))
