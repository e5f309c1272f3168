"""Batch normalisation layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.errors import bad_value
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module

Array = np.ndarray[Any, np.dtype[Any]]


_MOMENTUM = 0.1  # this very object stands for "not given"


def _chosen_momentum(op: str, momentum: float | None, decay: float | None) -> float | None:
    """The weight of the newest batch: `momentum`, or 1 - `decay`, of which one may be given."""
    if decay is not None:
        if momentum is not _MOMENTUM:
            raise bad_value(op, "decay", f"decay={decay} and momentum={momentum}", "one of them: decay is 1 - momentum")
        kept = checks.real(op, "decay", decay)
        if not 0 <= kept <= 1:
            raise bad_value(op, "decay", kept, "a number from 0 to 1")
        return 1 - kept
    if momentum is None:
        return None
    newest = checks.real(op, "momentum", momentum)
    if not 0 <= newest <= 1:
        raise bad_value(op, "momentum", newest, "a number from 0 to 1, or None")
    return newest


class ChannelNorm(Module):
    """What batch and instance normalisation share: parameters per channel, perhaps running statistics."""

    ranks: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Array | None
    running_var: Array | None
    num_batches_tracked: Array | None

    def __init__(
        self, num_features: int, eps: float, affine: bool, bias: bool, track_running_stats: bool, dtype: Any
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.num_features = checks.integer(op, "num_features", num_features)
        self.eps = checks.real(op, "eps", eps)
        if self.eps < 0:
            raise bad_value(op, "eps", self.eps, "a number >= 0")
        self.affine = checks.flag(op, "affine", affine)
        self.track_running_stats = checks.flag(op, "track_running_stats", track_running_stats)
        kind, size = checks.floating(op, dtype), self.num_features
        self.weight = Parameter(np.ones(size, kind)) if self.affine else None
        self.bias = Parameter(np.zeros(size, kind)) if checks.flag(op, "bias", bias) and self.affine else None
        track = self.track_running_stats
        self.register_buffer("running_mean", np.zeros(size, kind) if track else None)
        self.register_buffer("running_var", np.ones(size, kind) if track else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track else None)


class _BatchNorm(ChannelNorm):
    """What BatchNorm1d, BatchNorm2d and BatchNorm3d share: all but the number of axes."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = _MOMENTUM,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        decay: float | None = None,
        activation: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, affine, bias, track_running_stats, dtype)
        op = type(self).__name__
        self.momentum = _chosen_momentum(op, momentum, decay)
        self.activation = checks.activation(op, activation)

    def forward(self, x: Tensor, activation: str | None = None) -> Tensor:
        """x (N, num_features, *spatial) -> the same shape, normalised per channel.

        `activation` stands in for the layer's own where that is None.
        """
        if np.ndim(x) not in self.ranks:
            expected = " or ".join(f"{rank} axes" for rank in self.ranks)
            raise bad_value("batch_norm", "x", f"shape {np.shape(x)}", expected)
        use_batch = self.training or self.running_mean is None
        if use_batch and math.prod(np.shape(x)) == np.shape(x)[1]:
            remedies = "a larger batch, eval() or nn.utils.freeze_bn(), or GroupNorm or LayerNorm, which need no batch"
            one = f"a batch of shape {np.shape(x)}, one value per channel"
            raise bad_value(
                "batch_norm", "input", one, f"more than one value per channel to train on; remedies: {remedies}"
            )
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.momentum is None and self.num_batches_tracked is not None:
            momentum = 1.0 / (int(self.num_batches_tracked) + 1)  # the plain mean over all batches so far
        arrays = (self.running_mean, self.running_var, self.weight, self.bias)
        y = F.batch_norm(x, *arrays, use_batch, momentum, self.eps, self.activation or activation)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        return y

    def extra_repr(self) -> str:
        """The options, as torch writes them."""
        text = (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )
        if self.affine and self.bias is None:
            text += ", bias=False"
        return text if self.activation is None else text + f", activation={self.activation!r}"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors or sequences; arguments, attributes and errors as in `BatchNorm2d`.

    Shape: x (N, num_features) or (N, num_features, L) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.BatchNorm1d(3)(np.ones((5, 3), np.float32)).shape
    (5, 3)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images, per channel.

    y = (x - mean) / sqrt(var + eps) * weight + bias. In training, mean and (biased) var are those of the
    batch, and running = (1 - momentum) * running + momentum * of the batch (its unbiased var); in evaluation
    they are the running ones.

    Args:
        num_features: channels of x.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics, 0.1 by default; None keeps their plain mean
            over all batches.
        affine: whether there are weight and bias.
        track_running_stats: False uses the batch's own statistics in evaluation too.
        bias: False leaves the bias out.
        decay: 1 - momentum, as Keras and TensorFlow call `momentum`: weight of the running statistics as they were.
            One of the two may be given.
        activation: None, or "relu": max(y, 0) in the same passes, forward and backward.
        dtype: float32 (None) or float64, of parameters and buffers.

    Shape: x (N, num_features, H, W) -> the same.

    Attributes:
        weight, bias: (num_features,) ones and zeros, or None.
        running_mean, running_var: buffers (num_features,), zeros and ones, or None.
        num_batches_tracked: buffer () int64, or None.

    Source: S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range, or momentum and decay are both given; at the call, x has another number
            of axes or channels, or one value per channel to train on.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.BatchNorm2d(3)
    >>> layer(np.ones((5, 3, 4, 4), np.float32)).shape
    (5, 3, 4, 4)
    >>> layer.running_mean.round(3).tolist()
    [0.1..., 0.1..., 0.1...]
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes; arguments, attributes and errors as in `BatchNorm2d`.

    Shape: x (N, num_features, D, H, W) -> the same.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.BatchNorm3d(3)(np.ones((5, 3, 2, 2, 2), np.float32)).shape
    (5, 3, 2, 2, 2)
    """

    ranks = (5,)
