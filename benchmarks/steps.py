"""Training steps of whole networks, or inference with them, engine against engine, in turns of a second.

    python -m benchmarks.steps [--models NAME ...] [--engines NAME ...] [--batch N ...] [--threads 2] [--isa avx2]
    python -m benchmarks.steps --memory --models resnet50      # peak memory of a step beside it
    python -m benchmarks.steps --inference --engines native torch onnxruntime openvino ncnn

The same measurement as compare.py makes (one process per engine, only one of them running). First all must agree on the
loss and on the size of the gradient, or on the outputs. --json FILE puts the rows beside those of other cases in FILE.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.cases import Case
from benchmarks.engines import PEERS, has_torch
from benchmarks.measure import Engines, in_turns, peak_memory
from benchmarks.nets import NETS
from benchmarks.records import DISTURBED, Records, row_key

ENGINES = ("native", "reference", "torch", "torch-channels-last", *(one for one in PEERS if one != "MNN"))
DIGITS = ("deep_convnet", "lenet5")


def cases(model: str, batches: list[int] | None = None, inference: bool = False, memory: bool = False) -> list[Case]:
    """A network's step, and its peak memory where wanted, or its inference, at each batch."""
    if inference:
        return [Case("inference", model, "inference", n, "forward", {}) for n in batches or (1, 16)]
    families = ("step", "memory") if memory else ("step",)
    return [Case(one, model, "step", n, "step", {}) for n in batches or (NETS[model].batch,) for one in families]


def table(title: str, row: dict[str, Any], versions: dict[str, str]) -> str:
    """One line per engine."""
    unit, factor = ("MiB", 2.0**-20) if row.get("unit") == "bytes" else ("ms", 1e3)
    lines = [title, f"  {'engine':<21}{f'median {unit}':>11}{f'min {unit}':>10}{'x native':>10}"]
    for engine, median in row["median"].items():
        ratio = f"{median / row['median']['native']:>10.2f}" if "native" in row["median"] else ""
        least = factor * row["min"][engine]
        lines.append(f"  {engine:<21}{factor * median:>11.2f}{least:>10.2f}{ratio:>10}  {versions.get(engine, '')}")
    if row.get("others", 0.0) > DISTURBED:
        lines.append(f"  disturbed: others kept {row['others']:.1f} processors busy")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=NETS, default=list(DIGITS), help="default: those for digits")
    parser.add_argument(
        "--engines", nargs="+", choices=ENGINES, help="default: ours and torch; for digits the reference"
    )
    parser.add_argument("--batch", nargs="+", type=int, help="default: each network's own; 1 and 16 with --inference")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7, help="turns of about a second for each engine")
    parser.add_argument("--isa", choices=("baseline", "avx2", "avx512"), help="avx2 holds torch to AVX2 as well")
    parser.add_argument("--inference", action="store_true", help="outputs in evaluation mode in place of steps")
    parser.add_argument("--memory", action="store_true", help="the peak memory of a step too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the rows there, as compare.py does")
    options = parser.parse_args()
    if options.memory and options.inference:
        parser.error("--memory is that of steps: leave out --inference")
    isa, commit = options.isa or machine.active_isa(), machine.commit()
    records = Records(options.json)
    for model in options.models:
        names = options.engines or ["native", *(["reference"] if model in DIGITS else [])]
        if options.engines is None and has_torch():
            names += ["torch", "torch-channels-last"]
        with Engines(names, options.threads, options.isa) as engines:
            for case in cases(model, options.batch, options.inference, options.memory):
                if case.family == "memory":
                    row = peak_memory(case, engines)
                else:
                    row = in_turns(case, engines, options.rounds, 0.0, 1.0)
                if "faults" in row:
                    raise SystemExit(f"steps: {model}: {row['faults']}")
                records.put(row_key(case, isa, options.threads), row | {"commit": commit})
                title = f"{model}, {case.family}, batch {case.n}, {options.threads} threads"
                print(table(title, row, engines.versions), flush=True)


if __name__ == "__main__":
    main()
