"""Pooling, both backends and every instruction set, against plain loops."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import gamma
from tests.kernels.guarded import Guarded
from tests.oracles import pool as oracle

import tatamikomi as tk

Array = NDArray[Any]
DTYPES = [np.float32, np.float64]
RNG = np.random.default_rng


class Case(NamedTuple):
    shape: tuple[int, ...]
    kernel: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil: bool = False

    def axes(self, value: Any) -> tuple[int, ...]:
        return tuple(value) if hasattr(value, "__iter__") else (value,) * (len(self.shape) - 2)

    def loops(self) -> tuple[Any, ...]:
        """kernel, stride, pads, dilation as the oracle takes them."""
        kernel, dilation = self.axes(self.kernel), self.axes(self.dilation)
        stride = kernel if self.stride is None else self.axes(self.stride)
        if self.padding == "same":
            pads: Any = oracle.same_pads(self.shape[2:], kernel, stride, dilation)
        elif self.padding == "valid":
            pads = [(0, 0)] * len(kernel)
        else:
            pads = [p if hasattr(p, "__iter__") else (p, p) for p in self.axes(self.padding)]
        return kernel, stride, pads, dilation


# Widths around the vectors' (outputs of 1 to 33), strides 1, 2 and 3, every option on every axis.
WIDTHS = [Case((1, 2, 4, 2 * w), 2) for w in (1, 3, 7, 8, 9, 15, 16, 17, 31, 33)] + [
    Case((2, 1, w), 3, 1, 1) for w in (1, 3, 7, 15, 16, 17, 18, 31, 33, 67)
]
COMMON = [
    Case((2, 3, 11, 13), 3, 2, 1),
    Case((1, 2, 9, 67), 3, 2, 1),
    Case((1, 2, 7, 33), 2, 2, 0, ceil=True),
    Case((2, 2, 5, 7), (5, 7)),
    Case((2, 2, 3, 4, 5), (3, 4, 5)),
    Case((1, 2, 3, 4, 5), (1, 4, 5)),
    Case((1, 2, 5, 4, 6), (2, 3, 6), (1, 5, 1)),
    Case((1, 1, 6, 37), (2, 3), (5, 4)),
    Case((1, 2, 8, 41), (3, 2), (2, 3), ((1, 0), (0, 1))),
    Case((1, 2, 8, 19), 4, (1, 3), ((0, 3), (2, 1)), ceil=True),
    Case((2, 1, 5, 6, 7), (2, 3, 2), (2, 1, 3), ((1, 0), (1, 2), (0, 1)), ceil=True),
    Case((1, 1, 7, 23), 3, 2, "same"),
    Case((1, 1, 7, 23), (2, 5), (3, 1), "same"),
    Case((1, 1, 7, 23), 3, 2, "valid"),
    Case((1, 2, 2, 2), 3, 2, ceil=True),
    Case((1, 1, 40), 33, 2, 16),
    Case((3, 29, 7, 7), 3, 2, 1),
    Case((3, 2, 7, 71), 2),
    Case((3, 5, 7, 11), 2),
    Case((2, 3, 6, 15), 2),
    Case((3, 1, 3, 27), 2),
    *[Case((2, 2, 1, 6, w), 2, (1, 2, 2), (1, 0, 0)) for w in (9, 14, 40)],
    Case((2, 2, 1, 6, 9), (2, 3, 3), 1, (1, 0, 0)),
    Case((2, 1, 40, 67), 3, 1, 1),
    Case((2, 1, 71, 60), 3, 2, 1),
    Case((3, 1, 41, 60), (5, 3), (2, 1), (0, 1)),
    Case((0, 3, 8, 8), 2),
    Case((3, 0, 8, 8), 2),
]
DILATED = [
    Case((1, 2, 9, 40), 3, 1, 1, (2, 3)),
    Case((1, 2, 9, 40), (2, 3), 2, 1, (3, 2), ceil=True),
    Case((2, 1, 30), 3, 3, 2, 4),
    Case((1, 1, 5, 6, 21), 2, 2, ((0, 1), (1, 0), (1, 1)), (1, 3, 2)),
]
MAX_CASES = WIDTHS + COMMON + DILATED
AVERAGE_CASES = WIDTHS + COMMON
DIVISORS = [(True, None), (False, None), (True, 3), (False, 4)]


def known_to_torch(case: Case) -> bool:
    """torch has no asymmetric padding, and at most half of the kernel."""
    if not isinstance(case.padding, int) or 0 in case.shape:
        return False
    return 2 * case.padding <= min(case.axes(case.kernel))


@cache
def average_forward(case: Case, x: bytes, dtype: Any, include: bool, override: int | None) -> tuple[Array, Array]:
    kernel, stride, pads, _ = case.loops()
    array = np.frombuffer(x, dtype).reshape(case.shape)
    return oracle.avg_pool_forward(array, kernel, stride, pads, case.ceil, include, override)


@cache
def average_backward(case: Case, dy: bytes, dtype: Any, include: bool, override: int | None) -> tuple[Array, Array]:
    kernel, stride, pads, _ = case.loops()
    array = np.frombuffer(dy, dtype).reshape(*case.shape[:2], *out_sizes(case))
    return oracle.avg_pool_backward(array, case.shape, kernel, stride, pads, case.ceil, include, override)


@cache
def max_forward(case: Case, x: bytes, dtype: Any) -> tuple[Array, Array]:
    return oracle.max_pool_forward(np.frombuffer(x, dtype).reshape(case.shape), *case.loops(), case.ceil)


@cache
def out_sizes(case: Case) -> tuple[int, ...]:
    kernel, stride, pads, dilation = case.loops()
    return oracle.windows(case.shape[2:], kernel, stride, pads, dilation, case.ceil)[0]


def integers(shape: tuple[int, ...], dtype: Any, seed: int, low: int = -8, high: int = 9) -> Array:
    return RNG(seed).integers(low, high, shape).astype(dtype)


def options(case: Case) -> dict[str, Any]:
    given = case._asdict()
    given.pop("shape")
    return {
        "kernel_size": given["kernel"],
        "stride": given["stride"],
        "padding": given["padding"],
        "ceil_mode": given["ceil"],
    }


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", MAX_CASES)
def test_max_pool_is_exact(name: str, dtype: Any, case: Case) -> None:
    x = integers(case.shape, dtype, 1)  # few values: many ties
    expected, expected_indices = max_forward(case, x.tobytes(), dtype)
    y, indices = Guarded(expected.shape, dtype), Guarded(expected.shape, np.int64)
    with engine(name):
        out = (y.array, indices.array)
        got = tk.kernels.max_pool_forward(x, **options(case), dilation=case.dilation, out=out)
        assert got[0] is y.array
        assert got[1] is indices.array
        np.testing.assert_array_equal(y.array, expected)
        np.testing.assert_array_equal(indices.array, expected_indices)
        dy = integers(expected.shape, dtype, 2, 1)
        dx = Guarded(case.shape, dtype)
        tk.kernels.max_pool_backward(dy, indices.array, case.shape, out=dx.array)
    np.testing.assert_array_equal(dx.array, oracle.max_pool_backward(dy, expected_indices, case.shape))
    for guarded in (y, indices, dx):
        guarded.check()


def assert_maxima(name: str, case: Case, x: Any) -> None:
    """Maxima and places of float32 are the oracle's."""
    expected, expected_indices = max_forward(case, x.tobytes(), np.float32)
    with engine(name):
        y, indices = tk.kernels.max_pool_forward(x, **options(case))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, expected_indices)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("width", [35, 36])
