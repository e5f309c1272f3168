"""Layers held still."""

from __future__ import annotations

from typing import TypeVar

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d

M = TypeVar("M", bound=Module)


def freeze_bn(module: M) -> M:
    """Hold the batch norms of a module still: they stay in evaluation mode and their weight and bias untrained.

    For fine-tuning on batches too small for statistics. Later calls of `module.train()` change nothing of it: each
    layer's `held_in_eval` is set. Optimizers skip parameters that get no gradient.

    Args:
        module: a batch norm, or any module that holds some.

    Returns:
        The module.

    Raises:
        TypeError: not a Module.
        ValueError: a batch norm without running statistics, which has nothing to evaluate with.

    >>> import tatamikomi as tk
    >>> net = tk.nn.Sequential(tk.nn.Conv2d(1, 2, 3), tk.nn.BatchNorm2d(2))
    >>> net = tk.nn.utils.freeze_bn(net).train()
    >>> net[0].training, net[1].training, net[1].weight.requires_grad
    (True, False, False)
    """
    if not isinstance(module, Module):
        raise bad_type("freeze_bn", "module", type(module).__name__, "a Module")
    layers = {
        path: one for path, one in module.named_modules() if isinstance(one, (BatchNorm1d, BatchNorm2d, BatchNorm3d))
    }
    for path, layer in layers.items():
        if layer.running_mean is None:
            raise bad_value("freeze_bn", "module", f"{path or type(layer).__name__} without", "running statistics")
    for layer in layers.values():
        layer.held_in_eval, layer.training = True, False
        layer.requires_grad_(False)
    return module
