"""Every algorithm of convolution, forced one by one, on every geometry that it can take.

Those that add products of the factors themselves are exact on small integers; the others stay within the error that
they publish, relative to the largest result. All of them promise the same bits for any number of threads and, forward
and backward-input, for a sample in any batch; and a fused call gives the bits of the separate ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.op_specs import conv
from tests.op_specs.running import assert_same_bits, draw_for, guarded_outputs
from tests.op_specs.spec import Call, leading
from tests.oracles import conv as oracle

import tatamikomi as tk
from tatamikomi import _native
from tatamikomi.geometry import conv_shape
from tatamikomi.kernels.algorithm import POLICIES

DIRECTIONS = {
    "forward": (conv.forward_call, tk.kernels.conv_forward, oracle.forward, leading(0)),
    "backward_input": (conv.backward_input_call, tk.kernels.conv_backward_input, oracle.backward_input, leading(0, 2)),
    "backward_weight": (conv.backward_weight_call, tk.kernels.conv_backward_weight, oracle.backward_weight, None),
}
INEXACT = ("winograd", "fft")  # by first letters


def shape_of(case: conv.Case) -> Any:
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **case.options}
    return conv_shape("test", case.x, case.weight, **options)


def entry(direction: str, algorithm: str, case: conv.Case, dtype: str) -> Any:
    """(name, reason, workspace, pack, error) of a forced algorithm."""
    listed = _native.conv_algorithms(direction, np.dtype(dtype), shape_of(case), POLICIES[algorithm])
    return next((one for one in listed if one[0] == algorithm), None)


def runs(direction: str, algorithm: str, case: conv.Case, dtype: str) -> bool:
    found = entry(direction, algorithm, case, dtype)
    return bool(found) and not found[1]


def parameters(big: bool) -> list[Any]:
    return [
        pytest.param(direction, algorithm, case, id=f"{direction}-{algorithm}-{case.label}")
        for direction in DIRECTIONS
        for algorithm in _native.conv_algorithm_names()
        for case in conv.CASES
        if case.big <= big and runs(direction, algorithm, case, "float32")
    ]


def test_float64_has_the_exact_algorithms_and_no_others() -> None:
    for direction in DIRECTIONS:
        for algorithm in _native.conv_algorithm_names():
            single, double = (
                {case.label for case in conv.CASES if runs(direction, algorithm, case, dtype)}
                for dtype in ("float32", "float64")
            )
            assert double == (set() if algorithm.startswith(INEXACT) else single), (direction, algorithm)


def call_of(direction: str, algorithm: str, case: conv.Case, dtype: str, integers: bool) -> Call:
    make = DIRECTIONS[direction][0]
    args, options = make(draw_for(f"{direction} {case.label}", dtype, integers), case)
    return Call(args, {**options, "algorithm": algorithm})


def run(direction: str, call: Call) -> Any:
    with guarded_outputs():
        return DIRECTIONS[direction][1](*call.args, **call.kwargs)


EXPECTED: dict[Any, Any] = {}


def expectation(direction: str, label: str, dtype: str, integers: bool, call: Call) -> Any:
    """The oracle's result, of a case that all algorithms share; integers are the same in both precisions."""
    key = (direction, label, "float64" if integers else dtype, integers)
    if key not in EXPECTED:
        EXPECTED[key] = DIRECTIONS[direction][2](*call.args, **call.kwargs)
    return EXPECTED[key]


@pytest.mark.parametrize(
    ("direction", "algorithm", "case", "dtype"),
    [
        pytest.param(*one.values, dtype, id=f"{one.id}-{dtype}")
        for one in parameters(big=False)
        for dtype in ("float32", "float64")
        if runs(*one.values, dtype)
    ],
)
def test_values(direction: str, algorithm: str, case: conv.Case, dtype: str) -> None:
    exact = not algorithm.startswith(INEXACT)
    call = call_of(direction, algorithm, case, dtype, integers=exact)
    expected = expectation(direction, case.label, dtype, exact, call)
    result = run(direction, call)
    if exact:
        np.testing.assert_array_equal(result, expected)
    elif expected.size:
        error = np.abs(result.astype(np.longdouble) - expected).max()
        assert error <= entry(direction, algorithm, case, dtype)[4] * np.abs(expected).max()