def test_max_pool_finds_a_nan_wherever_it_lies(name: str, stride: int, padding: int, width: int) -> None:
    case = Case((5 * width, 1, 5, width), 3, stride, padding)
    x = integers(case.shape, np.float32, 4)
    x[np.eye(5 * width, dtype=bool).reshape(case.shape)] = np.nan
    assert_maxima(name, case, x)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("width", [14, 20, 36])
def test_max_pool_of_pairs_finds_the_only_nan(name: str, width: int) -> None:
    case = Case((1, 1, 4, width), 2)
    for place in range(4 * width):
        x = integers(case.shape, np.float32, place)
        x.reshape(-1)[place] = np.nan
        assert_maxima(name, case, x)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "case",
    [
        *[Case((1, 3, 6, 70), 2), Case((1, 3, 6, 14), 2), Case((1, 3, 5, 5), 5)],
        *[Case((1, 3, 9, 41), 3, 1, 1), Case((1, 3, 9, 67), 3, 2, 1)],
    ],
)
def test_max_pool_of_nan_and_infinity(name: str, dtype: Any, case: Case) -> None:
    x = RNG(3).choice([np.nan, -np.inf, np.inf, 0.0, 1.0], case.shape, p=[0.15, 0.5, 0.05, 0.15, 0.15])
    x = x.astype(dtype)
    expected, expected_indices = max_forward(case, x.tobytes(), dtype)
    with engine(name):
        y, indices = tk.kernels.max_pool_forward(x, **options(case))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, expected_indices)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", AVERAGE_CASES)
