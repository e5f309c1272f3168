"""Groups of parameters for optimizers, made from named parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type
from tatamikomi.optim import checks


def no_decay_groups(
    named_parameters: Any, weight_decay: float, *, skip: Callable[[str], bool] | None = None
) -> list[dict[str, Any]]:
    """Two groups for an optimizer: weights with weight decay, biases and norm layers' parameters without.

    What has one axis or none is taken for a bias or a scale: shrinking those does not make a network simpler.

    Args:
        named_parameters: pairs (name, Tensor), such as `model.named_parameters()`, or an object that has the method
            `named_parameters`, such as a Module.
        weight_decay: of the first group, >= 0.
        skip: whether a parameter of this name is to have no decay either, such as a position embedding.

    Returns:
        [{"params": ..., "weight_decay": weight_decay}, {"params": ..., "weight_decay": 0.0}], frozen parameters left
        out; a group that would be empty, too.

    Raises:
        TypeError: named_parameters holds something else.
        ValueError: weight_decay is out of range.

    >>> import tatamikomi as tk
    >>> net = tk.nn.Sequential(tk.nn.Conv2d(1, 4, 3), tk.nn.BatchNorm2d(4))
    >>> groups = tk.optim.no_decay_groups(net, 0.05)
    >>> [(group["weight_decay"], len(group["params"])) for group in groups]
    [(0.05, 1), (0.0, 3)]
    >>> optimizer = tk.optim.AdamW(groups, lr=1e-3)
    """
    op = "no_decay_groups"
    decay = checks.number(op, "weight_decay", weight_decay)
    pairs = named_parameters.named_parameters() if hasattr(named_parameters, "named_parameters") else named_parameters
    if not isinstance(pairs, Iterable) or isinstance(pairs, Tensor):
        raise bad_type(op, "named_parameters", type(pairs).__name__, "pairs (name, Tensor)")
    decayed: list[Tensor] = []
    kept: list[Tensor] = []
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Tensor)):
            raise bad_type(op, "named_parameters", type(pair).__name__, "pairs (name, Tensor)")
        name, param = pair
        if param.requires_grad:
            plain = param.ndim <= 1 or (skip is not None and skip(name))
            (kept if plain else decayed).append(param)
    groups = [{"params": decayed, "weight_decay": decay}, {"params": kept, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
