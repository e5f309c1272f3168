"""Optimizer steps on lists of arrays: one call updates every parameter in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import _native
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array, as_float
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer, as_number


def _listed(op: str, argument: str, arrays: object, like: Sequence[object] | None = None) -> list[object]:
    """`arrays` as a list, as long as `like`."""
    if not isinstance(arrays, (list, tuple)):
        raise bad_type(op, argument, type(arrays).__name__, "a list of arrays")
    if like is not None and len(arrays) != len(like):
        raise bad_value(op, argument, f"{len(arrays)} arrays", f"{len(like)} arrays, one per parameter")
    return list(arrays)


def _fits(op: str, argument: str, i: int, array: Array, first: Array, like: Array) -> None:
    if array.dtype != first.dtype:
        raise bad_type(op, f"{argument}[{i}]", str(array.dtype), f"{first.dtype} as params[0]")
    if array.shape != like.shape:
        raise bad_value(op, f"{argument}[{i}]", f"shape {array.shape}", f"shape {like.shape} as its parameter")


def _updated(op: str, argument: str, arrays: object, params: list[Array] | None = None) -> list[Array]:
    """Arrays that a step writes into as they are."""
    checked: list[Array] = []
    like = params if params is not None else checked
    for i, array in enumerate(_listed(op, argument, arrays, params)):
        if not isinstance(array, np.ndarray):
            raise bad_type(op, f"{argument}[{i}]", type(array).__name__, "an ndarray, which is updated in place")
        dtype = array.dtype
        if dtype.kind != "f" or dtype.itemsize not in (4, 8):
            raise bad_type(op, f"{argument}[{i}]", str(dtype), "float32 or float64")
        if not (array.flags.carray and dtype.isnative):
            rule = "a writable, aligned, C-contiguous array in native byte order"
            given = "a read-only array" if not array.flags.writeable else "another layout"
            raise bad_value(op, f"{argument}[{i}]", given, rule)
        checked.append(array)
        _fits(op, argument, i, array, like[0], like[i])
    return checked


def _gradients(op: str, grads: object, params: list[Array]) -> list[Array]:
    checked: list[Array] = []
    for i, grad in enumerate(_listed(op, "grads", grads, params)):
        array = as_float(op, f"grads[{i}]", grad)  # type: ignore[arg-type]
        _fits(op, "grads", i, array, params[0], params[i])
        checked.append(array)
    return checked


def _refuse_overlap(op: str, updated: dict[str, list[Array]], grads: list[Array]) -> None:
    """What is written shares memory with nothing else; gradients may share theirs among themselves."""
    written = [array for arrays in updated.values() for array in arrays]
    pair = _native.find_overlap(written, grads)
    if pair is not None:
        names = [f"{name}[{i}]" for name, arrays in updated.items() for i in range(len(arrays))]
        names += [f"grads[{i}]" for i in range(len(grads))]
        raise bad_value(op, names[pair[0]], f"memory shared with {names[pair[1]]}", "memory of its own")


def sgd_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    velocities: Sequence[Array] | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
) -> None:
    """One step of stochastic gradient descent, in place.

        g = grad + weight_decay * w
        v = g at the first step, momentum * v + (1 - dampening) * g afterwards
        w = w - lr * (g if momentum = 0, g + momentum * v if nesterov, else v)

    Args:
        params: the arrays w, updated in place: C-contiguous, writable, of one dtype, float32 or float64.
        grads: one per parameter, its shape and dtype.
        velocities: the arrays v, one per parameter, updated in place; not used where momentum is 0.
        lr, momentum, dampening, weight_decay: >= 0.
        nesterov: needs momentum > 0 and dampening = 0.
        first: velocities hold nothing yet.

    Raises:
        TypeError: an argument is of the wrong kind or dtype; the message names the index in its list.
        ValueError: lists, shapes or options do not fit together, an array cannot be updated in place, or arrays
            that are written share memory with others.

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013,
    in the form of torch.optim.SGD.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w = np.array([1.0, 2.0])
    >>> tk.kernels.sgd_step([w], [np.array([1.0, 0.0])], lr=0.5)
    >>> w.tolist()
    [0.5, 2.0]
    """
    op = "sgd_step"
    rate, friction = as_number(op, "lr", lr), as_number(op, "momentum", momentum)
    damp, decay = as_number(op, "dampening", dampening), as_number(op, "weight_decay", weight_decay)
    if nesterov and not (friction > 0 and damp == 0):
        given = f"momentum={momentum}, dampening={dampening}"
        raise bad_value(op, "nesterov", given, "momentum > 0 and dampening = 0")
    weights = _updated(op, "params", params)
    gradients = _gradients(op, grads, weights)
    buffers = _updated(op, "velocities", velocities, weights) if friction else []
    _refuse_overlap(op, {"params": weights, "velocities": buffers}, gradients)
    active().sgd_step(weights, gradients, buffers, rate, friction, damp, decay, bool(nesterov), bool(first))


def adam_step(
    params: Sequence[Array],
    grads: Sequence[ArrayLike],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """One step of Adam, or of AdamW if decoupled, in place.

        g = grad + weight_decay * w                    (decoupled: g = grad, and w *= 1 - lr * weight_decay)
        m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**step)) / (sqrt(v / (1 - beta2**step)) + eps)

    Args:
        params: the arrays w, updated in place: C-contiguous, writable, of one dtype, float32 or float64.
        grads: one per parameter, its shape and dtype.
        exp_avgs, exp_avg_sqs: the arrays m and v, one each per parameter, zeros before the first step.
        step: number of this step, 1 for the first.
        lr, eps, weight_decay: >= 0.
        betas: (beta1, beta2), each >= 0 and < 1.
        decoupled: AdamW's weight decay.

    Raises:
        TypeError: an argument is of the wrong kind or dtype; the message names the index in its list.
        ValueError: lists, shapes or options do not fit together, an array cannot be updated in place, or arrays
            that are written share memory with others.

    Source: D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; I. Loshchilov,
    F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> tk.kernels.adam_step([w], [np.array([3.0])], [m], [v], step=1, lr=0.5, eps=0.0)
    >>> w.tolist()
    [0.5]
    """
    op = "adam_step"
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise bad_type(op, "betas", betas, "two numbers (beta1, beta2)")
    beta1, beta2 = (as_number(op, f"betas[{i}]", beta, below=1.0) for i, beta in enumerate(betas))
    rate, small = as_number(op, "lr", lr), as_number(op, "eps", eps)
    decay, number = as_number(op, "weight_decay", weight_decay), as_integer(op, "step", step, low=1)
    weights = _updated(op, "params", params)
    gradients = _gradients(op, grads, weights)
    means = _updated(op, "exp_avgs", exp_avgs, weights)
    squares = _updated(op, "exp_avg_sqs", exp_avg_sqs, weights)
    _refuse_overlap(op, {"params": weights, "exp_avgs": means, "exp_avg_sqs": squares}, gradients)
    active().adam_step(weights, gradients, means, squares, rate, beta1, beta2, small, decay, bool(decoupled), number)
