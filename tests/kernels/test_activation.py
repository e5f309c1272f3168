"""Activations, both backends and every instruction set, against their definitions in extended precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import DTYPES, SIZES, THREADS, assert_rounded, assert_within, gamma, roundings
from tests.kernels.guarded import Guarded
from tests.oracles import activation as oracle

import tatamikomi as tk

Array = NDArray[Any]
K = tk.kernels
ELEMENTWISE = ["relu", "sigmoid", "tanh"]
# (shape, axis): rows of one to several vectors, lanes across rows, empty ones.
ROWS = [((2, n), -1) for n in (1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 67)] + [
    ((2, 5, n), 1) for n in (2, 3, 7, 8, 9, 15, 16, 17, 31, 33)
]
ROWS += [((5,), 0), ((3, 4, 5), 0), ((3, 4, 5), -2), ((0, 4), 1), ((4, 0), 0), ((4, 0), 1), ((2, 3, 0), 1)]


def normal(shape: Any, dtype: Any, seed: int, scale: float = 3.0) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def guarded(function: Callable[..., Array], *arguments: Any, shape: Any, dtype: Any, **options: Any) -> Array:
    """The result of `function`, written into an output of NaN between guard zones."""
    out = Guarded(shape, dtype)
    assert function(*arguments, **options, out=out.array) is out.array
    out.check()
    return out.array


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("size", SIZES)
def test_single_elements_forward(name: str, dtype: Any, size: int) -> None:
    x = normal(size, dtype, size, scale=8)
    with engine(name):
        relu, sigmoid, tanh = (
            guarded(getattr(K, f"{op}_forward"), x, shape=x.shape, dtype=dtype) for op in ELEMENTWISE
        )
    np.testing.assert_array_equal(relu, oracle.relu(x))
    # exp counts once where it is divided and once more where it divides; then 1 + e and the quotient.
    assert_rounded(sigmoid, oracle.sigmoid(x), 2 * roundings("exp", name) + 2)
    assert_rounded(tanh, oracle.tanh(x), roundings("tanh", name))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("size", SIZES)
def test_single_elements_backward(name: str, dtype: Any, size: int) -> None:
    dy, y = normal(size, dtype, size), np.tanh(normal(size, dtype, size + 1))
    with engine(name):
        relu, sigmoid, tanh = (
            guarded(getattr(K, f"{op}_backward"), dy, y, shape=y.shape, dtype=dtype) for op in ELEMENTWISE
        )
    np.testing.assert_array_equal(relu, oracle.relu_backward(dy, y))
    assert_rounded(sigmoid, oracle.sigmoid_backward(dy, y), 3)  # 1 - y and two products
    assert_rounded(tanh, oracle.tanh_backward(dy, y), 4)  # 1 - y, 1 + y and two products


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
def test_exponents_from_end_to_end(name: str, dtype: Any) -> None:
    """Every exponent of both signs: results run from the subnormals to saturation, without a warning."""
    info = np.finfo(dtype)
    powers = np.ldexp(dtype(1.7), np.arange(info.minexp - 5, info.maxexp - 1)).astype(dtype)
    x = np.concatenate((powers, -powers, np.linspace(-110, 110, 4001, dtype=dtype)))
    with engine(name):
        sigmoid, tanh = K.sigmoid_forward(x), K.tanh_forward(x)
    assert_rounded(sigmoid, oracle.sigmoid(x), 2 * roundings("exp", name) + 2)
    assert_rounded(tanh, oracle.tanh(x), roundings("tanh", name))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
def test_special_values(name: str, dtype: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1000, -1000], dtype)
    with engine(name):
        np.testing.assert_array_equal(K.relu_forward(x), [np.nan, np.inf, 0, 0, 0, 1000, 0])
        np.testing.assert_array_equal(K.sigmoid_forward(x), [np.nan, 1, 0, 0.5, 0.5, 1, 0])
        tanh = K.tanh_forward(x)
        np.testing.assert_array_equal(tanh, [np.nan, 1, -1, 0, 0, 1, -1])
        assert np.signbit(tanh[3:5]).tolist() == [False, True]
        np.testing.assert_array_equal(K.relu_backward(np.full(7, 5, dtype), x), [0, 5, 0, 0, 0, 5, 0])


def softmax_count(x: Array, axis: int, name: str) -> Array:
    """Roundings of one softmax, per element.

    x - m is off by u |x - m|, which exp turns into |x - m| roundings, above and below the fraction bar; then exp
    twice, a sum of n terms, the division.
    """
    reach = np.max(x, axis=axis, keepdims=True).astype(np.longdouble) - np.min(x, axis=axis, keepdims=True)
    return np.broadcast_to(2 * (reach + 1) + 2 * roundings("exp", name) + x.shape[axis] + 1, x.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("shape", "axis"), ROWS)
def test_softmax(name: str, dtype: Any, shape: tuple[int, ...], axis: int) -> None:
    x = normal(shape, dtype, 1)
    with engine(name):
        y = guarded(K.softmax_forward, x, axis=axis, shape=shape, dtype=dtype)
    if x.size:
        assert_rounded(y, oracle.softmax(x, axis), softmax_count(x, axis, name))


def log_softmax_bound(x: Array, axis: int, name: str) -> Array:
    """x - m, the sum of n exponentials, its logarithm, and the last difference: the error of each, added up."""
    dtype, wide = x.dtype, x.astype(np.longdouble)
    distance = np.max(wide, axis=axis, keepdims=True) - wide
    terms = roundings("exp", name) + x.shape[axis] + float(np.max(distance)) + 2
    exact = oracle.log_softmax(x, axis)
    log_sum = np.abs(-distance - exact)
    logs = gamma(roundings("log", name) + 1, dtype) * log_sum
    return gamma(2, dtype) * (distance + np.abs(exact)) + gamma(terms, dtype) + logs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("shape", "axis"), ROWS)
def test_log_softmax(name: str, dtype: Any, shape: tuple[int, ...], axis: int) -> None:
    x = normal(shape, dtype, 2)
    with engine(name):
        y = guarded(K.log_softmax_forward, x, axis=axis, shape=shape, dtype=dtype)
    if x.size:
        assert_within(y, oracle.log_softmax(x, axis), log_softmax_bound(x, axis, name))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(("shape", "axis"), ROWS)
def test_softmax_gradients(name: str, dtype: Any, shape: tuple[int, ...], axis: int) -> None:
    dy, y = normal(shape, dtype, 3), oracle.softmax(normal(shape, dtype, 4), axis).astype(dtype)
    logs = normal(shape, dtype, 5) - dtype(3)
    with engine(name):
        dx = guarded(K.softmax_backward, dy, y, axis=axis, shape=shape, dtype=dtype)
        log_dx = guarded(K.log_softmax_backward, dy, logs, axis=axis, shape=shape, dtype=dtype)
    terms = shape[axis] + 2
    g, p, wide = (a.astype(np.longdouble) for a in (np.abs(dy), y, logs))
    dot = (g * p).sum(axis=axis, keepdims=True)  # sizes of what is added up
    bound = gamma(terms, dtype) * p * dot + gamma(2, dtype) * p * (g + dot)
    # the oracle takes p[j] (g[j] - dot) term by term, with sum(p) = 1 nowhere assumed
    assert_within(dx, oracle.softmax_backward(dy, y, axis), bound)
    total = np.exp(wide) * g.sum(axis=axis, keepdims=True)
    bound = gamma(terms + roundings("exp", name), dtype) * total + gamma(2, dtype) * g
    assert_within(log_dx, oracle.log_softmax_backward(dy, logs, axis), bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
def test_logarithm_of_whole_numbers(name: str, dtype: Any) -> None:
    """A row of k zeros, the rest -inf: the exponentials are exact, and log_softmax is -log(k)."""
    k = np.arange(1, 301)
    x = np.where(np.arange(300) < k[:, None], 0.0, -np.inf).astype(dtype)
    with engine(name):
        rows, columns = K.log_softmax_forward(x), K.log_softmax_forward(x.T, axis=0)
    np.testing.assert_array_equal(columns.T, rows)
    assert_rounded(rows[:, 0], -np.log(k.astype(np.longdouble)), roundings("log", name))
    np.testing.assert_array_equal(rows[x == -np.inf], -np.inf)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_of_special_rows(name: str, dtype: Any, axis: int) -> None:
    inf, nan = np.inf, np.nan
    x = np.array([[1000, 1000], [1000, -1000], [-inf, 5], [-inf, -inf], [inf, 0], [nan, 0], [0, nan]], dtype)
    soft = [[0.5, 0.5], [1, 0], [0, 1], *[[nan, nan]] * 4]
    half = np.log(dtype(2))
    log = [[-half, -half], [0, -2000], [-inf, 0], *[[nan, nan]] * 4]
    with engine(name):
        y = K.softmax_forward(x if axis else x.T, axis=axis)
        z = K.log_softmax_forward(x if axis else x.T, axis=axis)
    np.testing.assert_array_equal(y if axis else y.T, np.array(soft, dtype))
    np.testing.assert_array_equal(z if axis else z.T, np.array(log, dtype))


CALLS: dict[str, Callable[[Array], Array]] = {
    **{f"{op}_forward": getattr(K, f"{op}_forward") for op in ELEMENTWISE},
    **{f"{op}_backward": lambda x, op=op: getattr(K, f"{op}_backward")(x, x[::-1]) for op in ELEMENTWISE},
    "softmax_rows": K.softmax_forward,
    "softmax_columns": lambda x: K.softmax_forward(x.reshape(len(x), -1, 7), axis=1),
    "softmax_backward": lambda x: K.softmax_backward(x, x[::-1]),
    "log_softmax_rows": K.log_softmax_forward,
    "log_softmax_columns": lambda x: K.log_softmax_forward(x.reshape(len(x), -1, 7), axis=1),
    "log_softmax_backward": lambda x: K.log_softmax_backward(x, -np.abs(x)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("call", CALLS)
def test_bits_for_any_number_of_threads(call: str, name: str, dtype: Any) -> None:
    x = normal((301, 133), dtype, 6)
    with engine(name):
        results = []
        for count in THREADS:
            with tk.threads(count):
                results.append(CALLS[call](x))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("call", [c for c in CALLS if "forward" in c or "_rows" in c or "_columns" in c])
def test_bits_of_a_sample_in_any_batch(call: str, name: str, dtype: Any) -> None:
    x = normal((23, 7 * 19), dtype, 7)
    with engine(name):
        together = CALLS[call](x)
        for i in range(len(x)):
            np.testing.assert_array_equal(CALLS[call](x[i : i + 1])[0], together[i])
        np.testing.assert_array_equal(CALLS[call](x[5:12]), together[5:12])


@pytest.mark.parametrize("op", [*ELEMENTWISE, "softmax", "log_softmax"])
def test_any_layout(op: str) -> None:
    x = normal((6, 10), np.float32, 8)
    forward, backward = getattr(K, f"{op}_forward"), getattr(K, f"{op}_backward")
    y, dx = forward(x), backward(x, x)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    for other in (x.T.copy().T, np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4"), unaligned, x.tolist()):
        np.testing.assert_array_equal(forward(other), y)
        np.testing.assert_array_equal(backward(other, other), dx)
        assert forward(other).dtype == np.float32
    assert forward(np.float64(0.5)).shape == ()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: K.relu_forward(None), TypeError, r"relu_forward: x: expected an array, got None"),
        (lambda: K.relu_forward([[1.0], [1.0, 2.0]]), ValueError, r"relu_forward: x: expected rows of equal"),
        (lambda: K.tanh_forward(np.arange(3)), TypeError, r"tanh_forward: x: expected float32 .*, got int64"),
        (
            lambda: K.sigmoid_forward(np.ones(3, complex)),
            TypeError,
            r"sigmoid_forward: x: .*, got complex128",
        ),
        (
            lambda: K.relu_backward(np.ones(3), np.ones(4)),
            ValueError,
            r"relu_backward: dy: expected shape \(4,\) as y, got shape \(3,\)",
        ),
        (
            lambda: K.sigmoid_backward(np.ones(3), np.ones(3, np.float32)),
            TypeError,
            r"sigmoid_backward: y: expected float64 as dy, got float32",
        ),
        (lambda: K.tanh_backward(None, np.ones(4)), TypeError, r"tanh_backward: dy: expected an array"),
        (
            lambda: K.softmax_forward(np.ones((2, 3)), axis=2),
            ValueError,
            r"softmax_forward: axis: expected -2 <= axis < 2 for shape \(2, 3\), got 2",
        ),
        (
            lambda: K.log_softmax_backward(np.ones(3), np.ones(3), axis=-2),
            ValueError,
            r"log_softmax_backward: axis: expected -1 <= axis < 1 for shape \(3,\), got -2",
        ),
        (
            lambda: K.log_softmax_forward(np.ones(3), axis=0.5),  # type: ignore[arg-type]
            TypeError,
            r"log_softmax_forward: axis: expected an integer, got 0.5",
        ),
        (
            lambda: K.softmax_backward(np.ones((2, 3)), np.ones((3, 2))),
            ValueError,
            r"softmax_backward: dy: expected shape \(3, 2\) as y, got shape \(2, 3\)",
        ),
        (
            lambda: K.relu_forward(np.ones(3), out=np.ones(4)),
            ValueError,
            r"relu_forward: out: expected shape \(3,\), got shape \(4,\)",
        ),
    ],
)
def test_messages(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    x, dy = normal((4, 5, 6), np.float64, 9), normal((4, 5, 6), np.float64, 10)
    cases = {op: ({}, getattr(torch, op)) for op in ELEMENTWISE}
    for op in ("softmax", "log_softmax"):
        for axis in (0, 1, -1):
            cases[f"{op} {axis}"] = ({"axis": axis}, lambda t, op=op, axis=axis: getattr(torch, op)(t, axis))
    for key, (options, function) in cases.items():
        op = key.split()[0]
        leaf = torch.tensor(x, requires_grad=True)
        theirs = function(leaf)
        theirs.backward(torch.tensor(dy))
        y = getattr(K, f"{op}_forward")(x, **options)
        dx = getattr(K, f"{op}_backward")(dy, y, **options)
        # Each side lies within its own bound of the truth; 200 roundings cover both with room.
        bound = gamma(200, np.float64)
        assert_within(y, theirs.detach().numpy(), bound * (1 + np.abs(y)))
        assert_within(dx, leaf.grad.numpy(), bound * (1 + np.abs(dy).sum()))


@pytest.mark.parametrize("name", NATIVE)
def test_maps_whose_lines_are_called_in_ahead(name: str) -> None:
    x, dy = np.random.default_rng(3).standard_normal((2, (1 << 19) + 77)).astype(np.float32)
    with engine(name):
        np.testing.assert_array_equal(K.relu_forward(x), np.maximum(x, 0))
        np.testing.assert_array_equal(K.add_relu_forward(x, dy), np.maximum(x + dy, 0))
        np.testing.assert_array_equal(K.relu_backward(dy, x), np.where(x > 0, dy, 0))