@pytest.mark.parametrize(("direction", "algorithm", "case"), parameters(big=True))
def test_bits(direction: str, algorithm: str, case: conv.Case) -> None:
    split = DIRECTIONS[direction][3]
    for dtype in ("float32",) if algorithm.startswith(INEXACT) else ("float32", "float64"):
        call = call_of(direction, algorithm, case, dtype, integers=False)
        with tk.threads(1):
            expected = (run(direction, call),)
        for count in (2, 3, 7):
            with tk.threads(count):
                assert_same_bits((run(direction, call),), expected, f"{count} threads, {dtype}")
        for part in (slice(0, 1), slice(1, None)) if split else ():
            pieces = (run(direction, split(call, part)),)
            assert_same_bits(pieces, (expected[0][part],), f"batch {part}, {dtype}")


@pytest.mark.parametrize(("direction", "algorithm", "case"), parameters(big=True))
def test_fused_calls_have_the_bits_of_separate_ones(direction: str, algorithm: str, case: conv.Case) -> None:
    args, options = call_of(direction, algorithm, case, "float32", integers=False)
    draw = draw_for(f"mask {case.label}", "float32", integers=False)
    if direction == "forward":
        plain = run(direction, Call(args, options))
        fused = run(direction, Call(args, {**options, "activation": "relu"}))
        assert_same_bits((fused,), (tk.kernels.relu_forward(plain),), "relu")
        packed = tk.kernels.conv_pack_weight(args[1], case.x, **options)
        held = tk.kernels.conv_forward(args[0], packed, args[2], **case.options)
        assert_same_bits((held,), (plain,), "packed")
        return
    y = np.maximum(draw(*case.y), 0)
    masked = tk.kernels.relu_backward(args[0], y)
    fused = run(direction, Call(args, {**options, "y": y}))
    assert_same_bits((fused,), (run(direction, Call((masked, *args[1:]), options)),), "mask")
    if direction == "backward_weight":
        dbias = np.full(case.y[1], np.nan, np.float32)
        fused = run(direction, Call(args, {**options, "dbias": dbias}))
        assert_same_bits((fused,), (run(direction, Call(args, options)),), "dweight beside dbias")
        terms = max(args[0].size // case.y[1], 1)
        exact = args[0].astype(np.float64)
        axes = (0, *range(2, exact.ndim))
        unit = float(np.finfo(np.float32).eps) / 2
        allowed = terms * unit / (1 - terms * unit) * np.abs(exact).sum(axes)
        assert (np.abs(dbias - exact.sum(axes)) <= allowed).all()


@pytest.mark.parametrize("algorithm", ["direct", "direct_pixels"])
@pytest.mark.parametrize("stride", [1, 2])
def test_weights_past_the_caches(algorithm: str, stride: int) -> None:
    """More than 2 MB of weights, whose strips of input are staged for all of them, 4 MB at a time."""
    rng = np.random.default_rng(3)
    size = 24 * stride - stride + 1
    x = rng.integers(-2, 3, (3, 1000, size, size)).astype(np.float32)
    weight = rng.integers(-2, 3, (1100, 500, 1, 1)).astype(np.float32)
    options = {"stride": stride, "groups": 2, "algorithm": algorithm}
    factors = weight.reshape(2, 550, 500)
    seen = x[:, :, ::stride, ::stride].reshape(3, 2, 500, -1)
    y = tk.kernels.conv_forward(x, weight, **options)
    np.testing.assert_array_equal(y, (factors @ seen).reshape(y.shape))
    dy = rng.integers(-2, 3, y.shape).astype(np.float32)
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, y=y, **options)
    expected = np.zeros_like(x)
    masked = np.where(y > 0, dy, 0).reshape(3, 2, 550, -1)
    expected[:, :, ::stride, ::stride] = (factors.swapaxes(1, 2) @ masked).reshape(3, 1000, 24, 24)
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("channels", [(40, 64), (320, 64), (40, 100)])
@pytest.mark.parametrize("batch", [1, 3])
def test_few_tiles_whose_weights_threads_do_not_share(channels: tuple[int, int], batch: int) -> None:
    """Blocks of 64 channels are even shares of 2 and 4 threads, with 320 of the other side's taken in parts."""
    inner, outer = channels
    rng = np.random.default_rng(7)
    x, weight = (rng.standard_normal(shape, np.float32) for shape in ((batch, inner, 9, 10), (outer, inner, 3, 3)))
    options = {"padding": 1, "algorithm": "winograd_f4"}
    calls: list[Any] = [lambda: tk.kernels.conv_forward(x, weight, **options)]
    turned = np.ascontiguousarray(weight.swapaxes(0, 1))  # to an input of `outer` channels
    calls.append(lambda: tk.kernels.conv_backward_input(x, turned, (batch, outer, 9, 10), **options))
    for call in calls:
        with tk.threads(1):
            expected = call()
        for threads in (2, 4):
            with tk.threads(threads), guarded_outputs():
                assert_same_bits((call(),), (expected,), f"{threads} threads")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_vector_reads_beside_its_channel_stays_out(dtype: str) -> None:
    """Planes of 7x7 end within a vector: the next image's values lie in its other lanes."""
    rng = np.random.default_rng(6)
    x, weight = rng.standard_normal((2, 4, 7, 7)).astype(dtype), rng.standard_normal((5, 4, 1, 1)).astype(dtype)
    expected = tk.kernels.conv_forward(x[:1], weight, algorithm="direct_pixels")
    x[1] = np.nan
    np.testing.assert_array_equal(tk.kernels.conv_forward(x, weight, algorithm="direct_pixels")[:1], expected)


