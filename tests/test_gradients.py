"""First and second derivatives of every operation against differences, in float64, for options of every kind."""

from __future__ import annotations

import pytest

import tatamikomi as tk
from tests.op_specs import SPECS
from tests.op_specs.running import draw_for

FIRST = [pytest.param(one, id=f"{spec.name}-{one.label}") for spec in SPECS for one in spec.gradients]
SECOND = [pytest.param(one, id=f"{spec.name}-{one.label}") for spec in SPECS for one in spec.gradients if one.second]


def prepared(gradient):
    return gradient.make(draw_for(gradient.label, "float64", False))


@pytest.mark.parametrize("gradient", FIRST)
def test_first_derivative(gradient):
    function, arrays = prepared(gradient)
    assert tk.gradcheck(function, arrays, fast_mode=True)


@pytest.mark.parametrize("gradient", SECOND)
def test_second_derivative(gradient):
    function, arrays = prepared(gradient)
    assert tk.gradgradcheck(function, arrays, fast_mode=True)


@pytest.mark.parametrize("gradient", FIRST)
def test_a_gradient_of_one_input_alone(gradient):
    """Whatever else needs none is skipped, not spoilt."""
    function, arrays = prepared(gradient)
    for wanted in range(len(arrays)):
        leaves = [tk.tensor(one, requires_grad=i == wanted) for i, one in enumerate(arrays)]
        result = function(*leaves)
        result = result if isinstance(result, tuple) else (result,)
        whole = [tk.tensor(one, requires_grad=True) for one in arrays]
        again = function(*whole)
        again = again if isinstance(again, tuple) else (again,)
        tk.autograd.backward(result[0].sum())
        tk.autograd.backward(again[0].sum())
        for i, (leaf, other) in enumerate(zip(leaves, whole, strict=True)):
            if i == wanted:
                assert leaf.grad.numpy().tobytes() == other.grad.numpy().tobytes()
            else:
                assert leaf.grad is None
