"""What batch normalisation changes in training."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from tatamikomi.autograd import as_tensor, no_grad
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import WideLayer, convolutional, perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.interpret.untouched import untouched
from tatamikomi.nn import BatchNorm2d, Flatten, GroupNorm, Linear, ReLU, Sequential
from tatamikomi.optim import SGD
from tatamikomi.training import Callback

_DEEP = (100,) * 5
_NAMES = {False: "without", True: "with"}


class _Drift(Callback):
    """How far mean and spread of each unit's input move from round to round, on one batch as in training."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.before: list[Any] = []
        self.moves: list[list[float]] = []

    def on_epoch_end(self, trainer: Any) -> None:
        """Compare with the round before: mean of |change of mean| + |change of std|, over the layer's spread."""
        found, x = [], as_tensor(self.x)
        with untouched("batch-normalization", trainer.model, True), no_grad():
            for layer in trainer.model:
                if isinstance(layer, ReLU):
                    y = x.numpy()
                    found.append((y.mean(0), y.std(0), y.std()))
                x = layer(x)
        if self.before:
            pairs = zip(found, self.before, strict=True)
            moves = [float((abs(m - m0) + abs(s - s0)).mean() / scale) for (m, s, _), (m0, s0, scale) in pairs]
            self.moves.append(moves)
        self.before = found


@experiment("batch-normalization", "X-13, X-27, S-029, S-035..S-039")
def batch_normalization(bench: Bench) -> None:
    """Batch normalisation: speed, largest learning rate, initial values, small batches, drift of the layers' inputs.

    784-100-100-100-100-100-10 with ReLU; small batches: a convolutional net with batch or group normalisation.
    """
    _speed(bench)
    _largest_rate(bench)
    _initial_values(bench)
    _small_batches(bench)


