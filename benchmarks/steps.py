"""Training steps of deep_convnet and LeNet-5, engine against engine, in turns.

    python -m benchmarks.steps [--models NAME ...] [--engines NAME ...] [--batch 100] [--threads 2] [--isa avx2]

Each engine lives in a process of its own, and only one runs at a time: the others are stopped (SIGSTOP), threads that
spin included. They take turns over several rounds, so that whatever else the machine does meets all of them. First
all must agree on the loss and on the size of the gradient. The ratios are those of medians from this one run.
Prints a table and a JSON object; writes nothing, unless --json names a file.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.engines import has_torch
from benchmarks.training_step import MODELS, Probe, agree, build

ENGINES = ("native", "reference", "torch", "torch-channels-last")
TURN_SECONDS = 1.0
WARM_UP = 5
ROOT = Path(__file__).resolve().parent.parent


class Runner:
    """One engine in a process of its own, stopped except in its turns."""

    def __init__(self, engine: str, model: str, options: argparse.Namespace) -> None:
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        environment.update({name: str(options.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
        if options.isa:  # one instruction set for all
            environment["TATAMIKOMI_ISA"] = options.isa
            if options.isa == "avx2":
                environment.update(ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2")
        command = [sys.executable, "-m", "benchmarks.steps", "--child", engine, "--models", model]
        command += ["--batch", str(options.batch), "--threads", str(options.threads)]
        pipe = subprocess.PIPE
        self.engine, self.times, self.stopped = engine, [], False
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT)
        self.hello = self._answer()
        self.probe = Probe(*self.hello["probe"])
        self._stop()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"steps: the process of {self.engine} ended with code {self.process.wait()}")
        return json.loads(line)

    def _stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # returns once it has stopped
        self.stopped = True

    def turn(self) -> None:
        """Run for about a second, and keep the time of each step."""
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False
        assert self.process.stdin is not None
        self.process.stdin.write("turn\n")
        self.process.stdin.flush()
        self.times += self._answer()
        self._stop()

    def close(self) -> None:
        if self.stopped:
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


def child(engine: str, model: str, batch: int, threads: int) -> None:
    """The other end: says hello, then times steps for a turn whenever a line comes in."""
    import tatamikomi as tk

    if engine.startswith("torch"):
        import torch

        torch.set_num_threads(threads)
        version = f"torch {torch.__version__}"
    else:
        tk.set_backend(engine)
        version = f"tatamikomi {tk.__version__}, {tk.kernels.config()['isa']}"
    step = build(engine, model, batch)
    probe = step.probe()
    for _ in range(WARM_UP):
        step.run()
    print(json.dumps({"probe": probe, "version": version}), flush=True)
    for _ in sys.stdin:
        step.run()  # caches are cold after the others' turns
        times: list[float] = []
        end = time.perf_counter() + TURN_SECONDS
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            step.run()
            times.append(time.perf_counter() - start)
        print(json.dumps(times), flush=True)


def compare(model: str, options: argparse.Namespace) -> dict[str, Any]:
    """The engines' times of `model`'s steps, in milliseconds, and their ratios to the native backend's.

    Raises:
        SystemExit: the engines do not compute the same.
    """
    runners: list[Runner] = []
    loads = [os.getloadavg()[0]]
    try:
        for engine in options.engines:
            runners.append(Runner(engine, model, options))  # noqa: PERF401 (those begun are closed if one fails)
        for runner in runners[1:]:
            if not agree(runners[0].probe, runner.probe, model):
                raise SystemExit(
                    f"steps: {model}: {runners[0].engine} and {runner.engine} disagree: "
                    f"{runners[0].probe}, {runner.probe}"
                )
        for _ in range(options.rounds):
            for runner in runners:
                runner.turn()
    finally:
        for runner in runners:
            runner.close()
    loads.append(os.getloadavg()[0])
    rows = {
        runner.engine: {
            "median_ms": 1e3 * statistics.median(runner.times),
            "min_ms": 1e3 * min(runner.times),
            "steps": len(runner.times),
            "version": runner.hello["version"],
        }
        for runner in runners
    }
    result: dict[str, Any] = {"model": model, "batch": options.batch, "threads": options.threads, "load": loads}
    if "native" in rows:
        ours = rows["native"]["median_ms"]
        result["ratios_to_native"] = {engine: row["median_ms"] / ours for engine, row in rows.items()}
    return {**result, "engines": rows}


def table(result: dict[str, Any]) -> str:
    """One line per engine."""
    lines = [f"{result['model']}, batch {result['batch']}, {result['threads']} threads"]
    lines.append(f"  {'engine':<21}{'median ms':>11}{'min ms':>10}{'steps':>8}{'x native':>10}")
    for engine, row in result["engines"].items():
        ratio = result.get("ratios_to_native", {}).get(engine)
        last = f"{ratio:>10.2f}" if ratio is not None else ""
        lines.append(f"  {engine:<21}{row['median_ms']:>11.2f}{row['min_ms']:>10.2f}{row['steps']:>8}{last}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: all that are installed")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7, help="turns of about a second for each engine")
    parser.add_argument("--isa", choices=("baseline", "avx2", "avx512"), help="avx2 holds torch to AVX2 as well")
    parser.add_argument("--json", metavar="FILE", help="write the JSON object to FILE too")
    parser.add_argument("--child", choices=ENGINES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.models[0], options.batch, options.threads)
    if not options.engines:
        options.engines = [engine for engine in ENGINES if has_torch() or not engine.startswith("torch")]

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no stopped process stays behind
    from benchmarks import machine

    results = []
    for model in options.models:
        results.append(compare(model, options))
        print(table(results[-1]), flush=True)
    text = json.dumps({"machine": machine.describe(), "results": results}, indent=2)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
