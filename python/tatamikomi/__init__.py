"""tatamikomi (畳み込み, convolution): convolutional networks on NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tatamikomi import autograd, io, kernels
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
    explain_conv,
    get_backend,
    get_conv_algorithm,
    get_num_threads,
    get_workspace_limit,
    memory_stats,
    set_backend,
    set_conv_algorithm,
    set_num_threads,
    set_workspace_limit,
    show_config,
    threads,
)
from tatamikomi.random import Generator, default_generator, manual_seed

if TYPE_CHECKING:
    from tatamikomi import course, data, ensemble, functional, interpret, metrics, models, nn, optim, training
    from tatamikomi.interpret import receptive_field, summary
    from tatamikomi.training import Trainer

__all__ = [
    "Generator",
    "Tensor",
    "Trainer",
    "__version__",
    "autograd",
    "backend",
    "course",
    "data",
    "default_generator",
    "empty_cache",
    "enable_grad",
    "ensemble",
    "explain_conv",
    "from_dlpack",
    "functional",
    "get_backend",
    "get_conv_algorithm",
    "get_num_threads",
    "get_workspace_limit",
    "gradcheck",
    "gradgradcheck",
    "interpret",
    "io",
    "kernels",
    "manual_seed",
    "memory_stats",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "optim",
    "receptive_field",
    "set_backend",
    "set_conv_algorithm",
    "set_num_threads",
    "set_workspace_limit",
    "show_config",
    "summary",
    "tensor",
    "threads",
    "training",
]

# Arrays and gradients need none of these: each is imported when it is first asked for.
_LAZY_ROOMS = ("course", "data", "ensemble", "functional", "interpret", "metrics", "models", "nn", "optim", "training")
_LAZY_NAMES = {"Trainer": "training", "receptive_field": "interpret", "summary": "interpret"}

if not TYPE_CHECKING:  # a type checker would take any name for one of the package's

    def __getattr__(name: str) -> object:
        import importlib

        if name in _LAZY_ROOMS:
            return importlib.import_module(f"tatamikomi.{name}")
        if name in _LAZY_NAMES:
            globals()[name] = getattr(importlib.import_module(f"tatamikomi.{_LAZY_NAMES[name]}"), name)
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
