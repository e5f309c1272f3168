"""Training steps of deep_convnet and LeNet-5, engine against engine, in turns of a second.

    python -m benchmarks.steps [--models NAME ...] [--engines NAME ...] [--batch 100] [--threads 2] [--isa avx2]

The same measurement as compare.py makes (one process per engine, only one of them running), at any batch size and with
the reference among the engines. First all must agree with the reference on the loss and on the size of the gradient.
Prints a table and a JSON object; writes nothing, unless --json names a file.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.cases import Case
from benchmarks.engines import has_torch
from benchmarks.measure import Engines, in_turns
from benchmarks.training_step import MODELS

ENGINES = ("native", "reference", "torch", "torch-channels-last")


def table(model: str, row: dict[str, Any], versions: dict[str, str]) -> str:
    """One line per engine."""
    lines = [f"{model}", f"  {'engine':<21}{'median ms':>11}{'min ms':>10}{'x native':>10}"]
    for engine, median in row["median"].items():
        ratio = f"{median / row['median']['native']:>10.2f}" if "native" in row["median"] else ""
        lines.append(
            f"  {engine:<21}{1e3 * median:>11.2f}{1e3 * row['min'][engine]:>10.2f}{ratio:>10}  {versions[engine]}"
        )
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
    options = parser.parse_args()
    names = options.engines or [engine for engine in ENGINES if has_torch() or not engine.startswith("torch")]
    results = {}
    with Engines(names, options.threads, options.isa) as engines:
        for model in options.models:
            case = Case("step", model, "step", options.batch, "step", {})
            row = in_turns(case, engines, options.rounds, 0.0, 1.0)
            if "faults" in row:
                raise SystemExit(f"steps: {model}: {row['faults']}")
            results[f"{model}, batch {options.batch}, {options.threads} threads"] = row
            print(table(list(results)[-1], row, engines.versions), flush=True)
    text = json.dumps({"machine": machine.describe(), "results": results}, indent=2)
    print(text)
    if options.json:
        Path(options.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
