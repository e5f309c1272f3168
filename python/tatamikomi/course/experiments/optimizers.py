"""Optimizers compared, on digits and on grounds of two numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor
from tatamikomi.course.experiments.bench import Bench, Optimizers
from tatamikomi.course.experiments.nets import perceptron
from tatamikomi.course.experiments.registry import experiment
from tatamikomi.course.experiments.runs import Run
from tatamikomi.interpret import descend, plot_contours, surface
from tatamikomi.optim import SGD, Adagrad, Adam, RMSprop

# name -> row, the course's accuracy in training and test, the optimizer, whether with batch normalisation
_SIX: dict[str, tuple[str, float | None, float | None, Optimizers, bool]] = {
    "SGD": ("X-12", None, None, partial(SGD, lr=0.01), False),
    "Momentum": ("X-08", 0.98, 0.938, partial(SGD, lr=0.01, momentum=0.9), False),
    "AdaGrad": ("X-09", 0.97, 0.9375, partial(Adagrad, lr=0.01, eps=1e-7), False),
    "RMSProp": ("X-10", 0.98, 0.9408, partial(RMSprop, lr=0.005, alpha=0.99, eps=1e-7), False),
    "Adam": ("X-11", 0.95, 0.9437, partial(Adam, lr=0.005), False),
    "Adam + BN": ("X-14", None, None, partial(Adam, lr=0.005), True),
}


@experiment("optimizers", "X-08..X-12, X-14, S-048..S-053, S-058")
def optimizers(bench: Bench) -> None:
    """Six optimizers on one net: SGD, Momentum, AdaGrad, RMSProp, Adam, and Adam with batch normalisation.

    784-40-20-10, ReLU, He's initial values, batches of 100.
    """
    steps = bench.steps(1000, 300)
    runs: dict[str, Run] = {}
    rows = []
    for name, (row, train, test, optimizer, norm) in _SIX.items():
        build = partial(perceptron, bench.data.classes, batch_norm=norm)
        one = runs[name] = bench.train(name, build, optimizer, steps, every=10)
        rows.append([name, row, train, one.train, test, one.test, one.history[-1]["loss"], one.steps_to(0.9)])
    columns = ("optimizer", "row", "course train", "train", "course test", "test", "loss", "steps to 0.90")
    bench.table(f"after {steps} steps", columns, rows)
    bench.curves("curves", list(runs.values()))
    for name in ("Momentum", "AdaGrad", "RMSProp", "Adam"):
        least = {"mnist-5k": 0.86, "mnist": 0.92}.get(bench.kind)
        holds = None if least is None else runs[name].test >= least
        statement = f"{name}: test >= {least}" if least else f"{name}: test accuracy"
        bench.check(_SIX[name][0], statement, holds, f"{runs[name].test:.4f}")
    losses = {name: float(run.curve("loss")[1].mean()) for name, run in runs.items()}
    slowest = max(losses, key=lambda name: losses[name])
    measured = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
    bench.check("X-12", "SGD is the slowest (mean training loss over the run)", slowest == "SGD", measured)
    plain, normed = (runs[name].steps_to(0.9) for name in ("Adam", "Adam + BN"))
    earlier = normed is not None and (plain is None or normed < plain)
    best = {name: float(runs[name].curve()[1].max()) for name in ("Adam", "Adam + BN")}
    holds = earlier if bench.kind != "other" else None
    measured = f"steps {normed}, {plain}; best {best['Adam + BN']:.4f}, {best['Adam']:.4f}"
    bench.check("X-14", "Adam with BN reaches 0.90 in fewer steps than without", holds, measured)


def _bowl(p: Tensor) -> Tensor:
    return p[0] * p[0] / 20.0 + p[1] * p[1]


def _saddle(p: Tensor) -> Tensor:
    return p[0] * p[0] - p[1] * p[1]


def _wells(p: Tensor) -> Tensor:
    """Minima near x = 1 (shallow, f = 0.3) and x = -1 (deep, f = -0.3)."""
    well = p[0] * p[0] - 1.0
    return well * well + 0.3 * p[0] + p[1] * p[1]


def _length(path: Any) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _turns(path: Any) -> int:
    """How often the steps across the valley change their sign."""
    across = np.sign(np.diff(path[:, 1]))
    return int((across[1:] * across[:-1] < 0).sum())


@experiment("descent-paths", "S-011, S-012, S-048..S-055")
def descent_paths(bench: Bench) -> None:
    """Paths of optimizers over an ill-conditioned bowl, a saddle and a double well.

    f = x^2/20 + y^2 from (-7, 2); f = x^2 - y^2 from (1, 0.01); f = (x^2 - 1)^2 + 0.3 x + y^2 from (1.5, 0.5). The
    last shows E-15 of the index, too: the large rate leaves a local minimum, the small one stays.
    """
    walkers: dict[str, Optimizers] = {
        "SGD": partial(SGD, lr=0.95),
        "Momentum": partial(SGD, lr=0.1, momentum=0.9),
        "AdaGrad": partial(Adagrad, lr=1.5),
        "RMSProp": partial(RMSprop, lr=0.3, alpha=0.9),
        "Adam": partial(Adam, lr=0.3),
    }
    bowl = {name: descend(_bowl, [-7.0, 2.0], walker, 30) for name, walker in walkers.items()}
    gentle = {name: partial(kind, lr=0.05) for name, kind in (("SGD", SGD), ("AdaGrad", Adagrad), ("Adam", Adam))}
    gentle["Momentum"] = partial(SGD, lr=0.05, momentum=0.9)
    saddle = {name: descend(_saddle, [1.0, 0.01], walker, 40) for name, walker in gentle.items()}
    rates = {f"rate {rate:g}": descend(_wells, [1.5, 0.5], partial(SGD, lr=rate), 60) for rate in (0.02, 0.1, 0.3)}
    rates["Momentum 0.05"] = descend(_wells, [1.5, 0.5], partial(SGD, lr=0.05, momentum=0.9), 60)
    for title, paths in (("bowl", bowl), ("saddle", saddle), ("double well", rates)):
        rows = [[name, f"({p[-1, 0]:.3g}, {p[-1, 1]:.3g})", _length(p), _turns(p)] for name, p in paths.items()]
        bench.table(title, ("optimizer", "ends at", "length of path", "turns across"), rows)
    _draw_paths(bench, bowl, saddle, rates)
    turns, near = _turns(bowl["SGD"]), _turns(bowl["Momentum"])
    bench.check("S-055", "bowl: Momentum turns across the valley less often than SGD", near < turns, f"{near}, {turns}")
    lengths = {name: _length(bowl[name]) for name in ("Momentum", "SGD")}
    shorter = lengths["Momentum"] < lengths["SGD"]
    measured = f"{lengths['Momentum']:.2f}, {lengths['SGD']:.2f}"
    bench.check("S-055", "bowl: the path of Momentum is shorter than that of SGD", shorter, measured)
    _check_saddle(bench, saddle["AdaGrad"])
    ends = {name: float(path[-1, 0]) for name, path in rates.items()}
    small, large = ends["rate 0.02"], ends["rate 0.3"]
    measured = f"x = {small:.3f}, {large:.3f}"
    bench.check("E-15", "double well: rate 0.02 stays in the shallow one, 0.3 leaves it", small > 0 > large, measured)
    # Of the bowl, L = 2: the update multiplies y by 1 - 2 lr.
    ends_at = [abs(float(descend(_bowl, [0.0, 1.0], partial(SGD, lr=lr), 50)[-1, 1])) for lr in (0.99, 1.01)]
    holds = ends_at[0] < 1 < ends_at[1]
    bench.check(
        "S-011", "a rate above 2 / L diverges, one below does not", holds, "|y| {:.3f}, {:.3f}".format(*ends_at)
    )


def _check_saddle(bench: Bench, path: Any) -> None:
    """AdaGrad's rate per coordinate, lr / sqrt(sum of g^2), from its own steps and the gradients (2 x, -2 y)."""
    gradients = path[:-1] * np.array([2.0, -2.0])
    rates = 0.05 / np.sqrt((gradients**2).cumsum(0))
    falls = bool((np.diff(rates, axis=0) < 0).all())
    made = np.allclose(np.diff(path, axis=0), -rates * gradients, rtol=1e-5)
    measured = f"x {rates[0, 0]:.3g} to {rates[-1, 0]:.3g}, y {rates[0, 1]:.3g} to {rates[-1, 1]:.3g}"
    bench.check("S-054", "saddle: AdaGrad's effective rate falls with every step", falls and made, measured)


def _draw_paths(bench: Bench, bowl: dict[str, Any], saddle: dict[str, Any], wells: dict[str, Any]) -> None:
    points = bench.steps(60, 30)
    grounds = (
        ("ill-conditioned bowl", _bowl, ((-10.0, 10.0), (-4.0, 4.0)), bowl),
        ("saddle", _saddle, ((-1.5, 1.5), (-2.0, 2.0)), saddle),
        ("double well", _wells, ((-1.8, 1.8), (-1.0, 1.0)), wells),
    )

    def draw(axes: list[Any]) -> None:
        for ax, (title, ground, extent, paths) in zip(axes, grounds, strict=True):
            plot_contours(surface(ground, extent, points), ax, paths=paths)
            (left, right), (low, high) = extent
            ax.set(title=title, xlim=(left, right), ylim=(low, high))
            ax.legend(fontsize="x-small")

    bench.figure("paths", draw, columns=3, size=(13, 4))
