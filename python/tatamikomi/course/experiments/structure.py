"""How a convolutional network is built: pooling, heads, filter size, depth, and what it knows of places."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import functional as F
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import WideLayer, convolutional, parameters, perceptron, start
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.data import Split
from tatamikomi.interpret import receptive_field, summary
from tatamikomi.models import SmallResNet, create
from tatamikomi.nn import (
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Linear,
    LPPool2d,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from tatamikomi.optim import SGD


def _shifted(x: NDArray[Any], by: int) -> NDArray[Any]:
    """Images moved to the right, zeros coming in."""
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (by, 0)))[..., : x.shape[3]]


@experiment("pooling", "A-02..A-06, S-114, S-120..S-128, S-199")
def pooling(bench: Bench) -> None:
    """Pooling kinds, strided convolution in their place, and global pooling against dense heads.

    Two blocks of 3 x 3 convolution (16, 32 channels); Adam with a cosine schedule.
    """
    _worked(bench)
    steps, classes = bench.steps(600, 20), bench.data.classes
    kinds: dict[str, WideLayer] = {
        "max 2": lambda width: MaxPool2d(2),
        "max 3, stride 2": lambda width: MaxPool2d(3, 2, 1),
        "average 2": lambda width: AvgPool2d(2),
        "L2 norm 2": lambda width: LPPool2d(2, 2),
        "strided convolution": lambda width: Conv2d(width, width, 2, 2),
    }
    rows, test = [], bench.data
    for label, pool in kinds.items():
        build = partial(_pooled, classes, pool)
        one = bench.train_cosine(label, build, steps, every=steps)
        moved = [bench.accuracy(one.model, _shifted(test.test_x, by), test.test_y) for by in (1, 2, 4)]
        rows.append([label, parameters(one.model), one.train, one.test, *moved])
    columns = ("pooling", "parameters", "train", "test", "shifted by 1", "by 2", "by 4")
    bench.table(f"after {steps} steps, dense head", columns, rows)
    found: dict[str, Run] = {}
    rows = []
    for label in ("dense", "GAP", "global max", "channels = classes"):
        build = partial(_headed, classes, label)
        one = found[label] = bench.train_cosine(label, build, steps, every=steps, rate=5e-3)
        runs_on_40 = _takes(one.model, 40)
        rows.append([label, parameters(one.model), one.train, one.test, runs_on_40])
    bench.table("heads", ("head", "parameters", "train", "test", "takes 40 x 40"), rows)
    dense, gap = (parameters(found[label].model) for label in ("dense", "GAP"))
    bench.check("S-126", "GAP needs a tenth of the parameters or less", gap <= dense / 10, f"{gap:,} of {dense:,}")
    takes = {row[0]: row[4] for row in rows}
    holds = bool(takes["GAP"] and not takes["dense"])
    bench.check("S-126", "GAP takes 28 and 40 pixels, dense only 28", holds, str(takes))


def _pooled(classes: int, pool: WideLayer) -> Sequential:
    return convolutional(classes, (16, 32), pool, head=[Flatten(), Linear(32 * 49, classes)])


def _headed(classes: int, head: str) -> Sequential:
    if head == "dense":
        return convolutional(classes, (16, 32), head=[Flatten(), Linear(32 * 49, 128), ReLU(), Linear(128, classes)])
    if head == "channels = classes":
        return convolutional(classes, (16, 32), head=[Conv2d(32, classes, 1), GlobalAvgPool(), Flatten()])
    pool = GlobalMaxPool() if head == "global max" else GlobalAvgPool()
    return convolutional(classes, (16, 32), head=[pool, Flatten(), Linear(32, classes)])


def _takes(model: Module, size: int) -> bool:
    try:
        model(np.zeros((1, 1, size, size), np.float32))
    except ValueError:
        return False
    return True


def _worked(bench: Bench) -> None:
    """The course's examples by hand, and the right numbers."""
    x = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [7, 8, 3, 5], [4, 2, 6, 7]], np.float32)[None, None]
    other = np.array([[2, 3, 1, 4], [1, 2, 5, 3], [4, 1, 2, 1], [3, 2, 3, 2]], np.float32)[None, None]
    most, mean = F.max_pool2d(x, 2).numpy()[0, 0].tolist(), F.avg_pool2d(x, 2).numpy()[0, 0].tolist()
    gaps = [float(F.global_avg_pool(one).numpy().ravel()[0]) for one in (x, other)]
    rows = [
        ["A-02 max pooling", "[[3, 4], [8, 7]]", str(most)],
        ["A-04 average pooling", "[[3.75, 2.25], [5.25, 5.25]]", str(mean)],
        ["A-05 GAP", "4.125", f"{gaps[0]:g}"],
        ["A-06 GAP", "2.5", f"{gaps[1]:g}"],
    ]
    bench.table("worked examples", ("example", "course", "computed"), rows)
    right = most == [[6, 4], [8, 7]] and mean == [[3.75, 2.25], [5.25, 5.25]] and gaps == [4.125, 2.4375]
    measured = f"{most}, {mean}, {gaps}"
    bench.check("A-02..A-06", "the right values (the course's A-02 and A-06 are misprints)", right, measured)


