"""Transforms that learn from the training data once, and then treat every batch alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import floats, normalized
from tatamikomi.errors import bad_value, unknown_name

_CHUNK = 1 << 24  # values of the training data that are looked at together: a mapped file never fills the memory


class FittedTransform:
    """What the fitted transforms share: `fit` before use, and a state of arrays that a file can hold."""

    _arrays: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        for name in self._arrays:
            setattr(self, name, None)

    @property
    def _op(self) -> str:
        return type(self).__name__

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """What was fitted, as copies.

        Raises:
            ValueError: nothing has been fitted yet.
        """
        self._check_fitted()
        return {name: getattr(self, name).copy() for name in self._arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what another one of the same kind has fitted.

        Raises:
            ValueError: state has other names, shapes that do not fit each other, or numbers that are not finite.
        """
        if set(state) != set(self._arrays):
            raise bad_value(self._op, "state", sorted(state), f"the arrays {', '.join(self._arrays)}")
        arrays = {name: np.array(state[name], np.float64) for name in self._arrays}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise bad_value(self._op, f"state[{name!r}]", "NaN or infinity", "finite numbers")
        self._check_state(arrays)
        for name, array in arrays.items():
            setattr(self, name, array)

    def _check_state(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) != 1:
            raise bad_value(self._op, "state", f"shapes {sorted(shapes)}", "arrays of one shape")

    def _check_fitted(self) -> None:
        if getattr(self, self._arrays[0]) is None:
            raise bad_value(self._op, "state", "nothing", "fit(x) or load_state_dict(state) before use")

    def _training(self, x: NDArray[Any]) -> NDArray[Any]:
        x = floats(self._op, x)
        if x.ndim < 2 or not x.size:
            raise bad_value(self._op, "x", f"shape {x.shape}", "shape (N, C, ...) with at least one value")
        if not all(np.isfinite(part).all() for part in chunks(x)):
            raise bad_value(self._op, "x", "NaN or infinity", "finite numbers to fit to")
        return x


