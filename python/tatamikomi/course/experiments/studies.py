"""Batch size and learning rate."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.data import ArrayDataset, DataLoader
from tatamikomi.nn import CrossEntropyLoss, Module
from tatamikomi.optim import SGD, CosineAnnealingLR
from tatamikomi.random import manual_seed
from tatamikomi.training import find_lr


def _gradient(model: Module, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    for one in model.parameters():
        one.grad = None
    CrossEntropyLoss()(model(x), y).backward()
    grads = [one.grad for one in model.parameters()]
    return np.concatenate([one.numpy().ravel().astype(np.float64) for one in grads if one is not None])


@experiment("batch-size", "S-009, S-010, E-16")
def batch_size(bench: Bench) -> None:
    """Batch size: noise of the gradient, time and accuracy for as many samples.

    Of the gradient, the total variance over batches drawn with replacement; training is by SGD with momentum 0.9 and
    rate 0.1 sqrt(B / 100), on 784-40-20-10.
    """
    data = bench.data
    manual_seed(bench.seed)
    model = perceptron(data.classes)
    draw, draws = np.random.default_rng(bench.seed), bench.steps(1500, 300)
    products, rows = [], []
    for size in bench.of((10, 20, 40, 80, 160), (10, 40, 160)):
        picked = (draw.integers(len(data.train_y), size=size) for _ in range(draws))
        found = np.array([_gradient(model, data.train_x[one], data.train_y[one]) for one in picked])
        variance = float(found.var(0, ddof=1).sum())
        products.append(size * variance)
        rows.append([size, variance, products[-1]])
    bench.table(f"variance of the gradient over {draws} batches", ("B", "variance", "variance x B"), rows)
    spread = max(products) / min(products) - 1
    bench.check("S-010", "variance x B is constant within 20 %", spread <= 0.2, f"{spread:.1%}")
    samples, runs = bench.steps(40_000, 4000), []
    for size in bench.of((1, 10, 100, 1000), (10, 100, 1000)):
        rate = 0.1 * math.sqrt(min(size, len(data.train_x)) / 100)
        walker = partial(SGD, lr=rate, momentum=0.9 if size > 1 else 0.0)
        build = partial(perceptron, data.classes)
        runs.append(bench.train(f"B = {size}", build, walker, max(1, samples // size), batch_size=size))
    rows = [[one.label, samples, one.seconds, samples / one.seconds, one.train, one.test] for one in runs]
    bench.table("training", ("batch", "samples", "seconds", "samples/s", "train", "test"), rows)
    bench.curves("curves", runs)
    fast = runs[-1].seconds < runs[0].seconds
    measured = f"{runs[-1].seconds:.2f} s, {runs[0].seconds:.2f} s"
    bench.check("S-010", "the largest batch is trained with in the least time per sample", fast, measured)


@experiment("learning-rate", "S-010, S-011, S-056, E-15")
def learning_rate(bench: Bench) -> None:
    """Learning rate: too small, right, too large; a trial that finds one; a schedule that lowers it.

    784-40-20-10, SGD, batches of 100. That large rates leave local minima is shown by descent-paths.
    """
    steps, build = bench.steps(1000, 200), partial(perceptron, bench.data.classes)
    runs = [
        bench.train(f"rate {rate:g}", build, partial(SGD, lr=rate), steps)
        for rate in bench.of((0.0001, 0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0), (0.001, 0.1, 1.0, 10.0))
    ]

    def cosine(walker: Any) -> Any:
        return CosineAnnealingLR(walker, steps)

    falling = bench.train("0.3, cosine", build, partial(SGD, lr=0.3), steps, scheduler=cosine, schedule="step")
    rows = [
        [
            one.label,
            math.inf if one.diverged else one.history[-1]["loss"],
            _rough(one.curve("loss")[1]),
            one.train,
            one.test,
        ]
        for one in (*runs, falling)
    ]
    bench.table(f"after {steps} steps", ("rate", "loss", "rises of the loss", "train", "test"), rows)
    bench.curves("curves", [one for one in (*runs, falling) if one.history])
    tests = [one.test for one in runs]
    inside = 0 < int(np.argmax(tests)) < len(tests) - 1
    measured = ", ".join(f"{one.label[5:]}: {one.test:.3f}" for one in runs)
    bench.check("S-011", "too small is slow, too large fails: the best rate lies between", inside, measured)
    manual_seed(bench.seed)
    model = build()
    loader = DataLoader(ArrayDataset(bench.data.train_x, bench.data.train_y), 100, shuffle=True, seed=bench.seed)
    trial = find_lr(model, SGD(model.parameters(), lr=1.0), loader, low=1e-4, high=10.0, steps=200)
    bench.values(suggestion=trial.suggestion, trial={"rates": trial.rates, "losses": trial.losses})
    stable = [0.0001, *(float(one.label[5:]) for one in runs if not one.diverged and one.test > 0.5)]
    found = trial.suggestion
    holds = found is not None and 0.001 < found <= max(stable)
    measured = f"{found:.3g}" if found is not None else "none"
    bench.check("S-011", "the trial's rate is one that trains", holds, f"{measured}, largest that did {max(stable):g}")

    def draw(axes: list[Any]) -> None:
        axes[0].semilogx(trial.rates, trial.losses)
        axes[0].set(xlabel="learning rate", ylabel="smoothed loss")

    bench.figure("trial", draw)


def _rough(losses: NDArray[np.float64]) -> int:
    """In how many rounds the loss rose."""
    return int((np.diff(losses) > 0).sum())