def test_average_pool_of_integers(name: str, dtype: Any, case: Case) -> None:
    """Sums of small integers are exact, so that one division rounds."""
    x = integers(case.shape, dtype, 4)
    for include, override in DIVISORS:
        exact, _ = average_forward(case, x.tobytes(), dtype, include, override)
        y = Guarded(exact.shape, dtype)
        with engine(name):
            tk.kernels.avg_pool_forward(
                x, **options(case), count_include_pad=include, divisor_override=override, out=y.array
            )
        # float64 division and then rounding to float32 is the float32 division: 53 >= 2 * 24 + 2 bits.
        np.testing.assert_array_equal(y.array, exact.astype(dtype))
        y.check()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", AVERAGE_CASES)
def test_average_pool_gradient(name: str, dtype: Any, case: Case) -> None:
    shape = (*case.shape[:2], *out_sizes(case))
    for include, override in DIVISORS:
        dy = RNG(5).standard_normal(shape).astype(dtype)
        if override == 4:  # a power of two: exact on integers
            dy = integers(dy.shape, dtype, 6)
        exact, size = average_backward(case, dy.tobytes(), dtype, include, override)
        dx = Guarded(case.shape, dtype)
        with engine(name):
            tk.kernels.avg_pool_backward(
                *(dy, case.shape),
                **options(case),
                count_include_pad=include,
                divisor_override=override,
                out=dx.array,
            )
        # One division and at most prod(kernel) additions, here and in the oracle.
        terms = 2 * (math.prod(case.axes(case.kernel)) + 1)
        bound = 0.0 if override == 4 else gamma(terms, dtype) * size
        assert np.all(np.abs(dx.array - exact) <= bound)
        dx.check()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("case", AVERAGE_CASES)
def test_average_pool_of_real_numbers(name: str, case: Case) -> None:
    for dtype in DTYPES:
        x = RNG(7).standard_normal(case.shape).astype(dtype)
        exact, size = average_forward(case, x.tobytes(), dtype, True, None)
        with engine(name):
            y = tk.kernels.avg_pool_forward(x, **options(case))
        # prod(kernel) roundings here; the sum and the quotient of the oracle round in float64.
        bound = (gamma(math.prod(case.axes(case.kernel)), dtype) + gamma(3, np.float64)) * size
        assert y.dtype == dtype
        assert np.all(np.abs(y - exact) <= bound)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("case", AVERAGE_CASES)
def test_average_pool_adjoint(name: str, case: Case) -> None:
    """<avg_pool(x), g> = <x, dx> on integers; a divisor of 4 keeps everything exact."""
    x = integers(case.shape, np.float64, 8)
    with engine(name):
        y = tk.kernels.avg_pool_forward(x, **options(case), divisor_override=4)
        g = integers(y.shape, np.float64, 9)
        dx = tk.kernels.avg_pool_backward(g, case.shape, **options(case), divisor_override=4)
    assert np.vdot(y, g) == np.vdot(x, dx)


