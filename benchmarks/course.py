"""Training steps of the course's networks, native against the plain NumPy of the reference, in turns of a second.

    python -m benchmarks.course [--networks NAME ...] [--dtypes float32] [--batch 100] [--threads 2] [--rounds 5]

One process, one network: the same layers, the same step, gradient(x, t) and Adam's update; only the backend changes,
turn by turn. First both must agree on the gradient. Prints medians, minima and their ratio; writes nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.clock import Turn, estimate, turn
from tatamikomi import course

NETWORKS: dict[str, Callable[[], Any]] = {
    "DeepConvNet": lambda: course.networks.DeepConvNet(),
    "SimpleConvNet": lambda: course.networks.SimpleConvNet(),
    "MultiLayerNet": lambda: course.multi_layer_net.MultiLayerNet(784, [100, 100, 100], 10),
}
BACKENDS = ("native", "reference")


def check(network: Any, x: Any, t: Any) -> None:
    """Both backends give the same gradient, dropout drawn alike: of a difference that is small beside it.

    In float32 rounding moves a unit or two, of a hundred thousand, over the kink of a ReLU or to another maximum.

    Raises:
        SystemExit: they do not.
    """
    found = []
    for backend in BACKENDS:
        np.random.seed(1)
        with tk.backend(backend):
            found.append(network.gradient(x, t))
    allowed = 1e-2 if x.dtype == np.float32 else 1e-9
    for name in found[0]:
        one, other = (gradient[name] for gradient in found)
        apart = np.linalg.norm(one - other) / np.linalg.norm(other)
        if not apart <= allowed:
            raise SystemExit(f"course: {name}: gradients differ by {apart}, allowed {allowed}")


def measure(network: Any, x: Any, t: Any, rounds: int) -> dict[str, list[Turn]]:
    """Turns of a second, backend after backend."""
    optimizer = course.optimizer.Adam()

    def step() -> None:
        optimizer.update(network.params, network.gradient(x, t))

    turns: dict[str, list[Turn]] = {backend: [] for backend in BACKENDS}
    expected = {}
    for backend in BACKENDS:
        with tk.backend(backend):
            expected[backend] = estimate(step)
    for _ in range(rounds):
        for backend, taken in turns.items():
            with tk.backend(backend):
                taken.append(turn(step, 1.0, expected[backend]))
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
    print(f"{'network':<16}{'dtype':<9}{'native':>18}{'reference':>20}{'times faster':>16}")
    for name in options.networks:
        for dtype in options.dtypes:
            course.set_default_dtype(dtype)
            np.random.seed(0)
            network = NETWORKS[name]()
            shape = (options.batch, 784) if name == "MultiLayerNet" else (options.batch, 1, 28, 28)
            x, t = draw.random(shape, dtype=dtype), draw.integers(0, 10, options.batch)
            check(network, x, t)
            turns = measure(network, x, t, options.rounds)
            medians = [statistics.median(one.median for one in turns[backend]) for backend in BACKENDS]
            least = [min(one.least for one in turns[backend]) for backend in BACKENDS]
            cells = [f"{1e3 * a:.2f} ({1e3 * b:.2f})" for a, b in zip(medians, least, strict=True)]
            ratios = f"{medians[1] / medians[0]:.1f} ({least[1] / least[0]:.1f})"
            print(f"{name:<16}{dtype:<9}{cells[0]:>18}{cells[1]:>20}{ratios:>16}", flush=True)


if __name__ == "__main__":
    main()
