"""Engine against engine: each case of shapes/*.toml, in every direction, as ratios of medians from one run.

    python -m benchmarks.compare --quick --group wide3x3
    python -m benchmarks.compare --layers 'resnet50.*3x3' --directions forward --threads 1 --isa avx2
    python -m benchmarks.compare --json FILE --missing --budget 40      # again until the exit code is 0

Each engine lives in a process of its own and serves case after case: it draws the same numbers as the others, checks
what it computes against float64, then takes its turns while the others are stopped. A ratio is another engine's
median over ours: above 1, ours is faster.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.cases import Case, every
from benchmarks.engines import COMPARED, PEERS, has, installed
from benchmarks.groups import GROUPS, group_of
from benchmarks.measure import Engines, in_turns, peak_memory
from benchmarks.records import DISTURBED, Records, row_key
from benchmarks.table import better, nchw, ours, summary

FULL = (7, 1.0, 0.010)  # turns, seconds of a row where calls are short enough, least seconds of a turn
QUICK = (3, 0.3, 0.005)


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for."""
    cases = []
    for case in every():
        if options.group and group_of(case) not in options.group:
            continue
        if options.directions and case.direction not in options.directions:
            continue
        if options.batch and case.n not in options.batch:
            continue
        if options.layers and not any(re.search(options.layers, key) for key in (case.key, *case.also)):
            continue
        cases.append(case)
    return cases


def line(case: Case, row: dict[str, Any]) -> str:
    """What a row says on the screen."""
    values = row["median"]
    if row.get("unit") == "bytes":
        shown = " ".join(f"{entry} {value / 2**20:.1f} MiB" for entry, value in values.items())
    else:
        shown = " ".join(f"{entry} {1e3 * value:.4g} ms" for entry, value in values.items())
    mine, best, plain = ours(row), better(row), nchw(row)
    ratios = f"x{best / mine:.2f} xN{plain / mine:.2f}" if mine and best and plain else "-"
    share = f" {100 * row['peak_share']:.0f}%" if "peak_share" in row else ""
    share += f" {row['algorithm']}" if "algorithm" in row else ""
    share += f" DISTURBED by {row['others']:.1f} processors" if row.get("others", 0.0) > DISTURBED else ""
    faults = "".join(f"  {name}: {fault}" for name, fault in row.get("faults", {}).items())
    return f"{case.key:<58} {ratios:<15} {shown}{share}{faults}"


def rates(row: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """GFLOP/s or GB/s of our best entry, and its share of what the machine was measured to do."""
    mine = ours(row)
    if not mine or row.get("unit") == "bytes":
        return {}
    found: dict[str, Any] = {}
    if row.get("flops"):
        found["gflops"] = row["flops"] / mine / 1e9
        if measured:
            found["peak_share"] = found["gflops"] / measured["gflops"]
    if row.get("moved"):
        found["gbytes"] = row["moved"] / mine / 1e9
    return found


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", nargs="+", choices=list(GROUPS), help="default: all")
    parser.add_argument(
        "--layers", metavar="PATTERN", help="regular expression found in family/model.layer/bN/direction"
    )
    parser.add_argument("--directions", nargs="+", metavar="NAME", help="forward, backward_input, backward_weight, ...")
    parser.add_argument("--batch", nargs="+", type=int)
    parser.add_argument(
        "--engines", nargs="+", choices=list(COMPARED), help="default: native, and torch and NumPy where installed"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--isa", choices=("baseline", "avx2", "avx512"), help="avx2 holds the others to AVX2 as well")
    parser.add_argument("--quick", action="store_true", help="3 short turns instead of 7: a first look")
    parser.add_argument("--json", metavar="FILE", type=Path, help="put the rows into FILE, beside or over those there")
    parser.add_argument("--missing", action="store_true", help="only rows that FILE lacks: of this commit, undisturbed")
    parser.add_argument(
        "--budget", type=float, metavar="SECONDS", help="begin no row after this; exit code 3 if some remain"
    )
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    began = time.monotonic()
    cases = chosen(options)
    if not cases:
        raise SystemExit("compare: no such case; those of whole networks are with benchmarks.steps")
    if options.list:
        print("\n".join(f"{group_of(case):<18} {case.key}" for case in cases))
        return 0
    isa = options.isa or machine.active_isa()
    records = Records(options.json)
    commit = machine.commit()
    if options.missing:
        cases = [one for one in cases if not records.has(row_key(one, isa, options.threads), commit)]
    measured = records.machine(isa, options.threads) or machine.measure(isa, options.threads)
    records.keep_machine(isa, options.threads, measured)
    names = options.engines or installed()
    absent = [name for name in names if not has(name)]
    if absent:
        raise SystemExit(f"compare: not installed: {', '.join(absent)}")
    if options.isa and options.isa != machine.active_isa() and any(name in PEERS for name in names):
        raise SystemExit(f"compare: {', '.join(PEERS)} cannot be held to {options.isa}")
    rows: list[dict[str, Any]] = []
    with Engines(names, options.threads, options.isa) as engines:
        for i, case in enumerate(cases):
            if options.budget and time.monotonic() - began > options.budget:
                print(f"{len(cases) - i} rows remain", file=sys.stderr)
                return 3
            if case.family == "memory":
                row = peak_memory(case, engines)
            else:
                row = in_turns(case, engines, *(QUICK if options.quick else FULL))
            row |= {"commit": commit} | rates(row, measured)
            rows.append(row)
            records.put(row_key(case, isa, options.threads), row)
            print(line(case, row), flush=True)
    print(f"\n{isa}, {options.threads} threads\n{summary(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