def all_outputs(x: Array, case: Case) -> list[Array]:
    y, indices = tk.kernels.max_pool_forward(x, **options(case), dilation=case.dilation)
    dy = RNG(11).standard_normal((1, *y.shape[1:])).astype(x.dtype).repeat(len(y), 0)
    out = [y, indices, tk.kernels.max_pool_backward(dy, indices, x.shape)]
    if case.dilation == 1:
        out.append(tk.kernels.avg_pool_forward(x, **options(case)))
        out.append(tk.kernels.avg_pool_backward(dy, x.shape, **options(case)))
    return out


BITS = [
    Case((4, 16, 29, 31), 2),
    Case((4, 64, 14, 14), 2),
    Case((4, 16, 29, 31), 3, 2, 1),
    Case((4, 16, 29, 31), 3, 1, 1, 2),
    Case((4, 64, 9, 9), 9),
    Case((2, 3, 9, 20, 33), 3, 2, 1, ceil=True),
]


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("case", BITS)
def test_same_bits_for_any_thread_count_and_batch(name: str, case: Case) -> None:
    x = RNG(10).standard_normal(case.shape).astype(np.float32)
    with engine(name):
        with tk.threads(1):
            expected = all_outputs(x, case)
        for count in (2, 3, 7):
            with tk.threads(count):
                for got, want in zip(all_outputs(x, case), expected, strict=True):
                    assert got.tobytes() == want.tobytes()
        for begin, end in ((0, 1), (1, len(x))):
            for got, want in zip(all_outputs(x[begin:end], case), expected, strict=True):
                assert got.tobytes() == want[begin:end].tobytes()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sizes", [(8, 28), (9, 17), (4, 6), (2, 2), (3, 8, 34), (40, 64)])
