"""Figures of the course as SVG text, drawn by no library, so that their bytes are always the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from docs.course.facts import value

import tatamikomi as tk
from tatamikomi import functional as F

BLUE, RED, GREEN, GREY, PALE = "#1f6fb4", "#c8452f", "#2f8f4e", "#888888", "#dfe9f3"
Point = tuple[float, float]


def svg(width: float, height: float, parts: Iterable[str]) -> str:
    """A picture on white, readable on dark pages too."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}'
    style = 'font-family="sans-serif" font-size="12"'
    ground = f'<rect width="{width:g}" height="{height:g}" fill="white"/>'
    return "\n".join([f"{head} {style}>", ground, *parts, "</svg>"]) + "\n"


def line(points: Iterable[Point], color: str, width: float = 1.5, dash: str = "") -> str:
    """A polyline."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width:g}"{dashed}/>'


def text(x: float, y: float, words: object, color: str = "black", anchor: str = "middle") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}">{words}</text>'


def box(x: float, y: float, width: float, height: float, fill: str = "none", edge: str = GREY, thick: float = 1) -> str:
    """A rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}" stroke="{edge}" stroke-width="{thick:g}"/>'
    )


def cells(
    rows: Sequence[Sequence[float]], left: float, top: float, filled: Callable[[int, int], str], side: float = 28
) -> list[str]:
    """A matrix of numbers in squares; NaN leaves a square empty."""
    parts = []
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            x, y = left + j * side, top + i * side
            parts.append(box(x, y, side, side, filled(i, j)))
            if not math.isnan(one):
                parts.append(text(x + side / 2, y + side / 2 + 4, f"{one:g}"))
    return parts


def empty(rows: int, columns: int) -> list[list[float]]:
    """Squares without numbers."""
    return [[math.nan] * columns for _ in range(rows)]


