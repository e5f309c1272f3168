"""Losses at their edges: saturation, zeros, labels that do not count, broadcasting; gradients beside torch's."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from tests.op_specs.loss_composed import SPECS
from tests.op_specs.running import draw_for, make_call

import tatamikomi as tk
from tatamikomi import functional as F

EPS = np.finfo(np.float64).eps


def close(got, want, roundings=16):
    """Within so many roundings of the largest value; what is not finite has to match itself."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    finite = np.isfinite(want)
    assert np.array_equal(got[~finite], want[~finite], equal_nan=True)
    bound = roundings * EPS * np.abs(want[finite]).max(initial=0)
    assert (np.abs(got[finite] - want[finite]) <= bound).all(), (got, want)


def slopes(function, *arrays):
    """Gradients of the sum of function(*arrays)."""
    leaves = [tk.tensor(np.array(one, np.float64), requires_grad=True) for one in arrays]
    function(*leaves).sum().backward()
    return [leaf.grad.numpy() for leaf in leaves]


# Labels -----------------------------------------------------------------------------------------------------------

LOGITS = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0], [2.0, 2.0, 0.0]])
WEIGHT = np.array([1.0, 2.0, 5.0])


def log_probs(row):
    return [v - math.log(sum(math.exp(u) for u in row)) for v in row]


def test_plain_labels_take_the_kernels_path():
    """The same bits, and one node, as without any option."""
    x = tk.tensor(LOGITS, requires_grad=True)
    losses = F.cross_entropy(x, [2, 0, 1], None, ignore_index=7, reduction="none", label_smoothing=0.0)
    assert type(losses._node).__name__ == "_SoftmaxCrossEntropy"
    assert np.array_equal(losses, tk.kernels.softmax_cross_entropy_forward(LOGITS, [2, 0, 1])[0])


