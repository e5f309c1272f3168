"""Batch normalisation, both backends and every instruction set, against plain loops."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import gamma
from tests.kernels.guarded import Guarded
from tests.oracles import norm as oracle

import tatamikomi as tk
from tatamikomi.geometry import NormShape

Array = NDArray[Any]
DTYPES = [np.float32, np.float64]
RNG = np.random.default_rng
K = tk.kernels

# Rows of features (no axes), runs around the vectors' widths, a channel cut into chunks, channels in pairs, every rank.
SHAPES = [
    *[(4, c) for c in (1, 3, 7, 8, 9, 15, 16, 17, 31, 33)],
    *[(2, 3, s) for s in (1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 65, 300)],
    (1, 2, 4, 5),
    (3, 2, 2, 3, 5),
    (2, 17, 6, 7),
    (3, 2, 150, 160),
    (2, 1, 34001),
    (33000, 2),
    (1, 33, 600),
    (16, 0, 3),
]


def count(shape: tuple[int, ...]) -> int:
    """Elements per channel."""
    return shape[0] * math.prod(shape[2:])


def parameters(shape: tuple[int, ...], dtype: Any, seed: int) -> tuple[Array, Array]:
    weight, bias = RNG(seed).standard_normal((2, shape[1])).astype(dtype)
    return weight, bias


def per_channel(values: Array, x: Array) -> Array:
    return values.reshape(1, -1, *(1,) * (x.ndim - 2))


def forward(x: Array, weight: Any, bias: Any, running: Any, eps: float) -> list[Guarded]:
    """y, mean and invstd, written between guard zones."""
    outputs = [Guarded(x.shape, x.dtype)] + [Guarded(x.shape[1:2], x.dtype) for _ in range(2)]
    s = NormShape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))
    arrays = [guarded.array for guarded in outputs]
    tk.kernels.norm.active().batch_norm_forward(*arrays, *running, x, weight, bias, s, 0.25, eps, False)
    return outputs


def plus_minus(shape: tuple[int, ...], dtype: Any) -> Array:
    """x whose channels have integer means, and half of their elements a power of two above and below."""
    rng, c = RNG(1), shape[1]
    m = math.prod(shape) // c
    signs = rng.permuted(np.tile([-1.0, 1.0], (c, m // 2)), axis=1)
    rows = rng.integers(-5, 6, (c, 1)) + signs * 2.0 ** rng.integers(-2, 3, (c, 1))
    return np.ascontiguousarray(np.moveaxis(rows.reshape(c, shape[0], *shape[2:]), 0, 1)).astype(dtype)


EXACT = [shape for shape in SHAPES if math.prod(shape) and count(shape) % 2 == 0]


@cache
def exact_case(shape: tuple[int, ...], dtype: Any) -> tuple[Any, ...]:
    x, m = plus_minus(shape, dtype), count(shape)
    weight, bias = RNG(2).integers(-4, 5, (2, shape[1])).astype(dtype)
    dy = RNG(3).integers(-3, 4, shape).astype(dtype) * m
    if m > 4096:  # a few large gradients: sums stay below 2^24
        dy.reshape(-1)[5:] = 0
    s = oracle.statistics(x)
    y = oracle.normalise(x, s.mean, s.var, weight, bias, 0.0)
    return x, weight, bias, dy, s, y, oracle.backward(dy, x, weight, 0.0)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", EXACT)
def test_exact_numbers(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    """Nothing rounds here: mean and deviation are dyadic, dy a multiple of m."""
    x, weight, bias, dy, s, want_y, expected = exact_case(shape, dtype)
    with engine(name):
        y, mean, invstd = forward(x, weight, bias, (None, None), 0.0)
        dx, dweight, dbias = K.batch_norm_backward(dy, x, mean.array, invstd.array, weight)
    np.testing.assert_array_equal(mean.array, s.mean)
    np.testing.assert_array_equal(invstd.array, 1 / np.sqrt(s.var))
    np.testing.assert_array_equal(y.array, want_y)
    for got, want in zip((dx, dweight, dbias), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    for guarded in (y, mean, invstd):
        guarded.check()


@cache
def forward_case(shape: tuple[int, ...], dtype: Any) -> tuple[Any, ...]:
    x = (RNG(4).standard_normal(shape) + 3).astype(dtype)
    weight, bias = parameters(shape, dtype, 5)
    s = oracle.statistics(x)
    return x, weight, bias, s, oracle.normalise(x, s.mean, s.var, weight, bias, 1e-5)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    x, weight, bias, s, want = forward_case(shape, dtype)
    running_mean, running_var = np.full(shape[1], 2, dtype), np.full(shape[1], 3, dtype)
    m, eps = count(shape), 1e-5
    with engine(name):
        y, mean, invstd = forward(x, weight, bias, (running_mean, running_var), eps)

    # Statistics: float64 sums of m terms, here and in the oracle, then one rounding to dtype. The native kernel adds
    # d = x - shift with |shift - mean| <= 2 deviations in dtype, d rounded once, in blocks of four sets of fewer than
    # 16 vectors: gamma_20 sum |d| / m, where the mean of |d| is at most 3 deviations and that of d^2 at most 5
    # variances; var takes off twice the shift times that.
    sums = gamma(2 * m + 8, np.float64)
    blocks = gamma(23, dtype)
    mean_error = sums * s.size + 3 * blocks * np.sqrt(s.var)
    var_error = sums * (5 * s.var + 2 * s.size * np.sqrt(s.var)) + mean_error**2 + 17 * blocks * s.var
    stored = mean_error + gamma(1, dtype) * (np.abs(s.mean) + mean_error)
    assert np.all(np.abs(mean.array - s.mean) <= stored)
    exact = 1 / np.sqrt(s.var + eps)
    deviation_error = var_error / (s.var + eps) + gamma(4, dtype)
    assert np.all(np.abs(invstd.array - exact) <= deviation_error * exact)
    rate = 0.25
    assert np.all(np.abs(running_mean - (0.75 * 2 + rate * s.mean)) <= stored + gamma(4, dtype) * (2 + s.size))
    unbiased = s.var * m / (m - 1)
    limit = 2 * var_error + gamma(6, dtype) * (3 + unbiased)
    assert np.all(np.abs(running_var - (0.75 * 3 + rate * unbiased)) <= limit)

    # y = (x - mean) * (invstd * weight) + bias: five roundings beside those of mean and invstd.
    scale = per_channel(np.abs(weight) * exact, x)
    centred = np.abs(x - per_channel(s.mean, x))
    relative = per_channel(deviation_error, x) + gamma(8, dtype)
    limit = relative * (centred * scale + np.abs(per_channel(bias, x)))
    limit = limit + (1 + relative) * scale * per_channel(stored, x)
    assert np.all(np.abs(y.array - want) <= limit)
    for guarded in (y, mean, invstd):
        guarded.check()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("plain", [False, True])
def test_inference(name: str, dtype: Any, shape: tuple[int, ...], plain: bool) -> None:
    x = RNG(6).standard_normal(shape).astype(dtype)
    mean, var = RNG(7).standard_normal(shape[1]).astype(dtype), RNG(8).uniform(0.1, 3, shape[1]).astype(dtype)
    weight, bias = (None, None) if plain else parameters(shape, dtype, 9)
    y = Guarded(shape, dtype)
    with engine(name):
        K.batch_norm_inference(x, mean, var, weight, bias, eps=1e-3, out=y.array)
    want = oracle.normalise(x, mean, var, weight, bias, 1e-3)
    offset = np.zeros(shape[1]) if bias is None else bias
    size = np.abs(want - per_channel(offset, x)) + np.abs(per_channel(offset, x))
    assert np.all(np.abs(y.array - want) <= gamma(12, dtype) * size)
    y.check()


@cache
def backward_case(shape: tuple[int, ...], dtype: Any, plain: bool) -> tuple[Any, ...]:
    x, dy = RNG(10).standard_normal((2, *shape)).astype(dtype)
    weight = None if plain else parameters(shape, dtype, 11)[0]
    return x, dy, weight, oracle.statistics(x), oracle.backward(dy, x, weight, 1e-5)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("plain", [False, True])
def test_backward(name: str, dtype: Any, shape: tuple[int, ...], plain: bool) -> None:
    x, dy, weight, s, (want, want_weight, want_bias) = backward_case(shape, dtype, plain)
    m, eps = count(shape), 1e-5
    invstd = 1 / np.sqrt(s.var + eps)
    outputs = [Guarded(shape, dtype)] + [Guarded(shape[1:2], dtype) for _ in range(2)]
    arrays = [guarded.array for guarded in outputs]
    with engine(name):
        norm_shape = NormShape(shape[0], shape[1], math.prod(shape[2:]))
        mean, inverse = s.mean.astype(dtype), invstd.astype(dtype)
        tk.kernels.norm.active().batch_norm_backward(*arrays, dy, x, mean, inverse, weight, None, norm_shape, False)
    dx, dweight, dbias = arrays

    # Sums: blocks of at most 17 additions in dtype, the rest in float64; terms dy and dy * (x - mean).
    sums = gamma(22, dtype) + gamma(2 * m + 16, np.float64)
    shift = per_channel(gamma(1, dtype) * np.abs(s.mean) + gamma(m + 4, np.float64) * s.size, x)
    centred = np.abs(x - per_channel(s.mean, x)) + shift
    size_bias = oracle.channels(np.abs(dy)).sum(axis=1)
    size_weight = oracle.channels(np.abs(dy) * centred).sum(axis=1) * invstd
    error_bias = sums * size_bias
    error_weight = sums * size_weight + oracle.channels(np.abs(dy) * shift).sum(axis=1) * invstd
    assert np.all(np.abs(dbias - want_bias) <= error_bias)
    assert np.all(np.abs(dweight - want_weight) <= error_weight)

    # dx = scale * (dy - dbias/m - (x - mean) * invstd * dweight/m), each part with at most ten roundings.
    scale = per_channel(invstd * (1 if weight is None else np.abs(weight)), x)
    slope = per_channel(invstd * size_weight / m, x)
    parts = np.abs(dy) + per_channel(size_bias / m, x) + centred * slope
    limit = gamma(10, dtype) * parts + per_channel(error_bias / m, x) + shift * slope
    limit = scale * (limit + centred * per_channel(invstd * error_weight / m, x)) * (1 + gamma(10, dtype))
    assert np.all(np.abs(dx - want) <= limit)
    for guarded in outputs:
        guarded.check()


@pytest.mark.parametrize("name", ENGINES)
def test_a_large_mean_does_not_cancel(name: str) -> None:
    """Deviations of 1 on a mean of 2^20: the variance of one pass would be lost in float32."""
    x = plus_minus((4, 3, 50), np.float32) / 4 + np.float32(2**20)
    with engine(name):
        _, mean, invstd = K.batch_norm_forward(x, eps=0.0)
    s = oracle.statistics(x)
    np.testing.assert_array_equal(mean, s.mean)
    np.testing.assert_array_equal(invstd, 1 / np.sqrt(s.var))


def everything(x: Array, dy: Array) -> list[Array]:
    weight, bias = parameters(x.shape, x.dtype, 12)
    running = np.zeros_like(weight), np.ones_like(weight)
    y, mean, invstd = K.batch_norm_forward(x, weight, bias, *running)
    gradients = K.batch_norm_backward(dy, x, mean, invstd, weight)
    return [y, mean, invstd, *running, *gradients, K.batch_norm_inference(x, *running, weight, bias)]


BITS = [(8, 20, 13, 19), (3, 2, 150, 170), (70001, 3), (64, 200)]


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", BITS)
def test_same_bits_for_any_thread_count(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    x, dy = RNG(13).standard_normal((2, *shape)).astype(dtype)
    with engine(name):
        with tk.threads(1):
            expected = everything(x, dy)
        for count in (2, 3, 7):
            with tk.threads(count):
                for got, want in zip(everything(x, dy), expected, strict=True):
                    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 20, 13, 19), (3, 2, 150, 170), (9, 33), (4, 7, 1)])
def test_inference_of_a_sample_is_the_same_in_any_batch(name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    x = RNG(14).standard_normal(shape).astype(dtype)
    weight, bias = parameters(shape, dtype, 15)
    mean, var = bias / 2, weight**2
    with engine(name):
        whole = K.batch_norm_inference(x, mean, var, weight, bias)
        for begin, end in ((0, 1), (1, 3), (2, len(x))):
            part = K.batch_norm_inference(x[begin:end], mean, var, weight, bias)
            assert part.tobytes() == whole[begin:end].tobytes()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 5), (2, 3, 0)])
def test_empty_batch(name: str, shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    running_mean, running_var = np.full(3, 5.0, np.float32), np.full(3, 7.0, np.float32)
    with engine(name):
        y, mean, invstd = K.batch_norm_forward(x, None, None, running_mean, running_var, eps=0.25)
        dx, dweight, dbias = K.batch_norm_backward(x, x, mean, invstd)
        assert K.batch_norm_inference(x, running_mean, running_var).shape == shape
    assert y.shape == dx.shape == shape
    np.testing.assert_array_equal([mean, dweight, dbias], np.zeros((3, 3)))
    np.testing.assert_array_equal(invstd, [2, 2, 2])
    np.testing.assert_array_equal([running_mean, running_var], [[5] * 3, [7] * 3])


@pytest.mark.parametrize("name", ENGINES)
def test_hostile_arrays(name: str) -> None:
    plain = RNG(16).standard_normal((2, 3, 8, 10)).astype(np.float32)
    weight, bias = parameters(plain.shape, np.float32, 17)
    fixed = plain.copy()
    fixed.flags.writeable = False
    with engine(name):
        y, mean, invstd = K.batch_norm_forward(plain, weight, bias)
        dx = K.batch_norm_backward(plain, plain, mean, invstd, weight)[0]
        for other in (np.asfortranarray(plain), plain[:, ::-1][:, ::-1], plain.astype(">f4"), fixed, plain.tolist()):
            np.testing.assert_array_equal(K.batch_norm_forward(other, weight, bias.tolist())[0], y)
            got = K.batch_norm_backward(other, other, mean[::-1].copy()[::-1], invstd.astype(">f4"), weight)
            np.testing.assert_array_equal(got[0], dx)
        # Running statistics of any layout are updated where they are.
        together = np.array([[0.0, 9.0, 1.0], [0.0, 9.0, 1.0], [0.0, 9.0, 1.0]], np.float32)
        swapped = np.ones(3, ">f4")
        K.batch_norm_forward(plain, None, None, together[:, 0], swapped, momentum=1.0)
    np.testing.assert_array_equal(together[:, 0], mean)
    np.testing.assert_array_equal(together[:, 1:], np.tile([9, 1], (3, 1)))
    unbiased = oracle.statistics(plain).var * 160 / 159
    assert np.all(np.abs(swapped - unbiased) <= gamma(6, np.float32) * unbiased)


X = np.zeros((2, 3, 4), np.float32)
C = np.ones(3, np.float32)


def readonly() -> Array:
    array = C.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: K.batch_norm_forward(C), ValueError, r"batch_norm_forward: x: .*\(n, channels, .*got shape \(3,\)"),
        (lambda: K.batch_norm_forward(X[:1, :, :1]), ValueError, r"x: expected more than one element per channel"),
        (lambda: K.batch_norm_forward(X[:1, :, 0]), ValueError, r"x: expected more than one element per channel"),
        (lambda: K.batch_norm_forward(None), TypeError, r"x: expected an array, got None"),
        (lambda: K.batch_norm_forward(X.astype(int)), TypeError, r"x: expected float32 or float64, got int64"),
        (lambda: K.batch_norm_forward([[1.0], [1.0, 2.0]]), ValueError, r"x: expected rows of equal length"),
        (lambda: K.batch_norm_forward(X, C[:2]), ValueError, r"weight: expected shape \(3,\), one per channel"),
        (lambda: K.batch_norm_forward(X, C, C[:, None]), ValueError, r"bias: expected shape \(3,\), one per channel"),
        (lambda: K.batch_norm_forward(X, C.astype(float)), TypeError, r"weight: expected float32 as x, got float64"),
        (lambda: K.batch_norm_forward(X, C, C, [1, 1, 1]), TypeError, r"running_mean: expected an ndarray.*got list"),
        (lambda: K.batch_norm_forward(X, C, C, C, readonly()), ValueError, r"running_var: .*writable.*read-only"),
        (lambda: K.batch_norm_forward(X, C, C, C.astype(float)), TypeError, r"running_mean: expected float32 as x"),
        (lambda: K.batch_norm_forward(X, momentum=None), TypeError, r"momentum: expected a finite number, got None"),
        (lambda: K.batch_norm_forward(X, eps=math.inf), ValueError, r"eps: expected a finite number, got inf"),
        (lambda: K.batch_norm_forward(X, eps=math.nan), ValueError, r"eps: expected a finite number, got nan"),
        (lambda: K.batch_norm_inference(X, C, None), TypeError, r"batch_norm_inference: var: expected an array"),
        (lambda: K.batch_norm_inference(X, C[:1], C), ValueError, r"mean: expected shape \(3,\)"),
        (lambda: K.batch_norm_inference(X, C, C, out=X), ValueError, r"out: expected memory of its own"),
        (lambda: K.batch_norm_backward(X[:1], X, C, C), ValueError, r"batch_norm_backward: dy: expected x's shape"),
        (lambda: K.batch_norm_backward(X, X, C, C[:1]), ValueError, r"invstd: expected shape \(3,\)"),
        (lambda: K.batch_norm_backward(X, X.astype(float), C, C), TypeError, r"x: expected float32 as dy"),
    ],
)
@pytest.mark.parametrize("name", ENGINES[:2])
def test_errors(name: str, call: Any, error: type[Exception], message: str) -> None:
    with engine(name), pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("shape", [s for s in SHAPES if 0 not in s])
def test_torch_agrees(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, dy = RNG(18).standard_normal((2, *shape))
    weight, bias = parameters(shape, np.float64, 19)
    running_mean, running_var = np.zeros(shape[1]), np.ones(shape[1])
    others = [torch.tensor(a) for a in (x, running_mean, running_var, weight, bias)]
    for tensor in (others[0], others[3], others[4]):
        tensor.requires_grad_(True)
    other = torch.nn.functional.batch_norm(*others, training=True, momentum=0.3, eps=1e-4)
    other.backward(torch.tensor(dy))
    y, mean, invstd = K.batch_norm_forward(x, weight, bias, running_mean, running_var, 0.3, 1e-4)
    gradients = K.batch_norm_backward(dy, x, mean, invstd, weight)

    # Sums of m terms and a handful of products: gamma_(8 (m + 8)) of the same expressions in absolute values, where
    # |x - mean| is at most |x| + mean |x|; invstd errs with the condition of the variance.
    m, s = count(shape), oracle.statistics(x)
    inverse, w = 1 / np.sqrt(s.var + 1e-4), per_channel(np.abs(weight), x)
    reach = np.abs(x) + per_channel(s.size, x)
    square = oracle.channels(reach**2).mean(axis=1)
    u = gamma(8 * (m + 8), np.float64) * (1 + np.max(square * inverse**2))
    size_bias = oracle.channels(np.abs(dy)).sum(axis=1)
    size_weight = oracle.channels(np.abs(dy) * reach).sum(axis=1) * inverse
    scale, slope = per_channel(inverse, x) * w, per_channel(inverse * size_weight / m, x)
    for got, want, size in (
        (y, other.detach(), scale * reach + np.abs(per_channel(bias, x))),
        (running_mean, others[1], s.size),
        (running_var, others[2], 1 + square * m / (m - 1)),
        (gradients[0], others[0].grad, scale * (np.abs(dy) + per_channel(size_bias / m, x) + reach * slope)),
        (gradients[1], others[3].grad, size_weight),
        (gradients[2], others[4].grad, size_bias),
    ):
        assert np.all(np.abs(got - want.numpy()) <= u * size)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(20, 5), (9, 3, 7), (40, 2, 50), (3, 1, 40001)])
@pytest.mark.parametrize("kind", ["shift", "range", "constant"])
def test_statistics_where_one_pass_does_not_suffice(name: str, dtype: Any, shape: tuple[int, ...], kind: str) -> None:
    """Two passes in double answer, as exactly as elsewhere: three elements mislead, or squares overflow."""
    x = RNG(12).standard_normal(shape) + 1000
    if kind == "shift":  # the elements that the shift is taken from lie far away from all others
        channels = np.moveaxis(x, 1, -1).reshape(-1, shape[1])
        m = len(channels)
        channels[[m * k // 6 for k in (1, 3, 5)]] = 0
        x = np.moveaxis(channels.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
    elif kind == "range":
        x *= 1e30 if dtype == np.float32 else 1e160
    else:
        x[...] = 7
    x = np.ascontiguousarray(x, dtype)
    if kind == "range" and dtype == np.float64:
        return  # no precision is left to answer in
    s, m = oracle.statistics(x), count(shape)
    with engine(name):
        _, mean, invstd = K.batch_norm_forward(x)
    sums = gamma(2 * m + 8, np.float64)
    assert np.all(np.abs(mean - s.mean) <= (sums + gamma(1, dtype)) * s.size)
    exact = 1 / np.sqrt(s.var + 1e-5)
    error = sums * s.size / np.sqrt(s.var + 1e-5) + gamma(4, dtype)
    assert np.all(np.abs(invstd - exact) <= error * exact)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 17), (3, 20, 7, 7), (2, 3, 40), (2, 1, 80001)])
@pytest.mark.parametrize("affine", [False, True])
def test_relu_in_the_same_pass(name: str, dtype: Any, shape: tuple[int, ...], affine: bool) -> None:
    """Bit for bit what relu gives after it, also going back, where y's sign is computed anew."""
    x, dy = RNG(13).standard_normal((2, *shape)).astype(dtype)
    weight, bias = parameters(shape, dtype, 14) if affine else (None, None)
    running = [np.full(shape[1], 0.5, dtype) for _ in range(4)]
    with engine(name):
        y, mean, invstd = K.batch_norm_forward(x, weight, bias, *running[:2])
        fused = K.batch_norm_forward(x, weight, bias, *running[2:], activation="relu")
        rectified = K.relu_forward(y)
        expected = [rectified, mean, invstd, *running[:2]]
        expected += K.batch_norm_backward(K.relu_backward(dy, rectified), x, mean, invstd, weight)
        got = [*fused, *running[2:], *K.batch_norm_backward(dy, x, mean, invstd, weight, bias, "relu")]
        expected.append(K.relu_forward(K.batch_norm_inference(x, mean, running[0], weight, bias)))
        got.append(K.batch_norm_inference(x, mean, running[0], weight, bias, activation="relu"))
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sizes", [(24, 25), (7, 73), (32, 16)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_inference_of_large_maps_takes_every_map_by_its_channel(
    threads: int, dtype: str, sizes: tuple[int, ...]
) -> None:
    """Integers, whose results are exact."""
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (3, 17, *sizes)).astype(dtype)
    mean, weight, bias = (rng.integers(-9, 10, 17).astype(dtype) for _ in range(3))
    with tk.threads(threads):
        y = tk.kernels.batch_norm_inference(x, mean, np.ones(17, dtype), weight, bias, eps=0.0)
    per_channel = (slice(None), None, None)
    assert np.array_equal(y, (x - mean[per_channel]) * weight[per_channel] + bias[per_channel])
