"""Running statistics of batch normalisation, computed anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.autograd import as_tensor, no_grad
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Module
from tatamikomi.training.batches import expect_iterable


def update_bn(loader: Any, model: Module) -> None:
    """Fill the running statistics of a model's batch normalisation with the plain means over all batches of a loader.

    Layers that `nn.utils.freeze_bn` holds still keep theirs.

    For weights that were never trained as they are, such as those of `optim.SWA`:

        with swa.applied():
            training.update_bn(train_loader, model)
            ...

    Args:
        loader: batches x or (x, labels), as a Trainer takes them.
        model: the Module; its modes and weights stay as they are.

    Source: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, in the
    form of torch.optim.swa_utils.update_bn.

    Raises:
        TypeError: model is no Module, or loader not iterable.
        ValueError: loader gives no batch.

    >>> import numpy as np, tatamikomi as tk
    >>> model = tk.nn.Sequential(tk.nn.BatchNorm1d(1))
    >>> tk.training.update_bn([np.array([[1.0], [3.0]], np.float32)], model)
    >>> model[0].running_mean.tolist(), model[0].running_var.tolist()
    ([2.0], [2.0])
    """
    if not isinstance(model, Module):
        raise bad_type("update_bn", "model", type(model).__name__, "a Module")
    expect_iterable("update_bn", "loader", loader)
    norms = [
        one
        for one in model.modules()
        if isinstance(one, (BatchNorm1d, BatchNorm2d, BatchNorm3d))
        and one.running_mean is not None
        and not one.held_in_eval
    ]
    if not norms:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [norm.momentum for norm in norms]
    batches = 0
    for norm in norms:
        for array, value in ((norm.running_mean, 0), (norm.running_var, 1), (norm.num_batches_tracked, 0)):
            np.copyto(array, value)  # type: ignore[arg-type]
        norm.momentum = None  # the plain mean
    model.train()
    try:
        with no_grad():
            for batch in loader:
                model(as_tensor(batch[0] if isinstance(batch, (tuple, list)) else batch))
                batches += 1
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode
    if not batches:
        raise bad_value("update_bn", "loader", "no samples", "at least one batch")