@pytest.mark.parametrize("labels", [[2, -100, 1], [-100, -100, 0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_by_the_formula(labels, smoothing):
    losses, weights = [], []
    for row, label in zip(LOGITS.tolist(), labels, strict=True):
        if label == -100:
            losses.append(0.0)
            continue
        logs = log_probs(row)
        even = sum(w * v for w, v in zip(WEIGHT, logs, strict=True)) / 3
        losses.append(-(1 - smoothing) * WEIGHT[label] * logs[label] - smoothing * even)
        weights.append(WEIGHT[label])
    options = {"weight": WEIGHT, "label_smoothing": smoothing}
    close(F.cross_entropy(LOGITS, labels, reduction="none", **options), losses)
    close(F.cross_entropy(LOGITS, labels, reduction="sum", **options), sum(losses))
    close(F.cross_entropy(LOGITS, labels, **options), sum(losses) / sum(weights))
    if not smoothing:
        logs = [log_probs(row) for row in LOGITS.tolist()]
        close(F.nll_loss(logs, labels, WEIGHT.tolist()).to("float64"), np.float32(sum(losses) / sum(weights)), 1 << 32)
        close(F.nll_loss(np.array(logs), labels, WEIGHT), sum(losses) / sum(weights))


def test_labels_are_distributions_with_one_1():
    one_hot = np.eye(3)[[2, 0, 1]]
    for options in ({}, {"label_smoothing": 0.2}, {"weight": WEIGHT, "reduction": "sum", "label_smoothing": 0.5}):
        close(F.cross_entropy(LOGITS, one_hot, **options), F.cross_entropy(LOGITS, [2, 0, 1], **options))
    close(F.cross_entropy(LOGITS, one_hot, WEIGHT), F.cross_entropy(LOGITS, [2, 0, 1], WEIGHT, reduction="sum") / 3)


@pytest.mark.parametrize("function", [F.nll_loss, F.cross_entropy])
def test_what_is_ignored_counts_nothing(function):
    x = LOGITS.copy()
    x[1] = -np.inf, np.inf, np.nan
    assert function(x, [0, -100, 1], reduction="none").tolist()[1] == 0
    close(function(x, [0, -100, 1]), function(LOGITS[[0, 2]], [0, 1]))
    (dx,) = slopes(lambda x: function(x, [0, 9, 1], WEIGHT, ignore_index=9), LOGITS)
    assert not dx[1].any()
    assert dx[[0, 2]].any()
    with np.errstate(invalid="ignore"):
        assert math.isnan(function(LOGITS, [-100] * 3).item())
    assert function(LOGITS, [-100] * 3, reduction="sum").item() == 0


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_one_sample_alone(reduction):
    for function in (F.nll_loss, F.cross_entropy):
        alone = function(LOGITS[0], 1, WEIGHT, reduction=reduction)
        assert alone.shape == ()
        assert alone.item() == function(LOGITS[:1], [1], WEIGHT, reduction=reduction).numpy().item()
    probs = np.array([0.25, 0.25, 0.5])
    alone = F.cross_entropy(LOGITS[0], probs, reduction=reduction)
    assert alone.shape == ()
    close(alone, -np.dot(probs, log_probs(LOGITS[0])))


def test_labels_may_change_after_the_call():
    x, labels = tk.tensor(LOGITS, requires_grad=True), np.array([0, 1, 2])
    for function in (F.nll_loss, F.cross_entropy):
        x.grad = None
        loss = function(x, labels, WEIGHT)
        labels[:] = 1
        loss.backward()
        close(x.grad, slopes(lambda x, f=function: f(x, [0, 1, 2], WEIGHT), LOGITS)[0])
        labels[:] = 0, 1, 2


def test_no_classes_and_no_samples():
    for target in (np.zeros(0, int), np.zeros((0, 0))):
        loss = F.cross_entropy(np.zeros((0, 0)), target, reduction="sum", label_smoothing=0.5)
        assert loss.item() == 0
    assert F.nll_loss(np.zeros((0, 3)), np.zeros(0, int), WEIGHT, reduction="none").shape == (0,)


# Two classes ------------------------------------------------------------------------------------------------------


def test_binary_cross_entropy_where_a_logarithm_would_be_infinite():
    x, t = [0.0, 1.0, 0.0, 1.0, 0.25], [0.0, 1.0, 1.0, 0.0, 0.25]
    middle = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    close(F.binary_cross_entropy(np.array(x), np.array(t), reduction="none"), [0, 0, 100, 100, middle])
    dx, dt = slopes(F.binary_cross_entropy, x, t)
    close(dx * 5, [1.0, -1.0, -1e12, 1e12, 0.0])
    assert np.isfinite(dt).all()


TAILS = np.array([-800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0])


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_tails_are_accurate_each_by_itself(target):
    """Relative to every loss, not only to the largest: e**-40 is not lost beside 40."""
    t = np.full(7, target)
    want = [softplus(-x if target else x) for x in TAILS]
    wrong = [1 / (1 + math.exp(x if target else -x)) if abs(x) < 700 else float((x < 0) == target) for x in TAILS]
    share = 0.25 if target else 0.75
    logits = F.binary_cross_entropy_with_logits(TAILS, t, reduction="none").numpy()
    margin = F.soft_margin_loss(TAILS, 2 * t - 1, reduction="none").numpy()
    focal = F.focal_loss(TAILS, t).numpy()
    for i in range(7):
        close(logits[i], want[i])
        close(margin[i], want[i])
        close(focal[i], share * wrong[i] ** 2 * want[i], 64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_focal_loss_has_finite_derivatives_everywhere(dtype, gamma):
    x = tk.tensor(np.tile(TAILS, 2).astype(dtype), requires_grad=True)
    t = np.repeat([0, 1], 7).astype(dtype)
    loss = F.focal_loss(x, t, gamma=gamma, reduction="sum")
    (dx,) = tk.autograd.grad([loss], [x], create_graph=True)
    assert np.isfinite(dx.data).all()
    (ddx,) = tk.autograd.grad([dx.sum()], [x])
    assert np.isfinite(ddx.data).all()


def test_slopes_where_a_formula_of_cases_would_bend():
    zero = np.zeros(1)
    (dx, _) = slopes(F.binary_cross_entropy_with_logits, zero, zero)
    assert dx.tolist() == [0.5]
    for loss in (F.huber_loss, F.smooth_l1_loss):
        x = tk.tensor(np.array([0.0, 1.0, np.inf, -np.inf]), requires_grad=True)
        (dx,) = tk.autograd.grad([loss(x, np.zeros(4), reduction="sum")], [x], create_graph=True)
        assert dx.tolist() == [0, 1, 1, -1]
        assert tk.autograd.grad([dx[0]], [x])[0].tolist() == [1, 0, 0, 0]
    assert slopes(F.l1_loss, [1.0, 3.0], [1.0, 1.0])[0].tolist() == [0, 0.5]


def test_kl_div_of_what_never_happens():
    x, t = np.array([[-np.inf, -1.0]]), np.array([[0.0, 1.0]])
    assert F.kl_div(x, t, reduction="none").tolist() == [[0, 1]]
    dx, dt = slopes(lambda x, t: F.kl_div(x, t, reduction="batchmean"), x, t)
    assert dx.tolist() == [[0, -1]]
    assert dt.tolist() == [[0, 2]]  # log t + 1 - x where t is not 0
    assert F.kl_div(np.ones((4, 2)), np.ones((4, 2)), reduction="batchmean").item() == -2
    assert F.kl_div(np.ones((0, 2)), np.ones((0, 2)), reduction="batchmean").item() == 0


def test_dice_of_masks():
    mask, other = np.zeros((1, 3, 2, 2)), np.zeros((1, 3, 2, 2))
    mask[0, 1] = other[0, 1] = [[1, 1], [0, 1]]
    mask[0, 2], other[0, 2] = [[1, 1], [0, 0]], [[0, 1], [1, 0]]
    close(F.dice_loss(mask, other, reduction="none", eps=0.5), [[0, 0, 1 - 2.5 / 4.5]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.dice_loss(mask, other, reduction="none", eps=0.0).numpy()).tolist() == [[True, False, False]]


# Shapes -----------------------------------------------------------------------------------------------------------


def repeated(*arrays):
    return [one.copy() for one in np.broadcast_arrays(*arrays)]


@pytest.mark.parametrize("name", ["l1_loss", "smooth_l1_loss", "huber_loss"])
def test_regression_broadcasts_and_warns(name):
    loss, x, t = getattr(F, name), np.array([[1.0], [4.0]]), np.array([0.0, 2.0, 4.0])
    with pytest.warns(UserWarning, match=rf"^{name}: target: shape \(3,\) is broadcast with input's \(2, 1\)") as seen:
        got = loss(x, t, reduction="none")
    assert seen[0].filename == __file__
    assert np.array_equal(got, loss(*repeated(x, t), reduction="none"))
    with pytest.raises(ValueError, match=rf"^{name}: target: expected a shape that broadcasts with \(2, 1\)"):
        loss(x, np.ones((3, 3)))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_single_number_has_no_dimensions(reduction):
    for name, want in {
        "l1_loss": 0.25,
        "huber_loss": 0.03125,
        "kl_div": 0.5 * (math.log(0.5) - 0.25),
        "binary_cross_entropy": -0.5 * (math.log(0.25) + math.log(0.75)),
        "soft_margin_loss": softplus(-0.125),
    }.items():
        close(getattr(F, name)(np.array(0.25), np.array(0.5), reduction=reduction), want)


def test_the_others_broadcast_as_torch_does():
    x, t = np.array([[-1.0], [-4.0]]), np.array([0.25, 0.5, 1.0])
    for loss in (F.kl_div, F.soft_margin_loss):
        assert np.array_equal(loss(x, t, reduction="none"), loss(*repeated(x, t), reduction="none"))
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.focal_loss):
        with pytest.raises(ValueError, match=r"target: expected shape \(2, 1\), as input has"):
            loss(abs(x) / 4, t)


# torch ------------------------------------------------------------------------------------------------------------

CASES = [
    pytest.param(spec, sample, id=f"{spec.name}-{sample.label}")
    for spec in SPECS
    for sample in spec.directions[0].samples
]


@pytest.mark.parametrize(("spec", "sample"), CASES)
def test_gradients_are_torchs(spec, sample):
    torch = pytest.importorskip("torch")
    direction, name = spec.directions[0], spec.functional[0]
    call = make_call(direction, sample, "float64", False)
    ours = [tk.tensor(one, requires_grad=True) if is_float(one) else one for one in call.args]
    theirs = [
        torch.tensor(one, requires_grad=i < 1 and is_float(one)) if isinstance(one, np.ndarray) else one
        for i, one in enumerate(call.args)
    ]
    options = {key: torch.tensor(one) if is_float(one) else one for key, one in call.kwargs.items()}
    y = getattr(F, name)(*ours, **call.kwargs)
    twin = direction.twin(torch, type(call)(tuple(theirs), options))
    dy = draw_for(sample.label, "float64", False)(*y.shape)
    tk.autograd.backward(y, dy)
    twin.backward(torch.tensor(dy))
    close(ours[0].grad, theirs[0].grad.numpy(), 200)


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def test_gradients_of_targets_are_torchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    x, t = rng.uniform(0.1, 0.9, (2, 4, 3))
    t /= t.sum(1, keepdims=True)
    for name in (
        *("cross_entropy", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div"),
        *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
    ):
        leaf = torch.tensor(t, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(torch.nn.functional, name)(torch.tensor(x), leaf).backward()
        close(slopes(lambda t, name=name: getattr(F, name)(x, t), t)[0], leaf.grad.numpy(), 200)
