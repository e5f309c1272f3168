"""Inputs that a unit of a network responds to most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, enable_grad, grad, tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.interpret.outputs import Kept, float_input
from tatamikomi.interpret.trace import zeros_for
from tatamikomi.interpret.untouched import untouched
from tatamikomi.nn import Module


class Maximised(NamedTuple):
    """What `maximise_activation` finds.

    Attributes:
        x: the input, of the shape that was asked for.
        values: the activation before every step, and after the last.
    """

    x: NDArray[Any]
    values: list[float]


def maximise_activation(
    model: Module,
    input_shape: Sequence[int],
    channel: int,
    *,
    layer: str = "",
    steps: int = 64,
    lr: float = 0.1,
    decay: float = 0.0,
    start: ArrayLike | Tensor | None = None,
    seed: int = 0,
) -> Maximised:
    """Climb from noise to an input that one channel of a layer responds to.

        a = mean over samples and positions of the layer's output in that channel
        x <- (1 - decay) * x + lr * g / rms(g),      g = da / dx

    Args:
        model: a Module, in evaluation mode here.
        input_shape: (N, C, *sizes) of its input.
        channel: of the layer's output (N, channels, ...); a class for the model's own.
        layer: the path of a module; "" is the model itself.
        steps: how many, >= 0.
        lr: how far each step goes, as root of the mean square over all elements; > 0.
        decay: the share of x that every step takes away, 0 <= decay < 1: keeps small what nothing speaks for.
        start: where to begin; normal noise of standard deviation 0.1 when None.
        seed: of the noise.

    Source: D. Erhan, Y. Bengio, A. Courville, P. Vincent, "Visualizing higher-layer features of a deep network",
    University of Montreal, 2009; the decay as in K. Simonyan et al., "Deep inside convolutional networks", 2014.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or out of range, no such layer or channel.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.models.create("lenet5", seed=0)
    >>> found = interpret.maximise_activation(net, (1, 1, 28, 28), 3, steps=5)
    >>> found.x.shape, found.values[-1] > found.values[0]
    ((1, 1, 28, 28), True)
    """
    op = "maximise_activation"
    for name, number, low in (("channel", channel, 0), ("steps", steps, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise bad_type(op, name, type(number).__name__, "an integer")
        if number < low:
            raise bad_value(op, name, number, f"an integer >= {low}")
    if not lr > 0 or not np.isfinite(lr):
        raise bad_value(op, "lr", lr, "a number > 0")
    if not 0 <= decay < 1:
        raise bad_value(op, "decay", decay, "0 <= decay < 1")
    values: list[float] = []
    with untouched(op, model), enable_grad():
        (zeros,) = zeros_for(op, model, input_shape, None)
        if start is None:
            x = (0.1 * np.random.default_rng(seed).standard_normal(zeros.shape)).astype(zeros.dtype)
        else:
            x = float_input(op, start).numpy().astype(zeros.dtype)
            if x.shape != zeros.shape:
                raise bad_value(op, "start", f"shape {x.shape}", f"shape {zeros.shape}")
        kept = Kept(op, model, layer)
        for step in range(int(steps) + 1):
            given = tensor(x, requires_grad=True)
            model(given)
            y = kept.output()
            if y.ndim < 2 or channel >= y.shape[1]:
                raise bad_value(op, "channel", channel, f"a channel of an output {y.shape}")
            activation = y[:, int(channel)].mean()
            values.append(float(activation))
            if step == steps:
                break
            (found,) = grad(activation, given, allow_unused=True) if activation.requires_grad else (None,)
            g = np.zeros_like(x) if found is None else found.numpy()
            size = float(np.sqrt(np.mean(np.square(g, dtype=np.float64))))
            x = (1 - decay) * x + (lr / size * g if size > 0 else 0)
            x = x.astype(zeros.dtype)
    return Maximised(x, values)
