"""Bias and variance, and ensembles: bagging, boosting, stacking."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import convolutional, perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.data import Split
from tatamikomi.nn import Flatten, Linear, Module, MSELoss, Sequential, Tanh
from tatamikomi.optim import Adam
from tatamikomi.random import manual_seed
from tatamikomi.training import Trainer

Floats = NDArray[np.float64]

_NOISE = 0.3  # standard deviation
_POINTS = 30


def _truth(x: Floats) -> Floats:
    return np.asarray(np.sin(3 * x))


def _regressor(hidden: int) -> Module:
    return Sequential(Linear(1, hidden), Tanh(), Linear(hidden, 1)) if hidden else Sequential(Linear(1, 1))


def _fitted(hidden: int, x: Floats, y: Floats, steps: int, at: Floats) -> Floats:
    """Predictions at `at` of a net trained on (x, y)."""
    net = _regressor(hidden)
    trainer = Trainer(net, Adam(net.parameters(), lr=0.02), MSELoss(), metrics={})
    trainer.fit([(x[:, None].astype(np.float32), y[:, None].astype(np.float32))], epochs=steps)
    return trainer.predict(at[:, None].astype(np.float32))[:, 0].astype(np.float64)


def _parts(predictions: Floats, at: Floats) -> tuple[float, float, float]:
    """(bias^2, variance, mean squared error) of predictions (data sets, points).

    The error is measured on answers f(x) + e and f(x) - e, e the noise's standard deviation: their mean is f(x) and
    their variance that of the noise, exactly.
    """
    f = _truth(at)
    mean = predictions.mean(0)
    answers = np.array([f + _NOISE, f - _NOISE])
    error = float(np.square(answers[:, None] - predictions).mean())
    return float(np.square(mean - f).mean()), float(predictions.var(0).mean()), error


@experiment("bias-variance", "S-079, S-080, S-197")
def bias_variance(bench: Bench) -> None:
    """Bias and variance of nets of growing width, and what bagging takes away.

    y = sin 3x + noise of 0.3 at 30 points in [-1, 1]; many such data sets; 1-h-1 with tanh.
    """
    sets, steps, members = bench.steps(20, 5), bench.steps(400, 100), bench.steps(10, 4)
    at, draw = np.linspace(-1, 1, 50), np.random.default_rng(bench.seed)
    xs = draw.uniform(-1, 1, (sets, _POINTS))
    ys = _truth(xs) + _NOISE * draw.standard_normal(xs.shape)
    manual_seed(bench.seed)
    found: dict[str, Floats] = {}
    for hidden in bench.of((0, 2, 5, 50), (0, 50)):
        predictions = np.array([_fitted(hidden, x, y, steps, at) for x, y in zip(xs, ys, strict=True)])
        found[f"hidden {hidden}"] = predictions
    bagged = []
    for x, y in zip(xs, ys, strict=True):
        picks = draw.integers(_POINTS, size=(members, _POINTS))
        bagged.append(np.mean([_fitted(50, x[one], y[one], steps, at) for one in picks], 0))
    found[f"bagging of {members}, hidden 50"] = np.array(bagged)
    parts = {name: _parts(one, at) for name, one in found.items()}
    rows = [[name, bias, variance, _NOISE**2, error] for name, (bias, variance, error) in parts.items()]
    bench.table(f"over {sets} data sets", ("net", "bias^2", "variance", "noise", "mean squared error"), rows)
    off = max(abs(bias + variance + _NOISE**2 - error) for bias, variance, error in parts.values())
    bench.check("S-079", "bias^2 + variance + noise = mse within 1e-6", off < 1e-6, f"largest difference {off:.1e}")
    narrow, *_, wide, ensemble = parts.values()
    holds = wide[0] < narrow[0] and wide[1] > narrow[1]
    measured = f"bias^2 {narrow[0]:.4f} to {wide[0]:.4f}, variance {narrow[1]:.4f} to {wide[1]:.4f}"
    bench.check("S-079", "a wider net has less bias and more variance", holds, measured)
    measured = f"{ensemble[1]:.4f}, {wide[1]:.4f}"
    bench.check("S-080", "bagging: variance falls", ensemble[1] < wide[1], measured)

    def show(axes: list[Any]) -> None:
        for ax, (name, predictions) in zip(axes, found.items(), strict=True):
            ax.plot(at, predictions.T, color="tab:blue", alpha=0.3)
            ax.plot(at, _truth(at), color="black")
            ax.set_title(name, fontsize="small")

    bench.figure("fits", show, 1, len(found))


def _odds(model: Module, x: NDArray[Any]) -> Floats:
    """Probabilities (N, classes) in evaluation mode."""
    model.eval()
    scores = np.concatenate([model(x[i : i + 250]).numpy().astype(np.float64) for i in range(0, len(x), 250)])
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


def _rows(split: Split, picked: NDArray[np.int64]) -> Split:
    return split._replace(train_x=split.train_x[picked], train_y=split.train_y[picked])


def _right(odds: Floats, y: NDArray[np.int64]) -> float:
    return float((odds.argmax(1) == y).mean())


@experiment("ensembles", "S-073, S-079..S-082")
def ensembles(bench: Bench) -> None:
    """Bagging, boosting (SAMME) and stacking of small nets on 1,000 samples.

    Bagging: 784-20-10 on bootstrap samples, probabilities averaged. Boosting: 784-8-10, a few steps each, on samples
    drawn by weight. Stacking: a linear layer on the out-of-fold probabilities of three kinds of net.
    """
    few = bench.cut(bench.data, 1000)
    _bagging(bench, few)
    _boosting(bench, few)
    _stacking(bench, few)


def _bagging(bench: Bench, few: Split) -> None:
    members, steps = bench.steps(15, 5), bench.steps(200, 60)
    draw = np.random.default_rng(bench.seed)
    alone, odds, curve = [], np.zeros((len(few.test_y), few.classes)), []
    for _ in range(members):
        part = _rows(few, draw.integers(len(few.train_y), size=len(few.train_y)))
        run = bench.train_cosine("", partial(perceptron, few.classes, (20,)), steps, 5e-3, data=part, every=steps)
        alone.append(run.test)
        odds += _odds(run.model, few.test_x)
        curve.append(_right(odds, few.test_y))
    rows = [[i + 1, one, together] for i, (one, together) in enumerate(zip(alone, curve, strict=True))]
    bench.table("bagging: test accuracy", ("members", "this one", "all so far"), rows)
    mean = float(np.mean(alone))
    bench.check(
        "S-080", "bagging tests better than its members on average", curve[-1] > mean, f"{curve[-1]:.4f}, {mean:.4f}"
    )


def _boosting(bench: Bench, few: Split) -> None:
    rounds, steps = bench.steps(20, 6), bench.steps(100, 50)
    n, classes = len(few.train_y), few.classes
    draw, weights = np.random.default_rng(bench.seed), np.full(n, 1 / n)
    votes = {part: np.zeros((len(y), classes)) for part, y in (("train", few.train_y), ("test", few.test_y))}
    rows: list[list[Any]] = []
    for i in range(rounds):
        part = _rows(few, draw.choice(n, n, p=weights))
        build = partial(perceptron, classes, (8,))
        run = bench.train_cosine("", build, steps, 2e-2, data=part, every=steps)
        told = {name: _odds(run.model, x).argmax(1) for name, x in (("train", few.train_x), ("test", few.test_x))}
        wrong = told["train"] != few.train_y
        error = float(np.clip(weights[wrong].sum(), 1e-9, 1 - 1e-9))
        say = float(np.log((1 - error) / error) + np.log(classes - 1))
        if say <= 0:
            bench.note(f"boosting ends after {i} rounds: a weighted error of {error:.3f} is no better than guessing")
            break
        weights = weights * np.exp(say * wrong)
        weights /= weights.sum()
        for name, answers in told.items():
            votes[name][np.arange(len(answers)), answers] += say
        train, test = _right(votes["train"], few.train_y), _right(votes["test"], few.test_y)
        rows.append([i + 1, error, say, 1 - train, 1 - test])
    columns = ("round", "weighted error", "its say", "training error", "test error")
    bench.table("boosting", columns, rows or [[0, None, None, None, None]])
    first, last = (rows[0][3], rows[-1][3]) if rows else (1.0, 1.0)
    bench.check("S-081", "boosting: training error falls", last < first, f"{first:.4f} to {last:.4f}")


def _stacking(bench: Bench, few: Split) -> None:
    folds, steps = (5, 300) if bench.form == "full" else (2, bench.steps(60, 60))
    kinds: dict[str, Callable[[], Module]] = {
        "linear": partial(perceptron, few.classes, ()),
        "784-40": partial(perceptron, few.classes, (40,)),
        "convolutional": lambda: convolutional(few.classes, head=[Flatten(), Linear(16 * 49, few.classes)]),
    }
    n = len(few.train_y)
    fold = np.arange(n) % folds
    outside = np.zeros((n, len(kinds) * few.classes))
    whole: list[Floats] = []
    rows: list[list[Any]] = []
    for i, (name, build) in enumerate(kinds.items()):
        place = slice(i * few.classes, (i + 1) * few.classes)
        for k in range(folds):
            run = bench.train_cosine("", build, steps, 5e-3, data=_rows(few, np.flatnonzero(fold != k)), every=steps)
            outside[fold == k, place] = _odds(run.model, few.train_x[fold == k])
        run = bench.train_cosine(name, build, steps, 5e-3, data=few, every=steps)
        whole.append(_odds(run.model, few.test_x))
        rows.append([name, run.train, _right(outside[:, place], few.train_y), run.test])
    level = few._replace(train_x=outside.astype(np.float32), test_x=np.concatenate(whole, 1).astype(np.float32))
    build = partial(Linear, outside.shape[1], few.classes)
    top = bench.train_cosine("stacked", build, steps, 5e-2, data=level, every=steps)
    bench.table(
        f"stacking, {folds} folds",
        ("net", "train", "out of fold", "test"),
        [*rows, ["stacked", top.train, None, top.test]],
    )
    honest = all(out < train for _, train, out, _ in rows)
    measured = ", ".join(f"{name} {train:.3f} {out:.3f} {test:.3f}" for name, train, out, test in rows)
    bench.check(
        "S-082", "out-of-fold answers are less often right than those on what was trained with", honest, measured
    )
    best = max(row[-1] for row in rows)
    bench.check(
        "S-082",
        "stacked within 0.01 of the best member or better",
        top.test >= best - 0.01,
        f"{top.test:.4f}, {best:.4f}",
    )