@pytest.mark.parametrize("algorithm", ["direct", "direct_pixels"])
@pytest.mark.parametrize(
    ("shape", "channels", "kernel"), [((40, 16, 28, 28), 32, 5), ((9, 16, 15, 15), 48, 5), ((40, 16, 28, 28), 144, 1)]
)
def test_an_image_alone_has_its_bits_in_a_batch(
    shape: tuple[int, ...], channels: int, kernel: int, algorithm: str
) -> None:
    """Strips are cut, and blocks and tiles take turns, by how many images there are."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal((channels, shape[1], kernel, kernel)).astype(np.float32)
    options = {"padding": kernel // 2, "algorithm": algorithm}
    y = tk.kernels.conv_forward(x, weight, **options)
    dx = tk.kernels.conv_backward_input(y, weight, x.shape, **options)
    for i in (0, shape[0] - 1):
        one = slice(i, i + 1)
        np.testing.assert_array_equal(tk.kernels.conv_forward(x[one], weight, **options), y[one])
        alone = tk.kernels.conv_backward_input(y[one], weight, x[one].shape, **options)
        np.testing.assert_array_equal(alone, dx[one])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("dy_shape", "out_channels", "rows", "groups"),
    [
        ((2, 64, 28, 28), 20, 2, 1),  # rows end on every fourth pixel
        ((2, 7, 9, 13), 5, 2, 1),  # and anywhere
        ((2, 18, 5, 3), 9, 2, 3),  # several in a vector, and the last tile of a group is not full
        ((2, 100, 8, 8), 6, 1, 1),
        ((2, 120, 16, 16), 4, 3, 1),  # windows of an odd number of rows: tiles begin within one
        ((2, 1500, 9, 30), 4, 2, 1),  # so many channels are added in several passes
    ],
)
def test_windows_of_two_columns_have_the_bits_of_other_tiles(
    dy_shape: tuple[int, ...], out_channels: int, rows: int, groups: int, masked: bool
) -> None:
    """Windows that cover dx are channels of a 1x1 product along pixels; along channels columns are a pair of parts."""
    rng = np.random.default_rng(10)
    n, channels, h, w = dy_shape
    dy = rng.standard_normal(dy_shape).astype(np.float32)
    weight = rng.standard_normal((channels, out_channels, rows, 2)).astype(np.float32)
    y = rng.standard_normal(dy_shape).astype(np.float32) if masked else None
    options = {"stride": (rows, 2), "groups": groups, "y": y}
    shape = (n, out_channels * groups, rows * h, 2 * w)
    expected = tk.kernels.conv_backward_input(dy, weight, shape, algorithm="direct", **options)
    for threads in (1, 2):
        with tk.threads(threads):
            dx = tk.kernels.conv_backward_input(dy, weight, shape, algorithm="direct_pixels", **options)
        np.testing.assert_array_equal(dx, expected)
    whole_dy, whole_weight = np.rint(4 * dy), np.rint(4 * weight)  # sums of whole numbers round nothing
    dx = tk.kernels.conv_backward_input(whole_dy, whole_weight, shape, algorithm="direct_pixels", **options)
    with tk.backend("reference"):
        expected = tk.kernels.conv_backward_input(whole_dy, whole_weight, shape, **options)
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("dy_shape", "channels", "groups"),
    [
        ((2, 16, 28, 28), 16, 2),  # a row's last vector begins early
        ((2, 32, 9, 16), 6, 2),  # rows of whole vectors, an odd number of channels, which tiles of two overlap
        ((1, 9, 1, 8), 12, 3),  # fewer vectors than a tile has
        ((1, 8, 150, 35), 8, 2),  # a plane in several strips
        ((3, 8, 4, 1024), 4, 2),  # rows as wide as they come
        ((2, 34, 10, 12), 8, 2),  # so many channels are added in two passes: no tiles of pairs
        ((20, 64, 28, 28), 64, 8),  # images that are called in
    ],
)
def test_gradients_of_two_columns_at_once_are_those_of_plain_loops(
    dy_shape: tuple[int, ...], channels: int, groups: int, masked: bool
) -> None:
    """Groups of 3x3 with stride 2, whose tiles write even and odd columns of dx side by side, and no more than dx."""
    rng = np.random.default_rng(14)
    shape = (dy_shape[0], channels, 2 * dy_shape[2], 2 * dy_shape[3])
    dy = rng.integers(-4, 5, dy_shape).astype(np.float32)  # sums of whole numbers round nothing
    weight = rng.integers(-4, 5, (dy_shape[1], channels // groups, 3, 3)).astype(np.float32)
    y = rng.standard_normal(dy_shape).astype(np.float32) if masked else None
    options: dict[str, Any] = {"stride": 2, "padding": 1, "groups": groups, "y": y}
    expected = tk.kernels.conv_backward_input(dy, weight, shape, algorithm="plain", **options)
    for threads in (1, 2):
        memory = np.full(expected.size + 64, 7, np.float32)
        out = memory[32:-32].reshape(shape)
        with tk.threads(threads):
            tk.kernels.conv_backward_input(dy, weight, shape, out=out, algorithm="few_channels", **options)
        np.testing.assert_array_equal(out, expected)
        assert (memory[:32] == 7).all()
        assert (memory[-32:] == 7).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("x_shape", "channels", "stride", "groups"),
    [
        ((2, 20, 28, 28), 64, 2, 1),  # rows of whole tiles
        ((3, 40, 14, 13), 24, 2, 1),  # rows that end on an output, and others in a row of zeros
        ((2, 18, 13, 7), 6, 2, 3),  # several rows in a tile, none of zeros below the last
        ((1, 33, 9, 27), 5, (1, 2), 1),  # no rows of zeros
        ((1, 33, 12, 10), 5, (4, 2), 1),
        ((1, 300, 61, 60), 12, 2, 1),  # a plane in several strips
        ((2, 4, 20, 36), 3000, 2, 1),  # so many channels are added in several passes
        ((1, 8, 1, 1), 9, 2, 1),
    ],
)
def test_1x1_of_two_columns_writes_its_zeros(
    x_shape: tuple[int, ...], channels: int, stride: int | tuple[int, int], groups: int, masked: bool
) -> None:
    """Pixels of dx that no window meets are zero, the others those of a 1x1 of stride 1, and no more is written."""
    rng = np.random.default_rng(12)
    rows, columns = (stride, stride) if isinstance(stride, int) else stride
    n, _, h, w = x_shape
    dy = rng.standard_normal((n, channels, -(-h // rows), -(-w // columns))).astype(np.float32)
    weight = rng.standard_normal((channels, x_shape[1] // groups, 1, 1)).astype(np.float32)
    y = rng.standard_normal(dy.shape).astype(np.float32) if masked else None
    options = {"groups": groups, "y": y, "algorithm": "direct"}
    expected = np.zeros(x_shape, np.float32)
    plain_shape = (*x_shape[:2], *dy.shape[2:])
    expected[:, :, ::rows, ::columns] = tk.kernels.conv_backward_input(dy, weight, plain_shape, **options)
    for threads in (1, 2):
        with tk.threads(threads):
            dx = tk.kernels.conv_backward_input(dy, weight, x_shape, stride=stride, **options)
        np.testing.assert_array_equal(dx, expected)
    for i in range(n):  # an image alone, beside others' memory
        one = slice(i, i + 1)
        out = np.full((1, *x_shape[1:]), 7, np.float32)
        options["y"] = None if y is None else y[one]
        tk.kernels.conv_backward_input(dy[one], weight, out.shape, stride=stride, out=out, **options)
        np.testing.assert_array_equal(out, expected[one])


@pytest.mark.parametrize("shape", [(2, 40, 28, 28), (2, 150, 28, 27), (1, 300, 13, 15), (2, 70, 61, 28), (1, 9, 1, 8)])
@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (2, 3)])
def test_1x1_of_a_stride_has_the_bits_of_its_pixels_alone(shape: tuple[int, ...], stride: tuple[int, int]) -> None:
    """Whether pixels are read where they lie, or copied row by row or end to end."""
    rng = np.random.default_rng(13)
    x = rng.standard_normal(shape).astype(np.float32)
    weight, bias = rng.standard_normal((50, shape[1], 1, 1)).astype(np.float32), rng.standard_normal(50, np.float32)
    options = {"bias": bias, "activation": "relu", "algorithm": "direct"}
    y = tk.kernels.conv_forward(x, weight, stride=stride, **options)
    alone = np.ascontiguousarray(x[:, :, :: stride[0], :: stride[1]])
    np.testing.assert_array_equal(y, tk.kernels.conv_forward(alone, weight, **options))


@pytest.mark.parametrize("channels", [16, 24, 33, 48, 72])
@pytest.mark.parametrize(("width", "padding"), [(1, 2), (3, 4), (4, 2), (5, 0), (6, 3), (7, 2), (7, 0)])
def test_five_taps_of_a_few_columns(channels: int, width: int, padding: int) -> None:
    """Blocks of one, two and three vectors of outputs; the weights of a channel are 25 columns, the last one alone."""
    rng = np.random.default_rng(29)
    columns = max(1, width + 2 * padding - 4)  # of dy, where dx has `width`
    small = rng.integers(-4, 5, (2, 13, 6, columns)).astype(np.float32)  # sums of whole numbers round nothing
    weight = rng.integers(-4, 5, (13, channels, 5, 5)).astype(np.float32)
    options: dict[str, Any] = {"padding": (2, padding)}
    shape = (2, channels, 6, columns + 4 - 2 * padding)
    calls = {
        "forward": lambda name: tk.kernels.conv_forward(small, turned, padding=2, algorithm=name),
        "to the input": lambda name: tk.kernels.conv_backward_input(
            small, weight, shape, y=small[::-1].copy(), algorithm=name, **options
        ),
    }
    turned = np.ascontiguousarray(weight.transpose(1, 0, 2, 3))
    for direction, call in calls.items():
        np.testing.assert_array_equal(call("direct"), call("plain"), err_msg=direction)


@pytest.mark.parametrize("at", [0, 70, 1000, 1023, 1024, 1039])
def test_a_number_that_is_not_finite_is_found_anywhere_among_the_weights(at: int) -> None:
    x = np.zeros((1, 13, 4, 4), np.float32)
    weight = np.ones((16, 13, 1, 5), np.float32)
    weight.flat[at] = np.inf
    y = tk.kernels.conv_forward(x, weight, padding=(0, 2), algorithm="direct")
    np.testing.assert_array_equal(y, tk.kernels.conv_forward(x, weight, padding=(0, 2), algorithm="plain"))


@pytest.mark.parametrize(
    ("channels", "out_channels", "plane"),
    [
        (200, 13, (32, 32)),  # several sums, the last block of one channel
        (64, 16, (48, 80)),  # of whole pages, with room for tiles of 2 vectors at strips' ends
        (200, 33, (32, 34)),  # an image ends within a vector
        (1600, 12, (5, 8)),  # a tile and a half
        (4200, 12, (5, 4)),  # less than a tile
    ],
)
def test_channels_that_crowd_the_cache_have_the_bits_of_those_that_do_not(
    channels: int, out_channels: int, plane: tuple[int, int]
) -> None:
    """Where planes are parts of a page, tiles copy their input. Two more pixels, and they do not."""
    draw = draw_for(f"crowded {channels}", "float32", integers=False)
    pixels, options = math.prod(plane), {"algorithm": "direct_pixels"}
    x, weight, bias = draw(2, channels, 1, pixels + 2), draw(out_channels, channels, 1, 1), draw(out_channels)
    crowded = np.ascontiguousarray(x[..., :pixels]).reshape(2, channels, *plane)
    y = tk.kernels.conv_forward(crowded, weight, bias, **options, activation="relu")
    expected = tk.kernels.conv_forward(x, weight, bias, **options, activation="relu")[..., :pixels]
    np.testing.assert_array_equal(y, expected.reshape(y.shape))
    back = np.ascontiguousarray(weight.transpose(1, 0, 2, 3))
    dx = tk.kernels.conv_backward_input(crowded, back, y.shape, **options)
    expected = tk.kernels.conv_backward_input(x, back, (2, out_channels, 1, pixels + 2), **options)[..., :pixels]
    np.testing.assert_array_equal(dx, expected.reshape(y.shape))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    ("channels", "out_channels", "plane"),
    [
        (193, 9, (5, 6)),  # the last output block of one channel, a tile and a rest
        (400, 12, (7, 9)),  # five sums, whole tiles and a rest
        (600, 500, (5, 5)),  # more weights than input
        (200, 16, (1, 11)),  # less than a tile
    ],
)
def test_channels_in_shares_are_all_added(channels: int, out_channels: int, plane: tuple[int, int], n: int) -> None:
    draw = draw_for(f"shares {channels}", "float32", integers=True)
    x, weight, bias = draw(n, channels, *plane), draw(out_channels, channels, 1, 1), draw(out_channels)
    back, mask = np.ascontiguousarray(weight.transpose(1, 0, 2, 3)), draw(n, channels, *plane)
    calls = {
        "forward": lambda a: tk.kernels.conv_forward(x, weight, bias, activation="relu", algorithm=a),
        "backward_input": lambda a: tk.kernels.conv_backward_input(x, back, (n, out_channels, *plane), algorithm=a),
        "masked": lambda a: tk.kernels.conv_backward_input(x, back, (n, out_channels, *plane), y=mask, algorithm=a),
    }
    for direction, call in calls.items():
        np.testing.assert_array_equal(call("direct_pixels"), call("plain"), err_msg=direction)
    draw = draw_for(f"shares {channels} of an image", "float32", integers=False)
    x, weight = draw(n + 1, channels, *plane), draw(out_channels, channels, 1, 1)
    together = tk.kernels.conv_forward(x, weight, algorithm="direct_pixels")
    alone = tk.kernels.conv_forward(x[:n], weight, algorithm="direct_pixels")
    np.testing.assert_array_equal(together[:n], alone)


@pytest.mark.parametrize(("kernel", "dilation", "activation"), [(3, 1, "relu"), (3, 27, "relu"), (1, 1, None)])
def test_outputs_written_past_the_cache_are_those_of_their_images(
    kernel: int, dilation: int, activation: str | None
) -> None:
    draw = draw_for("past the cache", "float32", integers=False)
    x, weight, bias = draw(2, 3, 512, 512), draw(16, 3, kernel, kernel), draw(16) if activation else None
    options: dict[str, Any] = {"padding": kernel // 2 * dilation, "dilation": dilation}
    options |= {"activation": activation, "algorithm": "direct_pixels"}
    together = tk.kernels.conv_forward(x, weight, bias, **options)
    assert together.nbytes > 24 << 20 > together[0].nbytes
    for image in range(2):
        alone = tk.kernels.conv_forward(x[image : image + 1], weight, bias, **options)
        assert_same_bits((together[image : image + 1],), (alone,), f"image {image}")


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("length", "taps", "dilation", "padding"),
    [
        (4100, 2, 1, 0),  # strips, of which the last one ends within a vector
        (3000, 2, 512, 0),  # to the input, ends of 512
        (301, 3, 64, 64),
        (61, 5, 1, 2),
        (40, 9, 4, 16),  # hardly a position sees all taps
        (17, 3, 8, 0),  # one does
    ],
)
def test_signals_read_where_they_lie(length: int, taps: int, dilation: int, padding: int, masked: bool) -> None:
    """Along pixels only their ends are copied, and a vector that would run past the last channel."""
    draw = draw_for(f"signals {length}", "float32", integers=True)
    x, weight, bias = draw(2, 78, length), draw(34, 39, taps), draw(34)
    options: dict[str, Any] = {"padding": padding, "dilation": dilation, "groups": 2}
    y = tk.kernels.conv_forward(x, weight, bias, **options, algorithm="direct_pixels")
    with tk.backend("reference"):
        np.testing.assert_array_equal(y, tk.kernels.conv_forward(x, weight, bias, **options))
    dy = y % 5 - 2
    options |= {"y": np.ascontiguousarray(dy[::-1])} if masked else {}
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, **options, algorithm="direct_pixels")
    with tk.backend("reference"):
        np.testing.assert_array_equal(dx, tk.kernels.conv_backward_input(dy, weight, x.shape, **options))


@pytest.mark.parametrize(("width", "padding"), [(224, 2), (223, 5), (64, 0), (61, 1), (9, 3)])
def test_rows_of_four_phases(width: int, padding: int) -> None:
    draw = draw_for(f"four phases {width}", "float32", integers=True)
    x, weight = draw(2, 3, 19, width), draw(32, 3, 7, 7)
    options = {"stride": 4, "padding": padding}
    expected = oracle.forward(x, weight, None, **options)
    for algorithm in ("direct", "direct_pixels"):
        result = tk.kernels.conv_forward(x, weight, **options, algorithm=algorithm)
        np.testing.assert_array_equal(result, expected)