def chunks(x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Pieces of x, whose cuts follow from its shape alone."""
    step = max(1, _CHUNK // max(1, math.prod(x.shape[1:])))
    return (x[start : start + step] for start in range(0, len(x), step))


class _Each(FittedTransform):
    """One pair of numbers per channel, per pixel, or for all: `per` chooses the axes they are taken over."""

    def __init__(self, per: str, choices: tuple[str, ...]) -> None:
        super().__init__()
        if per not in choices:
            raise unknown_name(self._op, "per", per, choices)
        self.per = per

    def _axes(self, x: NDArray[Any]) -> tuple[int, ...]:
        if self.per == "pixel":
            return (0,)
        return (0, *range(2, x.ndim)) if self.per == "channel" else tuple(range(x.ndim))

    def _fitting(self, array: NDArray[np.float64], x: NDArray[Any]) -> NDArray[Any]:
        """A fitted array in x's dtype and in a shape that goes with x."""
        kept = tuple(1 if axis in self._axes(x) else size for axis, size in enumerate(x.shape))
        if x.ndim < 2 or array.size != math.prod(kept) or (self.per == "pixel" and array.shape != x.shape[1:]):
            rule = f"a shape that goes with {array.shape} numbers, one per {self.per}"
            raise bad_value(self._op, "x", f"shape {x.shape}", rule)
        return array.astype(x.dtype).reshape(kept)


class Standardize(_Each):
    """(x - mean) / std, with the mean and the standard deviation of the training data.

    Fitted in float64 and two passes, sums of squares divided by their number. Where the standard deviation is not
    above epsilon, nothing varies and x is only centred.

    Args:
        per: "channel", over samples and positions; or "pixel", over samples alone.
        epsilon: >= 0.

    Attributes:
        mean, std: (C,), or x.shape[1:] per pixel; None before `fit`.

    Raises:
        ValueError: per or epsilon is none of the above; at the call, nothing is fitted, or x does not fit.
        TypeError: x is neither float32 nor float64.

    >>> import numpy as np
    >>> from tatamikomi.data import Standardize
    >>> x = np.array([[[1.0, 3.0]], [[5.0, 7.0]]])
    >>> scale = Standardize().fit(x)
    >>> scale.mean, scale.std, scale(x[:1])
    (array([4.]), array([2.23606798]), array([[[-1.34164079, -0.4472136 ]]]))
    """

    _arrays = ("mean", "std")
    mean: NDArray[np.float64] | None
    std: NDArray[np.float64] | None

    def __init__(self, per: str = "channel", epsilon: float = 1e-8) -> None:
        super().__init__(per, ("channel", "pixel"))
        if not 0 <= epsilon < math.inf:
            raise bad_value(self._op, "epsilon", repr(epsilon), "a finite number >= 0")
        self.epsilon = float(epsilon)

    def fit(self, x: NDArray[Any]) -> Standardize:
        """Fit to the training data (N, C, ...), also where they are mapped from a file; gives itself back.

        Raises:
            ValueError: x holds no value, or one that is not finite.
            TypeError: x is neither float32 nor float64.
        """
        x = self._training(x)
        axes = self._axes(x)
        count = math.prod(x.shape[axis] for axis in axes)
        total = sum(part.sum(axis=axes, dtype=np.float64) for part in chunks(x))
        mean = np.asarray(total / count)
        tail = (1, *mean.shape) if self.per == "pixel" else (1, *mean.shape, *(1,) * (x.ndim - 2))
        squares = sum(np.square(part - mean.reshape(tail)).sum(axis=axes) for part in chunks(x))
        self.mean, self.std = mean, np.sqrt(np.asarray(squares / count))
        return self

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, ...); indices and epoch play no part."""
        x = floats(self._op, x)
        self._check_fitted()
        assert self.mean is not None
        assert self.std is not None
        std = np.where(self.std > self.epsilon, self.std, 1.0)
        return normalized(self._op, x, self._fitting(self.mean, x), self._fitting(std, x))

    def _check_state(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        super()._check_state(arrays)
        if not (arrays["std"] >= 0).all():
            raise bad_value(self._op, "state['std']", "negative numbers", "numbers >= 0")

    def __repr__(self) -> str:
        return f"Standardize(per={self.per!r}, epsilon={self.epsilon})"


class MinMax(_Each):
    """low + (high - low) (x - minimum) / (maximum - minimum), of the training data: they fill low .. high.

    What lies outside of the training data's range comes to lie outside of low .. high. Where the training data do
    not vary, x - minimum is 0 for them and the divisor 1.

    Args:
        per: "all"; "channel", over samples and positions; or "pixel", over samples alone.
        low, high: low < high.

    Attributes:
        minimum, maximum: (), (C,) or x.shape[1:]; None before `fit`.

    Raises:
        ValueError: per, low or high is none of the above; at the call, nothing is fitted, or x does not fit.
        TypeError: x is neither float32 nor float64.

    >>> import numpy as np
    >>> from tatamikomi.data import MinMax
    >>> MinMax(low=-1.0).fit(np.array([[2.0], [6.0]]))(np.array([[2.0], [3.0], [7.0]]))
    array([[-1. ],
           [-0.5],
           [ 1.5]])
    """

    _arrays = ("minimum", "maximum")
    minimum: NDArray[np.float64] | None
    maximum: NDArray[np.float64] | None

    def __init__(self, per: str = "all", low: float = 0.0, high: float = 1.0) -> None:
        super().__init__(per, ("all", "channel", "pixel"))
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise bad_value(self._op, "low, high", f"{low}, {high}", "finite low < high")
        self.low, self.high = float(low), float(high)

    def fit(self, x: NDArray[Any]) -> MinMax:
        """Fit to the training data (N, C, ...), also where they are mapped from a file; gives itself back.

        Raises:
            ValueError: x holds no value, or one that is not finite.
            TypeError: x is neither float32 nor float64.
        """
        x = self._training(x)
        axes = self._axes(x)
        minimum = np.min([part.min(axis=axes) for part in chunks(x)], axis=0).astype(np.float64)
        maximum = np.max([part.max(axis=axes) for part in chunks(x)], axis=0).astype(np.float64)
        self.minimum, self.maximum = np.asarray(minimum), np.asarray(maximum)
        return self

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, ...); indices and epoch play no part."""
        x = floats(self._op, x)
        self._check_fitted()
        assert self.minimum is not None
        assert self.maximum is not None
        span = np.asarray(self.maximum - self.minimum)
        divisor = np.where(span > 0, span, 1.0)
        y = normalized(self._op, x, self._fitting(self.minimum, x), self._fitting(divisor, x))
        y *= np.asarray(self.high - self.low, x.dtype)
        y += np.asarray(self.low, x.dtype)
        return y

    def _check_state(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        super()._check_state(arrays)
        if not (arrays["minimum"] <= arrays["maximum"]).all():
            raise bad_value(self._op, "state", "a minimum above its maximum", "minimum <= maximum")

    def __repr__(self) -> str:
        return f"MinMax(per={self.per!r}, low={self.low}, high={self.high})"
