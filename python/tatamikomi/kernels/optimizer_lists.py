"""Lists of arrays that an optimizer step is given: of one length, shapes and dtype, and nothing shared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tatamikomi import _native
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array, as_float
from tatamikomi.kernels.scalars import as_number


def _listed(op: str, argument: str, arrays: object, like: Sequence[object] | None = None) -> list[object]:
    """`arrays` as a list, as long as `like`."""
    if not isinstance(arrays, (list, tuple)):
        raise bad_type(op, argument, type(arrays).__name__, "a list of arrays")
    if like is not None and len(arrays) != len(like):
        raise bad_value(op, argument, f"{len(arrays)} arrays", f"{len(like)} arrays, one per parameter")
    return list(arrays)


def _unfit(op: str, argument: str, i: int, array: Array, first: Array, like: Array) -> Exception:
    if array.dtype != first.dtype:
        return bad_type(op, f"{argument}[{i}]", str(array.dtype), f"{first.dtype} as params[0]")
    return bad_value(op, f"{argument}[{i}]", f"shape {array.shape}", f"shape {like.shape} as its parameter")


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
        if dtype != like[0].dtype or array.shape != like[i].shape:
            raise _unfit(op, argument, i, array, like[0], like[i])
    return checked


def _gradients(op: str, grads: object, params: list[Array]) -> list[Array]:
    checked: list[Array] = []
    for i, grad in enumerate(_listed(op, "grads", grads, params)):
        array = as_float(op, f"grads[{i}]", grad)  # type: ignore[arg-type]
        if array.dtype != params[0].dtype or array.shape != params[i].shape:
            raise _unfit(op, "grads", i, array, params[0], params[i])
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


def checked_lists(
    op: str, params: object, grads: object, states: dict[str, object]
) -> tuple[list[Array], list[Array], dict[str, list[Array]]]:
    """Parameters, gradients and the states in use, as lists of arrays that the backends take.

    Raises:
        TypeError: something is no list, no array, or of another dtype; the message names the index in its list.
        ValueError: lengths or shapes differ, an array cannot be updated in place, or arrays that are written share
            memory with others.

    >>> import numpy as np
    >>> from tatamikomi.kernels.optimizer_lists import checked_lists
    >>> checked_lists("sgd_step", [np.ones(2)], [np.ones(3)], {})
    Traceback (most recent call last):
        ...
    ValueError: sgd_step: grads[0]: expected shape (2,) as its parameter, got shape (3,)
    """
    weights = _updated(op, "params", params)
    gradients = _gradients(op, grads, weights)
    kept = {name: _updated(op, name, arrays, weights) for name, arrays in states.items()}
    _refuse_overlap(op, {"params": weights, **kept}, gradients)
    return weights, gradients, kept


def checked_betas(op: str, betas: object) -> tuple[float, float]:
    """Two numbers >= 0 and < 1.

    Raises:
        TypeError: betas is something else, or holds something else.
        ValueError: one of them is out of range.

    >>> from tatamikomi.kernels.optimizer_lists import checked_betas
    >>> checked_betas("adam_step", (0.9, 0.999))
    (0.9, 0.999)
    """
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise bad_type(op, "betas", betas, "two numbers (beta1, beta2)")
    beta1, beta2 = (as_number(op, f"betas[{i}]", beta, below=1.0) for i, beta in enumerate(betas))
    return beta1, beta2
