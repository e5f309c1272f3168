"""How a model trains: gradients layer by layer, histograms of activations and weights, units that never speak."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, as_tensor, enable_grad, grad, no_grad
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.interpret.tables import as_html, as_text
from tatamikomi.interpret.trace import arrays_in, layers
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.nn import CrossEntropyLoss, Module


@dataclass(frozen=True)
class LayerGradient:
    """One call of a layer on the way back.

    Attributes:
        name, kind: the path of the layer and its class.
        norm: L2 norm of the loss's gradient with respect to the layer's output; None where none arrives.
        ratio: of that to the norm at the last layer that has one.
        weight_norm, weight_gradient_norm: over all parameters of the layer that want a gradient; None without such.
        verdict: "" or "vanishing", "exploding", "not finite", "none".
    """

    name: str
    kind: str
    norm: float | None
    ratio: float | None
    weight_norm: float | None
    weight_gradient_norm: float | None
    verdict: str


@dataclass(frozen=True)
class GradientFlow:
    """What `gradient_flow` returns; printed, it is a table.

    Attributes:
        loss: its value.
        layers: one LayerGradient per call, in the order of the forward pass.
    """

    loss: float
    layers: tuple[LayerGradient, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)

    def _rows(self) -> list[list[str]]:
        def number(value: float | None) -> str:
            return "-" if value is None else f"{value:.2e}"

        return [
            [
                one.name,
                one.kind,
                *map(number, (one.norm, one.ratio, one.weight_norm, one.weight_gradient_norm)),
                one.verdict,
            ]
            for one in self.layers
        ]

    def __str__(self) -> str:
        return f"loss {self.loss:.4g}\n{as_text(_FLOW, self._rows())}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(_FLOW, self._rows(), f"loss {self.loss:.4g}")


_FLOW = ("layer", "kind", "gradient", "ratio", "weights", "their gradient", "verdict")
_HISTOGRAMS = ("name", "kind", "mean", "std", "low", "high", "zeros", "dead")


def gradient_flow(
    model: Module,
    x: ArrayLike | Tensor,
    labels: Any,
    loss: Callable[..., Tensor] | None = None,
    *,
    vanishing: float = 1e-3,
    exploding: float = 1e3,
    training: bool = True,
) -> GradientFlow:
    """How large the gradient of a loss is at every layer, and where it vanishes or explodes on its way back.

    A layer's ratio is the norm of the gradient at its output over that at the last layer of the model. No `.grad`
    changes, nor anything else of the model.

    Args:
        model: a Module.
        x: its input, (N, ...).
        labels: what the loss takes besides the output.
        loss: called as loss(output, labels), a single number; CrossEntropyLoss when None.
        vanishing, exploding: ratios below and above which the verdict says so.
        training: the mode; batch norm then uses the statistics of x, as a training step does.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
    2010, on gradients that shrink from layer to layer.

    Raises:
        TypeError: model is no Module, or an argument of the wrong kind.
        ValueError: thresholds that are not 0 <= vanishing < exploding, or a loss that depends on no layer.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> rows = [one for _ in range(8) for one in (tk.nn.Linear(8, 8), tk.nn.Sigmoid())]
    >>> flow = interpret.gradient_flow(tk.nn.Sequential(*rows), np.ones((4, 8), np.float32), np.zeros(4, np.int64))
    >>> flow.layers[0].verdict, flow.layers[-1].verdict
    ('vanishing', '')
    """
    op = "gradient_flow"
    if not 0 <= vanishing < exploding:
        raise bad_value(op, "vanishing", (vanishing, exploding), "0 <= vanishing < exploding")
    measure = CrossEntropyLoss() if loss is None else loss
    calls: list[tuple[str, Module, Tensor]] = []
    with untouched(op, model, training), enable_grad():
        for path, module in layers(model):
            _keep(module, path, calls)
        value = measure(model(as_tensor(x, op, "x")), labels)
        outputs = [y for _, _, y in calls if y.requires_grad]
        parameters = [one for one in model.parameters() if one.requires_grad]
        if not value.requires_grad or not outputs:
            raise bad_value(op, "model", "a loss without gradient", "a model with parameters that want one")
        found = grad(value, [*outputs, *parameters], allow_unused=True)
        of_output = {id(y): g for y, g in zip(outputs, found, strict=False)}
        of_weight = {id(p): g for p, g in zip(parameters, found[len(outputs) :], strict=True)}
        norms = [_norm([of_output.get(id(y))]) for _, _, y in calls]
        last = next((one for one in reversed(norms) if one is not None), None)
        rows = []
        for (name, module, _), norm in zip(calls, norms, strict=True):
            own = [one for one in module.parameters() if one.requires_grad]
            ratio = norm / last if norm is not None and last else None
            weights = _norm(own) if own else None
            moved = _norm([of_weight[id(one)] for one in own]) if own else None
            verdict = _verdict(norm, ratio, vanishing, exploding)
            rows.append(LayerGradient(name, type(module).__name__, norm, ratio, weights, moved, verdict))
        return GradientFlow(float(value), tuple(rows))


def _keep(module: Module, path: str, calls: list[tuple[str, Module, Tensor]]) -> None:
    def see(layer: Module, args: tuple[Any, ...], result: Any) -> None:
        calls.extend((path, layer, one) for one in arrays_in(result)[:1])

    module.register_forward_hook(see)


def _norm(tensors: list[Any]) -> float | None:
    squares = [np.square(one.numpy(), dtype=np.float64).sum() for one in tensors if one is not None]
    return math.sqrt(sum(squares)) if squares else None


def _verdict(norm: float | None, ratio: float | None, vanishing: float, exploding: float) -> str:
    if norm is None:
        return "none"
    if not math.isfinite(norm):
        return "not finite"
    if ratio is None or ratio < vanishing:
        return "vanishing"
    return "exploding" if ratio > exploding else ""


# ------------------------------------------------------------------------------------------------ histograms


@dataclass(frozen=True)
class Histogram:
    """The numbers of one array.

    Attributes:
        name, kind: the path of a layer and its class, or the path of a parameter and its shape.
        mean, std, low, high: of all finite numbers; NaN where there is none.
        zeros: the share of numbers that are 0.
        dead: units (entries of axis 1; of activations only) that are 0 for every sample and position.
        units: how many there are.
        not_finite: how many numbers are NaN or infinite.
        counts: (bins,) of the finite numbers.
        edges: (bins + 1,).
    """

    name: str
    kind: str
    mean: float
    std: float
    low: float
    high: float
    zeros: float
    dead: int
    units: int
    not_finite: int
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]


@dataclass(frozen=True)
class Histograms:
    """What `activation_histograms` and `weight_histograms` return; printed, it is a table.

    Attributes:
        rows: one Histogram per array.
    """

    rows: tuple[Histogram, ...]

    def __getitem__(self, name: str) -> Histogram:
        for one in self.rows:
            if one.name == name:
                return one
        raise KeyError(name)

    def _rows(self) -> list[list[str]]:
        return [
            [
                one.name,
                one.kind,
                *(f"{number:.3g}" for number in (one.mean, one.std, one.low, one.high)),
                f"{one.zeros:.1%}",
                f"{one.dead} of {one.units}" if one.units else "-",
            ]
            for one in self.rows
        ]

    def __str__(self) -> str:
        return as_text(_HISTOGRAMS, self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(_HISTOGRAMS, self._rows())


def activation_histograms(
    model: Module, x: ArrayLike | Tensor, *, bins: int = 50, training: bool = False
) -> Histograms:
    """What every layer gives for an input: mean, spread, share of zeros, dead units and a histogram.

    Args:
        model: a Module; it stays as it was.
        x: its input, (N, ...); the more samples, the surer is a dead unit dead.
        bins: of every histogram, between its smallest and its largest number.
        training: the mode.

    Returns:
        Histograms, one per call of a layer; a layer called again has its row again.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Sequential(tk.nn.Linear(2, 3), tk.nn.ReLU())
    >>> net[0].bias.copy_(np.array([0, 0, -100.0]))
    Parameter...
    >>> interpret.activation_histograms(net, np.random.default_rng(0).random((9, 2), np.float32))["1"].dead >= 1
    True
    """
    op = "activation_histograms"
    expect_model(op, model)
    _bins(op, bins)
    calls: list[tuple[str, Module, Tensor]] = []
    with untouched(op, model, training), no_grad():
        for path, module in layers(model):
            _keep(module, path, calls)
        model(as_tensor(x, op, "x"))
        return Histograms(
            tuple(_histogram(name, type(module).__name__, y.numpy(), bins, True) for name, module, y in calls)
        )


def weight_histograms(model: Module, *, bins: int = 50) -> Histograms:
    """Mean, spread and histogram of every parameter of a model.

    Args:
        model: a Module.
        bins: of every histogram, between its smallest and its largest number.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or out of range.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> int(interpret.weight_histograms(tk.nn.Linear(20, 30))["weight"].counts.sum())
    600
    """
    op = "weight_histograms"
    expect_model(op, model)
    _bins(op, bins)
    named = model.named_parameters()
    return Histograms(tuple(_histogram(name, str(one.shape), one.numpy(), bins, False) for name, one in named))


def _bins(op: str, bins: object) -> None:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)):
        raise bad_type(op, "bins", type(bins).__name__, "an integer")
    if bins < 1:
        raise bad_value(op, "bins", bins, "an integer >= 1")


def _histogram(name: str, kind: str, array: NDArray[Any], bins: int, has_units: bool) -> Histogram:
    values = array.astype(np.float64).ravel()
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins)
    some = finite if finite.size else np.array([math.nan])
    mean, std, low, high = float(some.mean()), float(some.std()), float(some.min()), float(some.max())
    units, dead = 0, 0
    if has_units and array.ndim > 1:
        units = array.shape[1]
        dead = int((array == 0).all((0, *range(2, array.ndim))).sum()) if array.size else 0
    zeros = float((values == 0).mean()) if values.size else 0.0
    lost = values.size - finite.size
    return Histogram(name, kind, mean, std, low, high, zeros, dead, units, lost, counts.astype(np.int64), edges)
