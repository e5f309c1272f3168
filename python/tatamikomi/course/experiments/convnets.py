"""The course's convolutional networks, and tables of scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import parameters, perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.data import Split
from tatamikomi.interpret import misclassified, plot_filters, plot_misclassified
from tatamikomi.models import create
from tatamikomi.nn import Conv2d, Module


@experiment("convnets", "X-22..X-24, S-134, S-135, S-175, S-185, S-202")
def convnets(bench: Bench) -> None:
    """The simple, the double and the deep convolutional network of the course, and the deep one with augmentation.

    Batches of 100; Adam with a cosine schedule. The course trained the deep one on a CPU for "close to an hour".
    """
    classes = bench.data.classes
    nets: list[tuple[str, str, float | None, float | None, int, Run]] = []
    for label, row, name, steps in (
        ("simple (2_6)", "X-23", "simple_convnet", bench.steps(600, 30)),
        ("double (2_7)", "X-24", "double_convnet", bench.steps(400, 15)),
        ("deep (2_8)", "X-22", "deep_convnet", bench.steps(1000, 50)),
    ):
        course = (0.995, 0.982) if name == "deep_convnet" else (None, None)
        nets.append((row, name, *course, steps, bench.train_cosine(label, partial(create, name, classes), steps)))
    steps, build = bench.steps(1600, 40), partial(create, "deep_convnet", classes)
    best = bench.train_cosine("deep, augmented", build, steps, transform=bench.affine())
    nets.append(("X-22", "deep_convnet", 0.995, 0.982, steps, best))
    rows = [
        [one.label, row, parameters(one.model), steps, train, one.train, test, one.test, one.seconds]
        for row, _, train, test, steps, one in nets
    ]
    columns = ("net", "row", "parameters", "steps", "course train", "train", "course test", "test", "seconds")
    bench.table("accuracy", columns, rows)
    runs = [net[-1] for net in nets]
    bench.curves("curves", runs)
    _draw(bench, best)
    simple, double, deep, _ = runs
    known = bench.kind == "mnist-5k"
    bench.check(
        "X-23", "simple: test >= 0.95 on 5,000 digits", simple.test >= 0.95 if known else None, f"{simple.test:.4f}"
    )
    bench.check("X-24", "double: test >= simple's", double.test >= simple.test, f"{double.test:.4f}, {simple.test:.4f}")
    least = 0.975 if known else 0.90
    images = len(bench.data.test_y)
    error = (deep.test * (1 - deep.test) / images) ** 0.5
    short = round((least - deep.test) * images)
    because = f"{short} of {images:,} images short, the standard error is {error:.4f}" if short < error * images else ""
    measured = f"{deep.test:.4f} in {deep.seconds:.1f} s"
    bench.check("X-22", f"deep: test >= {least}", deep.test >= least, measured, because)
    if known:
        measured = f"{best.test:.4f} in {best.seconds:.1f} s"
        bench.check("X-22", "deep with augmentation: test >= 0.98, in less than an hour", best.test >= 0.98, measured)
    counts = [parameters(one.model) for one in (simple, deep)]
    if classes == 10:
        bench.check(
            "S-135", "433,890 and 123,552 parameters", counts == [433_890, 123_552], f"{counts[0]:,}, {counts[1]:,}"
        )


def _draw(bench: Bench, run: Run) -> None:
    data = bench.data
    first = next(one for one in run.model.modules() if isinstance(one, Conv2d))
    run.model.eval()
    scores = run.model(data.test_x[:1000]).numpy()
    wrong = len(misclassified(scores, data.test_y[:1000]))

    def draw(axes: list[Any]) -> None:
        plot_filters(first, axes[0]).set_title("first layer's filters")
        if wrong:
            plot_misclassified(data.test_x[:1000], scores, data.test_y[:1000], axes[1], count=16)
            axes[1].set_title("label > prediction")

    bench.figure("filters-and-mistakes", draw, columns=2)


def _models(classes: int) -> dict[str, Callable[[], Module]]:
    return {
        "linear": partial(perceptron, classes, ()),
        "784-40-20": partial(perceptron, classes),
        "784-200-100": partial(perceptron, classes, (200, 100), batch_norm=True),
        **{
            name: partial(create, name, classes)
            for name in ("lenet5", "simple_convnet", "keras_example", "double_convnet", "deep_convnet")
        },
    }


def _loaded(bench: Bench, name: str) -> Split | None:
    try:
        return bench.load(name)
    except FileNotFoundError as error:
        bench.note(str(error))
        return None


@experiment("scores", "X-25")
def scores(bench: Bench) -> None:
    """Scores on MNIST and Fashion-MNIST: models by data sets, one recipe.

    Adam with a cosine schedule, batches of 100, no augmentation. With --data DIR that set is scored, too.
    """
    steps = bench.steps(1000, 10)
    names = dict.fromkeys(("bundled", "fashion-mnist", bench.data_name))
    sets = {}
    for name in names:
        split = _loaded(bench, name)
        if split is not None:
            sets[name] = split
    found: dict[str, dict[str, Run]] = {}
    for name, split in sets.items():
        if bench.form == "quick":
            split = bench.cut(split, 5000, 1000)
        for label, build in _models(split.classes).items():
            run = bench.train_cosine(label, build, steps, data=split, every=steps)
            found.setdefault(label, {})[name] = run
    columns = ("model", "parameters", *(f"{name} {part}" for name in sets for part in ("train", "test", "s")))
    rows = [
        [
            label,
            parameters(next(iter(runs.values())).model),
            *(value for run in runs.values() for value in (run.train, run.test, run.seconds)),
        ]
        for label, runs in found.items()
    ]
    bench.table(f"accuracy after {steps} steps", columns, rows)

    def draw(axes: list[Any]) -> None:
        for name in sets:
            axes[0].plot([runs[name].test for runs in found.values()], marker="o", label=name)
        axes[0].set_xticks(range(len(found)), list(found), rotation=90)
        axes[0].set_ylabel("test accuracy")
        axes[0].legend()

    bench.figure("scores", draw, size=(6, 4.5))
    for name in sets:
        linear, deep = found["linear"][name].test, found["deep_convnet"][name].test
        bench.check("X-25", f"{name}: deep_convnet above linear", deep > linear, f"{deep:.4f}, {linear:.4f}")
