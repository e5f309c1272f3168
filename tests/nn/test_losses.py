"""Losses as modules: options reach the function, weights are buffers, what is wrong is told when they are built."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn

P, Q = np.array([[0.25, 0.75], [0.5, 0.125]]), np.array([[0.5, 1.0], [0.75, 0.0]])
LABELS, WEIGHT = [1, 0], np.array([1.0, 3.0])

CASES = [
    (nn.CrossEntropyLoss, F.cross_entropy, LABELS, {"label_smoothing": 0.25, "weight": WEIGHT}),
    (nn.CrossEntropyLoss, F.cross_entropy, LABELS, {"ignore_index": 1}),
    (nn.NLLLoss, F.nll_loss, LABELS, {"weight": WEIGHT}),
    (nn.NLLLoss, F.nll_loss, LABELS, {"ignore_index": 0}),
    (nn.KLDivLoss, F.kl_div, Q, {"log_target": True}),
    (nn.KLDivLoss, F.kl_div, Q, {"reduction": "batchmean"}),
    (nn.L1Loss, F.l1_loss, Q, {}),
    (nn.MSELoss, F.mse_loss, Q, {}),
    (nn.SmoothL1Loss, F.smooth_l1_loss, Q, {"beta": 0.25}),
    (nn.HuberLoss, F.huber_loss, Q, {"delta": 0.125}),
    (nn.BCELoss, F.binary_cross_entropy, Q, {"weight": WEIGHT}),
    (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, Q, {"weight": WEIGHT, "pos_weight": WEIGHT[::-1]}),
    (nn.SoftMarginLoss, F.soft_margin_loss, Q, {}),
    (nn.FocalLoss, F.focal_loss, Q, {"alpha": 0.5, "gamma": 1.0}),
]


@pytest.mark.parametrize(("module", "function", "target", "options"), CASES)
def test_a_module_is_its_function(module, function, target, options):
    for reduction in ("mean", "sum", "none"):
        given = {"reduction": reduction} | options
        assert np.array_equal(module(**given)(P, target), function(P, target, **given))
    assert np.array_equal(module()(P, target), function(P, target))
    for option in options:  # none is there for show
        assert not np.array_equal(module(**options)(P, target), module(**{**options, **DEFAULT[option]})(P, target))


DEFAULT = {
    "label_smoothing": {"label_smoothing": 0.0},
    "weight": {"weight": None},
    "pos_weight": {"pos_weight": None},
    "ignore_index": {"ignore_index": -100},
    "log_target": {"log_target": False},
    "reduction": {"reduction": "mean"},
    "beta": {"beta": 1.0},
    "delta": {"delta": 1.0},
    "alpha": {"alpha": -1},
    "gamma": {"gamma": 0.0},
}


def test_dice_is_its_function():
    masks = np.array([[[0.25, 0.75, 0.0]], [[0.0, 0.0, 0.0]]]), np.array([[[0.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]])
    for reduction in ("mean", "sum", "none"):
        given = nn.DiceLoss(reduction=reduction, eps=0.5)(*masks)
        assert np.array_equal(given, F.dice_loss(*masks, reduction=reduction, eps=0.5))
    assert np.array_equal(nn.DiceLoss()(*masks), F.dice_loss(*masks))
    assert not np.array_equal(nn.DiceLoss(eps=0.5)(*masks), nn.DiceLoss()(*masks))


def test_weights_are_buffers_of_their_own():
    weight = WEIGHT.copy()
    loss = nn.BCEWithLogitsLoss(weight, pos_weight=tk.tensor(weight))
    weight[:] = 0
    assert {name: value.tolist() for name, value in loss.state_dict().items()} == {
        "weight": [1.0, 3.0],
        "pos_weight": [1.0, 3.0],
    }
    assert nn.CrossEntropyLoss([1.0, 2.0]).weight.dtype == np.float32
    assert not nn.NLLLoss().state_dict()
    assert nn.BCELoss().weight is None


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=2),
            ValueError,
            "CrossEntropyLoss: label_smoothing: expected .*got 2",
        ),
        (lambda: nn.CrossEntropyLoss("mean"), TypeError, "CrossEntropyLoss: weight: expected float32 or float64"),
        (lambda: nn.NLLLoss(ignore_index=1.5), TypeError, "NLLLoss: ignore_index: expected an integer.*got 1.5"),
        (lambda: nn.NLLLoss(np.ones(2, int)), TypeError, "NLLLoss: weight: expected float32 or float64, got int64"),
        (lambda: nn.KLDivLoss(log_target=1), TypeError, "KLDivLoss: log_target: expected True or False, got int"),
        (lambda: nn.KLDivLoss(reduction="max"), ValueError, 'KLDivLoss: reduction: .*"sum", "batchmean", got'),
        (
            lambda: nn.L1Loss(reduction="batchmean"),
            ValueError,
            'L1Loss: reduction: expected one of "none", "mean", "sum",',
        ),
        (lambda: nn.SmoothL1Loss(beta=-1), ValueError, "SmoothL1Loss: beta: expected a finite number >= 0, got -1"),
        (lambda: nn.FocalLoss(alpha=-0.5), ValueError, "FocalLoss: alpha: expected 0 <= alpha <= 1, or -1, got -0.5"),
        (lambda: nn.FocalLoss(gamma="2"), TypeError, "FocalLoss: gamma: "),
        (lambda: nn.DiceLoss(eps=-1), ValueError, "DiceLoss: eps: expected a finite number >= 0, got -1"),
        (lambda: nn.TripletMarginLoss(0.0), ValueError, "TripletMarginLoss: margin: expected a number > 0, got 0"),
        (lambda: nn.TripletMarginLoss(swap=1), TypeError, "TripletMarginLoss: swap: expected True or False"),
        (lambda: nn.MarginRankingLoss("1"), TypeError, "MarginRankingLoss: margin: "),
        (lambda: nn.HuberLoss(delta=0), ValueError, "HuberLoss: delta: expected a number > 0, got 0"),
        (
            lambda: nn.BCEWithLogitsLoss(pos_weight=[[1.0], [1.0, 2.0]]),
            ValueError,
            "BCEWithLogitsLoss: pos_weight: .*ragged",
        ),
        (
            lambda: nn.BCELoss(WEIGHT)(P[:, :1], Q[:, :1]),
            ValueError,
            r"^\(?BCELoss\)?.*binary_cross_entropy: weight: expected",
        ),
    ],
)
def test_what_is_wrong_is_told(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("name", sorted({case[0].__name__ for case in CASES} - {"FocalLoss"}))
def test_repr_is_that_of_torch(name):
    torch = pytest.importorskip("torch")
    assert repr(getattr(nn, name)()) == repr(getattr(torch.nn, name)())
