"""Softmax and cross-entropy, both backends and every instruction set, against their definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import DTYPES, THREADS, assert_within, gamma, roundings
from tests.kernels.guarded import Guarded
from tests.oracles import loss as oracle
from tests.oracles.activation import log_softmax

import tatamikomi as tk

Array = NDArray[Any]
K = tk.kernels
# (n, classes, *positions): classes around the vectors' lanes, positions around them, none at all.
SHAPES = [(3, c) for c in (1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 67)]
SHAPES += [(2, 5, n) for n in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33)]
SHAPES += [(2, 3, 4, 5), (1, 4, 2, 3, 2), (0, 3), (0, 3, 4), (2, 3, 0)]


def problem(shape: tuple[int, ...], dtype: Any, seed: int) -> tuple[Array, Array, Array]:
    """logits, labels and a gradient of the losses"""
    rng = np.random.default_rng(seed)
    rows = (shape[0], *shape[2:])
    logits = (3 * rng.standard_normal(shape)).astype(dtype)
    return logits, rng.integers(0, shape[1], rows), rng.standard_normal(rows).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    logits, labels, _ = problem(shape, dtype, 1)
    with engine(name):
        losses, log_probs = K.softmax_cross_entropy_forward(logits, labels)
    assert losses.dtype == log_probs.dtype == dtype
    at_label = np.take_along_axis(log_probs, np.expand_dims(labels, 1), axis=1).reshape(labels.shape)
    np.testing.assert_array_equal(losses, -at_label)
    if not logits.size:
        return
    # As in log_softmax: x - m, the sum of exponentials, its logarithm, the last difference.
    wide = logits.astype(np.longdouble)
    distance = wide.max(axis=1, keepdims=True) - wide
    exact = log_softmax(logits, 1)
    terms = roundings("exp", name) + shape[1] + float(distance.max()) + 2
    logs = gamma(roundings("log", name) + 1, dtype) * np.abs(-distance - exact)
    bound = gamma(2, dtype) * (distance + np.abs(exact)) + gamma(terms, dtype) + logs
    assert_within(log_probs, exact, bound)
    assert_within(losses, oracle.softmax_cross_entropy(logits, labels), bound.max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_backward(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    logits, labels, dlosses = problem(shape, dtype, 2)
    log_probs = -np.abs(logits)
    out = Guarded(shape, dtype)
    with engine(name):
        K.softmax_cross_entropy_backward(dlosses, log_probs, labels, out=out.array)
    out.check()
    exact = oracle.softmax_cross_entropy_backward(dlosses, log_probs, labels)
    scale = np.expand_dims(np.abs(dlosses.astype(np.longdouble)), 1)
    e = np.exp(log_probs.astype(np.longdouble)) * scale
    assert_within(out.array, exact, gamma(roundings("exp", name) + 2, dtype) * e + gamma(2, dtype) * np.abs(exact))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
def test_exponential_over_all_exponents(name: str, dtype: Any) -> None:
    """Beside the label, with dlosses = 1, the gradient is exp(log_probs) itself: down to zero and up to inf."""
    info = np.finfo(dtype)
    top, bottom = float(np.log(info.max)), float(np.log(info.smallest_subnormal))
    rng = np.random.default_rng(3)
    x = np.concatenate((rng.uniform(bottom, top, 20_000), rng.uniform(-1, 1, 5_000))).astype(dtype)
    special = np.array([-np.inf, 2 * bottom, -0.0, 0.0, 2 * top, np.inf, np.nan], dtype)
    with engine(name), np.errstate(over="ignore"):
        rows = np.concatenate((np.zeros(1, dtype), x, special)).reshape(1, -1)
        y = K.softmax_cross_entropy_backward(np.ones(1, dtype), rows, [0])[0, 1:]
    np.testing.assert_array_equal(y[len(x) :], [0, 0, 1, 1, np.inf, np.inf, np.nan])
    exact = np.exp(x.astype(np.longdouble))
    count = roundings("exp", name) + 1
    assert_within(y[: len(x)], exact, gamma(count, dtype) * exact + count * float(info.smallest_subnormal))


@pytest.mark.parametrize("name", ENGINES)
def test_large_logits_stay_finite(name: str) -> None:
    with engine(name):
        losses, log_probs = K.softmax_cross_entropy_forward([[1000.0, 0.0, -1000.0]] * 3, [0, 1, 2])
        np.testing.assert_array_equal(losses, [0, 1000, 2000])
        np.testing.assert_array_equal(log_probs[0], [0, -1000, -2000])
        losses, _ = K.softmax_cross_entropy_forward([[-np.inf, -np.inf], [np.nan, 0.0], [-np.inf, 0.0]], [0, 1, 1])
        np.testing.assert_array_equal(losses, [np.nan, np.nan, 0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("shape", [(1201, 37), (7, 11, 501)])
def test_bits_for_any_number_of_threads(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    logits, labels, dlosses = problem(shape, dtype, 4)
    results = []
    with engine(name):
        for count in THREADS:
            with tk.threads(count):
                losses, log_probs = K.softmax_cross_entropy_forward(logits, labels)
                results.append((losses, log_probs, K.softmax_cross_entropy_backward(dlosses, log_probs, labels)))
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("shape", [(23, 37), (9, 11, 19)])
def test_bits_of_a_sample_in_any_batch(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    logits, labels, dlosses = problem(shape, dtype, 5)
    with engine(name):
        losses, log_probs = K.softmax_cross_entropy_forward(logits, labels)
        dlogits = K.softmax_cross_entropy_backward(dlosses, log_probs, labels)
        for part in [slice(i, i + 1) for i in range(shape[0])] + [slice(2, 7)]:
            alone, logs = K.softmax_cross_entropy_forward(logits[part], labels[part])
            np.testing.assert_array_equal(alone, losses[part])
            np.testing.assert_array_equal(logs, log_probs[part])
            gradient = K.softmax_cross_entropy_backward(dlosses[part], logs, labels[part])
            np.testing.assert_array_equal(gradient, dlogits[part])


def test_any_layout_and_kind_of_label() -> None:
    logits, labels, dlosses = problem((6, 10), np.float32, 6)
    losses, log_probs = K.softmax_cross_entropy_forward(logits, labels)
    dlogits = K.softmax_cross_entropy_backward(dlosses, log_probs, labels)
    kinds: list[Any] = [labels.astype(kind) for kind in ("u1", "i2", ">i4", "u8")]
    for other in (*kinds, labels.tolist(), np.repeat(labels, 2)[::2]):
        np.testing.assert_array_equal(K.softmax_cross_entropy_forward(logits, other)[0], losses)
    for other in (np.asfortranarray(logits), logits.astype(">f4"), logits.tolist()):
        np.testing.assert_array_equal(K.softmax_cross_entropy_forward(other, labels)[0], losses)
    swapped = K.softmax_cross_entropy_backward(dlosses.astype(">f4"), np.asfortranarray(log_probs), labels)
    np.testing.assert_array_equal(swapped, dlogits)
    empty, _ = K.softmax_cross_entropy_forward(np.ones((0, 3)), [])
    assert empty.shape == (0,)


OP = "softmax_cross_entropy_forward"
X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: K.softmax_cross_entropy_forward(None, [0]), TypeError, f"{OP}: logits: expected an array"),
        (
            lambda: K.softmax_cross_entropy_forward(X, [0, 3]),
            ValueError,
            rf"{OP}: labels\[1\]: expected 0 <= label < 3, the number of classes, got 3",
        ),
        (
            lambda: K.softmax_cross_entropy_forward(np.ones((2, 3, 2)), [[0, 1], [-1, 7]]),
            ValueError,
            rf"{OP}: labels\[1, 0\]: expected 0 <= label < 3, the number of classes, got -1",
        ),
        (
            lambda: K.softmax_cross_entropy_forward(X, np.array([0, (1 << 64) - 1], np.uint64)),
            ValueError,
            rf"{OP}: labels\[1\]: .*, got 18446744073709551615",
        ),
        (
            lambda: K.softmax_cross_entropy_forward(np.ones((2, 0)), [0, 0]),
            ValueError,
            r"labels\[0\]: .* < 0",
        ),
        (
            lambda: K.softmax_cross_entropy_forward(X, [0, 1, 2]),
            ValueError,
            rf"{OP}: labels: expected shape \(2,\), one per row of logits, got shape \(3,\)",
        ),
        (lambda: K.softmax_cross_entropy_forward(X, [0.0, 1.0]), TypeError, f"{OP}: labels: .*, got float64"),
        (lambda: K.softmax_cross_entropy_forward(X, [True, False]), TypeError, f"{OP}: labels: .*, got bool"),
        (lambda: K.softmax_cross_entropy_forward(X, None), TypeError, f"{OP}: labels: .*, got None"),
        (lambda: K.softmax_cross_entropy_forward(X, [[0], [1, 2]]), ValueError, f"{OP}: labels: .* ragged"),
        (
            lambda: K.softmax_cross_entropy_forward(np.ones(3), [0]),
            ValueError,
            rf"{OP}: logits: expected a shape \(n, classes, ...\), got shape \(3,\)",
        ),
        (
            lambda: K.softmax_cross_entropy_backward(np.ones(3), X, [0, 1]),
            ValueError,
            r"softmax_cross_entropy_backward: dlosses: expected shape \(2,\) as labels, got shape \(3,\)",
        ),
        (
            lambda: K.softmax_cross_entropy_backward(np.ones(2, np.float32), X, [0, 1]),
            TypeError,
            "softmax_cross_entropy_backward: log_probs: expected float32 as dlosses, got float64",
        ),
        (
            lambda: K.softmax_cross_entropy_backward(np.ones(2), X, [0, 9]),
            ValueError,
            r"softmax_cross_entropy_backward: labels\[1\]: .*, got 9",
        ),
        (
            lambda: K.softmax_cross_entropy_backward(np.ones(2), X, [0, 1], out=np.ones((3, 2))),
            ValueError,
            r"softmax_cross_entropy_backward: out: expected shape \(2, 3\), got shape \(3, 2\)",
        ),
    ],
)
def test_messages(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    logits, labels, dlosses = problem((4, 6, 5), np.float64, 7)
    leaf = torch.tensor(logits, requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels), reduction="none")
    theirs.backward(torch.tensor(dlosses))
    losses, log_probs = K.softmax_cross_entropy_forward(logits, labels)
    # Each side lies within its own bound of the truth; 200 roundings of the largest term cover both with room.
    bound = gamma(200, np.float64) * np.abs(logits).max()
    assert_within(losses, theirs.detach().numpy(), bound)
    assert_within(K.softmax_cross_entropy_backward(dlosses, log_probs, labels), leaf.grad.numpy(), bound)
