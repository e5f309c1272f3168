"""What the convolution kernels promise beside their values: padding, workspace, the list of algorithms."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.engines import NATIVE, engine

import tatamikomi as tk
from tatamikomi import _native
from tatamikomi.geometry import conv_shape
from tatamikomi.kernels.algorithm import POLICIES

DIRECTIONS = ["forward", "backward_input", "backward_weight"]


# Of 1x1 to more channels dy is copied, masked, some channels at a time: of several images, of more than lie near, of
# every other column; several blocks of channels read it.
@pytest.mark.parametrize(("n", "size", "stride"), [(9, 5, 1), (2, 30, 1), (3, 9, 2)])
def test_weight_gradient_behind_relu_of_1x1_to_more_channels(n: int, size: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (n, 136, size, size)).astype(np.float32)
    sizes = (n, 200, (size - 1) // stride + 1, (size - 1) // stride + 1)
    dy, y = (rng.integers(-3, 4, sizes).astype(np.float32) for _ in range(2))
    dbias = np.empty(200, np.float32)
    dweight = tk.kernels.conv_backward_weight(
        dy, x, (200, 136, 1, 1), stride=stride, y=y, dbias=dbias, algorithm="direct"
    )
    masked = np.where(y > 0, dy, 0)
    expected = np.einsum("nkhw,nchw->kc", masked, x[:, :, ::stride, ::stride])
    np.testing.assert_array_equal(dweight[:, :, 0, 0], expected)
    np.testing.assert_array_equal(dbias, masked.sum((0, 2, 3)))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("tap", [(0, 0), (1, 2), (2, 1)])
def test_padding_contributes_nothing_to_non_finite_factors(bad: float, tap: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 5, (2, 8, 5, 6)).astype(np.float32)
    weight = rng.integers(1, 5, (8, 8, 3, 3)).astype(np.float32)
    weight[3, 2, tap[0], tap[1]] = bad
    y = tk.kernels.conv_forward(x, weight, padding=1)
    row, column = np.arange(5) + tap[0] - 1, np.arange(6) + tap[1] - 1
    sees = ((row >= 0) & (row < 5))[:, None] & ((column >= 0) & (column < 6))
    np.testing.assert_array_equal(~np.isfinite(y[:, 3]), np.broadcast_to(sees, (2, 5, 6)))
    assert np.isfinite(np.delete(y, 3, axis=1)).all()

    dy = np.ones_like(y)
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, padding=1)
    row, column = np.arange(5) - tap[0] + 1, np.arange(6) - tap[1] + 1
    sees = ((row >= 0) & (row < 5))[:, None] & ((column >= 0) & (column < 6))
    np.testing.assert_array_equal(~np.isfinite(dx[:, 2]), np.broadcast_to(sees, (2, 5, 6)))

    dy[1, 4, 0, 0] = bad
    dweight = tk.kernels.conv_backward_weight(dy, x, weight.shape, padding=1)
    seen = np.zeros((3, 3), bool)
    seen[1:, 1:] = True  # the corner's other taps lie in the padding
    np.testing.assert_array_equal(~np.isfinite(dweight[4]), np.broadcast_to(seen, (8, 3, 3)))
    assert np.isfinite(np.delete(dweight, 4, axis=0)).all()


@pytest.mark.parametrize("algorithm", ["auto", "direct", "direct_pixels"])
@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_weight_that_is_not_finite_reaches_what_it_meets_on_its_way_back(
    algorithm: str, taps: int, stride: int
) -> None:
    """No padding lies around 1x1: its weights are not searched, the plain loops not taken."""
    rng = np.random.default_rng(1)
    dy = rng.integers(1, 5, (2, 20, 9, 9)).astype(np.float32)
    weight = rng.integers(1, 5, (20, 37, taps, taps)).astype(np.float32)
    weight[3, 2, 0, 0] = np.inf
    shape = (2, 37, 9 * stride, 9 * stride)
    options = {"stride": stride, "padding": taps // 2}
    dx = tk.kernels.conv_backward_input(dy, weight, shape, **options, algorithm=algorithm)
    expected = tk.kernels.conv_backward_input(dy, weight, shape, **options, algorithm="plain")
    assert 0 < np.isinf(expected).sum() <= 2 * 9 * 9
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize(
    ("algorithm", "taps"), [("winograd_f4", 3), ("winograd_f2", 3), ("winograd_strided", 3), ("winograd_strided", 4)]
)
@pytest.mark.parametrize("depth", [(), (3,)])
def test_padding_contributes_nothing_to_non_finite_weights_under_winograd(
    algorithm: str, taps: int, depth: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 16, *depth, 9, 6)).astype(np.float32)
    weight = rng.standard_normal((16, 16, *depth, taps, taps)).astype(np.float32)
    weight[3, 2, ..., 0, 1] = np.inf
    options = {"padding": 1, "stride": 2 if algorithm == "winograd_strided" else 1}
    y = tk.kernels.conv_forward(x, weight, **options, algorithm=algorithm)
    expected = tk.kernels.conv_forward(x, weight, **options, algorithm="plain")
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    dy = rng.standard_normal(y.shape).astype(np.float32)
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, **options, algorithm=algorithm)
    expected = tk.kernels.conv_backward_input(dy, weight, x.shape, **options, algorithm="plain")
    np.testing.assert_array_equal(np.isfinite(dx), np.isfinite(expected))
    if algorithm == "winograd_strided" and taps == 3:
        return  # it has no weight gradient
    dy[1, 4, ..., 0, 0] = np.nan
    dweight = tk.kernels.conv_backward_weight(dy, x, weight.shape, **options, algorithm=algorithm)
    expected = tk.kernels.conv_backward_weight(dy, x, weight.shape, **options, algorithm="plain")
    np.testing.assert_array_equal(np.isfinite(dweight), np.isfinite(expected))
    assert not np.isfinite(expected).all()


@pytest.mark.parametrize(("taps", "stride"), [(5, 2), (7, 2), (11, 4)])
def test_zeros_beyond_a_window_contribute_nothing_to_non_finite_numbers(taps: int, stride: int) -> None:
    """Windows by the places of a stride have taps of zero beyond their own, weights packed or not."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 41, 38)).astype(np.float32)
    weight = rng.standard_normal((16, 3, taps, taps)).astype(np.float32)
    options: dict[str, Any] = {"padding": 2, "stride": stride}
    spoilt = weight.copy()
    spoilt[3, 2, 0, 1] = np.inf
    expected = tk.kernels.conv_forward(x, spoilt, **options, algorithm="plain")
    packed = tk.kernels.conv_pack_weight(spoilt, x.shape, **options, algorithm="winograd_strided")
    for given, algorithm in ((spoilt, "winograd_strided"), (packed, None)):
        y = tk.kernels.conv_forward(x, given, **options, algorithm=algorithm)
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    x[1, 1, 20, 20] = np.nan
    y = tk.kernels.conv_forward(x, weight, **options, algorithm="winograd_strided")
    seen = np.isnan(tk.kernels.conv_forward(x, weight, **options, algorithm="plain"))
    assert np.isnan(y)[seen].all()
    assert np.isfinite(y[0]).all()
    assert np.isnan(y[1]).any(axis=0).sum() <= 4 * 4 * 4  # of the tiles that see it


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_list_ends_with_a_loop_that_never_declines_and_needs_no_workspace(direction: str) -> None:
    shape = conv_shape("test", (1, 3, 9, 9), (3, 1, 3, 3), 1, 1, 1, 3)
    names, reasons, workspace, *_ = zip(
        *_native.conv_algorithms(direction, np.dtype(np.float32), shape, POLICIES["plain"]), strict=True
    )
    assert names[-1] == "plain"
    assert (reasons[-1], workspace[-1]) == (None, 0)


