"""Over-fitting and what holds against it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.nn import Linear
from tatamikomi.optim import L1, L2, SGD, ElasticNet
from tatamikomi.training import EarlyStopping

_HIDDEN = (100,) * 6
# name -> row, the course's accuracy in training and test, dropout, options of the Trainer, times the usual steps.
# The course's L2 term is lambda / 2 times the sum of squares: lambda = 0.1 is L2(0.05).
_MEANS: dict[str, tuple[str, float | None, float | None, float, dict[str, Any], int]] = {
    "nothing": ("X-15", 1.0, 0.7732, 0.0, {}, 1),
    "L1 0.005": ("X-19", None, None, 0.0, {"regularizer": L1(0.005)}, 1),
    "L2 0.1": ("X-16", 0.8633, 0.6759, 0.0, {"regularizer": L2(0.05)}, 1),
    "elastic net": ("X-19", None, None, 0.0, {"regularizer": ElasticNet(0.0025, 0.025)}, 1),
    "dropout 0.15": ("X-17", 0.92, 0.7261, 0.15, {}, 1),
    "L2 0.01 + dropout": ("X-18", 0.8667, 0.6343, 0.15, {"regularizer": L2(0.005)}, 5),
}


@experiment("over-fitting", "X-15..X-21, S-059..S-075, S-083")
def over_fitting(bench: Bench) -> None:
    """Over-fitting on 300 samples: nothing, L1, L2, elastic net, dropout, L2 + dropout, early stopping.

    Six hidden layers of 100, ReLU, He's initial values, SGD with rate 0.01, batches of 100, 1,000 steps (5,000 for L2 +
    dropout). Dropout is the course's, whose signals are not scaled up in training: it learns more slowly.
    """
    steps = bench.steps(1000, 160)
    few = bench.cut(bench.data, 300)
    runs: dict[str, Run] = {}
    rows = []
    for name, (row, train, test, dropout, options, times) in _MEANS.items():
        times = times if bench.form == "full" else 1
        build = partial(perceptron, few.classes, _HIDDEN, dropout=dropout)
        one = bench.train(name, build, partial(SGD, lr=0.01), steps * times, every=steps // 20, data=few, **options)
        runs[name] = one
        rows.append([name, row, train, one.train, test, one.test, one.train - one.test, _small(one)])
    runs["early stopping"], stopped = _stopped(bench, steps)
    one = runs["early stopping"]
    rows.append(["L2, early stopping", "X-21", None, one.train, None, one.test, one.train - one.test, _small(one)])
    columns = ("against it", "row", "course train", "train", "course test", "test", "gap", "|w| < 1e-3")
    bench.table(f"300 samples, {steps} steps", columns, rows)
    bench.curves("curves", list(runs.values()), ("accuracy", "validation_accuracy"))

    def draw(axes: list[Any]) -> None:
        for ax, run in zip(axes, runs.values(), strict=False):
            ax.stairs(*np.histogram(_weights(run), np.linspace(-0.4, 0.4, 81)), fill=True)
            ax.set_yscale("log")
            ax.set_title(run.label, fontsize="small")

    bench.figure("weights", draw, 2, 4, (14, 6))
    _check(bench, runs, steps, stopped)


def _weights(run: Run) -> NDArray[np.float32]:
    return np.concatenate([one.weight.numpy().ravel() for one in run.model.modules() if isinstance(one, Linear)])


def _small(run: Run) -> float:
    return float((np.abs(_weights(run)) < 1e-3).mean())


def _stopped(bench: Bench, steps: int) -> tuple[Run, int]:
    """L2 with early stopping; it watches samples that are neither trained on nor tested with."""
    data, more = bench.data, bench.cut(bench.data, 1300)
    x, y = more.train_x, more.train_y
    held = data._replace(train_x=x[:300], train_y=y[:300], test_x=x[300:], test_y=y[300:])
    if bench.form == "smoke":
        held = data
    stopping = EarlyStopping("validation_accuracy", patience=5)
    build = partial(perceptron, data.classes, _HIDDEN)
    run = bench.train(
        "early stopping",
        build,
        partial(SGD, lr=0.01),
        steps,
        every=max(1, steps // 50),
        data=held,
        regularizer=L2(0.05),
        callbacks=[stopping],
    )
    run.test = bench.accuracy(run.model, data.test_x, data.test_y)
    return run, len(run.history) * run.every


def _check(bench: Bench, runs: dict[str, Run], steps: int, stopped: int) -> None:
    gaps = {name: run.train - run.test for name, run in runs.items()}
    base = runs["nothing"]
    measured = f"{base.train:.4f}, gap {gaps['nothing']:.4f}"
    bench.check("X-15", "nothing: train = 1, gap >= 0.15", base.train == 1 and gaps["nothing"] >= 0.15, measured)
    for name, row in (("L2 0.1", "X-16"), ("dropout 0.15", "X-17")):
        gap = gaps[name]
        bench.check(
            row, f"{name}: smaller gap than with nothing", gap < gaps["nothing"], f"{gap:.4f}, {gaps['nothing']:.4f}"
        )
    tests = runs["dropout 0.15"].curve()[1]
    part = max(1, len(tests) // 6)
    late, before = float(tests[-part:].mean()), float(tests[-2 * part : -part].mean())
    bench.check(
        "X-17", "dropout: test still rising at the end", late > before, f"last rounds {late:.4f}, before {before:.4f}"
    )
    both = runs["L2 0.01 + dropout"]
    holds = not both.diverged and both.test > 3 / bench.data.classes
    bench.check("X-18", "L2 + dropout, 5,000 steps: no collapse", holds, f"{both.train:.4f} / {both.test:.4f}")
    small = {name: _small(runs[name]) for name in ("L1 0.005", "L2 0.1")}
    measured = ", ".join(f"{name} {share:.3f}" for name, share in small.items())
    bench.check("X-19", "more weights below 1e-3 with L1 than with L2", small["L1 0.005"] > small["L2 0.1"], measured)
    watched, values = runs["early stopping"].curve()
    best, at = float(values.max()), int(watched[values.argmax()])
    measured = f"stopped at {stopped} of {steps}, best {best:.4f}"
    because = f"accuracy on the held-out samples was best at step {at}"
    bench.check("X-21", f"early stopping ends before {steps} steps", stopped < steps, measured, because)
