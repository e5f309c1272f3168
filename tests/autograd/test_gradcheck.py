"""The gradient check itself: it passes what is right, and catches what is planted."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.autograd import Function, GradcheckError


def normal(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def product(spoil_first, spoil_second=lambda g: g):
    """a * b whose gradients pass through the given functions before they are returned."""

    class Product(Function):
        saves = ((1,), (0,))

        def forward(self, a, b):
            return a * b

        def backward(self, dy):
            return spoil_first(dy * self.saved(1)), spoil_second(dy * self.saved(0))

    return lambda a, b: Product()(a, b)


def without_element(g):
    keep = np.ones(g.shape)
    keep[1, 2] = 0
    return g * keep


FAULTS = {
    "sign": lambda g: -g,
    "factor": lambda g: g * 2.0,
    "one millionth": lambda g: g * (1 + 1e-6),
    "one billionth": lambda g: g * (1 + 1e-9),
    "zero": lambda g: g * 0.0,
    "missing": lambda g: None,
    "one element": without_element,
    "neighbour": lambda g: tk.autograd.cat([g[1:], g[:1]]),
    "offset": lambda g: g + 1e-7,
    "ignores the cotangent": lambda g: g * 0.0 + 1.0,
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, fast_mode):
    inputs = [normal(2, 3), normal(2, 3, seed=1)]
    assert tk.gradcheck(product(lambda g: g), inputs, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match=r"input 0, element \(\d, \d\): backward says .*, differences say"):
        tk.gradcheck(product(FAULTS[fault]), inputs, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="input 1, element"):
        tk.gradcheck(product(lambda g: g, FAULTS[fault]), inputs, fast_mode=fast_mode)


def test_the_message_names_the_element():
    with pytest.raises(AssertionError, match=r"input 1, element \(1, 2\)"):
        tk.gradcheck(product(lambda g: g, without_element), [normal(2, 3), normal(2, 3, seed=1)])


def test_a_wrong_second_derivative_is_found():
    class Square(Function):
        saves = ((0,),)

        def forward(self, x):
            return x * x

        def backward(self, dy):
            return dy * 2.0 * self.saved(0).detach()  # right, but a constant for whoever differentiates it

    assert tk.gradcheck(lambda x: Square()(x), [normal(3)])
    with pytest.raises(GradcheckError, match="input 0"):
        tk.gradgradcheck(lambda x: Square()(x), [normal(3)])


def test_a_wrong_recorded_backward_pass_is_found():
    class Double(Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return dy * (3.0 if tk.autograd.is_grad_enabled() else 2.0)

    assert tk.gradcheck(lambda x: Double()(x), [normal(3)])
    with pytest.raises(GradcheckError, match="input 0"):
        tk.gradgradcheck(lambda x: Double()(x), [normal(3)])


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("distance", [0.0, 1e-5, 2e-4])
def test_a_kink_within_reach_is_noticed(distance, fast_mode):
    point = np.array([1.0, distance, -1.0])
    with pytest.raises(GradcheckError, match=r"input 0, element \(1,\): a kink"):
        tk.gradcheck(abs, [point], fast_mode=fast_mode)


def test_a_step_is_noticed():
    with pytest.raises(GradcheckError, match=r"input 0: a step"):
        tk.gradcheck(lambda x: tk.autograd.where(x > 0, x + 1.0, x), [np.zeros(1)])


def test_a_kink_out_of_reach_is_none():
    assert tk.gradcheck(abs, [np.array([1e-3, -1e-3])])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scales_of_values_do_not_matter(scale):
    function = product(lambda g: g)
    assert tk.gradcheck(function, [normal(2, 3) * scale, normal(2, 3, seed=1)])
    with pytest.raises(GradcheckError):
        tk.gradcheck(product(lambda g: g * 1.001), [normal(2, 3) * scale, normal(2, 3, seed=1)])


def test_noise_is_measured_not_mistaken_for_a_fault():
    """(x + 1e6) - 1e6 loses 20 bits: the check still passes what is right, and still finds a coarse fault."""

    def rounded(x):
        return (x + 1e6 - 1e6) * x

    assert tk.gradcheck(rounded, [normal(8)])
    with pytest.raises(GradcheckError):
        tk.gradcheck(lambda x: product(lambda g: g * 1.01)(x + 1e6 - 1e6, x), [normal(2, 3)])


def test_a_function_that_does_not_repeat_itself():
    random = np.random.default_rng(0)
    with pytest.raises(GradcheckError, match="two calls at the same point"):
        tk.gradcheck(lambda x: x * random.random(), [normal(2)])


def test_values_that_are_not_finite():
    with pytest.raises(GradcheckError, match="not finite at the given point"), np.errstate(all="ignore"):
        tk.gradcheck(lambda x: x.log(), [np.array([1.0, -1.0])])


def test_gradients_that_are_not_finite():
    spoiled = product(lambda g: g * np.array([1.0, np.inf]))
    with pytest.raises(GradcheckError, match=r"input 0, element \(1,\): .* not finite"):
        tk.gradcheck(spoiled, [normal(2), normal(2)])


def test_a_function_that_leaves_the_tape():
    with pytest.raises(GradcheckError, match="left the tape"):
        tk.gradcheck(lambda x: x.detach() * 2.0, [normal(2)])


def test_an_input_that_does_not_matter_has_gradient_zero():
    assert tk.gradcheck(lambda x, y: x * 2.0, [normal(2), normal(3)])
    assert tk.gradgradcheck(lambda x, y: x * 2.0, [normal(2), normal(3)])


def test_constants_are_passed_on_and_integers_left_out():
    index = tk.tensor([1, 0])
    constant = tk.tensor(normal(2))
    assert tk.gradcheck(lambda x, c, i: ((x * c)[i], i), [normal(2), constant, index])
    assert tk.gradgradcheck(lambda x, c, i: [(x * x * c)[i], i], [normal(2), constant, index])


def test_inputs_are_not_changed():
    x = normal(3)
    before = x.copy()
    x.flags.writeable = False
    leaf = tk.tensor(x, requires_grad=True)
    tk.gradcheck(lambda a, b: a * b, [x, leaf])
    assert (x == before).all()
    assert leaf.grad is None
    assert leaf.version == 0


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="gradcheck: inputs: expected float64, got input 0 of float32"):
        tk.gradcheck(abs, [np.ones(2, np.float32)])
    with pytest.raises(ValueError, match="gradcheck: inputs: expected at least one"):
        tk.gradcheck(abs, [tk.tensor(np.ones(2))])
    with pytest.raises(ValueError, match="gradcheck: function: expected at least one, got no float Tensor"):
        tk.gradcheck(lambda x: x.argmax(), [np.ones(2)])