@pytest.mark.parametrize("direction", DIRECTIONS[:2])
def test_workspace_stays_below_8_mb_per_thread(direction: str) -> None:
    """And the weights as Winograd transforms them, which are held up to 12 MB."""
    layers = [
        ((1, 3, 224, 224), (64, 3, 7, 7), 2, 3, 1),
        ((1, 64, 56, 56), (64, 64, 3, 3), 1, 1, 1),
        ((1, 256, 14, 14), (256, 256, 3, 3), 1, 1, 1),
        ((1, 512, 7, 7), (512, 512, 3, 3), 1, 1, 1),
        ((1, 1024, 7, 7), (1024, 1024, 3, 3), 1, 1, 1),
        ((1, 64, 300, 300), (64, 64, 3, 3), 2, 1, 1),
        ((1, 64, 100000), (64, 64, 3), 1, 1, 1),
        ((1, 2048, 7, 7), (2048, 2048, 3, 3), 1, 1, 1),
        ((1, 2048, 65, 65), (256, 2048, 3, 3), 1, 24, 24),
        ((1, 64, 16000), (64, 64, 2), 1, 512, 512),
        ((1, 64, 100000), (64, 64, 3), 1, 16000, 16000),
        ((1, 64, 16, 112, 112), (64, 64, 3, 3, 3), 1, 1, 1),
        ((1, 32, 128, 128, 128), (32, 32, 3, 3, 3), 1, 1, 1),
        ((1, 256, 32, 14, 14), (256, 256, 3, 3, 3), 1, 1, 1),
        ((1, 512, 2, 7, 7), (512, 512, 3, 3, 3), 1, 1, 1),
        ((1, 64, 16, 112, 112), (128, 64, 3, 3, 3), 2, 1, 1),
        ((1, 64, 112, 112), (64, 64, 8, 8), 2, 3, 1),
        ((1, 3, 32, 448, 448), (64, 3, 5, 16, 16), 4, 6, 1),
    ]
    for threads, (x_shape, weight_shape, stride, padding, dilation) in itertools.product((1, 2, 7), layers):
        shape = conv_shape("test", x_shape, weight_shape, stride, padding, dilation, 1)
        with tk.threads(threads):
            listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape, 0)
        for name, why, workspace, *_ in listed:
            held = 12 * 2**20 if name.startswith("winograd") else 0
            if why is None or name == "direct":
                assert workspace <= threads * 8 * 2**20 + held, (x_shape, threads, name, workspace)


