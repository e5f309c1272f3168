"""tatamikomi (畳み込み, convolution): convolutional networks on NumPy arrays."""

from __future__ import annotations

from tatamikomi import autograd, data, functional, io, kernels, metrics, models, nn, optim, training
from tatamikomi._version import __version__
from tatamikomi.autograd import (
    Tensor,
    enable_grad,
    from_dlpack,
    gradcheck,
    gradgradcheck,
    no_grad,
    tensor,
)
from tatamikomi.kernels import (
    backend,
    empty_cache,
    get_backend,
    get_num_threads,
    memory_stats,
    set_backend,
    set_num_threads,
    show_config,
    threads,
)
from tatamikomi.random import Generator, default_generator, manual_seed
from tatamikomi.training import Trainer

__all__ = [
    "Generator",
    "Tensor",
    "Trainer",
    "__version__",
    "autograd",
    "backend",
    "data",
    "default_generator",
    "empty_cache",
    "enable_grad",
    "from_dlpack",
    "functional",
    "get_backend",
    "get_num_threads",
    "gradcheck",
    "gradgradcheck",
    "io",
    "kernels",
    "manual_seed",
    "memory_stats",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "optim",
    "set_backend",
    "set_num_threads",
    "show_config",
    "tensor",
    "threads",
    "training",
]
