"""What a convolution is: Fourier, Toeplitz, shifts, dilation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import functional as F
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.interpret import coverage, receptive_field
from tatamikomi.nn import Conv2d, LocallyConnected2d

Floats = NDArray[np.float64]


def _draw_of(bench: Bench) -> np.random.Generator:
    return np.random.default_rng(bench.seed)


def _off(a: Any, b: Any) -> float:
    """The largest difference, relative to the largest number."""
    return float(np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max())


def _by_fft(x: Floats, kernel: Floats) -> Floats:
    """Linear convolution (full) of two images as a product of their transforms, padded to hold all of it."""
    size = [a + b - 1 for a, b in zip(x.shape, kernel.shape, strict=True)]
    product: Floats = np.fft.irfft2(np.fft.rfft2(x, size) * np.fft.rfft2(kernel, size), size)
    return product


@experiment("fourier", "S-085..S-087")
def fourier(bench: Bench) -> None:
    """The convolution theorem: convolution is a product of spectra; polynomials, dice, and a digit, both ways."""
    a, b = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    size = len(a) + len(b) - 1
    spectral = np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)
    ours = F.true_conv2d(a[None, None, None], b[None, None, None, :], padding=(0, 2)).numpy()[0, 0, 0]
    dice = np.fft.irfft(np.fft.rfft(np.full(6, 1 / 6), 11) ** 2, 11)
    rows = [
        ["(1, 2, 3) * (4, 5, 6)", "(4, 13, 28, 27, 18)", str(ours.tolist()), str(spectral.round(6).tolist())],
        ["two dice, 36 x share", "(1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1)", "-", str((36 * dice).round(6).tolist())],
    ]
    bench.table("convolution in one dimension", ("example", "expected", "direct", "by FFT"), rows)
    exact = ours.tolist() == [4, 13, 28, 27, 18] and np.allclose(spectral, ours)
    bench.check("S-085", "(1, 2, 3) * (4, 5, 6) = (4, 13, 28, 27, 18)", exact, str(ours.tolist()))
    image = bench.data.test_x[0, 0].astype(np.float64)
    draw, worst = _draw_of(bench), 0.0
    found: list[list[Any]] = []
    for side in (3, 5, 7, 11):
        kernel = draw.standard_normal((side, side))
        direct = F.true_conv2d(
            image[None, None].astype(np.float32), kernel[None, None].astype(np.float32), padding=side - 1
        )
        off = _off(direct.numpy()[0, 0], _by_fft(image, kernel))
        worst = max(worst, off)
        found.append([f"{side} x {side}", off, side**2 * image.size])
    bench.table("a digit: float32 direct against FFT", ("kernel", "relative difference", "MACs direct"), found)
    bench.check("S-086", "direct and FFT agree to 1e-5 relative", worst < 1e-5, f"{worst:.1e}")
    kernel = draw.standard_normal((3, 3))
    turned = F.conv2d(image[None, None], kernel[None, None, ::-1, ::-1], padding=2).numpy()
    straight = F.true_conv2d(image[None, None], kernel[None, None], padding=2).numpy()
    plain = F.conv2d(image[None, None], kernel[None, None], padding=2).numpy()
    differ = _off(plain, straight)
    holds = _off(turned, straight) < 1e-12 and differ > 0.01
    bench.check(
        "S-087", "correlation with the turned kernel is convolution", holds, f"unturned differs by {differ:.2f}"
    )

    def show(axes: list[Any]) -> None:
        spectra = [
            np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(one, (30, 30))))) for one in (image, kernel, straight[0, 0])
        ]
        for ax, one, title in zip(axes, (image, kernel, straight[0, 0], *spectra), _TITLES, strict=True):
            ax.imshow(one, cmap="gray")
            ax.set_title(title)
            ax.set_axis_off()

    bench.figure("spectra", show, 2, 3)


_TITLES = ("image", "kernel", "convolution", "log spectrum", "of the kernel", "of the convolution: the product")


@experiment("toeplitz", "S-088, S-092, S-099, S-119")
def toeplitz(bench: Bench) -> None:
    """Convolution as a sparse Toeplitz matrix: few weights, each used everywhere; its transpose goes back.

    A dense layer and a locally connected one of the same shape have a weight for every entry.
    """
    side, k, stride = 7, 3, 1
    x = _draw_of(bench).standard_normal((2, side, side))
    weight = _draw_of(bench).standard_normal((3, 2, k, k))
    units = np.eye(x.size).reshape(-1, *x.shape)
    matrix = F.conv2d(units, weight, stride=stride).numpy().reshape(x.size, -1).T  # (outputs, inputs), entry by entry
    y = F.conv2d(x[None], weight, stride=stride).numpy()
    out = side - k + 1
    placed = np.zeros((3, out, out, 2, side, side))
    for i in range(out):
        for j in range(out):
            placed[:, i, j, :, i : i + k, j : j + k] = weight
    built = placed.reshape(matrix.shape)
    off = _off(built @ x.ravel(), y.ravel())
    bench.check("S-099", "Toeplitz matrix times x equals the convolution", off < 1e-12, f"{off:.1e}")
    same = bool((built == matrix).all())
    bench.check("S-099", "the matrix of the convolution of unit vectors is that matrix", same, f"{matrix.shape}")
    back = F.conv_transpose2d(y, weight, stride=stride).numpy().ravel()
    off = _off(built.T @ y.ravel(), back)
    bench.check("S-118", "its transpose is the transposed convolution", off < 1e-12, f"{off:.1e}")
    conv, local = Conv2d(2, 3, k, bias=False), LocallyConnected2d(2, 3, side, k, bias=False)
    rows = [
        ["convolution", conv.weight.numel(), int((built != 0).sum()), float((built != 0).mean())],
        ["locally connected", local.weight.numel(), local.weight.numel(), local.weight.numel() / built.size],
        ["dense", built.size, built.size, 1.0],
    ]
    bench.table("a map of 7 x 7 x 2 to 5 x 5 x 3", ("layer", "weights", "entries not 0", "share"), rows)
    shared = rows[0][2] == conv.weight.numel() * out**2
    bench.check(
        "S-099", "every weight is used at every position", shared, f"{rows[0][2]} = {conv.weight.numel()} x {out**2}"
    )

    def draw(axes: list[Any]) -> None:
        axes[0].imshow(built, cmap="RdBu")
        axes[0].set(xlabel="input", ylabel="output")

    bench.figure("matrix", draw, size=(6, 4.5))


@experiment("equivariance", "S-100, S-123")
def equivariance(bench: Bench) -> None:
    """Translation: convolution moves along, pooling only by its stride, a global mean forgets."""
    draw = _draw_of(bench)
    image = np.zeros((1, 2, 32, 32))
    image[:, :, 10:20, 10:20] = draw.standard_normal((1, 2, 10, 10))  # far enough from the border
    weight = draw.standard_normal((4, 2, 3, 3))

    def conv(x: Floats) -> Floats:
        return np.asarray(F.conv2d(x, weight, padding=1).numpy())

    def pooled(x: Floats) -> Floats:
        return np.asarray(F.max_pool2d(conv(x), 2).numpy())

    def moved(x: Floats, by: int) -> Floats:
        return np.roll(x, (by, by), (2, 3))

    rows = []
    for by in range(1, 6):
        shifted = moved(image, by)
        after = pooled(shifted)
        best = min(_off(moved(pooled(image), step), after) for step in range(4))
        forgets = _off(F.global_avg_pool(conv(shifted)).numpy(), F.global_avg_pool(conv(image)).numpy())
        rows.append([by, _off(conv(shifted), moved(conv(image), by)), best, forgets])
    columns = ("shift", "convolution", "with pooling 2, best shift", "global average")
    bench.table("relative differences, shifted before and after", columns, rows)
    worst = max(row[1] for row in rows)
    bench.check("S-100", "shift(conv(x)) = conv(shift(x)) inside", worst < 1e-12, f"{worst:.1e}")
    even, odd = max(row[2] for row in rows if row[0] % 2 == 0), min(row[2] for row in rows if row[0] % 2)
    holds = even < 1e-12 and odd > 1e-3
    bench.check(
        "S-123", "pooling of stride 2 moves along by even shifts only", holds, f"even {even:.1e}, odd {odd:.2g}"
    )
    worst = max(row[3] for row in rows)
    bench.check("S-100", "the global average does not see the shift", worst < 1e-10, f"{worst:.1e}")
    border = _off(conv(moved(image, 15)), moved(conv(image), 15))
    bench.check("S-100", "across the border it does not hold", border > 1e-3, f"{border:.2g}")


@experiment("dilation", "A-17..A-20, S-101, S-104..S-108")
def dilation(bench: Bench) -> None:
    """Dilated convolutions: effective size, fields of stacks, and the gridding that common factors leave."""
    sizes = {rate: receptive_field([(3, 1, 0, rate)]).size[0] for rate in (1, 2, 3, 4)}
    rows = [[rate, printed, sizes[rate]] for rate, printed in zip(sizes, (3, 5, 7, 9), strict=True)]
    bench.table("effective size of a 3 x 3 (A-17)", ("rate", "course", "computed"), rows)
    bench.check(
        "A-17", "R = (K - 1) r + 1: 3, 5, 7, 9", list(sizes.values()) == [3, 5, 7, 9], str(list(sizes.values()))
    )
    stacks = {
        "1, 2, 4": (1, 2, 4),
        "2, 2, 2": (2, 2, 2),
        "1, 2, 5": (1, 2, 5),
        "2, 4, 8": (2, 4, 8),
        "1, 1, 1": (1, 1, 1),
    }
    table, holes = [], {}
    for name, rates in stacks.items():
        ways = coverage([3] * 3, rates)
        holes[name] = int((ways == 0).sum())
        table.append(
            [name, receptive_field([(3, 1, 0, rate) for rate in rates]).size[0], 27, holes[name], int(ways.max())]
        )
    columns = ("rates", "field", "weights per channel pair", "pixels never seen, of one axis", "most often seen")
    bench.table("stacks of three", columns, table)
    grown = [receptive_field([(3, 1, 0, rate) for rate in (1, 2, 4)[: i + 1]]).size[0] for i in range(3)]
    bench.check("A-18", "rates 1, 2, 4 see 3, 7, 15", grown == [3, 7, 15], str(grown))
    found = holes["2, 2, 2"], holes["1, 2, 5"]
    measured = f"{found[0]} and {found[1]}"
    bench.check("S-106", "rates 2, 2, 2 leave holes, 1, 2, 5 none", found[0] > 0 == found[1], measured)
    wavenet = receptive_field([(2, 1, 0, 2**i) for i in range(5)]).size[0]
    bench.check("S-108", "WaveNet's 1, 2, 4, 8, 16 with two taps see 32", wavenet == 32, str(wavenet))
    seen = {name: _seen(rates) for name, rates in stacks.items()}
    agree = all((seen[name][seen[name].shape[0] // 2] > 0).sum() + holes[name] == len(seen[name]) for name in stacks)
    bench.check("S-106", "convolutions of ones see what the formula counts", agree, f"{len(stacks)} stacks")

    def draw(axes: list[Any]) -> None:
        for ax, (name, one) in zip(axes, seen.items(), strict=True):
            ax.imshow(one > 0, cmap="gray", vmin=0, vmax=1)
            ax.set_title(f"rates {name}")
            ax.set_axis_off()

    bench.figure("coverage", draw, 1, len(stacks), (12, 3))


def _seen(rates: tuple[int, ...]) -> Floats:
    """In how many ways the middle output of three convolutions of ones reaches each pixel of its field."""
    side = 1 + 2 * sum(rates)
    x = np.zeros((1, 1, side, side))
    x[0, 0, side // 2, side // 2] = 1
    for rate in rates:
        x = F.conv2d(x, np.ones((1, 1, 3, 3)), padding=rate, dilation=rate).numpy()
    return np.asarray(x[0, 0])
