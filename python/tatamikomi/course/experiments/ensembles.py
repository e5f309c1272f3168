"""Bias and variance, and ensembles: bagging, boosting, stacking."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import ensemble
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import convolutional, perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.data import Split
from tatamikomi.nn import Flatten, Linear, Module, MSELoss, Sequential, Tanh
from tatamikomi.optim import Adam, CosineAnnealingLR
from tatamikomi.training import Learner, Predictor

Floats = NDArray[np.float64]

_NOISE = 0.3  # standard deviation
_POINTS = 30


def _truth(x: Floats) -> Floats:
    return np.asarray(np.sin(3 * x))


def _regressor(hidden: int, steps: int) -> Learner:
    """A net of one hidden layer, or a straight line, that sees all points at every step."""

    def build(shape: tuple[int, ...], outputs: int) -> Module:
        return Sequential(Linear(1, hidden), Tanh(), Linear(hidden, 1)) if hidden else Sequential(Linear(1, 1))

    return Learner(build, epochs=steps, batch_size=_POINTS, optimizer=partial(Adam, lr=0.02), loss=MSELoss())


@experiment("bias-variance", "S-079, S-080, S-197")
def bias_variance(bench: Bench) -> None:
    """Bias and variance of nets of growing width, and what bagging takes away.

    y = sin 3x + noise of 0.3 at 30 points in [-1, 1]; many such data sets; 1-h-1 with tanh. The error is measured on
    answers sin 3x + 0.3 and sin 3x - 0.3: their mean is the truth and their variance that of the noise, exactly.
    """
    sets, steps, members = bench.steps(20, 5), bench.steps(400, 100), bench.steps(10, 4)
    at, draw = np.linspace(-1, 1, 50), np.random.default_rng(bench.seed)
    xs = draw.uniform(-1, 1, (sets, _POINTS))
    ys = _truth(xs) + _NOISE * draw.standard_normal(xs.shape)
    learners: dict[str, Any] = {f"hidden {h}": _regressor(h, steps) for h in bench.of((0, 2, 5, 50), (0, 50))}
    learners[f"bagging of {members}, hidden 50"] = ensemble.Bagging(_regressor(50, steps), members)
    single = np.float32
    found = {
        name: np.array(
            [
                learner.fit(x[:, None].astype(single), y, seed=bench.seed + i).predict(at[:, None].astype(single))
                for i, (x, y) in enumerate(zip(xs, ys, strict=True))
            ],
            np.float64,
        )
        for name, learner in learners.items()
    }
    answers = np.array([_truth(at) + _NOISE, _truth(at) - _NOISE])
    parts = {name: ensemble.bias_variance_decomposition(one, answers) for name, one in found.items()}
    rows = [[name, one.bias, one.variance, one.noise, one.loss] for name, one in parts.items()]
    bench.table(f"over {sets} data sets", ("net", "bias^2", "variance", "noise", "mean squared error"), rows)
    off = max(abs(one.bias + one.variance + _NOISE**2 - one.loss) for one in parts.values())
    bench.check("S-079", "bias^2 + variance + noise = mse within 1e-6", off < 1e-6, f"largest difference {off:.1e}")
    narrow, *_, wide, bagged = parts.values()
    holds = wide.bias < narrow.bias and wide.variance > narrow.variance
    measured = f"bias^2 {narrow.bias:.4f} to {wide.bias:.4f}, variance {narrow.variance:.4f} to {wide.variance:.4f}"
    bench.check("S-079", "a wider net has less bias and more variance", holds, measured)
    measured = f"{bagged.variance:.4f}, {wide.variance:.4f}"
    bench.check("S-080", "bagging: variance falls", bagged.variance < wide.variance, measured)

    def show(axes: list[Any]) -> None:
        for ax, (name, predictions) in zip(axes, found.items(), strict=True):
            ax.plot(at, predictions.T, color="tab:blue", alpha=0.3)
            ax.plot(at, _truth(at), color="black")
            ax.set_title(name, fontsize="small")

    bench.figure("fits", show, 1, len(found))


def _learner(build: Callable[[int], Module], few: Split, steps: int, rate: float) -> Learner:
    """Batches of 100, Adam, a rate that falls as a cosine; at least `steps` steps."""
    return Learner(
        lambda shape, outputs: build(outputs),
        epochs=-(-steps * 100 // len(few.train_y)),
        batch_size=100,
        optimizer=partial(Adam, lr=rate),
        schedule=lambda walker, steps: CosineAnnealingLR(walker, steps),
    )


def _right(model: Predictor, x: NDArray[Any], y: NDArray[np.int64]) -> float:
    return float((model.predict(x) == y).mean())


@experiment("ensembles", "S-073, S-079..S-082")
def ensembles(bench: Bench) -> None:
    """Bagging, boosting (SAMME) and stacking of small nets on 1,000 samples.

    Bagging: 784-20-10 on bootstrap samples, probabilities averaged. Boosting: 784-8-10, a few steps each, samples
    weighted. Stacking: a linear layer on the out-of-fold probabilities of three kinds of net.
    """
    few = bench.cut(bench.data, 1000)
    _bagging(bench, few)
    _boosting(bench, few)
    _stacking(bench, few)


def _bagging(bench: Bench, few: Split) -> None:
    learner = _learner(lambda classes: perceptron(classes, (20,)), few, bench.steps(200, 60), 5e-3)
    bagged = ensemble.Bagging(learner, bench.steps(15, 5)).fit(few.train_x, few.train_y, seed=bench.seed)
    alone = [_right(one, few.test_x, few.test_y) for one in bagged.models]
    sums = np.cumsum([one.predict_proba(few.test_x) for one in bagged.models], 0)
    together = (sums.argmax(2) == few.test_y).mean(1).tolist()
    rows = [[i + 1, one, all_] for i, (one, all_) in enumerate(zip(alone, together, strict=True))]
    bench.table("bagging: test accuracy", ("members", "this one", "all so far"), rows)
    unseen = bagged.out_of_bag(few.train_x)
    known = np.isfinite(unseen[:, 0])
    inside = float((unseen[known].argmax(1) == few.train_y[known]).mean())
    bench.note(f"out of bag, without a test set: {inside:.4f} of {int(known.sum())} training samples")
    mean = float(np.mean(alone))
    measured = f"{together[-1]:.4f}, {mean:.4f}"
    bench.check("S-080", "bagging tests better than its members on average", together[-1] > mean, measured)


def _boosting(bench: Bench, few: Split) -> None:
    learner = _learner(lambda classes: perceptron(classes, (8,)), few, bench.steps(100, 50), 2e-2)
    boosted = ensemble.AdaBoost(learner, bench.steps(20, 6)).fit(few.train_x, few.train_y, seed=bench.seed)
    rows = []
    for rounds in range(1, len(boosted.models) + 1):
        so_far = ensemble.Averaging(boosted.models[:rounds], boosted.weights[:rounds], voting="hard")
        errors = [1 - _right(so_far, few.train_x, few.train_y), 1 - _right(so_far, few.test_x, few.test_y)]
        rows.append([rounds, float(boosted.weights[rounds - 1]), *errors])
    bench.table("boosting", ("round", "share of the vote", "training error", "test error"), rows)
    first, last = rows[0][2], rows[-1][2]
    bench.check("S-081", "boosting: training error falls", last < first, f"{first:.4f} to {last:.4f}")


def _stacking(bench: Bench, few: Split) -> None:
    folds, steps = (5, 300) if bench.form == "full" else (2, bench.steps(60, 60))
    kinds: dict[str, Callable[[int], Module]] = {
        "linear": lambda classes: perceptron(classes, ()),
        "784-40": lambda classes: perceptron(classes, (40,)),
        "convolutional": lambda classes: convolutional(classes, head=[Flatten(), Linear(16 * 49, classes)]),
    }
    below = [_learner(build, few, steps, 5e-3) for build in kinds.values()]
    above = _learner(lambda classes: Linear(len(kinds) * classes, classes), few, steps, 5e-2)
    stacked = ensemble.Stacking(below, above, folds=folds).fit(few.train_x, few.train_y, seed=bench.seed)
    outside = stacked.out_of_fold.reshape(len(few.train_y), len(kinds), few.classes).argmax(2)
    rows: list[list[Any]] = []
    for i, (name, model) in enumerate(zip(kinds, stacked.models, strict=True)):
        train, test = _right(model, few.train_x, few.train_y), _right(model, few.test_x, few.test_y)
        rows.append([name, train, float((outside[:, i] == few.train_y).mean()), test])
    best, top = max(row[-1] for row in rows), _right(stacked, few.test_x, few.test_y)
    whole = ["stacked", _right(stacked, few.train_x, few.train_y), None, top]
    bench.table(f"stacking, {folds} folds", ("net", "train", "out of fold", "test"), [*rows, whole])
    honest = all(out < train for _, train, out, _ in rows)
    measured = ", ".join(f"{name} {train:.3f} {out:.3f} {test:.3f}" for name, train, out, test in rows)
    told = "out-of-fold answers are less often right than those on what was trained with"
    bench.check("S-082", told, honest, measured)
    told = "stacked within 0.01 of the best member or better"
    bench.check("S-082", told, top >= best - 0.01, f"{top:.4f}, {best:.4f}")