@experiment("filter-size", "S-101, S-102, S-103")
def filter_size(bench: Bench) -> None:
    """Filter size against depth: one 7 x 7, or three 3 x 3 that see as much with fewer weights.

    The first two convolutions of each net see 7 x 7 or 5 x 5 pixels between the same layers around them.
    """
    width, steps, classes = 16, bench.steps(500, 25), bench.data.classes
    stacks = {"one 7 x 7": [7], "three 3 x 3": [3, 3, 3], "one 5 x 5": [5], "two 3 x 3": [3, 3]}
    rows, found = [], {}
    for label, sizes in stacks.items():
        middle = [Conv2d(width, width, size, padding=size // 2, bias=False) for size in sizes]
        weights, field = sum(map(parameters, middle)), receptive_field(middle).size[0]
        macs = summary(Sequential(*middle), (1, width, 14, 14)).macs
        one = bench.train_cosine(label, partial(_stacked, classes, width, sizes), steps, every=steps)
        found[label] = (weights, field, one.test)
        rows.append([label, field, weights, weights // width**2, macs, one.train, one.test, one.seconds])
    columns = ("stack", "field", "weights", "per C^2", "MACs", "train", "test", "seconds")
    bench.table(f"{width} channels, {steps} steps", columns, rows)
    (large, seven, one_test), (small, also, three_test) = found["one 7 x 7"], found["three 3 x 3"]
    holds = (large, small) == (49 * width**2, 27 * width**2) and seven == also == 7
    bench.check("S-102", "49 C^2 against 27 C^2 weights, both see 7", holds, f"{large}, {small}; {seven}, {also}")
    two = found["two 3 x 3"][1]
    bench.check("S-101", "3 x 3 twice sees 5, thrice 7", (two, also) == (5, 7), f"{two}, {also}")
    measured = f"{three_test:.4f}, {one_test:.4f}"
    bench.check("S-102", "three 3 x 3 within 0.02 of one 7 x 7 or better", three_test >= one_test - 0.02, measured)


def _stacked(classes: int, width: int, sizes: list[int]) -> Module:
    layers: list[Module] = [Conv2d(1, width, 3, padding=1), ReLU(), MaxPool2d(2)]
    for size in sizes:
        layers += [Conv2d(width, width, size, padding=size // 2), ReLU()]
    return start(Sequential(*layers, MaxPool2d(2), Flatten(), Linear(width * 49, classes)), "He")


@experiment("degradation", "X-28, S-141")
def degradation(bench: Bench) -> None:
    """Degradation: a plain net of 56 layers trains worse than one of 20, a residual one does not.

    He's networks for small images (16, 32, 64 channels, batch normalisation) on images averaged to 14 x 14 (quick: 7 x
    7); SGD 0.05 with momentum, batches of 64.
    """
    data, steps = _smaller(bench.data, bench.steps(2, 4)), bench.steps(200, 10)
    depths = (20, 56) if bench.form != "smoke" else (8, 14)
    runs: dict[tuple[int, bool], Run] = {}
    for shortcuts in (False, True):
        for depth in depths:
            label = f"{'residual' if shortcuts else 'plain'} {depth}"
            build = partial(SmallResNet, data.classes, 1, depth=depth, shortcuts=shortcuts)
            walker = partial(SGD, lr=0.05, momentum=0.9, weight_decay=1e-4)
            runs[depth, shortcuts] = bench.train(label, build, walker, steps, batch_size=64, data=data)
    rows = [
        [one.label, parameters(one.model), one.history[-1]["loss"], one.history[-1]["accuracy"], one.test, one.seconds]
        for one in runs.values()
    ]
    bench.table(f"after {steps} steps", ("net", "parameters", "loss", "train", "test", "seconds"), rows)
    bench.curves("curves", list(runs.values()), ("loss", "accuracy"))
    low, high = depths
    loss = {key: one.history[-1]["loss"] for key, one in runs.items()}
    measured = f"loss {loss[high, False]:.3f}, {loss[low, False]:.3f}"
    bench.check("X-28", f"plain {high} trains worse than plain {low}", loss[high, False] > loss[low, False], measured)
    lost, more = loss[high, False] - loss[low, False], loss[high, True] - loss[low, True]
    because = f"but shortcuts leave {more / lost:.0%} of what depth costs the plain net" if 0 < more < lost else ""
    measured = f"loss {loss[high, True]:.3f}, {loss[low, True]:.3f}"
    within = loss[high, True] <= 1.1 * loss[low, True]
    bench.check("X-28", f"residual {high} does not (within a tenth of residual {low}'s)", within, measured, because)
    measured = f"loss {loss[high, True]:.3f}, {loss[high, False]:.3f}"
    bench.check(
        "X-28", f"residual {high} trains better than plain {high}", loss[high, True] < loss[high, False], measured
    )


def _smaller(split: Split, by: int) -> Split:
    train, test = (F.avg_pool2d(x, by).numpy() for x in (split.train_x, split.test_x))
    return split._replace(train_x=train, test_x=test)


@experiment("pixel-permutation", "S-201, S-099")
def pixel_permutation(bench: Bench) -> None:
    """Pixels permuted, the same way in every image: a dense net does not notice, a convolutional one does.

    1,000 samples; 784-100-10 and LeNet-5.
    """
    few, steps = bench.cut(bench.data, 1000), bench.steps(600, 60)
    order = np.random.default_rng(bench.seed).permutation(784)

    def mixed(x: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(x.reshape(-1, 784)[:, order].reshape(x.shape))

    other = few._replace(train_x=mixed(few.train_x), test_x=mixed(few.test_x))
    rows, change = [], {}
    for label, build in (
        ("dense", partial(perceptron, few.classes, (100,))),
        ("LeNet-5", partial(create, "lenet5", few.classes)),
    ):
        plain, permuted = (bench.train_cosine(label, build, steps, data=one, every=steps) for one in (few, other))
        change[label] = plain.test - permuted.test
        rows.append([label, plain.train, plain.test, permuted.train, permuted.test, change[label]])
    columns = ("net", "train", "test", "permuted train", "permuted test", "drop")
    bench.table(f"after {steps} steps", columns, rows)

    def draw(axes: list[Any]) -> None:
        for i, ax in enumerate(axes):
            ax.imshow((few, other)[i % 2].train_x[i // 2, 0], cmap="gray")
            ax.set_axis_off()

    bench.figure("images", draw, 2, 2, (5, 5))
    dense, conv = change["dense"], change["LeNet-5"]
    bench.check("S-201", "dense net: change < 0.02", abs(dense) < 0.02, f"{dense:+.4f}")
    bench.check("S-201", "convolutional net: drop > 0.05", conv > 0.05, f"{conv:+.4f}")
