"""Rounding errors over random shapes: what `explain_conv` publishes of Winograd's holds, and is not far above them; the
direct kernels stay at the level of others."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import _native
from tatamikomi.geometry import conv_shape
from tatamikomi.kernels.algorithm import POLICIES

ALGORITHMS = {"winograd_f4": 1, "winograd_f2": 1, "winograd_strided": 2}  # their stride
DIRECTIONS = ["forward", "backward_input", "backward_weight"]


def run(direction: str, x: Any, weight: Any, dy: Any, **options: Any) -> Any:
    if direction == "forward":
        return tk.kernels.conv_forward(x, weight, **options)
    if direction == "backward_input":
        return tk.kernels.conv_backward_input(dy, weight, x.shape, **options)
    return tk.kernels.conv_backward_weight(dy, x, weight.shape, **options)


def ratio(direction: str, algorithm: str, rng: np.random.Generator) -> float:
    """The error of one random layer on standard normal data, over the published one."""
    n, *sizes = (int(one) for one in rng.integers((1, 4, 4), (5, 33, 33)))
    ic, oc = (int(one) for one in 2 ** rng.uniform(3, 8, 2))
    stride, padding = ALGORITHMS[algorithm], int(rng.integers(0, 3))
    kernel = (3, 3)
    if algorithm == "winograd_strided" and direction == "backward_weight":
        kernel = (4, 4)
    if rng.random() < 0.3:
        kernel = {"winograd_f4": (1, 3), "winograd_strided": (4, 4)}.get(algorithm, kernel)
    elif rng.random() < 0.4:  # taps of depth
        kernel, sizes, n = (3, *kernel), [int(rng.integers(3, 7)), *(one // 2 + 3 for one in sizes)], 1
    x = rng.standard_normal((n, ic, *sizes)).astype(np.float32)
    weight = rng.standard_normal((oc, ic, *kernel)).astype(np.float32)
    shape = conv_shape("test", x.shape, weight.shape, stride, padding, 1, 1)
    options: dict[str, Any] = {"stride": stride, "padding": padding}

    dy = tk.kernels.conv_forward(x, weight, **options, algorithm="direct") / np.float32(np.sqrt(weight[0].size))
    dy = np.random.default_rng(1).permuted(dy.ravel()).reshape(dy.shape)

    def compute(dtype: type, name: str) -> Any:
        return run(direction, *(one.astype(dtype) for one in (x, weight, dy)), **options, algorithm=name)

    exact = compute(np.float64, "direct")
    error = np.abs(compute(np.float32, algorithm) - exact).max() / np.abs(exact).max()
    listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape, POLICIES[algorithm])
    return float(error / next(published for name, _, _, _, published, _ in listed if name == algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_published_error_holds_with_a_margin_of_no_more_than_three(direction: str, algorithm: str) -> None:
    rng = np.random.default_rng(0)
    ratios = [ratio(direction, algorithm, rng) for _ in range(24)]
    assert 1 / 3 <= max(ratios) <= 1


@pytest.mark.parametrize(("kernel", "stride"), [((5, 6), 2), ((7, 8), 2), ((11, 10), 4), ((16, 14), 4), ((3, 7, 7), 2)])
def test_the_published_error_of_windows_by_places_holds(kernel: tuple[int, ...], stride: int) -> None:
    rng = np.random.default_rng(0)
    ratios = []
    for channels in (1, 3, 12, 40):
        x = rng.standard_normal((2, channels, *[6] * (len(kernel) - 2), 61, 53)).astype(np.float32)
        weight = rng.standard_normal((20, channels, *kernel)).astype(np.float32)
        options: dict[str, Any] = {"stride": (1, stride, stride)[3 - len(kernel) :], "padding": 1}
        told = tk.explain_conv(x.shape, weight.shape, **options)
        published = next(note.error for note in told.forward if note.name == "winograd_strided")
        y = tk.kernels.conv_forward(x, weight, **options, algorithm="winograd_strided")
        exact = tk.kernels.conv_forward(x.astype(np.float64), weight.astype(np.float64), **options)
        ratios.append(np.abs(y - exact).max() / np.abs(exact).max() / published)
    assert 1 / 3 <= max(ratios) <= 1


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_published_error_of_transforms_holds_with_a_margin_of_no_more_than_three(direction: str) -> None:
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(24):
        taps, groups = int(2 ** rng.uniform(3, 9)), int(rng.choice([1, 1, 2]))
        length, padding = taps + int(2 ** rng.uniform(3, 11)), int(rng.integers(0, taps))
        ic, oc = (groups * int(one) for one in 2 ** rng.uniform(0, 5, 2))
        x = rng.standard_normal((2, ic, length)).astype(np.float32)
        weight = rng.standard_normal((oc, ic // groups, taps)).astype(np.float32)
        options: dict[str, Any] = {"padding": padding, "groups": groups}
        dy = rng.standard_normal((2, oc, length + 2 * padding - taps + 1)).astype(np.float32)
        told = tk.explain_conv(x.shape, weight.shape, **options)
        published = next(note.error for note in getattr(told, direction) if note.name == "fft")
        exact = by_others("reference", direction, *(one.astype(np.float64) for one in (x, weight, dy)), **options)
        error = np.abs(run(direction, x, weight, dy, **options, algorithm="fft") - exact).max() / np.abs(exact).max()
        ratios.append(error / published)
    assert 1 / 3 <= max(ratios) <= 1


def any_layer(rng: np.random.Generator) -> tuple[Any, Any, Any, dict[str, Any]]:
    """x, weight, dy and options of 1 to 3 axes; in groups, of one channel too; some kernels cover all of x."""
    axes, groups, per_group = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 24])), int(2 ** rng.uniform(0, 6))
    ic = groups if groups == 24 else groups * per_group
    oc = groups * int(2 ** rng.uniform(0, 5) if groups < 24 else rng.integers(1, 3))
    kernel = (int(rng.choice([1, 2, 3, 4, 5, 32] if axes == 1 else [1, 2, 3, 4, 5])),) * axes
    stride, dilation, padding = (int(one) for one in rng.integers((1, 1, 0), (3, 3, 3)))
    most = (400, 24, 9)[axes - 1]
    sizes = [int(one) for one in rng.integers(most // 2, most, axes) + dilation * (kernel[0] - 1)]
    if rng.random() < 0.1:
        groups, stride, dilation, padding, sizes, ic = 1, 1, 1, 0, [*kernel], max(ic, 8)
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    shapes = (int(rng.integers(1, 4)), ic, *sizes), (oc, ic // groups, *kernel)
    every = (*shapes, tk.explain_conv(*shapes, **options).y_shape)
    x, weight, dy = (rng.standard_normal(shape).astype(np.float32) for shape in every)
    return x, weight, dy, options


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_every_algorithm_publishes_holds(direction: str) -> None:
    rng, worst = np.random.default_rng(3), {}
    for _ in range(60):
        x, weight, dy, options = any_layer(rng)
        exact = by_others("reference", direction, *(one.astype(np.float64) for one in (x, weight, dy)), **options)
        for note in getattr(tk.explain_conv(x.shape, weight.shape, **options), direction):
            try:
                result = run(direction, x, weight, dy, **options, algorithm=note.name)
            except ValueError:
                continue  # it cannot take this shape
            error = np.abs(result - exact).max() / np.abs(exact).max() / note.error
            worst[note.name] = max(worst.get(note.name, 0), error)
    listed = {note.name for note in getattr(tk.explain_conv((1, 1, 9), (1, 1, 2)), direction)}
    assert worst.keys() == listed
    assert max(worst.values()) <= 1, worst


def by_others(engine: str, direction: str, x: Any, weight: Any, dy: Any, **options: Any) -> Any:
    """The same by the reference backend or by torch, in the precision of the arrays."""
    if engine == "reference":
        with tk.backend("reference"):
            return run(direction, x, weight, dy, **options)
    torch, axes = pytest.importorskip("torch"), x.ndim - 2
    a, b, c = (torch.from_numpy(one) for one in (x, weight, dy))
    lists = [[options.get(name, default)] * axes for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))]
    rest = *lists, False, [0] * axes, options.get("groups", 1)
    if direction == "forward":
        return torch.ops.aten.convolution(a, b, None, *rest).numpy()
    wanted = [direction == "backward_input", direction == "backward_weight", False]
    return torch.ops.aten.convolution_backward(c, a, b, None, *rest, wanted)[wanted.index(True)].numpy()


@pytest.mark.parametrize(
    ("direction", "algorithm", "engine"),
    [
        *product(["forward", "backward_input"], ["direct", "direct_pixels"], ["reference", "torch"]),
        # One position an image: the reference's BLAS takes dot products of many short sums there, torch's does not.
        *product(["forward", "backward_input", "backward_weight"], ["matmul"], ["torch"]),
        ("backward_weight", "direct", "torch"),  # BLAS, the reference's, adds long sums of positions in shorter blocks
    ],
)
def test_direct_kernels_err_at_most_twice_as_much_as_others(direction: str, algorithm: str, engine: str) -> None:
    """By the root of the mean square error: the largest of a few errors is a matter of luck."""
    rng = np.random.default_rng(5)
    for _ in range(16):
        n, h, w = (int(one) for one in rng.integers((1, 5, 5), (5, 30, 30)))
        ic, oc = (int(one) for one in 2 ** rng.uniform(3, 8, 2))
        kernel, stride = int(rng.choice([1, 3, 5])), int(rng.integers(1, 3))
        options: dict[str, Any] = {"stride": stride, "padding": kernel // 2}
        if algorithm == "matmul":  # the kernel covers its input; images enough that errors have a mean
            n, h, w, options = 16 * n, kernel, kernel, {"stride": 1, "padding": 0}
        x = rng.standard_normal((n, ic, h, w)).astype(np.float32)
        weight = rng.standard_normal((oc, ic, kernel, kernel)).astype(np.float32)
        sizes = tk.kernels.conv_forward(x[:1], weight, **options).shape[1:]
        dy = rng.standard_normal((n, *sizes)).astype(np.float32)
        ours = run(direction, x, weight, dy, **options, algorithm=algorithm)
        theirs = by_others(engine, direction, x, weight, dy, **options)
        exact = by_others("reference", direction, *(one.astype(np.float64) for one in (x, weight, dy)), **options)
        ours_error, theirs_error = (np.sqrt(np.mean((one - exact) ** 2)) for one in (ours, theirs))
        assert ours_error <= 2 * theirs_error


@pytest.mark.parametrize(
    ("x_shape", "weight_shape", "options"),
    [
        ((4, 64, 28, 28), (96, 64, 1, 1), {}),  # the roles of dy and x are swapped
        ((4, 96, 28, 28), (64, 96, 1, 1), {}),
        ((16, 256, 14, 14), (1024, 256, 1, 1), {}),
        ((16, 512, 7, 7), (2048, 512, 1, 1), {}),  # images of a strip
        ((16, 32, 7, 7), (48, 32, 1, 1), {}),
        ((15, 32, 10, 10), (16, 32, 1, 1), {}),
        ((5, 64, 5, 5), (64, 64, 1, 1), {}),
        ((8, 128, 28, 28), (160, 128, 1, 1), {"stride": 2}),
        ((2, 16, 14, 14), (80, 1, 1, 1), {"groups": 16}),  # groups share a vector
        ((2, 16, 193), (80, 1, 1), {"groups": 16, "padding": 2}),
        ((3, 96, 8, 8), (16, 6, 1, 1), {"groups": 16}),
        ((5, 12, 7, 7), (14, 6, 3, 3), {"groups": 2, "padding": 1}),
        ((4, 32, 15, 14), (32, 32, 2, 2), {"dilation": 3}),
        ((2, 32, 2000), (32, 32, 2), {"dilation": 16}),
        ((2, 16, 6, 14, 14), (32, 16, 1, 3, 3), {"stride": 2}),
    ],
)
def test_weight_gradients_of_long_sums_err_at_most_twice_as_much_as_torch(
    x_shape: tuple[int, ...], weight_shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    """Sums over positions, of which there are many and taps few."""
    rng = np.random.default_rng(6)
    x, weight = rng.standard_normal(x_shape).astype(np.float32), np.zeros(weight_shape, np.float32)
    dy = rng.standard_normal(tk.explain_conv(x_shape, weight_shape, **options).y_shape).astype(np.float32)
    theirs = by_others("torch", "backward_weight", x, weight, dy, **options)
    ours = tk.kernels.conv_backward_weight(dy, x, weight_shape, **options, algorithm="direct")
    doubles = (one.astype(np.float64) for one in (x, weight, dy))
    exact = by_others("torch", "backward_weight", *doubles, **options)
    ours_error, theirs_error = (np.sqrt(np.mean((one - exact) ** 2)) for one in (ours, theirs))
    assert ours_error <= 2 * theirs_error