class Frame:
    """Axes from data to pixels."""

    def __init__(self, left: float, top: float, width: float, height: float, x: Point, y: Point) -> None:
        self.left, self.top, self.width, self.height, self.x, self.y = left, top, width, height, x, y

    def __call__(self, x: float, y: float) -> Point:
        """Pixels of a point."""
        across, up = (x - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def edges(self, x_marks: Iterable[tuple[float, str]], y_marks: Iterable[tuple[float, str]]) -> list[str]:
        """Frame and marks."""
        parts = [box(self.left, self.top, self.width, self.height)]
        for at, label in x_marks:
            parts.append(text(self(at, self.y[0])[0], self.top + self.height + 15, label, GREY))
        for at, label in y_marks:
            parts.append(text(self.left - 5, self(self.x[0], at)[1] + 4, label, GREY, "end"))
        return parts


def slopes() -> str:
    """Derivatives of sigmoid, tanh and ReLU."""
    frame = Frame(35, 10, 330, 170, (-5, 5), (-0.05, 1.1))
    parts = frame.edges([(u, f"{u}") for u in (-4, 0, 4)], [(0, "0"), (0.25, "0.25"), (1, "1")])
    places = np.linspace(-5, 5, 201)
    drawn = ((F.sigmoid, "sigmoid'", BLUE), (F.tanh, "tanh'", RED), (F.relu, "ReLU'", GREEN))
    for i, (function, name, color) in enumerate(drawn):
        u = tk.tensor(places, requires_grad=True)
        function(u).sum().backward()
        parts.append(line((frame(a, b) for a, b in zip(places, u.grad.numpy(), strict=True)), color))
        parts.append(text(45, 30 + 16 * i, name, color, "start"))
    return svg(380, 205, parts)


def norms() -> str:
    """Batch, layer, instance, group: which values of (N, places, C) share a mean."""
    parts = []
    kinds = {
        "BatchNorm": lambda n, c: c == 0,
        "LayerNorm": lambda n, c: n == 0,
        "InstanceNorm": lambda n, c: n == 0 and c == 0,
        "GroupNorm": lambda n, c: n == 0 and c < 2,
    }
    for k, (name, shares) in enumerate(kinds.items()):
        left = 30 + 130 * k
        parts += cells(empty(3, 4), left, 30, lambda n, c, shares=shares: PALE if shares(n, c) else "white", 24)
        parts += [text(left + 48, 20, name), text(left + 48, 118, "C", GREY), text(left - 9, 70, "N", GREY)]
    return svg(540, 125, parts)


def valley() -> str:
    """Four optimizers on x^2 / 20 + y^2."""
    frame = Frame(30, 10, 400, 200, (-8, 8), (-3, 3))
    parts = frame.edges([(-7, "-7"), (0, "0"), (7, "7")], [(-2, "-2"), (0, "0"), (2, "2")])
    for level in (0.5, 1.5, 3.0, 5.0):
        turn = np.linspace(0, 2 * np.pi, 73)
        ring = zip(np.sqrt(20 * level) * np.cos(turn), np.sqrt(level) * np.sin(turn), strict=True)
        kept = [frame(x, y) for x, y in ring if abs(x) <= 8]
        parts.append(line(kept, "#cccccc", 1) if len(kept) == 73 else "")
    makers = {
        "SGD": (GREY, lambda p: tk.optim.SGD(p, lr=0.9)),
        "Momentum": (RED, lambda p: tk.optim.SGD(p, lr=0.1, momentum=0.9)),
        "AdaGrad": (GREEN, lambda p: tk.optim.Adagrad(p, lr=1.5)),
        "Adam": (BLUE, lambda p: tk.optim.Adam(p, lr=0.3)),
    }
    for i, (name, (color, make)) in enumerate(makers.items()):
        path = tk.interpret.descend(lambda p: (p * p * np.array([0.05, 1.0])).sum(), [-7.0, 2.0], make, 30)
        parts += [line((frame(*one) for one in path), color), text(425, 28 + 16 * i, name, color, "end")]
    return svg(445, 235, [one for one in parts if one])


def penalties() -> str:
    """Contours of a loss around (2, 0.6) touch the diamond on an axis, the circle off it."""
    parts = []
    for k, (name, is_l1) in enumerate((("L1", True), ("L2", False))):
        frame = Frame(20 + 210 * k, 25, 180, 180, (-1.5, 2.5), (-1.5, 2.5))
        parts += [text(110 + 210 * k, 17, name), *frame.edges([], [])]
        parts += [line([frame(*a), frame(*b)], "#cccccc", 1) for a, b in (((-1.5, 0), (2.5, 0)), ((0, -1.5), (0, 2.5)))]
        goal = np.array([1.8, 0.7])
        turn = np.linspace(0, 2 * np.pi, 361)
        if is_l1:
            rim = np.stack([np.cos(turn), np.sin(turn)], 1)
            rim /= np.abs(rim).sum(1, keepdims=True)
        else:
            rim = np.stack([np.cos(turn), np.sin(turn)], 1)
        touch = rim[((rim - goal) ** 2).sum(1).argmin()]
        parts.append(line((frame(*one) for one in rim), BLUE))
        reach = float(np.hypot(*(touch - goal)))
        for radius in (0.3, reach):
            ring = (goal + radius * np.array([np.cos(t), np.sin(t)]) for t in turn[::10])
            parts.append(line((frame(*one) for one in ring if max(one) <= 2.5), RED, 1))
        x, y = frame(*touch)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="black"/>')
        parts.append(text(x, y + 18, f"({touch[0]:.2f}, {abs(touch[1]):.2f})"))
    return svg(425, 215, parts)


def window() -> str:
    """The first window of the 5 x 5 example, and its output."""
    image, kernel, output = value("image_5x5"), value("kernel_x"), value("correlation_5x5")
    parts = cells(image, 10, 10, lambda i, j: PALE if i < 3 and j < 3 else "white")
    parts += [text(165, 85, "⊗"), *cells(kernel, 180, 40, lambda i, j: PALE)]
    parts += [text(280, 85, "="), *cells(output, 295, 40, lambda i, j: PALE if i == j == 0 else "white")]
    parts.append(box(10, 10, 84, 84, edge=BLUE, thick=2.5))
    return svg(390, 160, parts)


def strides() -> str:
    """Where 2 x 2 windows begin on 4 x 4: strides 1 and 2."""
    parts = []
    for k, stride in enumerate((1, 2)):
        left, count = 10 + 250 * k, value("size_rows")[3 + k][-1]
        parts += cells(empty(4, 4), left, 25, lambda i, j: "white")
        for i in range(count):
            for j in range(count):
                x, y = left + stride * j * 28 + 3 + 2 * (j % 2), 28 + stride * i * 28 + 2 * (i % 2)
                parts.append(box(x, y, 48, 48, edge=(BLUE, RED)[(i + j) % 2], thick=1.5))
        parts += [text(left + 56, 16, f"stride {stride}"), text(left + 130, 85, "→")]
        parts += cells(empty(count, count), left + 145, 81 - 14 * count, lambda i, j: PALE)
    return svg(500, 145, parts)


def dilation() -> str:
    """Taps of 3 x 3 with dilation 1, 2, 4."""
    parts, left = [], 10.0
    for rate in (1, 2, 4):
        width = 2 * rate + 1
        parts += cells(empty(width, width), left, 25, lambda i, j, r=rate: BLUE if i % r == j % r == 0 else "white", 14)
        parts.append(text(left + 7 * width, 16, f"r = {rate}"))
        left += 14 * width + 40
    return svg(left - 30, 160, parts)


def coverage() -> str:
    """Paths to each input of three layers, 2, 2, 2 and 1, 2, 5."""
    parts = []
    for k, rates in enumerate(([2, 2, 2], [1, 2, 5])):
        counts = tk.interpret.coverage([3, 3, 3], rates)
        left, base = 90.0, 70 + 85 * k
        parts.append(text(left - 10, base, ", ".join(map(str, rates)), anchor="end"))
        for i, one in enumerate(counts.tolist()):
            parts.append(box(left + 20 * i, base - 8 * one, 16, 8 * one, BLUE) if one else "")
            parts.append(text(left + 20 * i + 8, base + 14, one, BLUE if one else RED))
    return svg(450, 180, [one for one in parts if one])


# Where a label stands beside its point, so that none covers another: right and down in pixels, and its anchor.
_LABELS = {
    "alexnet": (8, 14, "start"),
    "vgg16": (-8, -4, "end"),
    "googlenet": (-8, -6, "end"),
    "resnet18": (9, 4, "start"),
    "resnet50": (9, 6, "start"),
    "resnet152": (-8, -6, "end"),
    "mobilenet_v1": (-8, -4, "end"),
    "mobilenet_v2": (-8, 2, "end"),
    "mobilenet_v3_large": (8, 14, "start"),
    "shufflenet_v2": (9, 4, "start"),
    "efficientnet_b0": (9, 2, "start"),
    "efficientnet_b4": (-8, 8, "end"),
    "efficientnet_v2_s": (-8, -8, "end"),
}


def sizes() -> str:
    """Parameters and multiply-adds, both logarithmic."""
    frame = Frame(60, 10, 420, 300, (6.0, 8.3), (8.0, 10.4))
    parts = frame.edges([(6, "1 M"), (7, "10 M"), (8, "100 M")], [(8, "0.1 G"), (9, "1 G"), (10, "10 G")])
    for year, quoted, _, parameters, macs in value("network_rows"):
        name = quoted.strip("`")
        if name in _LABELS:
            x, y = frame(math.log10(parameters), math.log10(float(macs.replace(",", "")) * 1e6))
            right, down, anchor = _LABELS[name]
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{BLUE if year < 2016 else RED}"/>')
            parts.append(text(x + right, y + down, name, GREY, anchor))
    parts.append(text(270, 342, "parameters", GREY))
    return svg(500, 350, parts)


def shortcut() -> str:
    """Two layers and the way around them."""
    parts, x = [text(20, 64, "x")], 50.0
    parts.append(line([(28, 60), (x, 60)], "black"))
    for name in ("conv", "BN", "ReLU", "conv", "BN"):
        parts += [box(x, 45, 52, 30, PALE), text(x + 26, 64, name), line([(x + 52, 60), (x + 66, 60)], "black")]
        x += 66
    parts += [text(x + 6, 65, "+"), f'<circle cx="{x + 6:.1f}" cy="60" r="9" fill="none" stroke="black"/>']
    parts.append(line([(38, 60), (38, 20), (x + 6, 20), (x + 6, 51)], RED))
    parts += [line([(x + 15, 60), (x + 28, 60)], "black"), box(x + 28, 45, 52, 30, PALE), text(x + 54, 64, "ReLU")]
    parts += [text(180, 14, "x", RED), text(200, 95, "F(x)", GREY)]
    return svg(x + 95, 105, parts)


_DRAWN = (slopes, norms, valley, penalties, window, strides, dilation, coverage, sizes, shortcut)
FIGURES = {one.__name__: one for one in _DRAWN}
