"""Array algebra: values against NumPy, gradients against differences, dtypes, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import autograd as ag


def normal(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def distinct(*shape):
    size = int(np.prod(shape))
    return (np.random.default_rng(size).permutation(size).reshape(shape) - size / 3) * 0.1


A, B = normal(3, 4), normal(3, 4, seed=1)
ROW, COLUMN, POSITIVE = normal(4), normal(3, 1), np.abs(A) + 0.5
MASK = A > 0
INDEX = np.array([[0, 2], [1, 1], [3, 0]])

# name: (Tensors to Tensor, the same in NumPy, float64 inputs)
CASES = {
    "add": (lambda a, b: a + b, np.add, [A, ROW]),
    "sub": (lambda a, b: a - b, np.subtract, [COLUMN, ROW]),
    "mul": (lambda a, b: a * b, np.multiply, [A, COLUMN]),
    "mul by itself": (lambda a: a * a, np.square, [A]),
    "div": (lambda a, b: a / b, np.divide, [ROW, POSITIVE]),
    "scalars": (lambda a: 2 - (1 + a) * 3 / 4 + 5 / (a * a + 1), lambda a: 2 - (1 + a) * 3 / 4 + 5 / (a * a + 1), [A]),
    "pow": (lambda a, b: a**b, np.power, [POSITIVE, ROW]),
    "pow 3": (lambda a: a**3, lambda a: a**3.0, [A]),
    "pow -0.5": (lambda a: a**-0.5, lambda a: a**-0.5, [POSITIVE]),
    "2 pow": (lambda a: 2**a, lambda a: 2.0**a, [A]),
    "neg": (lambda a: -a, np.negative, [A]),
    "abs": (abs, np.abs, [A]),
    "exp": (lambda a: a.exp(), np.exp, [A]),
    "log": (lambda a: a.log(), np.log, [POSITIVE]),
    "sqrt": (lambda a: a.sqrt(), np.sqrt, [POSITIVE]),
    "clip": (lambda a: a.clip(-0.5, 0.7), lambda a: np.clip(a, -0.5, 0.7), [A]),
    "clip below": (lambda a: a.clip(min=0.1), lambda a: np.maximum(a, 0.1), [A]),
    "maximum": (ag.maximum, np.maximum, [A, ROW]),
    "minimum": (ag.minimum, np.minimum, [A, COLUMN]),
    "where": (lambda a, b: ag.where(MASK, a, b), lambda a, b: np.where(MASK, a, b), [A, ROW]),
    "clone": (lambda a: a.clone(), np.copy, [A]),
    "sum": (lambda a: a.sum(), np.sum, [A]),
    "sum dims": (lambda a: a.sum((0, -1), keepdim=True), lambda a: a.sum((0, -1), keepdims=True), [normal(2, 3, 4)]),
    "mean": (lambda a: a.mean(1), lambda a: a.mean(1), [A]),
    "var": (lambda a: a.var(0), lambda a: a.var(0, ddof=1), [A]),
    "var biased": (lambda a: a.var((0, 1), 0, True), lambda a: a.var(keepdims=True), [A]),
    "std": (lambda a: a.std(1), lambda a: a.std(1, ddof=1), [A]),
    "amax": (lambda a: a.amax((0, 2)), lambda a: a.max((0, 2)), [distinct(2, 3, 4)]),
    "amin": (lambda a: a.amin(1, keepdim=True), lambda a: a.min(1, keepdims=True), [distinct(3, 4)]),
    "max": (lambda a: a.max(), np.max, [distinct(3, 4)]),
    "max dim": (lambda a: a.max(0)[0], lambda a: a.max(0), [distinct(3, 4)]),
    "min dim": (lambda a: a.min(1, keepdim=True)[0], lambda a: a.min(1, keepdims=True), [distinct(3, 4)]),
    "matmul": (lambda a, b: a @ b, np.matmul, [A, normal(4, 2)]),
    "matmul stack": (lambda a, b: a @ b, np.matmul, [normal(2, 1, 3, 4), normal(3, 4, 2)]),
    "matmul fold": (lambda a, b: a @ b, np.matmul, [normal(2, 3, 4), normal(4, 2)]),
    "matmul one matrix left": (lambda a, b: a @ b, np.matmul, [A, normal(2, 4, 2)]),
    "vector matrix": (lambda a, b: a @ b, np.matmul, [ROW, normal(4, 2)]),
    "matrix vector": (lambda a, b: a @ b, np.matmul, [A, ROW]),
    "vector vector": (lambda a, b: a @ b, np.matmul, [ROW, normal(4, seed=2)]),
    "reshape": (lambda a: a.reshape(2, -1), lambda a: a.reshape(2, -1), [A]),
    "view of transposed": (lambda a: a.T.view((12,)), lambda a: a.T.reshape(12), [A]),
    "flatten": (lambda a: a.flatten(1, 2), lambda a: a.reshape(2, 12, 2), [normal(2, 3, 4, 2)]),
    "unflatten": (lambda a: a.unflatten(-2, (2, -1, 3)), lambda a: a.reshape(2, 2, 2, 3, 2), [normal(2, 12, 2)]),
    "transpose": (lambda a: a.transpose(0, -1), lambda a: a.swapaxes(0, -1), [normal(2, 3, 4)]),
    "permute": (lambda a: a.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1), [normal(2, 3, 4)]),
    "squeeze": (lambda a: a.squeeze(1).unsqueeze(0), lambda a: a[None, :, 0], [normal(2, 1, 3)]),
    "expand": (lambda a: a.expand(2, -1, 4), lambda a: np.broadcast_to(a, (2, 3, 4)), [COLUMN]),
    "broadcast_to": (lambda a: a.broadcast_to((3, 4)), lambda a: np.broadcast_to(a, (3, 4)), [ROW]),
    "contiguous": (lambda a: a.T.contiguous(), lambda a: a.T, [A]),
    "cat": (lambda a, b: ag.cat([a, b, a], 1), lambda a, b: np.concatenate([a, b, a], 1), [A, COLUMN]),
    "stack": (lambda a, b: ag.stack([a, b], -1), lambda a, b: np.stack([a, b], -1), [A, B]),
    "split": (lambda a: a.split([1, 3], 1)[1], lambda a: a[:, 1:], [A]),
    "slice": (lambda a: a[1:, ::-2, None], lambda a: a[1:, ::-2, None], [A]),
    "integer": (lambda a: a[..., -1], lambda a: a[..., -1], [A]),
    "integer array": (lambda a: a[[0, 2, 0], 1:], lambda a: a[[0, 2, 0], 1:], [A]),
    "Tensor index": (lambda a: a[:, tk.tensor([1, 1])], lambda a: a[:, [1, 1]], [A]),
    "mask": (lambda a: a[MASK], lambda a: a[MASK], [A]),
    "Tensor mask": (lambda a: a[tk.tensor(MASK)] * 2, lambda a: a[MASK] * 2, [A]),
    "gather": (lambda a: a.gather(1, INDEX), lambda a: np.take_along_axis(a, INDEX, 1), [A]),
    "gather part": (lambda a: a.gather(0, [[2, 0]]), lambda a: np.array([[a[2, 0], a[0, 1]]]), [A]),
    "scatter_add": (
        lambda a, b: ag.scatter_add(a, 1, INDEX, b),
        lambda a, b: a + np.stack([[b[i][INDEX[i] == j].sum() for j in range(4)] for i in range(3)]),
        [A, normal(3, 2)],
    ),
    "iteration": (lambda a: sum(row.sum() * i for i, row in enumerate(a)), lambda a: a[1].sum() + 2 * a[2].sum(), [A]),
}


def close(y, expected):
    """Equal up to the rounding of both sides: K terms per element, K at most the number of elements here."""
    k = 4 * max(expected.size, 24) * np.finfo(float).eps
    return np.abs(y - expected) <= k / (1 - k) * (np.abs(expected) + np.abs(A).sum())


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_numpy(name):
    function, reference, inputs = CASES[name]
    y, expected = function(*map(tk.tensor, inputs)), np.asarray(reference(*inputs))
    assert y.shape == expected.shape
    assert y.dtype == expected.dtype
    assert close(y.data, expected).all()


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name):
    function, _, inputs = CASES[name]
    leaves = [tk.tensor(one, np.float32, requires_grad=True) for one in inputs]
    y = function(*leaves)
    assert y.dtype == np.float32
    y.backward(np.ones(y.shape, np.float32))
    assert {leaf.grad.dtype for leaf in leaves} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", CASES)
def test_first_derivative(name):
    function, _, inputs = CASES[name]
    assert tk.gradcheck(function, inputs)


@pytest.mark.parametrize("name", CASES)
def test_second_derivative(name):
    function, _, inputs = CASES[name]
    assert tk.gradgradcheck(function, inputs, fast_mode=True)


def test_derivatives_up_to_the_fourth():
    x = tk.tensor([2.0], requires_grad=True)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = ag.grad(y, x, create_graph=True)
        assert y.item() == expected


def test_ties_share_the_gradient():
    a, b = (tk.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    ag.maximum(a, b).sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [0.5, 0.5]
    a.grad = None
    x = tk.tensor([3.0, 1.0, 3.0], requires_grad=True)
    x.amax().backward()
    assert x.grad.tolist() == [0.5, 0.0, 0.5]
    x.grad = None
    x.max(0).values.backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0]


def test_gradients_at_the_edges_of_definition():
    x = tk.tensor([0.0, -1.0, 2.0], requires_grad=True)
    (x**0 + abs(x) + x.clip(0, 1) + x**2).sum().backward()
    assert x.grad.tolist() == [0 + 0 + 1 + 0, 0 - 1 + 0 - 2, 0 + 1 + 0 + 4]
    base, exponent = tk.tensor([0.0, 0.0], requires_grad=True), tk.tensor([0.0, 2.0], requires_grad=True)
    (base**exponent).sum().backward()
    assert base.grad.tolist() == exponent.grad.tolist() == [0.0, 0.0]


def test_nan_propagates_through_extremes():
    x = tk.tensor([1.0, np.nan, 3.0], requires_grad=True)
    assert np.isnan(x.amax().item())
    assert x.argmax().item() == 1
    ag.maximum(x, 2.0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0]


def test_comparisons_are_bool_tensors_without_gradient():
    x = tk.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert (x > 2).tolist() == [False, False, True]
    assert (x >= x).tolist() == [True] * 3
    assert (x >= 2).tolist() == [False, True, True]
    assert (x < np.float32(2)).tolist() == [True, False, False]
    assert (x == [1.0, 0.0, 3.0]).tolist() == [True, False, True]
    assert (x != 1).dtype == bool
    assert not (x > 2).requires_grad
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    assert (tk.tensor([1, 2]) == np.array([1, 3], np.int32)).tolist() == [True, False]


def test_bools_count_as_numbers():
    x = tk.tensor([1.0, -2.0], requires_grad=True)
    y = x * (x > 0)
    y.sum().backward()
    assert y.tolist() == [1.0, 0.0]
    assert x.grad.tolist() == [1.0, 0.0]
    assert (x > 0).sum().item() == 1


@pytest.mark.parametrize("scalar", [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2)])
def test_scalars_keep_the_dtype(scalar):
    for dtype in (np.float32, np.float64):
        x = tk.tensor(np.ones(2, dtype))
        for y in (x + scalar, scalar + x, x * scalar, scalar - x, x / scalar, scalar / x, x**scalar, scalar**x):
            assert y.dtype == dtype
    assert type(scalar + x) is tk.Tensor


def test_arrays_meet_tensors_from_either_side():
    x = tk.tensor([1.0, 2.0])
    array = np.array([3.0, 4.0], np.float32)
    for y in (array + x, array - x, array * x, array / x, array**x, np.stack([array, array]) @ x):
        assert type(y) is tk.Tensor
    assert (array - x).tolist() == [2.0, 2.0]
    assert (array > x).tolist() == [True, True]


MIXED = tk.tensor([1.0]), tk.tensor(np.ones(1)), tk.tensor([1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, d, i: f + d, TypeError, "add: other: expected operands of one dtype .*, got float32 and float64"),
        (lambda f, d, i: f * i, TypeError, "mul: other: expected operands of one dtype"),
        (lambda f, d, i: f - np.ones(1), TypeError, "sub: other"),
        (lambda f, d, i: i * 0.5, TypeError, "mul: other: expected the same kind, got float with a Tensor of int64"),
        (lambda f, d, i: (i > 0) + 2, TypeError, "add: other: .* got int with a Tensor of bool"),
        (lambda f, d, i: f + 1j, TypeError, "add: other: .* got complex128"),
        (lambda f, d, i: f + np.complex64(1), TypeError, "add: other"),
        (lambda f, d, i: f + None, TypeError, "add: other: expected .* got NoneType"),
        (lambda f, d, i: i / i, TypeError, "div: input: expected float32 or float64, got int64"),
        (lambda f, d, i: i.exp(), TypeError, "exp: input: .* got int64"),
        (lambda f, d, i: i.mean(), TypeError, "mean: input: .* got int64"),
        (lambda f, d, i: -(f > 0), TypeError, "neg: input: expected numbers, got bool"),
        (lambda f, d, i: f @ d, TypeError, "matmul: other: .* got float32 and float64"),
        (lambda f, d, i: f @ tk.tensor([1.0, 2.0]), ValueError, r"matmul: other: expected \(..., m, k\)"),
        (lambda f, d, i: f @ tk.tensor(1.0), ValueError, "matmul: input: expected at least one dimension"),
        (
            lambda f, d, i: f.expand(2, 3, 1) @ f.expand(3, 1, 1),
            ValueError,
            "matmul: .*leading dimensions that broadcast",
        ),
        (lambda f, d, i: f.reshape(2), ValueError, r"reshape: shape: expected a shape of 1 elements, got \(2,\)"),
        (lambda f, d, i: f.reshape(-1, -1), ValueError, "reshape: shape"),
        (lambda f, d, i: f.reshape(-2), ValueError, "reshape: shape"),
        (lambda f, d, i: f.reshape(1.0), TypeError, "reshape: shape: expected integers"),
        (lambda f, d, i: f.sum(1), ValueError, "sum: dim: expected -1 <= dim < 1, got 1"),
        (lambda f, d, i: f.sum((0, -1)), ValueError, "sum: dim: expected each dimension once"),
        (lambda f, d, i: f.permute(0, 0), ValueError, "permute: dims"),
        (lambda f, d, i: f.transpose(0, 1), ValueError, "transpose: dim"),
        (lambda f, d, i: f.expand(2, 2, 1).expand(3, 2, 1), ValueError, "expand: sizes"),
        (lambda f, d, i: f.expand(-1, 1), ValueError, "expand: sizes"),
        (lambda f, d, i: f.expand(2, 2, 2).T, ValueError, "T: input: expected at most two dimensions"),
        (lambda f, d, i: f.flatten(1), ValueError, "flatten: start_dim"),
        (lambda f, d, i: f.unflatten(1, (1, 1)), ValueError, "unflatten: dim"),
        (lambda f, d, i: f.unflatten(0, (2, 5)), ValueError, r"unflatten: sizes: expected sizes of \d+ elements, got"),
        (lambda f, d, i: f.expand(5).unflatten(0, (2, -1)), ValueError, "unflatten: sizes: expected sizes of 5"),
        (lambda f, d, i: f.expand(5).reshape(2, -1), ValueError, "reshape: shape: expected a shape of 5 elements"),
        (lambda f, d, i: f.unflatten(0, ()), ValueError, "unflatten: sizes"),
        (lambda f, d, i: f.unflatten(0, (-1, -1)), ValueError, "unflatten: sizes"),
        (lambda f, d, i: f.unflatten(0, 2.5), TypeError, "unflatten: sizes"),
        (lambda f, d, i: f.expand(2, 2).flatten(1, 0), ValueError, "flatten: start_dim"),
        (lambda f, d, i: f.split(0), ValueError, "split: split_size: expected a positive size, got 0"),
        (lambda f, d, i: f.split([1, 1]), ValueError, "split: split_size: expected sizes that add up to 1"),
        (lambda f, d, i: ag.cat([]), ValueError, "cat: tensors: expected at least one"),
        (lambda f, d, i: ag.cat([f, d]), TypeError, "cat: tensors: expected one dtype"),
        (lambda f, d, i: ag.cat([f, f.reshape(1, 1)]), ValueError, r"cat: tensors: .*\(1,\) and \(1, 1\)"),
        (lambda f, d, i: ag.stack([f, f.expand(2)]), ValueError, "stack: tensors: expected equal shapes"),
        (lambda f, d, i: f[1], IndexError, "out of bounds"),
        (lambda f, d, i: f[0.5], IndexError, "integers"),
        (lambda f, d, i: f[[0.5]], IndexError, "integer"),
        (lambda f, d, i: f.gather(0, [1]), ValueError, "gather: index: expected 0 <= index < 1, got values 1 to 1"),
        (lambda f, d, i: f.gather(0, [-1]), ValueError, "gather: index"),
        (lambda f, d, i: f.gather(1, [0]), ValueError, "gather: dim"),
        (lambda f, d, i: f.gather(0, [[0]]), ValueError, "gather: index: expected 1 dimensions"),
        (lambda f, d, i: f.gather(0, [0.0]), TypeError, "gather: index: expected an integer type"),
        (lambda f, d, i: ag.scatter_add(f, 0, [0, 0], f), ValueError, "scatter_add: src"),
        (lambda f, d, i: ag.where(f, f, f), TypeError, "where: condition: expected bool, got float32"),
        (lambda f, d, i: f.clip(), ValueError, "clip: min and max"),
        (lambda f, d, i: f.clip(2, 1), ValueError, "clip: min: expected min <= max"),
        (lambda f, d, i: f.var(), ValueError, r"var: input: expected more than correction = 1, got 1 elements"),
        (lambda f, d, i: f[:0].amax(), ValueError, "amax: input: expected at least one element"),
        (lambda f, d, i: f[:0].argmin(), ValueError, "argmin: input"),
        (lambda f, d, i: f.to(np.longdouble), TypeError, "to: dtype: .* got (longdouble|float128)"),
        (lambda f, d, i: f.to(complex), TypeError, "to: dtype"),
    ],
)
def test_errors_name_operation_argument_and_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(*MIXED)


def test_to_converts_and_goes_back():
    x = tk.tensor([1.5, 2.5], requires_grad=True)
    assert x.to("float32") is x
    x.to(np.float64).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    assert x.grad.dtype == np.float32
    assert x.to(int).tolist() == [1, 2]
    assert not x.to(int).requires_grad
    assert x.to(">f8").dtype.isnative


def test_sizes_of_zero():
    x = tk.tensor(np.zeros((0, 3)), requires_grad=True)
    y = (x @ tk.tensor(np.ones((3, 2)))).sum(1).reshape(0, 1)
    (y.sum() + x[:, 1:].sum() + ag.cat([x, x]).sum()).backward()
    assert x.grad.shape == (0, 3)
    assert tk.tensor(np.ones((2, 0)), requires_grad=True).sum().item() == 0
    assert (tk.tensor(np.ones((2, 0))) @ tk.tensor(np.ones((0, 3)))).tolist() == [[0.0] * 3] * 2
    assert tk.tensor(np.ones((2, 3, 0))).matmul(tk.tensor(np.ones((0, 2)))).shape == (2, 3, 2)


@pytest.mark.parametrize("kind", [np.array, tk.tensor])
def test_an_index_changed_later_does_not_matter(kind):
    x = tk.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = kind([0, 0])
    y = x[index] + x.gather(0, index)
    (index.data if isinstance(index, tk.Tensor) else index)[:] = 2
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.sum(1.0), TypeError, "sum: dim: expected an integer, got 1.0"),
        (lambda x: x.sum("a"), TypeError, "sum: dim: expected an integer, got a"),
        (lambda x: x.argmax((0, 1)), TypeError, r"argmax: dim: expected an integer, got \(0, 1\)"),
        (lambda x: x.squeeze("a"), TypeError, "squeeze: dim: expected an integer, got a"),
        (lambda x: x.squeeze(1.0), TypeError, "squeeze: dim: expected an integer, got 1.0"),
        (lambda x: x.transpose("a", 0), TypeError, "transpose: dim0: expected an integer, got a"),
        (lambda x: x.flatten(0.5), TypeError, "flatten: start_dim: expected an integer, got 0.5"),
        (lambda x: x.unsqueeze(None), TypeError, "unsqueeze: dim: expected an integer, got None"),
        (lambda x: x.gather(0.0, [[0]]), TypeError, "gather: dim: expected an integer"),
        (lambda x: x.split(1.5), TypeError, "split: split_size: expected integers"),
        (lambda x: tk.autograd.cat(None), TypeError, "cat: tensors: expected a list of Tensors, got None"),
        (lambda x: tk.autograd.stack(3), TypeError, "stack: tensors: expected a list of Tensors, got 3"),
        (lambda x: tk.tensor([1.0], dtype="foo"), TypeError, "tensor: dtype: expected float32.* got foo"),
        (lambda x: x.to("foo"), TypeError, "to: dtype: expected float32.* got foo"),
        (lambda x: x.expand(2**70, 1, 1), ValueError, r"expand: sizes: expected fewer than 2\*\*63 bytes"),
    ],
)
def test_a_wrong_argument_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(tk.tensor([[1.0]]))


def test_plus_clamp_and_the_slope_of_abs_at_nan_are_as_in_torch():
    x = tk.tensor([2.0, float("nan"), -3.0], requires_grad=True)
    assert +x is x
    assert x.clamp(min=-1).tolist()[::2] == [2.0, -1.0]
    (abs(x).sum() + abs(x[0])).backward()
    assert x.grad.tolist() == [2.0, 0.0, -1.0]
