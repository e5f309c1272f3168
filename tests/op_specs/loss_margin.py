"""Losses that keep a margin: samples, torch's twins, derivatives and messages."""

from __future__ import annotations

from typing import Any

from tests.op_specs import loss_formulas as formulas
from tests.op_specs.loss_cases import LABELS, UNKNOWN, WIDE, Cases, X, call, error, loss_spec, signs
from tests.op_specs.spec import Array, Call, Draw, ErrorCase

ONE = "[a-z0-9]+"  # an argument, whichever it is


def _batches(count: int, target: bool = False, **options: Any) -> Any:
    """Batches of vectors, perhaps with which of the pairs are alike, as integers."""

    def make(draw: Draw) -> Call:
        vectors: list[Array] = [draw(5, 4) for _ in range(count)]
        return call(*vectors, *([alike(draw, 5)] if target else []), **options)

    return make


def alike(draw: Draw, *shape: int) -> Array:
    """1 or -1 as integers: nothing differentiates by them."""
    return signs(draw, *shape).astype(int)


def _both(name: str, *rest: Any) -> list[ErrorCase]:
    """What every loss of several batches of one kind refuses."""
    return [
        error(name, "none", f"{ONE}: expected an array, got None", None, X, *rest, exception=TypeError),
        error(name, "dtypes", f"{ONE}: expected float32 as {ONE}, got float64", X, WIDE, *rest, exception=TypeError),
        error(name, "dimensions", rf"{ONE}: expected 2 dimensions, as {ONE} has, got", X, X[0], *rest),
        error(name, "shapes", rf"{ONE}: expected shapes that broadcast, got shapes", X, X[:, :2], *rest),
        error(name, "name", UNKNOWN, X, X, *rest, reduction="average"),
        error(name, "margin", "margin: expected a finite number", X, X, *rest, margin="1", exception=TypeError),
    ]


RANKING: Cases = {
    "scores": lambda draw: call(draw(6), draw(6), signs(draw, 6)),
    "margin sum": lambda draw: call(draw(3, 4), draw(3, 1), signs(draw, 1, 4), 0.5, reduction="sum"),
    "none": lambda draw: call(draw(3, 4), draw(3, 4), signs(draw, 3, 4), reduction="none"),
}
TRIPLET: Cases = {
    "defaults": _batches(3),
    "swap": _batches(3, margin=2.0, swap=True, reduction="none"),
    "eps sum": _batches(3, eps=0.125, reduction="sum"),
}
COSINE: Cases = {
    "defaults": _batches(2, True),
    "margin": _batches(2, True, margin=0.25, reduction="none"),
}

MARGIN = (
    loss_spec("margin_ranking_loss", formulas.ranking, RANKING, _both("margin_ranking_loss", X)),
    loss_spec(
        "hinge_embedding_loss",
        formulas.hinge,
        {
            "distances": lambda draw: call(draw(6), alike(draw, 6)),
            "margin sum": lambda draw: call(draw(3, 4), alike(draw, 3, 4), 0.25, reduction="sum"),
            "none": lambda draw: call(draw(3, 4), alike(draw, 4), reduction="none"),
        },
        [
            error("hinge_embedding_loss", "none", "input: expected an array, got None", None, X, exception=TypeError),
            error(
                "hinge_embedding_loss",
                "target",
                "target: expected float32, .*got object",
                X,
                object(),
                exception=TypeError,
            ),
            error("hinge_embedding_loss", "shapes", r"target: expected a shape that broadcasts with", X, X[:, :2]),
            error("hinge_embedding_loss", "name", UNKNOWN, X, X, reduction="average"),
            error("hinge_embedding_loss", "margin", "margin: expected a finite number", X, X, margin=float("nan")),
        ],
    ),
    loss_spec(
        "triplet_margin_loss",
        formulas.triplet,
        TRIPLET,
        [
            *_both("triplet_margin_loss", X),
            error("triplet_margin_loss", "margin 0", "margin: expected a finite number > 0, got 0", X, X, X, 0),
            error("triplet_margin_loss", "swap", "swap: expected", X, X, X, swap=1, exception=TypeError),
            error("triplet_margin_loss", "numbers", r"anchor: expected \(..., features\)", *[X[0, 0]] * 3),
        ],
    ),
    loss_spec(
        "cosine_embedding_loss",
        formulas.cosine,
        COSINE,
        [
            *_both("cosine_embedding_loss", LABELS),
            error("cosine_embedding_loss", "rank", r"input1: expected \(N, features\)", X[None], X[None], LABELS),
            error("cosine_embedding_loss", "target", r"target: expected \(N\) for two batches", X, X, 1),
            error(
                "cosine_embedding_loss",
                "labels",
                r"target: expected a shape that broadcasts with \(2,\)",
                X,
                X,
                [1, 1, 1],
            ),
        ],
    ),
)
