"""Initial values and the vanishing gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import STARTS, perceptron, start
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.interpret import activation_histograms, plot_histograms
from tatamikomi.nn import CrossEntropyLoss, Linear, Module, ReLU, Sequential, Sigmoid
from tatamikomi.optim import SGD
from tatamikomi.random import manual_seed

# (activation, initial values) -> row, the course's accuracy in training and test, what is asked of 5,000 digits, of all
_PAIRS: dict[tuple[str, str], tuple[str, float | None, float | None, float, float]] = {
    ("sigmoid", "Gaussian 0.01"): ("X-01", 0.10, 0.1135, 0.15, 0.15),
    ("ReLU", "Gaussian 0.01"): ("X-02", 0.91, 0.9258, 0.83, 0.90),
    ("sigmoid", "Xavier"): ("X-03", 0.86, 0.8762, 0.82, 0.85),
    ("ReLU", "He"): ("X-04", 0.98, 0.9523, 0.90, 0.94),
    ("ReLU", "Xavier"): ("X-05", 0.97, 0.9502, 0.90, 0.94),
    ("sigmoid", "He"): ("X-06", None, None, 0.83, 0.83),
}
_ACTIVATIONS = {"sigmoid": Sigmoid, "ReLU": ReLU}


def _ratio(bench: Bench, net: Module) -> float:
    """Mean magnitude of the first layer's weight gradient over the last one's, before any training."""
    few = bench.cut(bench.data, 100)
    CrossEntropyLoss()(net(few.train_x), few.train_y).backward()
    gradients = [one.weight.grad for one in net.modules() if isinstance(one, Linear)]
    first, *_, last = (float(np.abs(one.numpy()).mean()) for one in gradients if one is not None)
    return first / last


@experiment("vanishing-gradient", "X-01..X-07, S-018, S-019, S-021..S-024, S-026")
def vanishing_gradient(bench: Bench) -> None:
    """Six pairs of activation and initial values: which learn, and how small the first layer's gradient is.

    The net of the course, 784-40-20-10, SGD with rate 0.1, batches of 100.
    """
    data, steps = bench.data, bench.steps(2000, 250)
    runs: dict[tuple[str, str], Run] = {}
    ratios, histograms, rows = {}, {}, []
    for pair, (row, train, test, _, _) in _PAIRS.items():
        activation, how = pair

        def build(activation: str = activation, how: str = how) -> Sequential:
            return perceptron(data.classes, (40, 20), _ACTIVATIONS[activation], how)

        manual_seed(bench.seed)
        ratios[pair] = _ratio(bench, build())
        manual_seed(bench.seed)
        histograms[pair] = activation_histograms(build(), data.train_x[:500])
        one = runs[pair] = bench.train(f"{activation}, {how}", build, lambda p: SGD(p, lr=0.1), steps)
        rows.append([one.label, row, ratios[pair], train, one.train, test, one.test])
    columns = ("pair", "row", "gradient ratio", "course train", "train", "course test", "test")
    bench.table(f"accuracy after {steps} steps", columns, rows)
    bench.curves("curves", list(runs.values()))

    def draw(axes: list[Any]) -> None:
        for ax, (pair, found) in zip(axes, histograms.items(), strict=True):
            plot_histograms(found, ax).set_title(", ".join(pair), fontsize="small")

    bench.figure("activations", draw, 2, 3)
    _check_pairs(bench, runs, ratios)
    _depth(bench)
    _zeros(bench, steps)


def _check_pairs(bench: Bench, runs: dict[tuple[str, str], Run], ratios: dict[tuple[str, str], float]) -> None:
    stated = bench.kind != "other"
    lost = runs["sigmoid", "Gaussian 0.01"]
    answers = len(
        np.unique(np.concatenate([lost.model(x).numpy().argmax(1) for x, _ in bench.batches(*bench.data[2:4])]))
    )
    ratio = ratios["sigmoid", "Gaussian 0.01"]
    bench.check("X-01", "gradient of layer 1 over layer 3 < 1e-3", ratio < 1e-3, f"{ratio:.1e}")
    measured = f"{lost.test:.4f}, {answers} different answers"
    bench.check("X-01", "test <= 0.15, one answer for everything", lost.test <= 0.15 and answers == 1, measured)
    for pair, (row, _, _, few, all_digits) in list(_PAIRS.items())[1:]:
        least = few if bench.kind == "mnist-5k" else all_digits
        holds = runs[pair].test >= least if stated else None
        bench.check(row, f"{runs[pair].label}: test >= {least}", holds, f"{runs[pair].test:.4f}")
    gap = abs(runs["ReLU", "He"].test - runs["ReLU", "Xavier"].test)
    bench.check("X-05", "ReLU: He and Xavier within 0.02", gap <= 0.02, f"{gap:.4f}")
    pairs = (("sigmoid", "Gaussian 0.01"), ("sigmoid", "Xavier"), ("ReLU", "Gaussian 0.01"), ("ReLU", "He"))
    order = [runs[pair].test for pair in pairs]
    statement = "sigmoid+Gaussian << sigmoid+Xavier < ReLU+Gaussian < ReLU+He"
    far = order[1] - order[0] > 0.2
    bench.check("X-07", statement, far and order == sorted(order), " ".join(f"{one:.4f}" for one in order))


def _depth(bench: Bench) -> None:
    """Spread of the activations down twenty layers of 100, standard normal inputs."""
    x = np.random.default_rng(bench.seed).standard_normal((500, 100)).astype(np.float32)
    rows, spread = [], {}
    for activation, kind in _ACTIVATIONS.items():
        for how in STARTS:
            layers = [layer for _ in range(20) for layer in (Linear(100, 100), kind())]
            found = activation_histograms(start(Sequential(*layers), how), x).rows[1::2]
            spread[activation, how] = [one.std for one in found]
            rows.append([f"{activation}, {how}", *(found[i].std for i in (0, 4, 9, 19)), found[19].zeros])
    bench.table("std of activations at depth", ("pair", "1", "5", "10", "20", "zeros at 20"), rows)
    low, high = min(spread["ReLU", "He"]), max(spread["ReLU", "He"])
    measured = f"{low:.2f} to {high:.2f}"
    bench.check("S-019", "ReLU with He: std within [0.5, 2] over 20 layers", 0.5 <= low <= high <= 2, measured)


def _zeros(bench: Bench, steps: int) -> None:
    """Weights that begin alike stay alike."""
    run = bench.train("zeros", lambda: perceptron(bench.data.classes, how=0.0), lambda p: SGD(p, lr=0.1), steps)
    hidden = [one for one in run.model.modules() if isinstance(one, Linear)][:-1]
    same = max(float(np.ptp(one.weight.numpy(), axis=0).max()) for one in hidden)
    bench.values(zero_initialisation_test=run.test)
    bench.check(
        "S-024", "zero initial values: units of a layer stay identical", same == 0, f"largest difference {same:g}"
    )
