"""Losses composed of Tensor operations: their formulas, torch's twins, derivatives and messages."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed
from tests.oracles.rounding import Rounded

F = tk.functional
Cases = dict[str, Callable[[Draw], Call]]


def _call(*args: Any, **options: Any) -> Call:
    return Call(args, options)


def _probabilities(draw: Draw, *shape: int) -> Array:
    return draw.random.uniform(0.05, 0.95, shape).astype(draw.dtype)


def _signs(draw: Draw, *shape: int) -> Array:
    return draw.random.choice([-1, 1], shape).astype(draw.dtype)


# Formulas ---------------------------------------------------------------------------------------------------------


def _reduced(losses: Rounded, reduction: str, weights: Any = None) -> Rounded:
    if reduction == "none":
        return losses
    total = losses.reshape(losses.value.size).sum(0)
    if reduction == "sum":
        return total
    return total / (losses.value.size if weights is None else weights)


def _select(where: Array, a: Rounded, b: Rounded) -> Rounded:
    return Rounded(np.where(where, a.value, b.value), np.where(where, a.error, b.error), a.dtype)


def _abs(x: Rounded) -> Rounded:
    return Rounded(np.abs(x.value), x.error, x.dtype)


def _softplus(x: Rounded) -> Rounded:
    return (1 + x.exp()).log()


def _l1(x: Rounded, target: Rounded, reduction: str = "mean") -> Rounded:
    return _reduced(_abs(x - target), reduction)


def _huber(x: Rounded, target: Rounded, reduction: str = "mean", delta: float = 1.0) -> Rounded:
    d = x - target
    return _reduced(_select(np.abs(d.value) <= delta, d * d / 2, (_abs(d) - delta / 2) * delta), reduction)


def _smooth_l1(x: Rounded, target: Rounded, reduction: str = "mean", beta: float = 1.0) -> Rounded:
    if beta == 0:
        return _l1(x, target, reduction)
    d = x - target
    return _reduced(_select(np.abs(d.value) < beta, d * d / (2 * beta), _abs(d) - beta / 2), reduction)


def _bce(x: Rounded, target: Rounded, weight: Any = 1, reduction: str = "mean") -> Rounded:
    return _reduced(-(target * x.log() + (1 - target) * (1 - x).log()) * weight, reduction)


def _bce_logits(x: Rounded, target: Rounded, weight: Any = 1, reduction: str = "mean", pos_weight: Any = 1) -> Rounded:
    p = 1 / (1 + (-x).exp())
    q = 1 / (1 + x.exp())
    return _reduced(-(target * p.log() * pos_weight + (1 - target) * q.log()) * weight, reduction)


def _kl(x: Rounded, target: Rounded, reduction: str = "mean", log_target: bool = False) -> Rounded:
    logs = target if log_target else _select(target.value > 0, target, Rounded(1, 0, target.dtype)).log()
    losses = (target.exp() if log_target else target) * (logs - x)
    return _reduced(losses, "sum") / len(x.value) if reduction == "batchmean" else _reduced(losses, reduction)


def _soft_margin(x: Rounded, target: Rounded, reduction: str = "mean") -> Rounded:
    return _reduced(_softplus(-(target * x)), reduction)


def _focal(x: Rounded, target: Rounded, alpha: float = 0.25, gamma: float = 2, reduction: str = "none") -> Rounded:
    p = 1 / (1 + (-x).exp())
    right = p * target + (1 - p) * (1 - target)
    losses = _bce_logits(x, target, reduction="none") * (((1 - right).log() * gamma).exp() if gamma else 1)
    if alpha >= 0:
        losses = losses * (alpha * target + (1 - alpha) * (1 - target))
    return _reduced(losses, reduction)


def _dice(x: Rounded, target: Rounded, reduction: str = "mean", eps: float = 1e-6) -> Rounded:
    flat = (*x.value.shape[:2], -1)
    p, t = x.reshape(*flat), target.reshape(*flat)
    overlap = ((p * t).sum(2) * 2 + eps) / ((p * p).sum(2) + (t * t).sum(2) + eps)
    return _reduced(1 - overlap, reduction)


def _chosen(values: Rounded, labels: Array) -> Rounded:
    def take(array: Array) -> Array:
        return np.take_along_axis(array, labels[:, None], 1)[:, 0]

    return Rounded(take(values.value), take(np.array(values.error)), values.dtype)


def _log_softmax(x: Rounded) -> Rounded:
    shifted = x - x.max(1)
    return shifted - shifted.exp().sum(1, keepdims=True).log()


def _labelled(
    log_probs: Rounded, labels: Array, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Rounded:
    """(1 - s) w[label] (-log p[label]) + s/C sum over c of w[c] (-log p[c]); the mean over the sum of w[label]."""
    classes, dtype = log_probs.value.shape[1], log_probs.dtype
    factors = Rounded(np.ones(classes), 0, dtype) if weight is None else weight
    per_class = factors.reshape(-1, *[1] * (log_probs.value.ndim - 2))
    kept = labels != ignore_index
    at = np.where(kept, labels, 0)
    each = Rounded(factors.value[at] * kept, 0, dtype)
    losses = -(_chosen(log_probs, at) * each)
    if smoothing:
        even = (log_probs * per_class).sum(1) * (smoothing / classes)
        losses = losses * (1 - smoothing) - even * Rounded(kept, 0, dtype)
    return _reduced(losses, reduction, each.reshape(each.value.size).sum(0))


def _nll(x: Rounded, labels: Array, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Rounded:
    return _labelled(x, labels, weight, ignore_index, reduction, 0)


def _cross_entropy(
    x: Rounded,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Rounded:
    if not isinstance(target, Rounded):
        return _labelled(_log_softmax(x), target, weight, ignore_index, reduction, label_smoothing)
    classes = x.value.shape[1]
    smooth = target * (1 - label_smoothing) + label_smoothing / classes
    factors = 1 if weight is None else weight.reshape(-1, *[1] * (x.value.ndim - 2))
    return _reduced(-((_log_softmax(x) * smooth) * factors).sum(1), reduction)


# Records ----------------------------------------------------------------------------------------------------------


def _differentiated(name: str, label: str, make: Callable[[Draw], Call]) -> Gradient:
    """By every float array of the call, options too."""

    def prepared(draw: Draw) -> tuple[Callable[..., Any], list[Array]]:
        call = make(draw)
        values = [*call.args, *call.kwargs.values()]
        floats = [i for i, one in enumerate(values) if isinstance(one, np.ndarray) and one.dtype.kind == "f"]

        def function(*tensors: Any) -> Any:
            given = list(values)
            for position, tensor in zip(floats, tensors, strict=True):
                given[position] = tensor
            options = dict(zip(call.kwargs, given[len(call.args) :], strict=True))
            return getattr(F, name)(*given[: len(call.args)], **options)

        return function, [values[i] for i in floats]

    return Gradient(f"{name} {label}", prepared)


def _torch(name: str) -> Callable[[Any, Call], Any]:
    return lambda torch, call: getattr(torch.nn.functional, name)(*call.args, **call.kwargs)


def _spec(
    name: str, formula: Any, cases: Cases, errors: list[ErrorCase], twin: Any = None, title: str | None = None
) -> OpSpec:
    return OpSpec(
        name=title or name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                title or name,
                [Sample(label, make) for label, make in cases.items()],
                **analysed(formula),
                function=lambda *args, **options: getattr(F, name)(*args, **options).numpy(),
                twin=twin or _torch(name),
            ),
        ),
        gradients=tuple(_differentiated(name, label, make) for label, make in cases.items()),
        errors=tuple(errors),
    )


def _error(
    name: str, label: str, pattern: str, *args: Any, exception: type[Exception] = ValueError, **options: Any
) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(F, name)(*args, **options), exception, f"^{name}: {pattern}")


X, WIDE = np.full((2, 3), 0.5, np.float32), np.full((2, 3), 0.5)
UNKNOWN = "reduction: expected one of 'mean', 'sum', 'none', got 'average'"
LABELS = np.array([2, 0])


def _usual(name: str, target: Any = X, strict: bool = True) -> list[ErrorCase]:
    """What every loss of two float arrays refuses."""
    shape = r"shape \(2, 3\), as input has" if strict else r"a shape that broadcasts with \(2, 3\), the input's"
    return [
        _error(name, "input None", "input: expected an array, got None", None, target, exception=TypeError),
        _error(name, "dtypes", "target: expected float32 as input, got float64", X, WIDE, exception=TypeError),
        _error(name, "target of integers", "target: expected float32 or .*int64", X, LABELS, exception=TypeError),
        _error(name, "shapes", rf"target: expected {shape}, got shape \(2, 2\)", X, X[:, :2]),
    ]


def _pairs(draw_x: Any = Draw.__call__, draw_t: Any = Draw.__call__) -> Cases:
    return {
        **{
            f"{shape} {reduction}": lambda draw, shape=shape, reduction=reduction: _call(
                draw_x(draw, *shape), draw_t(draw, *shape), reduction=reduction
            )
            for shape, reduction in (((17,), "none"), ((3, 4), "mean"), ((2, 3, 2), "sum"), ((1,), "mean"))
        },
    }


def _torchvision_focal(torch: Any, call: Call) -> Any:
    """The steps of torchvision.ops.sigmoid_focal_loss."""

    def focal(x: Any, t: Any, alpha: float = 0.25, gamma: float = 2, reduction: str = "none") -> Any:
        p = torch.sigmoid(x)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
        losses = losses * (1 - (p * t + (1 - p) * (1 - t))) ** gamma
        if alpha >= 0:
            losses = (alpha * t + (1 - alpha) * (1 - t)) * losses
        return losses if reduction == "none" else getattr(losses, reduction)()

    return focal(*call.args, **call.kwargs)


def _torch_dice(torch: Any, call: Call) -> Any:
    p, t = (one.flatten(2) for one in call.args)
    eps, reduction = call.kwargs.get("eps", 1e-6), call.kwargs.get("reduction", "mean")
    losses = 1 - (2 * (p * t).sum(2) + eps) / ((p**2).sum(2) + (t**2).sum(2) + eps)
    return losses if reduction == "none" else getattr(losses, reduction)()


def _torch_kl(torch: Any, call: Call) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "mean" is not "batchmean"
        return torch.nn.functional.kl_div(*call.args, **call.kwargs)


REGRESSION = (
    _spec(
        "l1_loss",
        _l1,
        _pairs(),
        [*_usual("l1_loss", strict=False), _error("l1_loss", "name", UNKNOWN, X, X, reduction="average")],
    ),
    _spec(
        "smooth_l1_loss",
        _smooth_l1,
        _pairs()
        | {
            "beta 2.5": lambda draw: _call(3 * draw(4, 5), draw(4, 5), beta=2.5, reduction="none"),
            "beta 0": lambda draw: _call(draw(4, 5), draw(4, 5), beta=0),
        },
        [
            *_usual("smooth_l1_loss", strict=False),
            _error("smooth_l1_loss", "name", UNKNOWN, X, X, reduction="average"),
            _error("smooth_l1_loss", "beta", "beta: expected a finite number >= 0, got -1", X, X, beta=-1),
            _error("smooth_l1_loss", "beta None", "beta: expected .*None", X, X, beta=None, exception=TypeError),
        ],
    ),
    _spec(
        "huber_loss",
        _huber,
        _pairs() | {"delta 2.5": lambda draw: _call(3 * draw(4, 5), draw(4, 5), "none", 2.5)},
        [
            *_usual("huber_loss", strict=False),
            _error("huber_loss", "name", UNKNOWN, X, X, "average"),
            _error("huber_loss", "delta 0", "delta: expected a number > 0, got 0", X, X, delta=0),
            _error("huber_loss", "delta", "delta: expected a finite number >= 0, got -1", X, X, delta=-1),
        ],
    ),
)

BCE, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
UNFIT = r"expected a shape that broadcasts to \(2, 3\), the input's, got shape \(2, 2, 3\)"
BINARY = (
    _spec(
        BCE,
        _bce,
        _pairs(_probabilities, _probabilities)
        | {
            "weight": lambda draw: _call(
                _probabilities(draw, 2, 3), _probabilities(draw, 2, 3), draw.positive(3), reduction="mean"
            ),
        },
        [
            *_usual(BCE),
            _error(BCE, "name", UNKNOWN, X, X, reduction="average"),
            _error(BCE, "input range", "input: expected values from 0 to 1, got 1.5", X + 1, X),
            _error(BCE, "target range", "target: expected values from 0 to 1, got -0.5", X, X - 1),
            _error(BCE, "weight", f"weight: {UNFIT}", X, X, np.stack([X, X])),
            _error(BCE, "weight dtype", "weight: expected float32 as input", X, X, WIDE, exception=TypeError),
        ],
    ),
    _spec(
        LOGITS,
        _bce_logits,
        _pairs(draw_t=_probabilities)
        | {
            "weights": lambda draw: _call(
                draw(2, 3), _probabilities(draw, 2, 3), draw.positive(2, 1), pos_weight=draw.positive(3)
            ),
        },
        [
            *_usual(LOGITS),
            _error(LOGITS, "name", UNKNOWN, X, X, reduction="average"),
            _error(LOGITS, "weight", f"weight: {UNFIT}", X, X, np.stack([X, X])),
            _error(LOGITS, "pos_weight", f"pos_weight: {UNFIT}", X, X, pos_weight=np.stack([X, X])),
        ],
    ),
    _spec(
        "soft_margin_loss",
        _soft_margin,
        _pairs(draw_t=_signs),
        [
            *_usual("soft_margin_loss", strict=False),
            _error("soft_margin_loss", "name", UNKNOWN, X, X, reduction="average"),
        ],
    ),
    _spec(
        "focal_loss",
        _focal,
        _pairs(draw_t=_probabilities)
        | {
            "defaults": lambda draw: _call(draw(3, 4), _probabilities(draw, 3, 4)),
            "gamma 0": lambda draw: _call(draw(3, 4), _probabilities(draw, 3, 4), 0.75, 0, "mean"),
            "gamma 1.5": lambda draw: _call(draw(3, 4), _probabilities(draw, 3, 4), -1, 1.5, "sum"),
        },
        [
            *_usual("focal_loss"),
            _error("focal_loss", "name", UNKNOWN, X, X, reduction="average"),
            _error("focal_loss", "alpha", "alpha: expected 0 <= alpha <= 1, or -1, got -0.5", X, X, -0.5),
            _error("focal_loss", "alpha high", "alpha: expected .* <= 1, got 2", X, X, 2),
            _error("focal_loss", "gamma", "gamma: expected a finite number >= 0, got -2", X, X, gamma=-2),
        ],
        _torchvision_focal,
    ),
    _spec(
        "dice_loss",
        _dice,
        {
            "none": lambda draw: _call(
                _probabilities(draw, 2, 3, 4, 5), _probabilities(draw, 2, 3, 4, 5), reduction="none"
            ),
            "mean": lambda draw: _call(_probabilities(draw, 2, 1, 7), _probabilities(draw, 2, 1, 7)),
            "sum, eps 1": lambda draw: _call(
                _probabilities(draw, 2, 2, 3), _probabilities(draw, 2, 2, 3), reduction="sum", eps=1.0
            ),
        },
        [
            _error("dice_loss", "rank", r"input: expected a shape \(N, C, d1, ...\), got shape \(2, 3\)", X, X),
            _error("dice_loss", "shapes", "target: expected shape", X[None], X),
            _error(
                "dice_loss", "dtypes", "target: expected float32 as input", X[None], WIDE[None], exception=TypeError
            ),
            _error("dice_loss", "name", UNKNOWN, X[None], X[None], reduction="average"),
            _error("dice_loss", "eps", "eps: expected a finite number >= 0, got -1", X[None], X[None], eps=-1),
        ],
        _torch_dice,
    ),
)


def _holes(draw: Draw, classes: int, *shape: int, ignore_index: int = -100) -> Array:
    """Labels, every third of them ignored."""
    labels = draw.labels(classes, *shape)
    labels.flat[::3] = ignore_index
    return labels


def _distributions(draw: Draw, *shape: int) -> Array:
    values = draw.positive(*shape)
    return (values / values.sum(1, keepdims=True)).astype(draw.dtype)


NLL: Cases = {
    "rows": lambda draw: _call(draw(4, 3), draw.labels(3, 4)),
    "dense sum": lambda draw: _call(draw(2, 3, 2, 2), draw.labels(3, 2, 2, 2), reduction="sum"),
    "weight": lambda draw: _call(draw(4, 3), draw.labels(3, 4), draw.positive(3)),
    "weight ignored": lambda draw: _call(draw(3, 4, 5), _holes(draw, 4, 3, 5), draw.positive(4)),
    "ignored none": lambda draw: _call(
        draw(5, 3), _holes(draw, 3, 5, ignore_index=1), ignore_index=1, reduction="none"
    ),
}
CE: Cases = NLL | {
    "smoothed": lambda draw: _call(draw(4, 3), draw.labels(3, 4), label_smoothing=0.25),
    "smoothed weight ignored": lambda draw: _call(
        draw(3, 4, 5), _holes(draw, 4, 3, 5), draw.positive(4), label_smoothing=0.1
    ),
    "smoothed ignored none": lambda draw: _call(draw(5, 3), _holes(draw, 3, 5), reduction="none", label_smoothing=1.0),
    "distributions": lambda draw: _call(draw(4, 3), _distributions(draw, 4, 3)),
    "distributions dense": lambda draw: _call(
        draw(2, 3, 2, 2), _distributions(draw, 2, 3, 2, 2), draw.positive(3), label_smoothing=0.25
    ),
    "distributions none": lambda draw: _call(draw(2, 3, 4), _distributions(draw, 2, 3, 4), reduction="none"),
}


def _labels_errors(name: str) -> list[ErrorCase]:
    return [
        _error(name, "label", r"target\[1\]: expected 0 <= label < 3, .*got 3", X, [0, 3]),
        _error(
            name,
            "labels' shape",
            r"target: expected \(N, \*d\) for an input \(N, C, \*d\) of shape \(2, 3\), got shape \(1,\)",
            X,
            [0],
        ),
        _error(name, "ragged", "target: .*ragged", X, [[0], [1, 2]]),
        _error(name, "kind", "target: expected integer labels.*got bool", X, [True, False], exception=TypeError),
        _error(name, "weight", r"weight: expected shape \(3,\), one per class, got shape \(2, 3\)", X, LABELS, X),
        _error(name, "weight dtype", "weight: expected float32 as input", X, LABELS, WIDE[0], exception=TypeError),
        _error(
            name, "ignore_index", "ignore_index: expected an integer", X, LABELS, ignore_index=0.5, exception=TypeError
        ),
        _error(name, "name", UNKNOWN, X, LABELS, reduction="average"),
    ]


CLASSES = (
    _spec("nll_loss", _nll, NLL, _labels_errors("nll_loss")),
    _spec(
        "cross_entropy",
        _cross_entropy,
        CE,
        [
            *_labels_errors("cross_entropy"),
            _error(
                "cross_entropy",
                "smoothing",
                "label_smoothing: expected .* <= 1, got 1.5",
                X,
                LABELS,
                label_smoothing=1.5,
            ),
            _error(
                "cross_entropy", "ignored distribution", "ignore_index: expected -100, .*got 1", X, X, ignore_index=1
            ),
            _error("cross_entropy", "dtypes", "target: expected float32 as input", X, WIDE, exception=TypeError),
            _error(
                "cross_entropy",
                "floats",
                "target: expected integer labels, or probabilities of shape",
                X,
                X[0],
                exception=TypeError,
            ),
        ],
        title="cross_entropy with options",
    ),
    _spec(
        "kl_div",
        _kl,
        _pairs(draw_t=_probabilities)
        | {
            "batchmean": lambda draw: _call(draw(3, 4), _probabilities(draw, 3, 4), reduction="batchmean"),
            "log_target": lambda draw: _call(draw(3, 4), draw(3, 4), log_target=True, reduction="batchmean"),
        },
        [
            *_usual("kl_div", strict=False),
            _error(
                "kl_div",
                "name",
                "reduction: expected one of 'batchmean', 'mean', .*got 'average'",
                X,
                X,
                reduction="average",
            ),
            _error(
                "kl_div", "log_target", "log_target: expected True or False", X, X, log_target=1, exception=TypeError
            ),
        ],
        _torch_kl,
    ),
)

SPECS = (*CLASSES, *REGRESSION, *BINARY)