def test_places_in_other_windows(name: str, sizes: tuple[int, ...], masked: bool) -> None:
    """Sizes as of 2x2, stride 2, and places anywhere in the plane: in their windows, or one of them elsewhere."""
    outputs = (*sizes[:-2], sizes[-2] // 2, sizes[-1] // 2)
    shape = (1, 4, *sizes)
    x = RNG(20).permutation(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    kernel = (1, 2, 2)[-len(sizes) :]
    dy = integers((1, 4, *outputs), np.float32, 21)
    dy[dy == 0] = -0.0
    y = integers(dy.shape, np.float32, 22) if masked else None
    counted = dy if y is None else np.where(y > 0, dy, 0)
    with engine(name):
        _, places = K.max_pool_forward(x, kernel)
        for output in (None, 0, dy[0, 0].size // 2, dy[0, 0].size - 1):
            if output is not None:  # of the second plane: where another output's maximum is, or beside all
                places.reshape(4, -1)[1, output] = places.reshape(4, -1)[1, output - 1]
            dx = K.max_pool_backward(dy, places, shape, y=y)
            expected = oracle.max_pool_backward(counted, places, shape)
            np.testing.assert_array_equal(dx, expected)
            assert not np.signbit(dx[expected == 0]).any()
        for wrong in (1 << 32, -(1 << 32)):  # beyond the plane, and the same 32 bits
            places.reshape(4, -1)[2, -1] += wrong
            with pytest.raises(ValueError, match=r"indices: expected positions in a plane"):
                K.max_pool_backward(dy, places, shape, y=y)
            places.reshape(4, -1)[2, -1] -= wrong


@pytest.mark.parametrize("name", ENGINES)
def test_hostile_arrays(name: str) -> None:
    plain = RNG(12).standard_normal((2, 3, 8, 10)).astype(np.float32)
    swapped = plain.astype(plain.dtype.newbyteorder())
    unaligned = np.frombuffer(b"\0" + plain.tobytes(), np.uint8)[1:].view(np.float32).reshape(plain.shape)
    fixed = plain.copy()
    fixed.flags.writeable = False
    with engine(name):
        y, indices = tk.kernels.max_pool_forward(plain, 2)
        dx = tk.kernels.max_pool_backward(y, indices, plain.shape)
        average = tk.kernels.avg_pool_forward(plain, 2)
        for other in (np.asfortranarray(plain), plain[::-1][::-1], swapped, unaligned, fixed, plain.tolist()):
            got, where = tk.kernels.max_pool_forward(other, 2)
            np.testing.assert_array_equal(got, y)
            np.testing.assert_array_equal(where, indices)
            np.testing.assert_array_equal(tk.kernels.avg_pool_forward(other, 2), average)
        for other in (np.asfortranarray(indices), indices.astype(">i8"), indices.astype(np.int16), indices.tolist()):
            np.testing.assert_array_equal(tk.kernels.max_pool_backward(y, other, plain.shape), dx)
        np.testing.assert_array_equal(
            tk.kernels.avg_pool_forward(np.broadcast_to(np.float32(2.5), (1, 2, 4, 4)), 2), np.full((1, 2, 2, 2), 2.5)
        )


X = np.zeros((1, 2, 4, 4), np.float32)
I8 = np.zeros((1, 2, 2, 2), np.int64)
G = np.zeros((1, 2, 2, 2), np.float32)
K = tk.kernels


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: K.max_pool_forward(X[0, 0], 2), ValueError, r"max_pool_forward: x: expected .*axes.*, got \(4, 4\)"),
        (lambda: K.max_pool_forward(X[:, :, :0], 2), ValueError, r"max_pool_forward: x: .*positive size"),
        (lambda: K.max_pool_forward(None, 2), TypeError, r"max_pool_forward: x: expected an array, got None"),
        (lambda: K.max_pool_forward([[[1.0], [1.0, 2.0]]], 2), ValueError, r"x: expected rows of equal length"),
        (lambda: K.max_pool_forward(X.astype(int), 2), TypeError, r"x: expected float32 or float64, got int64"),
        (lambda: K.avg_pool_forward(X.astype(complex), 2), TypeError, r"avg_pool_forward: x: .*got complex128"),
        (lambda: K.avg_pool_forward(X.astype(object), 2), TypeError, r"avg_pool_forward: x: .*got object"),
        (lambda: K.max_pool_forward(X, 5), ValueError, r"kernel_size: .*padded input's 4, got 5"),
        (lambda: K.max_pool_forward(X, 6, 2, ceil_mode=True), ValueError, r"kernel_size: .*padded input's 4, got 6"),
        (lambda: K.max_pool_forward(X, 2, 0), ValueError, r"stride: expected .*>= 1, got 0"),
        (lambda: K.max_pool_forward(X, (2, 2, 2)), ValueError, r"kernel_size: expected an integer or 2 integers"),
        (lambda: K.max_pool_forward(X, 2.0), TypeError, r"kernel_size: expected an integer or 2 integers"),
        (lambda: K.max_pool_forward(X, 2, dilation=-1), ValueError, r"dilation: expected .*>= 1, got -1"),
        (lambda: K.max_pool_forward(X, 2, 1, 2), ValueError, r"padding: expected every window to see .*, got 2"),
        (lambda: K.max_pool_forward(X, 2, 1, ((0, 0), (0, 2))), ValueError, r"padding: expected every window"),
        (lambda: K.max_pool_forward(X[..., :1, :1], 2, 1, 1, 2), ValueError, r"padding: expected every window"),
        (lambda: K.avg_pool_forward(X, 2, 1, 2), ValueError, r"avg_pool_forward: padding: expected every window"),
        (lambda: K.max_pool_forward(X, 2, padding="full"), ValueError, r"padding: expected one of 'same', 'valid'"),
        (lambda: K.max_pool_forward(X, 2, ceil_mode=1), TypeError, r"ceil_mode: expected True or False, got 1"),
        (lambda: K.avg_pool_forward(X, 2, count_include_pad=None), TypeError, r"count_include_pad: expected True"),
        (lambda: K.avg_pool_forward(X, 2, divisor_override=0), ValueError, r"divisor_override: .*other than 0.*got 0"),
        (lambda: K.avg_pool_forward(X, 2, divisor_override=2.0), TypeError, r"divisor_override: .*other than 0"),
        (lambda: K.max_pool_forward(X, 2, out=G), TypeError, r"out: expected a tuple \(y, indices\), got ndarray"),
        (lambda: K.max_pool_forward(X, 2, out=(G, G)), TypeError, r"out: expected int64, got float32"),
        (lambda: K.avg_pool_forward(X, 2, out=X), ValueError, r"out: expected shape \(1, 2, 2, 2\)"),
        (lambda: K.max_pool_backward(G, I8, (1, 2)), ValueError, r"input_shape: expected a shape \(n, channels"),
        (lambda: K.max_pool_backward(G, I8, (1, 3, 4, 4)), ValueError, r"dy: expected .*as input_shape"),
        (lambda: K.max_pool_backward(G, I8[0], X.shape), ValueError, r"indices: expected dy's shape"),
        (lambda: K.max_pool_backward(G, I8 + 0.5, X.shape), TypeError, r"indices: expected integers .*float64"),
        (lambda: K.max_pool_backward(G, None, X.shape), TypeError, r"indices: expected an array of integers"),
        (lambda: K.max_pool_backward(G, I8 - 1, X.shape), ValueError, r"indices: .*plane of 16 .*from -1 to -1"),
        (lambda: K.max_pool_backward(G, I8 + 16, X.shape), ValueError, r"indices: .*plane of 16 .*from 16 to 16"),
        (lambda: K.avg_pool_backward(X, X.shape, 2), ValueError, r"dy: expected the output's shape \(1, 2, 2, 2\)"),
    ],
)
@pytest.mark.parametrize("name", ENGINES[:2])
def test_errors(name: str, call: Any, error: type[Exception], message: str) -> None:
    with engine(name), pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("case", [case for case in MAX_CASES if known_to_torch(case)])
