"""Losses composed of Tensor operations: samples, torch's twins, derivatives and messages."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs import loss_formulas as formulas
from tests.op_specs.loss_cases import (
    LABELS,
    UNKNOWN,
    WIDE,
    Cases,
    X,
    call,
    error,
    loss_spec,
    pairs,
    probabilities,
    signs,
    usual,
)
from tests.op_specs.loss_margin import MARGIN
from tests.op_specs.spec import Array, Call, Draw, ErrorCase

F = tk.functional


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
    loss_spec(
        "mse_loss",
        formulas.squared,
        pairs(),
        [*usual("mse_loss", strict=False), error("mse_loss", "name", UNKNOWN, X, X, reduction="average")],
    ),
    loss_spec(
        "l1_loss",
        formulas.l1,
        pairs(),
        [*usual("l1_loss", strict=False), error("l1_loss", "name", UNKNOWN, X, X, reduction="average")],
    ),
    loss_spec(
        "smooth_l1_loss",
        formulas.smooth_l1,
        pairs()
        | {
            "beta 2.5": lambda draw: call(3 * draw(4, 5), draw(4, 5), beta=2.5, reduction="none"),
            "beta 0": lambda draw: call(draw(4, 5), draw(4, 5), beta=0),
        },
        [
            *usual("smooth_l1_loss", strict=False),
            error("smooth_l1_loss", "name", UNKNOWN, X, X, reduction="average"),
            error("smooth_l1_loss", "beta", "beta: expected a finite number >= 0, got -1", X, X, beta=-1),
            error("smooth_l1_loss", "beta None", "beta: expected .*None", X, X, beta=None, exception=TypeError),
        ],
    ),
    loss_spec(
        "huber_loss",
        formulas.huber,
        pairs() | {"delta 2.5": lambda draw: call(3 * draw(4, 5), draw(4, 5), "none", 2.5)},
        [
            *usual("huber_loss", strict=False),
            error("huber_loss", "name", UNKNOWN, X, X, "average"),
            error("huber_loss", "delta 0", "delta: expected a number > 0, got 0", X, X, delta=0),
            error("huber_loss", "delta", "delta: expected a finite number >= 0, got -1", X, X, delta=-1),
        ],
    ),
)

BCE, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
UNFIT = r"expected a shape that broadcasts to \(2, 3\), the input's, got shape \(2, 2, 3\)"
BINARY = (
    loss_spec(
        BCE,
        formulas.bce,
        pairs(probabilities, probabilities)
        | {
            "weight": lambda draw: call(
                probabilities(draw, 2, 3), probabilities(draw, 2, 3), draw.positive(3), reduction="mean"
            ),
        },
        [
            *usual(BCE),
            error(BCE, "name", UNKNOWN, X, X, reduction="average"),
            error(BCE, "input range", "input: expected values from 0 to 1, got 1.5", X + 1, X),
            error(BCE, "target range", "target: expected values from 0 to 1, got -0.5", X, X - 1),
            error(BCE, "weight", f"weight: {UNFIT}", X, X, np.stack([X, X])),
            error(BCE, "weight dtype", "weight: expected float32 as input", X, X, WIDE, exception=TypeError),
        ],
    ),
    loss_spec(
        LOGITS,
        formulas.bce_logits,
        pairs(draw_t=probabilities)
        | {
            "weights": lambda draw: call(
                draw(2, 3), probabilities(draw, 2, 3), draw.positive(2, 1), pos_weight=draw.positive(3)
            ),
        },
        [
            *usual(LOGITS),
            error(LOGITS, "name", UNKNOWN, X, X, reduction="average"),
            error(LOGITS, "weight", f"weight: {UNFIT}", X, X, np.stack([X, X])),
            error(LOGITS, "pos_weight", f"pos_weight: {UNFIT}", X, X, pos_weight=np.stack([X, X])),
        ],
    ),
    loss_spec(
        "soft_margin_loss",
        formulas.soft_margin,
        pairs(draw_t=signs),
        [
            *usual("soft_margin_loss", strict=False),
            error("soft_margin_loss", "name", UNKNOWN, X, X, reduction="average"),
        ],
    ),
    loss_spec(
        "focal_loss",
        formulas.focal,
        pairs(draw_t=probabilities)
        | {
            "defaults": lambda draw: call(draw(3, 4), probabilities(draw, 3, 4)),
            "gamma 0": lambda draw: call(draw(3, 4), probabilities(draw, 3, 4), 0.75, 0, "mean"),
            "gamma 1.5": lambda draw: call(draw(3, 4), probabilities(draw, 3, 4), -1, 1.5, "sum"),
        },
        [
            *usual("focal_loss"),
            error("focal_loss", "name", UNKNOWN, X, X, reduction="average"),
            error("focal_loss", "alpha", "alpha: expected 0 <= alpha <= 1, or -1, got -0.5", X, X, -0.5),
            error("focal_loss", "alpha high", "alpha: expected .* <= 1, got 2", X, X, 2),
            error("focal_loss", "gamma", "gamma: expected a finite number >= 0, got -2", X, X, gamma=-2),
        ],
        _torchvision_focal,
    ),
    loss_spec(
        "dice_loss",
        formulas.dice,
        {
            "none": lambda draw: call(
                probabilities(draw, 2, 3, 4, 5), probabilities(draw, 2, 3, 4, 5), reduction="none"
            ),
            "mean": lambda draw: call(probabilities(draw, 2, 1, 7), probabilities(draw, 2, 1, 7)),
            "sum, eps 1": lambda draw: call(
                probabilities(draw, 2, 2, 3), probabilities(draw, 2, 2, 3), reduction="sum", eps=1.0
            ),
        },
        [
            error("dice_loss", "rank", r"input: expected a shape \(N, C, d1, ...\), got shape \(2, 3\)", X, X),
            error("dice_loss", "shapes", "target: expected shape", X[None], X),
            error("dice_loss", "dtypes", "target: expected float32 as input", X[None], WIDE[None], exception=TypeError),
            error("dice_loss", "name", UNKNOWN, X[None], X[None], reduction="average"),
            error("dice_loss", "eps", "eps: expected a finite number >= 0, got -1", X[None], X[None], eps=-1),
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
    "rows": lambda draw: call(draw(4, 3), draw.labels(3, 4)),
    "dense sum": lambda draw: call(draw(2, 3, 2, 2), draw.labels(3, 2, 2, 2), reduction="sum"),
    "weight": lambda draw: call(draw(4, 3), draw.labels(3, 4), draw.positive(3)),
    "weight ignored": lambda draw: call(draw(3, 4, 5), _holes(draw, 4, 3, 5), draw.positive(4)),
    "ignored none": lambda draw: call(draw(5, 3), _holes(draw, 3, 5, ignore_index=1), ignore_index=1, reduction="none"),
}
CE: Cases = NLL | {
    "smoothed": lambda draw: call(draw(4, 3), draw.labels(3, 4), label_smoothing=0.25),
    "smoothed weight ignored": lambda draw: call(
        draw(3, 4, 5), _holes(draw, 4, 3, 5), draw.positive(4), label_smoothing=0.1
    ),
    "smoothed ignored none": lambda draw: call(draw(5, 3), _holes(draw, 3, 5), reduction="none", label_smoothing=1.0),
    "distributions": lambda draw: call(draw(4, 3), _distributions(draw, 4, 3)),
    "distributions dense": lambda draw: call(
        draw(2, 3, 2, 2), _distributions(draw, 2, 3, 2, 2), draw.positive(3), label_smoothing=0.25
    ),
    "distributions none": lambda draw: call(draw(2, 3, 4), _distributions(draw, 2, 3, 4), reduction="none"),
}


def _labels_errors(name: str) -> list[ErrorCase]:
    return [
        error(name, "label", r"target\[1\]: expected 0 <= label < 3, .*got 3", X, [0, 3]),
        error(
            name,
            "labels' shape",
            r"target: expected \(N, \*d\) for an input \(N, C, \*d\) of shape \(2, 3\), got shape \(1,\)",
            X,
            [0],
        ),
        error(name, "ragged", "target: .*ragged", X, [[0], [1, 2]]),
        error(name, "kind", "target: expected integer labels.*got bool", X, [True, False], exception=TypeError),
        error(name, "weight", r"weight: expected shape \(3,\), one per class, got shape \(2, 3\)", X, LABELS, X),
        error(name, "weight dtype", "weight: expected float32 as input", X, LABELS, WIDE[0], exception=TypeError),
        error(
            name, "ignore_index", "ignore_index: expected an integer", X, LABELS, ignore_index=0.5, exception=TypeError
        ),
        error(name, "name", UNKNOWN, X, LABELS, reduction="average"),
    ]


CLASSES = (
    loss_spec("nll_loss", formulas.nll, NLL, _labels_errors("nll_loss")),
    loss_spec(
        "cross_entropy",
        formulas.cross_entropy,
        CE,
        [
            *_labels_errors("cross_entropy"),
            error(
                "cross_entropy",
                "smoothing",
                "label_smoothing: expected .* <= 1, got 1.5",
                X,
                LABELS,
                label_smoothing=1.5,
            ),
            error(
                "cross_entropy", "ignored distribution", "ignore_index: expected -100, .*got 1", X, X, ignore_index=1
            ),
            error("cross_entropy", "dtypes", "target: expected float32 as input", X, WIDE, exception=TypeError),
            error(
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
    loss_spec(
        "kl_div",
        formulas.kl,
        pairs(draw_t=probabilities)
        | {
            "batchmean": lambda draw: call(draw(3, 4), probabilities(draw, 3, 4), reduction="batchmean"),
            "log_target": lambda draw: call(draw(3, 4), draw(3, 4), log_target=True, reduction="batchmean"),
        },
        [
            *usual("kl_div", strict=False),
            error(
                "kl_div",
                "name",
                "reduction: expected one of 'batchmean', 'mean', .*got 'average'",
                X,
                X,
                reduction="average",
            ),
            error(
                "kl_div", "log_target", "log_target: expected True or False", X, X, log_target=1, exception=TypeError
            ),
        ],
        _torch_kl,
    ),
)

SPECS = (*CLASSES, *REGRESSION, *BINARY, *MARGIN)
