"""The ground that optimizers walk on: values of a loss over a plane, and paths across it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Parameter, Tensor, as_tensor, no_grad, tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.nn import CrossEntropyLoss, Module
from tatamikomi.optim import Optimizer

Floats = NDArray[np.float64]
Extent = tuple[tuple[float, float], tuple[float, float]]


class Surface(NamedTuple):
    """Values over a grid: values[i, j] belongs to (x[j], y[i])."""

    x: Floats
    y: Floats
    values: Floats


class Plane(NamedTuple):
    """A plane through weights, all parameters one after another in one vector.

    Attributes:
        origin: (P,) the point (0, 0).
        directions: (2, P).
        path: (steps, 2) of the recorded weights, seen on the plane.
        share: of the path's variance that the plane shows.
    """

    origin: Floats
    directions: Floats
    path: Floats
    share: float


def descend(
    function: Callable[[Tensor], Tensor],
    start: ArrayLike,
    optimizer: Callable[[list[Parameter]], Optimizer],
    steps: int,
) -> Floats:
    """The path of an optimizer on a function of a few numbers.

    Args:
        function: of a Tensor (D,), a single number in differentiable operations.
        start: (D,) numbers.
        optimizer: makes an Optimizer of a list of parameters.
        steps: how many, >= 0.

    Returns:
        (steps + 1, D) float64, the start first.

    Raises:
        ValueError: start is no vector, or steps < 0.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> interpret.descend(lambda p: (p * p).sum(), [1.0, 2.0], lambda p: tk.optim.SGD(p, lr=0.25), 2).tolist()
    [[1.0, 2.0], [0.5, 1.0], [0.25, 0.5]]
    """
    op = "descend"
    first = np.array(start, np.float64)
    if first.ndim != 1:
        raise bad_value(op, "start", f"shape {first.shape}", "shape (D,)")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise bad_value(op, "steps", steps, "an integer >= 0")
    point = Parameter(first)
    walker, path = optimizer([point]), [point.numpy().copy()]
    for _ in range(steps):
        walker.zero_grad()
        function(point).backward()
        walker.step()
        path.append(point.numpy().copy())
    return np.array(path)


def surface(function: Callable[[Tensor], Any], extent: Extent, points: int = 50) -> Surface:
    """The values of a function of two numbers over a rectangle.

    Args:
        function: as in `descend`, of a Tensor (2,).
        extent: ((least, most) of the first number, of the second).
        points: on each side of the grid, >= 2.

    Raises:
        ValueError: an extent of another form, or points < 2.

    >>> from tatamikomi import interpret
    >>> interpret.surface(lambda p: p[0] - p[1], ((0, 1), (0, 2)), 3).values.tolist()
    [[0.0, 0.5, 1.0], [-1.0, -0.5, 0.0], [-2.0, -1.5, -1.0]]
    """
    x, y = _grid("surface", extent, points)
    with no_grad():
        values = [[float(function(tensor(np.array([a, b])))) for a in x] for b in y]
    return Surface(x, y, np.array(values))


def _grid(op: str, extent: Any, points: Any) -> tuple[Floats, Floats]:
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 2:
        raise bad_value(op, "points", points, "an integer >= 2")
    sides = np.array(extent, np.float64)
    if sides.shape != (2, 2) or not (sides[:, 0] < sides[:, 1]).all():
        raise bad_value(op, "extent", extent, "((least, most), (least, most))")
    (left, right), (bottom, top) = sides.tolist()
    return np.linspace(left, right, int(points)), np.linspace(bottom, top, int(points))


def _flat(parameters: Iterable[Parameter]) -> Floats:
    return np.concatenate([one.numpy().astype(np.float64).ravel() for one in parameters])


class WeightPath:
    """The weights of a model as they were at every `record()`: after each epoch, say.

    Args:
        model: a Module with parameters.

    Source: of the plane, H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural
    nets", NeurIPS 2018, section 7.

    Raises:
        TypeError: model is no Module.
        ValueError: it has no parameters.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Linear(2, 1)
    >>> path = interpret.WeightPath(net)
    >>> for step in range(3):
    ...     path.record()
    ...     net.weight.copy_(net.weight.numpy() + 1)
    Parameter...
    >>> path.plane().path.shape, len(path)
    ((3, 2), 3)
    """

    def __init__(self, model: Module) -> None:
        expect_model("WeightPath", model)
        self._parameters = list(model.parameters())
        if not self._parameters:
            raise bad_value("WeightPath", "model", "no parameters", "a model with parameters")
        self._weights: list[Floats] = []

    def record(self) -> None:
        """Keep a copy of the weights as they are now."""
        self._weights.append(_flat(self._parameters))

    def __len__(self) -> int:
        return len(self._weights)

    def plane(self) -> Plane:
        """The plane through the last weights in which the path goes furthest: its first two principal components.

        Raises:
            ValueError: fewer than three records, or all of them equal.
        """
        if len(self) < 3:
            raise bad_value("WeightPath.plane", "records", len(self), "at least 3")
        origin = self._weights[-1]
        steps = np.array(self._weights) - origin
        _, sizes, directions = np.linalg.svd(steps, full_matrices=False)
        if not sizes[0] > 0:
            raise bad_value("WeightPath.plane", "records", "equal weights", "weights that move")
        share = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
        return Plane(origin, directions[:2], steps @ directions[:2].T, share)


def loss_surface(
    model: Module,
    x: ArrayLike | Tensor,
    labels: Any,
    loss: Callable[..., Tensor] | None = None,
    *,
    plane: Plane | None = None,
    extent: Extent | None = None,
    points: int = 21,
    seed: int = 0,
) -> Surface:
    """A model's loss over a plane through its weights, in evaluation mode.

    Args:
        model: a Module; its weights come back, bit for bit.
        x, labels: one batch.
        loss: called as loss(output, labels), a single number; CrossEntropyLoss when None.
        plane: such as `WeightPath.plane()`. None is the plane of two random directions through the present weights;
            each filter (entry of axis 0) of a direction is scaled to the norm of the weights' filter, and directions
            of biases and other vectors are zero.
        extent: ((least, most) along the first direction, along the second). None reaches a quarter beyond the plane's
            path, or from -1 to 1.
        points: on each side of the grid, >= 2.
        seed: of the random directions.

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018.

    Raises:
        TypeError: model is no Module, or plane no Plane.
        ValueError: a plane of another model, an extent of another form, or points < 2.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net, x, labels = tk.nn.Linear(2, 2), np.eye(2, dtype=np.float32), np.array([0, 1])
    >>> found = interpret.loss_surface(net, x, labels, points=5)
    >>> found.values.shape, bool(np.isclose(found.values[2, 2], tk.nn.CrossEntropyLoss()(net(x), labels).item()))
    ((5, 5), True)
    """
    op = "loss_surface"
    expect_model(op, model)
    if plane is not None and not isinstance(plane, Plane):
        raise bad_type(op, "plane", type(plane).__name__, "a Plane")
    measure = CrossEntropyLoss() if loss is None else loss
    parameters = list(model.parameters())
    if not parameters:
        raise bad_value(op, "model", "no parameters", "a model with parameters")
    if plane is None:
        origin, directions = _flat(parameters), _filter_directions(parameters, seed)
    else:
        origin, directions = plane.origin, plane.directions
    size = sum(one.numel() for one in parameters)
    if origin.shape != (size,) or directions.shape != (2, size):
        raise bad_value(op, "plane", f"one through {origin.shape} weights", f"a plane through ({size},) weights")
    if extent is None:
        extent = ((-1.0, 1.0), (-1.0, 1.0)) if plane is None else _around(plane.path)
    along, across = _grid(op, extent, points)
    given = as_tensor(x, op, "x")
    before = [one.numpy().copy() for one in parameters]
    values = np.empty((len(across), len(along)))
    with untouched(op, model), no_grad():
        try:
            for i, b in enumerate(across):
                for j, a in enumerate(along):
                    _write(parameters, origin + a * directions[0] + b * directions[1])
                    values[i, j] = float(measure(model(given), labels))
        finally:
            for one, array in zip(parameters, before, strict=True):
                one.copy_(array)
    return Surface(along, across, values)


def _write(parameters: list[Parameter], flat: Floats) -> None:
    begin = 0
    for one in parameters:
        one.copy_(flat[begin : begin + one.numel()].reshape(one.shape))
        begin += one.numel()


def _filter_directions(parameters: list[Parameter], seed: int) -> Floats:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(2):
        parts = []
        for one in parameters:
            direction = random.standard_normal(one.shape) if one.ndim > 1 else np.zeros(one.shape)
            if one.ndim > 1:
                rest = tuple(range(1, one.ndim))
                wanted = np.sqrt(np.square(one.numpy(), dtype=np.float64).sum(rest, keepdims=True))
                direction *= wanted / np.sqrt(np.square(direction).sum(rest, keepdims=True))
            parts.append(direction.ravel())
        found.append(np.concatenate(parts))
    return np.array(found)


def _around(path: Floats) -> Extent:
    low, high = path.min(0), path.max(0)
    widths = high - low
    reach = 0.25 * np.where(widths > 0, widths, widths.max() or 1.0)
    return ((low[0] - reach[0], high[0] + reach[0]), (low[1] - reach[1], high[1] + reach[1]))
