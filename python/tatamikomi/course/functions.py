"""Activation and loss functions of the lessons; the teacher signal is called t or d, first or second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import kernels
from tatamikomi.course.dtypes import floats
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array
from tatamikomi.kernels.loss import as_labels

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "mean_squared_error",
    "np",  # scripts take it from here by `import *`
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]

_LEAST = 1e-7  # added below the logarithm: a probability of 0 costs 16.1, not infinity


def _computed(kernel: Callable[[Array], Array], x: ArrayLike) -> Any:
    """The kernel's result in x's float dtype; a number for a number."""
    (array,) = floats(x)
    y = kernel(array)
    return y if y.ndim else y[()]


def identity_function(x: Any) -> Any:
    """x itself, the output layer of a regression.

    >>> from tatamikomi.course.functions import identity_function
    >>> identity_function(3)
    3
    """
    return x


def step_function(x: ArrayLike) -> Any:
    """1 where x > 0, else 0, as integers.

    >>> from tatamikomi.course.functions import step_function
    >>> step_function([-1.0, 0.0, 2.0])
    array([0, 0, 1])
    """
    return np.asarray(np.asarray(x) > 0, dtype=int)


def sigmoid(x: ArrayLike) -> Any:
    """1 / (1 + exp(-x)), without overflow; any shape, in x's float dtype.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0]))
    array([0. , 0.5])
    """
    return _computed(kernels.sigmoid_forward, x)


def sigmoid_grad(x: ArrayLike) -> Any:
    """The derivative of sigmoid at x: y * (1 - y), at most 0.25.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import sigmoid_grad
    >>> sigmoid_grad(np.array([0.0]))
    array([0.25])
    """
    y = sigmoid(x)
    return y * (1 - y)


def relu(x: ArrayLike) -> Any:
    """max(x, 0); any shape, integers stay integers.

    >>> from tatamikomi.course.functions import relu
    >>> relu([-1, 2]), relu([-1.0, 2.0])
    (array([0, 2]), array([0., 2.]))
    """
    array = np.asarray(x)
    return _computed(kernels.relu_forward, array) if array.dtype.kind == "f" else np.maximum(array, 0)


def relu_grad(x: ArrayLike) -> Any:
    """The derivative of relu at x: 1 where x >= 0, else 0, in x's dtype. At 0 itself the layer Relu says 0.

    >>> from tatamikomi.course.functions import relu_grad
    >>> relu_grad([-1.0, 0.0, 2.0])
    array([0., 1., 1.])
    """
    array = np.asarray(x)
    return (array >= 0).astype(array.dtype)


def softmax(x: ArrayLike) -> Any:
    """exp(x) / sum of exp(x) over the last axis, without overflow; any shape.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import softmax
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return _computed(kernels.softmax_forward, x)


def sum_squared_error(y: ArrayLike, t: ArrayLike) -> Any:
    """Half of the sum of (y - t)**2, over everything; `mean_squared_error` is another name of it.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import sum_squared_error
    >>> float(sum_squared_error(np.array([1.0, 3.0]), np.array([0.0, 1.0])))
    2.5
    """
    return 0.5 * np.sum((np.asarray(y) - np.asarray(t)) ** 2)


mean_squared_error = sum_squared_error


def chosen_teacher(op: str, t: ArrayLike | None, d: ArrayLike | None) -> ArrayLike:
    """The teacher signal, which lessons call t or d: exactly one of the two.

    Raises:
        TypeError: none was given, or both.

    >>> from tatamikomi.course.functions import chosen_teacher
    >>> chosen_teacher("loss", None, [1])
    [1]
    """
    if (t is None) == (d is None):
        raise bad_type(op, "t", "none of the two" if t is None else "both", "the teacher signal, as t or as d")
    return d if t is None else t  # type: ignore[return-value]


def class_labels(op: str, y: Array, t: ArrayLike) -> Array:
    """Integer labels (n,) of a teacher signal for outputs y (n, classes): itself, or the places of its largest entries.

    Raises:
        TypeError: neither integers nor of y's size.
        ValueError: another number of labels, or a label beyond the classes.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import class_labels
    >>> class_labels("loss", np.ones((2, 3)), [[0, 0, 1], [1, 0, 0]]).tolist()
    [2, 0]
    """
    given = np.asarray(t)
    if given.size == y.size:
        places: Array = given.reshape(y.shape).argmax(axis=1)
        return places
    return as_labels(op, given, y.shape)


def cross_entropy_error(y: ArrayLike | None = None, t: ArrayLike | None = None, *, d: ArrayLike | None = None) -> Any:
    """The mean over n samples of -log(y[true class] + 1e-7).

    Some lessons give (y, t), others (d, y): the teacher signal is known by its integers, by having one number per
    sample, or by rows of a single 1 among zeros. Where both arrays could be it, the second one is.

    Args:
        y: probabilities (n, classes), or (classes,) of one sample.
        t: labels (n,), or of y's shape, whose largest entry tells the class.
        d: another name for t.

    Raises:
        TypeError: an argument is missing, or labels are no integers.
        ValueError: shapes do not fit together, or a label beyond the classes.

    >>> import numpy as np
    >>> from tatamikomi.course.functions import cross_entropy_error
    >>> y, t = np.array([[0.25, 0.75]]), np.array([0])
    >>> round(float(cross_entropy_error(y, t)), 5), round(float(cross_entropy_error(t, y)), 5)
    (1.38629, 1.38629)
    """
    op = "cross_entropy_error"
    teacher = np.asarray(chosen_teacher(op, t, d))
    if y is None:
        raise bad_type(op, "y", "None", "an array of probabilities")
    output = np.asarray(y)
    if d is None and _is_teacher(output, teacher):
        output, teacher = teacher, output
    return log_loss(op, output, teacher)


def _is_teacher(first: Array, second: Array) -> bool:
    """Whether the first of two arrays is the teacher signal."""
    if first.dtype.kind in "iub" and second.dtype.kind == "f":
        return True
    if second.dtype.kind in "iub":
        return False
    if first.size != second.size:
        return first.size < second.size
    return _one_hot(first) and not _one_hot(second)


def _one_hot(array: Array) -> bool:
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    return bool(np.all((rows == 0) | (rows == 1)) and np.all(rows.sum(axis=1) == 1))


def log_loss(op: str, y: Array, t: ArrayLike) -> Any:
    """cross_entropy_error of arrays whose order is known; `op` speaks in errors."""
    (probabilities,) = floats(y)
    probabilities = np.atleast_2d(probabilities)
    if probabilities.ndim != 2:
        raise bad_value(op, "y", f"shape {probabilities.shape}", "a shape (n, classes)")
    teacher = np.asarray(t)
    labels = class_labels(op, probabilities, teacher.reshape(-1) if teacher.ndim == 0 else teacher)
    n = len(probabilities)
    return -np.sum(np.log(probabilities[np.arange(n), labels] + _LEAST)) / n


def softmax_loss(X: ArrayLike, t: ArrayLike) -> Any:
    """cross_entropy_error(softmax(X), t).

    >>> import numpy as np
    >>> from tatamikomi.course.functions import softmax_loss
    >>> round(float(softmax_loss(np.zeros((1, 2)), np.array([1]))), 5)
    0.69315
    """
    return log_loss("softmax_loss", softmax(X), t)
