"""Gradient clipping: exact cases by hand, the formulas as loops over units, torch as a second opinion."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.nn import utils

SHAPES = [(4, 3, 3, 3), (5, 7), (6,), ()]
EPS = 2.0**-53


def parameter(grad, value=None) -> tk.nn.Parameter:
    grad = np.array(grad, np.float64)
    made = tk.nn.Parameter(np.zeros_like(grad) if value is None else np.array(value, np.float64))
    made.grad = grad
    return made


def drawn() -> list[tk.nn.Parameter]:
    draw = np.random.default_rng(5)
    return [parameter(draw.standard_normal(shape), draw.standard_normal(shape)) for shape in SHAPES]


@pytest.mark.parametrize(("order", "total"), [(1, 19), (2, 13), (2.0, 13), (math.inf, 12), (float("inf"), 12)])
def test_the_norm_is_that_of_all_gradients_together(order, total):
    several = [parameter([[3.0], [-4.0]]), tk.nn.Parameter([1.0]), parameter(12.0), parameter(np.zeros((0, 3)))]
    version = several[0].grad.version
    norm = utils.clip_grad_norm_(iter(several), math.inf, order)
    assert (norm.item(), norm.shape, norm.dtype) == (total, (), np.float64)
    assert several[0].grad.numpy().tolist() == [[3], [-4]]
    assert several[0].grad.version == version
    assert several[1].grad is None


def test_gradients_are_scaled_together_and_in_place():
    several = [parameter([3.0, -4.0]), parameter(12.0)]
    held = several[0].grad
    assert utils.clip_grad_norm_(several, 6.5).item() == 13.0
    factor = 6.5 / (13.0 + 1e-6)
    assert held is several[0].grad
    assert held.numpy().tolist() == [3.0 * factor, -4.0 * factor]
    assert several[1].grad.item() == 12.0 * factor
    assert held.version == 1
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_float32_is_measured_in_float64_and_stays():
    one = tk.nn.Parameter(np.zeros(2, np.float32))
    one.grad = np.array([3e30, 4e30], np.float32)
    assert math.isclose(utils.clip_grad_norm_(one, 1.0).item(), 5e30, rel_tol=2.0**-22)  # two numbers to 2^-24
    assert one.grad.dtype == np.float32
    assert np.abs(one.grad.numpy() - [0.6, 0.8]).max() <= 4 * 2.0**-24


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_norms_that_are_not_finite(bad):
    several = [parameter([bad, 2.0]), parameter(1.0)]
    with pytest.raises(ValueError, match=rf"clip_grad_norm_: parameters: .* finite norm, got a norm of {bad}"):
        utils.clip_grad_norm_(several, 1.0, error_if_nonfinite=True)
    assert several[1].grad.item() == 1.0
    utils.clip_grad_norm_(several, math.inf)
    assert several[1].grad.item() == 1.0
    utils.clip_grad_norm_(several, 1.0)
    assert math.isnan(several[0].grad.numpy()[0])
    assert np.array_equal(several[1].grad.numpy(), 0.0 if bad == math.inf else math.nan, equal_nan=True)


def test_values_are_clipped():
    one = parameter([-3.0, -0.5, 0.0, 2.0, math.nan, math.inf])
    assert utils.clip_grad_value_([one, tk.nn.Parameter([1.0])], 1) is None
    assert np.array_equal(one.grad.numpy(), [-1, -0.5, 0, 1, math.nan, 1], equal_nan=True)
    assert one.grad.version == 1


def test_units_are_clipped_by_their_own_weights():
    weight = parameter([[6.0, 8.0], [3.0, 4.0], [0.0, 0.0], [0.0, 1.0]], [[3, 4], [30, 40], [3, 4], [0, 0]])
    bias = parameter([0.0, 16.0], [3.0, 4.0])
    utils.adaptive_clip_grad_([weight, bias], 0.5, 0.25)
    # limits 2.5, 25, 2.5 and, from eps, 0.125; norms 10, 5, 0 and 1
    assert weight.grad.numpy().tolist() == [[1.5, 2.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.125]]
    assert bias.grad.numpy().tolist() == [0.0, 2.5]


def test_a_broken_unit_breaks_no_other():
    one = parameter([[math.inf, 1.0], [math.nan, 1.0], [0.0, 1.0]], [[0, 1], [0, 1], [0, 1]])
    utils.adaptive_clip_grad_(one, 0.5)
    expected = [[math.nan, 0.0], [math.nan, math.nan], [0.0, 0.5]]
    assert np.array_equal(one.grad.numpy(), expected, equal_nan=True)


def test_adaptive_clipping_against_its_formula():
    several, untouched = drawn(), drawn()
    utils.adaptive_clip_grad_(several, 0.5)
    for one, before in zip(several, untouched, strict=True):
        units = range(len(one.data)) if one.ndim > 1 else [...]
        for unit in units:
            g = before.grad.numpy()[unit].ravel().tolist()
            w = before.numpy()[unit].ravel().tolist()
            norm, length = math.hypot(*g), max(math.hypot(*w), 1e-3)
            expected = np.array(g) * min(0.5 * length / norm, 1.0)
            bound = (2 * len(g) + 8) * EPS * np.abs(expected)  # two sums, roots, a quotient, products
            assert (np.abs(one.grad.numpy()[unit].ravel() - expected) <= bound).all()


@pytest.mark.parametrize("order", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("limit", [0.0, 0.5, 1e3])
def test_against_torch(order, limit):
    torch = pytest.importorskip("torch")
    ours, theirs = drawn(), []
    for one in ours:
        theirs.append(torch.nn.Parameter(torch.tensor(one.numpy().copy())))
        theirs[-1].grad = torch.tensor(one.grad.numpy().copy())
    count = sum(one.grad.numpy().size for one in ours)
    bound = 8 * count * EPS  # sums of as many numbers, powers rounding a few times
    norms = [
        room.clip_grad_norm_(some, limit, order).item() for room, some in ((utils, ours), (torch.nn.utils, theirs))
    ]
    assert math.isclose(*norms, rel_tol=bound)
    for _ in range(2):
        for one, other in zip(ours, theirs, strict=True):
            assert np.allclose(one.grad.numpy(), other.grad.numpy(), rtol=2 * bound, atol=0)
        utils.clip_grad_value_(ours, 0.01)
        torch.nn.utils.clip_grad_value_(theirs, 0.01)


def read_only() -> tk.nn.Parameter:
    one = parameter([1.0])
    one.grad.data.flags.writeable = False
    return one


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: utils.clip_grad_norm_(3, 1.0), "clip_grad_norm_: parameters: expected a Tensor or .*, got int"),
        (lambda: utils.clip_grad_norm_([3], 1.0), "clip_grad_norm_: parameters: expected Tensors, got int"),
        (lambda: utils.clip_grad_norm_([], "1"), "clip_grad_norm_: max_norm: expected a number, got str"),
        (lambda: utils.clip_grad_norm_([], -1), r"clip_grad_norm_: max_norm: expected a number >= 0, got -1.0"),
        (lambda: utils.clip_grad_norm_([], math.nan), r"clip_grad_norm_: max_norm: expected a number >= 0, got nan"),
        (lambda: utils.clip_grad_norm_([], 1, 0), r"clip_grad_norm_: norm_type: expected a number > 0, got 0.0"),
        (lambda: utils.clip_grad_norm_([], 1, 2, 1), "clip_grad_norm_: error_if_nonfinite: expected True or False"),
        (lambda: utils.clip_grad_value_([], -1), r"clip_grad_value_: clip_value: expected a number >= 0, got -1.0"),
        (lambda: utils.clip_grad_value_(read_only(), 1), "clip_grad_value_: parameters: .*, got a read-only one"),
        (lambda: utils.adaptive_clip_grad_([], 0), r"adaptive_clip_grad_: clip_factor: expected a number > 0, got 0.0"),
        (lambda: utils.adaptive_clip_grad_([], 1, 0), r"adaptive_clip_grad_: eps: expected a number > 0, got 0.0"),
        (lambda: utils.adaptive_clip_grad_([None]), "adaptive_clip_grad_: parameters: expected Tensors, got NoneType"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
