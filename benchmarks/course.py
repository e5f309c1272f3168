"""Training steps of the course's networks: native, the reference's NumPy, and NumPy as scripts write it.

    python -m benchmarks.course [--networks NAME ...] [--dtypes float32] [--batch 100] [--threads 2] [--rounds 5]

One process, one network, one step, gradient(x, t) and Adam's update, by the three in turns of a second; `scripts` is
course_numpy.py, for DeepConvNet. First all must agree on the gradient. Prints medians, minima and how many times native
is faster; writes nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.clock import Turn, estimate, turn
from benchmarks.course_numpy import PlainNet
from tatamikomi import course

NETWORKS: dict[str, Callable[[], Any]] = {
    "DeepConvNet": lambda: course.networks.DeepConvNet(),
    "SimpleConvNet": lambda: course.networks.SimpleConvNet(),
    "MultiLayerNet": lambda: course.multi_layer_net.MultiLayerNet(784, [100, 100, 100], 10),
}
ENGINES = ("native", "reference", "scripts")


def steps(network: Any, x: Any, t: Any) -> dict[str, Callable[[], Any]]:
    """A step of each engine, which returns its gradient."""
    optimizer = course.optimizer.Adam()

    def step(engine: str) -> Any:
        with tk.backend("native" if engine == "native" else "reference"):
            grads = (plain if engine == "scripts" else network).gradient(x, t)
            optimizer.update(network.params, grads)
        return grads

    plain = PlainNet(network) if isinstance(network, course.networks.DeepConvNet) else None
    return {engine: partial(step, engine) for engine in ENGINES if plain is not None or engine != "scripts"}


def check(network: Any, run: dict[str, Callable[[], Any]], allowed: float) -> None:
    """All give the same gradient, dropout drawn alike: of a difference that is small beside it.

    In float32 rounding moves a unit or two, of a hundred thousand, over the kink of a ReLU or to another maximum.

    Raises:
        SystemExit: they do not.
    """
    found, kept = {}, {name: array.copy() for name, array in network.params.items()}
    for engine, step in run.items():
        np.random.seed(1)
        found[engine] = step()
        for name, array in kept.items():
            network.params[name][...] = array
    for engine, grads in found.items():
        for name, one in found["native"].items():
            apart = np.linalg.norm(one - grads[name]) / np.linalg.norm(one)
            if not apart <= allowed:
                raise SystemExit(f"course: {engine}: gradients of {name} differ by {apart}, allowed {allowed}")


def measure(run: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Turn]]:
    """Turns of a second, engine after engine."""
    expected = {engine: estimate(step) for engine, step in run.items()}
    turns: dict[str, list[Turn]] = {engine: [] for engine in run}
    for _ in range(rounds):
        for engine, step in run.items():
            turns[engine].append(turn(step, 1.0, expected[engine]))
    return turns


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.course", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["DeepConvNet"])
    parser.add_argument("--dtypes", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    wanted = {name: str(options.threads) for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    if not wanted.items() <= os.environ.items():  # NumPy's product reads them when it is imported: once more, then
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.course", *sys.argv[1:]], {**os.environ, **wanted})
    tk.set_num_threads(options.threads)
    draw = np.random.default_rng(0)
    print(f"batch {options.batch}, {options.threads} threads, milliseconds of a step: median of turns (least)")
    for name in options.networks:
        for dtype in options.dtypes:
            course.set_default_dtype(dtype)
            np.random.seed(0)
            network = NETWORKS[name]()
            shape = (options.batch, 784) if name == "MultiLayerNet" else (options.batch, 1, 28, 28)
            run = steps(network, draw.random(shape, dtype=dtype), draw.integers(0, 10, options.batch))
            check(network, run, 1e-2 if dtype == "float32" else 1e-9)
            turns = measure(run, options.rounds)
            medians = {engine: statistics.median(one.median for one in taken) for engine, taken in turns.items()}
            least = {engine: min(one.least for one in taken) for engine, taken in turns.items()}
            print(f"{name}, {dtype}")
            for engine in run:
                times = medians[engine] / medians["native"], least[engine] / least["native"]
                line = f"{1e3 * medians[engine]:>10.2f} ({1e3 * least[engine]:.2f})"
                print(f"  {engine:<10}{line:>24}   native {times[0]:.1f} ({times[1]:.1f}) times faster", flush=True)


if __name__ == "__main__":
    main()
