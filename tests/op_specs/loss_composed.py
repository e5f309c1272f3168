"""Losses composed of Tensor operations: samples, torch's twins, derivatives and messages."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs import loss_formulas as formulas
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed

F = tk.functional
Cases = dict[str, Callable[[Draw], Call]]


def _call(*args: Any, **options: Any) -> Call:
    return Call(args, options)


def _probabilities(draw: Draw, *shape: int) -> Array:
    return draw.random.uniform(0.05, 0.95, shape).astype(draw.dtype)


def _signs(draw: Draw, *shape: int) -> Array:
    return draw.random.choice([-1, 1], shape).astype(draw.dtype)


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
        "mse_loss",
        formulas.squared,
        _pairs(),
        [*_usual("mse_loss", strict=False), _error("mse_loss", "name", UNKNOWN, X, X, reduction="average")],
    ),
    _spec(
        "l1_loss",
        formulas.l1,
        _pairs(),
        [*_usual("l1_loss", strict=False), _error("l1_loss", "name", UNKNOWN, X, X, reduction="average")],
    ),
    _spec(
        "smooth_l1_loss",
        formulas.smooth_l1,
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
        formulas.huber,
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
        formulas.bce,
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
        formulas.bce_logits,
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
        formulas.soft_margin,
        _pairs(draw_t=_signs),
        [
            *_usual("soft_margin_loss", strict=False),
            _error("soft_margin_loss", "name", UNKNOWN, X, X, reduction="average"),
        ],
    ),
    _spec(
        "focal_loss",
        formulas.focal,
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
        formulas.dice,
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
    _spec("nll_loss", formulas.nll, NLL, _labels_errors("nll_loss")),
    _spec(
        "cross_entropy",
        formulas.cross_entropy,
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
        formulas.kl,
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
