"""Means of a model's weights over its training: EMA, fading, and SWA, equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from tatamikomi import kernels
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.optim import checks

Array = np.ndarray[Any, np.dtype[Any]]


class Average:
    """What EMA and SWA share: the averages beside the weights, the exchange of the two, the state.

    Args:
        parameters: Tensors, or an object that has the method `parameters`, such as a Module.
        use_buffers: average a module's float buffers, such as running means, too; without it those stay as they
            are while averages are applied.

    Attributes:
        updates: how often `update()` was called.

    Raises:
        TypeError: parameters holds something else, or use_buffers is set without a module.
        ValueError: no parameters, or one twice.
    """

    after: ClassVar[str]  # what a Trainer calls update() after: "step" or "epoch"

    def __init__(self, parameters: Any, use_buffers: bool = False) -> None:
        op = type(self).__name__
        with_buffers = checks.flag(op, "use_buffers", use_buffers)
        self._module = parameters if hasattr(parameters, "parameters") else None
        if self._module is None and (isinstance(parameters, Tensor) or not isinstance(parameters, Iterable)):
            raise bad_type(op, "parameters", type(parameters).__name__, "Tensors or a Module")
        if with_buffers and self._module is None:
            raise bad_type(op, "parameters", type(parameters).__name__, "a Module, whose buffers are averaged")
        self._params: list[Tensor] = list(parameters if self._module is None else self._module.parameters())
        self._with_buffers = with_buffers
        if not self._params:
            raise bad_value(op, "parameters", "none", "at least one Tensor")
        for param in self._params:
            if not isinstance(param, Tensor):
                raise bad_type(op, "parameters", type(param).__name__, "Tensors")
        if len({id(param) for param in self._params}) < len(self._params):
            raise bad_value(op, "parameters", "a Tensor twice", "every Tensor once")
        self.updates = 0
        self._averages = [weight.copy() for weight in self._weights()]
        self._applied = False

    def _weights(self) -> list[Array]:
        """The arrays that are averaged, as they are now."""
        weights = [param.data for param in self._params]
        if self._with_buffers and self._module is not None:
            weights += [buffer for buffer in self._module.buffers() if buffer.dtype.kind == "f"]
        return weights

    def _toward(self, part: float) -> None:
        """Every average goes this part of its way to the weight.

        A step down the slope of |average - weight|**2 / 2, which is average - weight: one kernel call per dtype.
        """
        alike: dict[Any, tuple[list[Array], list[Array]]] = {}
        for average, weight in zip(self._averages, self._weights(), strict=True):
            averages, weights = alike.setdefault(weight.dtype, ([], []))
            averages.append(average)
            weights.append(weight)
        for averages, weights in alike.values():
            kernels.sgd_step(averages, weights, lr=part, weight_decay=1.0, maximize=True)

    def _copy(self) -> None:
        for average, weight in zip(self._averages, self._weights(), strict=True):
            np.copyto(average, weight)

    def update(self) -> None:
        """Take the weights as they are now into the averages; after every step, or every epoch.

        Raises:
            RuntimeError: the averages are applied: they stand where the weights belong.
        """
        if self._applied:
            raise RuntimeError(f"{type(self).__name__}.update: the averages are applied; swap() them back first")
        self._move()
        self.updates += 1

    def _move(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _move()")

    def averages(self) -> list[Array]:
        """Copies of the averages, in the order of the parameters."""
        return [average.copy() for average in (self._weights() if self._applied else self._averages)]

    def swap(self) -> None:
        """Exchange averages and weights, in place; a second call puts both back."""
        for average, weight in zip(self._averages, self._weights(), strict=True):
            held = weight.copy()
            np.copyto(weight, average)
            np.copyto(average, held)
        for param in self._params:
            param.bump()
        self._applied = not self._applied

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside of the with block the model computes with the averages; the weights come back after it."""
        if self._applied:
            yield
            return
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: {"updates": count, "averages": copies}."""
        return {"updates": self.updates, "averages": self.averages()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken; all or nothing.

        Raises:
            TypeError, ValueError: a key is missing, or a number or a shape does not fit.
            RuntimeError: the averages are applied.
        """
        op = f"{type(self).__name__}.load_state_dict"
        if self._applied:
            raise RuntimeError(f"{op}: the averages are applied; swap() them back first")
        if not isinstance(state_dict, Mapping) or not {"updates", "averages"} <= set(state_dict):
            raise bad_value(op, "state_dict", type(state_dict).__name__, 'a mapping with "updates" and "averages"')
        updates = checks.integer(op, "updates", state_dict["updates"])
        given = [np.asarray(one) for one in state_dict["averages"]]
        if len(given) != len(self._averages):
            raise bad_value(op, "averages", f"{len(given)} arrays", f"{len(self._averages)}")
        for index, (array, average) in enumerate(zip(given, self._averages, strict=True)):
            if array.shape != average.shape:
                raise bad_value(op, f"averages[{index}]", f"shape {array.shape}", f"shape {average.shape}")
            if not np.can_cast(array.dtype, average.dtype, "same_kind"):
                raise bad_type(op, f"averages[{index}]", str(array.dtype), str(average.dtype))
        for array, average in zip(given, self._averages, strict=True):
            np.copyto(average, array, casting="same_kind")
        self.updates = updates


class EMA(Average):
    """The exponential moving average of weights: the last 1 / (1 - decay) steps or so, fading.

        average = decay * average + (1 - decay) * weight, from the weights at the beginning on

    Args:
        parameters: Tensors, or an object that has the method `parameters`, such as a Module.
        decay: from 0 to 1.
        warmup: begin with smaller decays, min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ..., so that the
            weights of the beginning are soon forgotten.
        use_buffers: average a module's float buffers, such as running means, too.

    Source: B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992; warmup:
    tf.train.ExponentialMovingAverage.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Average`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([4.0])
    >>> ema = tk.optim.EMA([w], decay=0.75)
    >>> w.data = [8.0]
    >>> ema.update()
    >>> with ema.applied():
    ...     print(w.item())
    5.0
    >>> w.item()
    8.0
    """

    after: ClassVar[str] = "step"

    def __init__(self, parameters: Any, decay: float = 0.999, warmup: bool = False, use_buffers: bool = False) -> None:
        self.decay = checks.part("EMA", "decay", decay)
        self.warmup = checks.flag("EMA", "warmup", warmup)
        super().__init__(parameters, use_buffers)

    def _move(self) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        self._toward(1 - decay)


class SWA(Average):
    """Stochastic weight averaging: the equal mean of the weights at every update.

    Args:
        parameters: Tensors, or an object that has the method `parameters`, such as a Module.
        start: how many updates at the beginning only copy the weights.
        use_buffers: average a module's float buffers, such as running means, too; otherwise
            `training.update_bn` computes those of batch normalisation anew for the averages.

    Source: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range, see `Average`.

    >>> import tatamikomi as tk
    >>> w = tk.nn.Parameter([4.0])
    >>> swa = tk.optim.SWA([w])
    >>> for value in (1.0, 2.0, 6.0):
    ...     w.data = [value]
    ...     swa.update()
    >>> swa.averages()[0].tolist()
    [3.0]
    """

    after: ClassVar[str] = "epoch"

    def __init__(self, parameters: Any, start: int = 0, use_buffers: bool = False) -> None:
        self.start = checks.integer("SWA", "start", start)
        super().__init__(parameters, use_buffers)

    def _move(self) -> None:
        averaged = self.updates - self.start
        if averaged <= 0:
            self._copy()
        else:
            self._toward(1 / (averaged + 1))