@pytest.mark.parametrize(("algorithm", "size", "stride"), [("winograd_strided", 56, 2), ("winograd_f4", 28, 1)])
def test_threads_that_transform_weights_for_themselves(algorithm: str, size: int, stride: int) -> None:
    """49 tiles: two threads take one run each, with weights of their own; others share. Bits are the same."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 20, size, size), np.float32)
    weight = rng.standard_normal((72, 20, 3, 3), np.float32)
    dy = rng.standard_normal((1, 72, 28, 28), np.float32)
    options = {"stride": stride, "padding": 1}
    shape = conv_shape("test", x.shape, weight.shape, stride, 1, 1, 1)

    def both(dtype: type, **more: Any) -> tuple[Any, Any]:
        given = [one.astype(dtype, copy=False) for one in (x, weight, dy)]
        y = tk.kernels.conv_forward(*given[:2], **options, **more)
        return y, tk.kernels.conv_backward_input(given[2], given[1], x.shape, **options, **more)

    results = []
    for threads in (1, 2, 3):
        with tk.threads(threads):
            results.append(both(np.float32, algorithm=algorithm))
    with tk.backend("reference"):
        exact = both(np.float64)
    for direction, each, truth in zip(("forward", "backward_input"), results[0], exact, strict=True):
        listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape, POLICIES[algorithm])
        published = next(error for name, _, _, _, error, _ in listed if name == algorithm)
        np.testing.assert_allclose(each, truth, rtol=0, atol=published * np.abs(truth).max())
    for other in results[1:]:
        np.testing.assert_array_equal(results[0][0], other[0])
        np.testing.assert_array_equal(results[0][1], other[1])


def test_large_weights_are_packed_as_they_are_used() -> None:
    """Weights of more than the packing limit take another path, which must give the same results."""
    rng = np.random.default_rng(1)
    x = rng.integers(-3, 4, (1, 1030, 3, 3)).astype(np.float32)
    weight = rng.integers(-3, 4, (400, 1030, 3, 3)).astype(np.float32)
    results = []
    for threads in (1, 4):  # 15 MB: above one thread's limit, below four threads'
        with tk.threads(threads):
            results.append(tk.kernels.conv_forward(x, weight, padding=1, algorithm="direct"))
    np.testing.assert_array_equal(results[0], results[1])
    windows = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    centre = np.einsum("kcab,cab->k", weight.astype(np.int64), windows[0, :, 1:4, 1:4].astype(np.int64))
    np.testing.assert_array_equal(results[0][0, :, 1, 1], centre)


@pytest.mark.parametrize("stride", [5, 1000, 2**31 - 1])
def test_strides_beyond_the_input(stride: int) -> None:
    """Only the first window is left along an axis, and taps of every phase are found."""
    rng = np.random.default_rng(2)
    x = rng.integers(-4, 5, (2, 6, 5, 5)).astype(np.float32)
    weight = rng.integers(-4, 5, (7, 6, 3, 2)).astype(np.float32)
    y = tk.kernels.conv_forward(x, weight, stride=stride)
    np.testing.assert_array_equal(y[..., 0, 0], np.einsum("ncab,kcab->nk", x[..., :3, :2], weight))
    assert y.shape == (2, 7, 1, 1)
    dx = tk.kernels.conv_backward_input(y, weight, x.shape, stride=stride)
    expected = np.zeros_like(x)
    expected[..., :3, :2] = np.einsum("nk,kcab->ncab", y[..., 0, 0], weight)
    np.testing.assert_array_equal(dx, expected)
    dweight = tk.kernels.conv_backward_weight(y, x, weight.shape, stride=stride)
    np.testing.assert_array_equal(dweight, np.einsum("nk,ncab->kcab", y[..., 0, 0], x[..., :3, :2]))


def test_taps_far_apart_take_the_plain_loop() -> None:
    x, weight, reach = np.ones((1, 4, 2**20), np.float32), np.ones((4, 4, 2), np.float32), 2**19
    shape = conv_shape("test", x.shape, weight.shape, 1, 0, reach, 1)
    for direction in DIRECTIONS[:2]:
        listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape, 0)
        assert "far apart" in next(why for name, why, *_ in listed if name == "direct")
    y = tk.kernels.conv_forward(x, weight, dilation=reach)
    np.testing.assert_array_equal(y, np.full((1, 4, reach), 8, np.float32))


@pytest.mark.parametrize("option", ["stride", "dilation"])
def test_steps_past_the_limit_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=rf"conv_forward: {option}: expected .* < 2147483648, got 2147483648"):
        tk.kernels.conv_forward(np.ones((1, 4, 5)), np.ones((4, 4, 1)), **{option: 2**31})


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize(
    ("x_shape", "channels", "reach"),
    [
        ((2, 40, 28, 27), 40, 12),  # columns part into borders and a middle of three
        ((1, 150, 14, 13), 70, (1, 6)),  # rows do not part; several sums
        ((3, 9, 5, 24), 18, (2, 12)),  # no middle
        ((1, 300, 9, 24), 200, (2, 12)),  # weights pass the caches
        ((1, 2600, 9, 24), 18, (2, 12)),  # several shares of channels
    ],
)
def test_planes_that_part_cleanly_meet_no_padding(
    name: str, x_shape: tuple[int, ...], channels: int, reach: int | tuple[int, int]
) -> None:
    """Taps so far apart are left out where they see padding, whatever their weights: none is searched."""
    rng = np.random.default_rng(5)
    x = rng.integers(1, 4, x_shape).astype(np.float32)
    weight = rng.integers(1, 4, (channels, x_shape[1], 3, 3)).astype(np.float32)
    weight[3, 2, 0, 0], weight[5, 1, 2, 1] = np.inf, -np.inf
    dy, y = (rng.integers(low, 4, (x_shape[0], channels, *x_shape[2:])).astype(np.float32) for low in (1, -3))
    options: dict[str, Any] = {"padding": reach, "dilation": reach}
    calls = {
        "forward": lambda algorithm: tk.kernels.conv_forward(x, weight, algorithm=algorithm, **options),
        "to the input": lambda algorithm: tk.kernels.conv_backward_input(
            dy, weight, x_shape, algorithm=algorithm, **options
        ),
        "masked": lambda algorithm: tk.kernels.conv_backward_input(
            dy, weight, x_shape, y=y, algorithm=algorithm, **options
        ),
    }
    with engine(name):
        for direction, call in calls.items():
            expected = call("plain")
            assert 0 < np.isinf(expected).sum() < expected.size / 4, direction
            for threads in (1, 2):
                with tk.threads(threads):
                    np.testing.assert_array_equal(call("direct"), expected, err_msg=direction)
