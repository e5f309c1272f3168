"""What networks cost: parameters and multiply-adds."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import parameters, start
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.interpret import summary
from tatamikomi.models import EfficientNet, compound_scale, create
from tatamikomi.nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, SeparableConv2d, Sequential

# Convolution of 56 x 56, 64 to 128 channels, 3 x 3: multiply-adds as the course prints them.
_PRINTED = {"standard": 231_211_008, "depthwise": 1_806_336, "pointwise": 25_690_112, "separable": 27_496_448}


def _macs(model: Module, *shape: int) -> int:
    return summary(model, shape).macs


@experiment("separable", "A-21..A-23, S-109..S-113, S-142, S-181")
def separable(bench: Bench) -> None:
    """Depthwise separable convolution: its cost against the standard one's, and what it costs in accuracy.

    The net: 16, 32, 64 channels of 3 x 3, the last two standard or separable; Adam with a cosine schedule.
    """
    x, options = (1, 64, 56, 56), dict[str, Any](padding=1, bias=False)
    ours = {
        "standard": _macs(Conv2d(64, 128, 3, **options), *x),
        "depthwise": _macs(Conv2d(64, 64, 3, groups=64, **options), *x),
        "pointwise": _macs(Conv2d(64, 128, 1, bias=False), *x),
        "separable": _macs(SeparableConv2d(64, 128, 3, **options), *x),
    }
    rows = [[name, printed, ours[name], ours[name] / ours["standard"]] for name, printed in _PRINTED.items()]
    bench.table("multiply-adds of 56 x 56, 64 to 128 channels, 3 x 3", ("kind", "course", "counted", "ratio"), rows)
    measured = ", ".join(f"{count:,}" for count in ours.values())
    bench.check("A-21, A-22", "the course's counts", ours == _PRINTED, measured)
    ratio = ours["separable"] / ours["standard"]
    holds = math.isclose(ratio, 1 / 128 + 1 / 9)
    bench.check("A-23", "ratio = 1 / M + 1 / K^2, about 1 / 8.4", holds, f"{ratio:.6f} = 1 / {1 / ratio:.3f}")
    groups = {g: _macs(Conv2d(64, 128, 3, groups=g, **options), *x) for g in (1, 2, 4, 8)}
    exact = all(count * g == groups[1] for g, count in groups.items())
    bench.check("S-112", "g groups cost 1 / g", exact, ", ".join(f"{g}: {count:,}" for g, count in groups.items()))
    steps = bench.steps(600, 30)
    nets: list[list[Any]] = []
    for label, kind in (("standard", Conv2d), ("separable", SeparableConv2d)):
        build = partial(_net, bench.data.classes, kind)
        one = bench.train_cosine(label, build, steps, every=steps)
        nets.append([label, parameters(one.model), _macs(one.model, 1, 1, 28, 28), one.train, one.test, one.seconds])
    bench.table(f"after {steps} steps", ("net", "parameters", "MACs", "train", "test", "seconds"), nets)
    (_, many, cost, _, best, _), (_, few, less, _, other, _) = nets
    bench.values(parameter_ratio=few / many, mac_ratio=less / cost)
    measured = f"{other:.4f}, {best:.4f}, with {less / cost:.2f} of the MACs"
    bench.check("S-111", "separable within 0.02 of the standard net", other >= best - 0.02, measured)


def _net(classes: int, kind: Any) -> Module:
    layers: list[Module] = [Conv2d(1, 16, 3, padding=1), ReLU(), MaxPool2d(2)]
    layers += [kind(16, 32, 3, padding=1), ReLU(), MaxPool2d(2), kind(32, 64, 3, padding=1), ReLU()]
    return start(Sequential(*layers, MaxPool2d(2), Flatten(), Linear(64 * 9, classes)), "He")


# name -> side of the image, parameters, GMACs as the course or the publications tell them, accuracy as quoted, source
_QUOTED: dict[str, tuple[int, int, float, str, str]] = {
    "alexnet": (224, 61_100_840, 0.71, "top-5 error 15.3 % (ensemble)", "Krizhevsky 2012"),
    "googlenet": (224, 6_624_904, 1.5, "top-5 error 6.67 % (ensemble)", "Szegedy 2015"),
    "resnet50": (224, 25_557_032, 4.1, "top-1 76.0 %", "He 2016"),
    "mobilenet_v1": (224, 4_231_976, 0.57, "top-1 about 70 %", "Howard 2017"),
    "mobilenet_v2": (224, 3_504_872, 0.30, "top-1 72.0 %", "Sandler 2018"),
    "efficientnet_b0": (224, 5_288_548, 0.39, "top-1 77.1 %", "Tan 2019"),
    "efficientnet_b4": (380, 19_341_616, 4.2, "top-1 82.9 %", "Tan 2019"),
}
_B4 = 4.39  # as torchvision documents its EfficientNet_B4


@experiment("model-costs", "X-26, A-29..A-31, S-136..S-146, S-203")
def model_costs(bench: Bench) -> None:
    """Networks for ImageNet: parameters and multiply-adds counted, accuracies quoted with their source.

    Nothing is trained: ImageNet is not at hand, its accuracies cannot be measured here.
    """
    names = bench.of(tuple(_QUOTED), ("mobilenet_v1", "mobilenet_v2", "efficientnet_b0"))
    rows, counted = [], {}
    for name in dict.fromkeys(names):
        side, wanted, giga, quote, source = _QUOTED[name]
        found = summary(create(name), (1, 3, side, side))
        # Of the convolutions and linear layers, as publications count.
        macs = sum(one.macs or 0 for one in found.layers if one.kind in ("Conv2d", "Linear"))
        counted[name] = (found.parameters, macs / 1e9)
        rows.append([name, side, wanted, found.parameters, giga, macs / 1e9, quote, source])
    columns = ("net", "pixels", "parameters told", "counted", "GMACs told", "counted", "quoted accuracy", "source")
    bench.table("parameters and multiply-adds", columns, rows)
    off = {name: counted[name][0] - _QUOTED[name][1] for name in counted}
    bench.check("S-203", "parameters as published, exactly", not any(off.values()), str(off))
    parts = {name: counted[name][1] / _QUOTED[name][2] - 1 for name in counted}
    measured = ", ".join(f"{name} {part:+.1%}" for name, part in parts.items())
    far = [name for name, part in parts.items() if abs(part) > 0.03]
    because = ""
    if far == ["efficientnet_b4"]:
        because = f"torchvision tells {_B4} for efficientnet_b4, {counted[far[0]][1] / _B4 - 1:+.1%} from ours"
    bench.check("S-203", "multiply-adds within 3 % of those told", not far, measured, because)
    if "alexnet" in counted:
        weights, work = (counted["alexnet"][i] / counted["mobilenet_v1"][i] for i in (0, 1))
        measured = f"parameters {weights:.1f} times, multiply-adds {work:.2f} times"
        because = f"it has 1 / {weights:.0f} of the parameters, but {1 / work:.0%} of the multiply-adds"
        holds = weights > 14 and work > 18
        bench.check(
            "A-31", "MobileNet v1 has 1/15 of AlexNet's parameters, 1/20 of its compute", holds, measured, because
        )


# phi -> depth, width, resolution as the course prints them (A-26..A-28)
_TABLE = {
    0: (1.0, 1.0, 224),
    1: (1.2, 1.1, 240),
    2: (1.4, 1.2, 260),
    3: (1.7, 1.3, 300),
    4: (2.1, 1.4, 380),
    5: (2.5, 1.6, 456),
    6: (3.0, 1.8, 528),
    7: (3.6, 2.0, 600),
}


@experiment("compound-scaling", "A-25..A-28, S-171, S-172")
def compound_scaling(bench: Bench) -> None:
    """Compound scaling: the course's table against its formula, and depth, width or resolution scaled alone.

    Multiply-adds are counted on EfficientNet-B0 with its depth, width and resolution multiplied.
    """
    rows = []
    for phi, (depth, width, resolution) in _TABLE.items():
        scale = compound_scale(phi)
        rows.append([phi, depth, scale.depth, width, scale.width, resolution, 224 * scale.resolution, scale.cost])
    columns = ("phi", "course depth", "1.2^phi", "course width", "1.1^phi", "course pixels", "224 x 1.15^phi", "cost")
    bench.table("the course's columns and the formula", columns, rows)
    cost = compound_scale(1).cost
    bench.check("A-25", "alpha beta^2 gamma^2 = 1.9203, about 2", round(cost, 4) == 1.9203, f"{cost:.4f}")
    gaps = [max(abs(row[i] - row[i + 1]) for row in rows) for i in (1, 3, 5)]
    measured = "largest differences {:.2f}, {:.2f}, {:.0f} pixels".format(*gaps)
    because = f"{gaps[2]:.0f} pixels off: that column is of the released networks, at phi of their own"
    holds = gaps[0] <= 0.06 and gaps[1] <= 0.06 and gaps[2] <= 1
    bench.check("A-26..A-28", "every column is the formula's", holds, measured, because)
    side = bench.steps(128, 64) if bench.form != "smoke" else 32
    factors = bench.of((1.0, 1.2, 1.4, 1.7, 2.0), (1.0, 1.4, 2.0))
    found: dict[str, list[float]] = {}
    base = _macs(EfficientNet(), 1, 3, side, side)
    for label in ("depth", "width", "resolution"):
        counts = [base]
        for factor in factors[1:]:
            part = {"depth": (factor, 1.0, 1.0), "width": (1.0, factor, 1.0), "resolution": (1.0, 1.0, factor)}[label]
            size = round(side * part[2])
            counts.append(_macs(EfficientNet(depth_mult=part[0], width_mult=part[1]), 1, 3, size, size))
        found[label] = [count / base for count in counts]
    names = [f"{factor:g}" for factor in factors]
    expected = [["width and resolution: f^2", *(factor**2 for factor in factors)]]
    bench.table(
        "multiply-adds over those of B0", ("scaled by", *names), [*([k, *v] for k, v in found.items()), *expected]
    )

    def draw(axes: list[Any]) -> None:
        for label, ratios in found.items():
            axes[0].plot(factors, ratios, marker="o", label=label)
        axes[0].set(xlabel="factor", ylabel="multiply-adds over B0's")
        axes[0].legend()

    bench.figure("scaling", draw)
    powers = {label: math.log(ratios[-1]) / math.log(factors[-1]) for label, ratios in found.items()}
    measured = ", ".join(f"{label} f^{power:.2f}" for label, power in powers.items())
    right = abs(powers["depth"] - 1) < 0.25 and all(abs(powers[one] - 2) < 0.25 for one in ("width", "resolution"))
    bench.check("S-172", "cost grows as depth, width^2, resolution^2 (powers within 0.25)", right, measured)