def test_torch_agrees(case: Case) -> None:
    torch = pytest.importorskip("torch")
    kernel, stride, pads, dilation = case.loops()
    axes, padding = len(kernel), [p[0] for p in pads]
    functions = torch.nn.functional
    x = RNG(13).standard_normal(case.shape)
    tensor = torch.tensor(x, requires_grad=True)
    y, indices = K.max_pool_forward(x, **options(case), dilation=case.dilation)
    other, where = getattr(functions, f"max_pool{axes}d")(
        tensor, kernel, stride, padding, dilation, case.ceil, return_indices=True
    )
    np.testing.assert_array_equal(y, other.detach().numpy())
    np.testing.assert_array_equal(indices, where.numpy())
    if case.dilation != 1:
        return
    for include, override in DIVISORS if axes > 1 else DIVISORS[:2]:
        extra = {} if axes == 1 else {"divisor_override": override}
        tensor.grad = None
        y = K.avg_pool_forward(x, **options(case), count_include_pad=include, divisor_override=override)
        other = getattr(functions, f"avg_pool{axes}d")(tensor, kernel, stride, padding, case.ceil, include, **extra)
        terms = 2 * int(np.prod(kernel)) + 2
        size = K.avg_pool_forward(abs(x), **options(case), count_include_pad=include, divisor_override=override)
        assert np.all(np.abs(y - other.detach().numpy()) <= gamma(terms, np.float64) * size)
        dy = RNG(14).standard_normal(y.shape)
        other.backward(torch.tensor(dy))
        backward = {**options(case), "count_include_pad": include, "divisor_override": override}
        dx = K.avg_pool_backward(dy, case.shape, **backward)
        size = K.avg_pool_backward(abs(dy), case.shape, **backward)
        assert np.all(np.abs(dx - tensor.grad.numpy()) <= gamma(terms, np.float64) * size)
