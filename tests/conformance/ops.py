"""Which of torch's operator records are run, and what is known to be different, with the reason."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import tatamikomi as tk

PREFIX = "nn.functional."
# Records outside of torch.nn.functional for functions that are in it too.
OTHERS = ("log_softmax", "sigmoid", "softmax", "tanh")

# Records that are not run though a function of their name exists: (name, variant), and why.
LEFT_OUT: dict[tuple[str, str], str] = {
    ("silu", "complex"): "complex numbers",
    ("batch_norm", "without_cudnn"): "the same samples as batch_norm",
}

# Functions whose first argument torch's records give in another place.
ARRANGED: dict[str, Callable[..., Any]] = {
    "embedding": lambda weight, indices, **options: tk.functional.embedding(indices, weight, **options),
}

# What a drawn mask may do: the samples' values differ from torch's by nature.
RANDOM = (
    "alpha_dropout",
    "dropout",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "rrelu",
)


@dataclass(frozen=True)
class Difference:
    """Samples that are allowed to fail: `matches` tells them by their arguments."""

    op: str
    reason: str
    matches: Callable[[Any], bool]


# Differences from torch that are meant.
DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "conv3d",
        '`padding="same"` works with strides here',
        lambda sample: sample.kwargs.get("padding") == "same" and sample.kwargs.get("stride") == 2,
    ),
    Difference(
        "batch_norm",
        "an input without a channel dimension is refused",
        lambda sample: sample.input.ndim == 1,
    ),
)


@dataclass(frozen=True)
class Op:
    """One record of torch's and our function of that name."""

    info: Any
    name: str

    @property
    def title(self) -> str:
        variant = self.info.variant_test_name
        return f"{self.name} ({variant})" if variant else self.name

    @property
    def function(self) -> Callable[..., Any]:
        function: Callable[..., Any] = ARRANGED.get(self.name) or getattr(tk.functional, self.name)
        return function

    @property
    def dtype(self) -> Any:
        """float64, or integers for what takes nothing else."""
        import torch

        return torch.float64 if torch.float64 in self.info.supported_dtypes("cpu") else torch.int64


@cache
def records() -> tuple[Any, ...]:
    """torch's records of functions of torch.nn.functional."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return tuple(info for info in op_db if info.name.startswith(PREFIX) or info.name in OTHERS)


def known() -> list[Op]:
    """The records of functions that tatamikomi has."""
    found = [Op(info, info.name.removeprefix(PREFIX)) for info in records()]
    ours = [
        op for op in found if hasattr(tk.functional, op.name) and (op.name, op.info.variant_test_name) not in LEFT_OUT
    ]
    return sorted(ours, key=lambda op: op.title)


def absent() -> list[str]:
    """The functions that torch has records of and tatamikomi does not have."""
    return sorted({info.name.removeprefix(PREFIX) for info in records()} - set(tk.functional.__all__))