def _speed(bench: Bench) -> None:
    steps = bench.steps(400, 200)
    runs, drifts = [], {}
    for norm in (False, True):
        drift = _Drift(bench.data.train_x[:500])
        build = partial(perceptron, bench.data.classes, _DEEP, batch_norm=norm)
        label, every = f"SGD {_NAMES[norm]} BN", max(1, steps // 20)
        runs.append(bench.train(label, build, partial(SGD, lr=0.01), steps, every=every, callbacks=[drift]))
        drifts[norm] = np.mean(drift.moves, 0).tolist()
    rows = [[run.label, run.history[-1]["loss"], run.train, run.test] for run in runs]
    bench.table(f"SGD 0.01, {steps} steps", ("net", "loss", "train", "test"), rows)
    bench.curves("speed", runs)
    layers = [f"layer {i + 1}" for i in range(len(_DEEP))]
    bench.table(
        "drift of the inputs of the activations, per round, relative to their spread",
        ("net", *layers),
        [[f"{_NAMES[norm]} BN", *drifts[norm]] for norm in (False, True)],
    )

    def draw(axes: list[Any]) -> None:
        for norm in (False, True):
            axes[0].plot(range(1, len(_DEEP) + 1), drifts[norm], marker="o", label=f"{_NAMES[norm]} BN")
        axes[0].set(xlabel="layer", ylabel="drift per round")
        axes[0].legend()

    bench.figure("drift", draw)
    at = {run.label: float(np.interp(200, *run.curve("loss"))) for run in runs}
    plain, normed = at.values()
    bench.check("X-13", "SGD: smaller loss after 200 steps with BN", normed < plain, f"{normed:.3f} < {plain:.3f}")
    means = [float(np.mean(drifts[norm])) for norm in (False, True)]
    bench.check("S-035", "mean drift smaller with BN", means[1] < means[0], f"{means[1]:.4f} < {means[0]:.4f}")


def _largest_rate(bench: Bench) -> None:
    """A rate is stable if the training loss of the last round is below half of that of guessing."""
    steps = bench.steps(200, 40)
    rates = [0.01 * 2**i for i in bench.of(range(16), (1, 3, 5, 7, 9))]
    guess = math.log(bench.data.classes)
    losses: dict[bool, list[float]] = {}
    for norm in (False, True):
        runs = [
            bench.train(
                "", partial(perceptron, bench.data.classes, _DEEP, batch_norm=norm), partial(SGD, lr=rate), steps
            )
            for rate in rates
        ]
        losses[norm] = [math.inf if run.diverged else run.history[-1]["loss"] for run in runs]
    stable = {norm: [rate for rate, one in zip(rates, losses[norm], strict=True) if one < guess / 2] for norm in losses}
    rows = [[f"{rate:g}", *(losses[norm][i] for norm in losses)] for i, rate in enumerate(rates)]
    bench.table(f"training loss after {steps} steps of SGD", ("rate", "without BN", "with BN"), rows)
    largest = {norm: max(found, default=0.0) for norm, found in stable.items()}
    ratio = largest[True] / largest[False] if largest[False] else math.nan
    bench.values(largest_stable_rate={_NAMES[norm]: rate for norm, rate in largest.items()})
    measured = f"{largest[True]:g} / {largest[False]:g} = {ratio:.3g}; the course quotes 10 to 100"
    bench.check("X-27", "largest stable rate with BN over that without >= 5", ratio >= 5, measured)

    def draw(axes: list[Any]) -> None:
        for norm, found in losses.items():
            axes[0].semilogx(rates, [min(one, 3 * guess) for one in found], marker="o", label=f"{_NAMES[norm]} BN")
        axes[0].axhline(guess / 2, color="gray", linestyle=":")
        axes[0].set(xlabel="learning rate", ylabel="training loss at the end")
        axes[0].legend()

    bench.figure("rates", draw)


def _initial_values(bench: Bench) -> None:
    steps = bench.steps(300, 100)
    sigmas = bench.of((0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), (0.001, 0.01, 0.1, 1.0))
    tests = {
        norm: [
            bench.train(
                "",
                partial(perceptron, bench.data.classes, _DEEP, how=sigma, batch_norm=norm),
                partial(SGD, lr=0.05),
                steps,
            ).test
            for sigma in sigmas
        ]
        for norm in (False, True)
    }
    rows = [[f"{_NAMES[norm]} BN", *tests[norm], float(np.ptp(tests[norm]))] for norm in tests]
    title = f"test accuracy after {steps} steps of SGD 0.05, by the std of the initial weights"
    bench.table(title, ("net", *(f"{sigma:g}" for sigma in sigmas), "spread"), rows)
    plain, normed = (float(np.ptp(found)) for found in tests.values())
    bench.check(
        "S-039", "BN halves the spread of accuracy over sigmas", normed <= plain / 2, f"{normed:.3f}, {plain:.3f}"
    )


def _conv_net(classes: int, norm: WideLayer) -> Sequential:
    return convolutional(classes, norm=norm, head=[Flatten(), Linear(16 * 49, classes)])


def _small_batches(bench: Bench) -> None:
    """As many samples for every size of batch; the rate grows with the size."""
    samples = bench.steps(8000, 640)
    norms: dict[str, WideLayer] = {"batch": BatchNorm2d, "group of 4": lambda width: GroupNorm(width // 4, width)}
    rows = []
    for size in bench.of((2, 4, 8, 16, 64), (2, 16)):
        tests = [
            bench.train(
                "",
                partial(_conv_net, bench.data.classes, norm),
                partial(SGD, lr=0.01 * math.sqrt(size), momentum=0.9),
                max(1, samples // size),
                batch_size=size,
                every=max(1, samples // size),
            ).test
            for norm in norms.values()
        ]
        rows.append([size, *tests])
    bench.table(f"test accuracy after {samples:,} samples", ("batch size", *norms), rows)
    (_, batch, group), *_ = rows
    bench.check("S-036", "batches of 2: GN's test accuracy >= BN's", group >= batch, f"{group:.4f}, {batch:.4f}")
