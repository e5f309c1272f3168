"""`import tatamikomi` beside `import numpy`, as whole processes: python benchmarks/import_time.py [--runs 20].

The two alternate, so that what else the machine does meets both alike; medians are compared. Processor seconds (user
and system) beside the wall time tell whether a ratio is the machine's doing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

LIMIT = 2.5  # times NumPy's own import, in wall time
STATEMENTS = ("import numpy", "import tatamikomi")


def seconds(statement: str) -> tuple[float, float]:
    """Wall and processor seconds of one fresh interpreter."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, used


def measure(runs: int) -> dict[str, tuple[float, float]]:
    """Medians of wall and processor seconds by statement, after a run of each that fills the caches."""
    for statement in STATEMENTS:
        seconds(statement)
    samples: dict[str, list[tuple[float, float]]] = {statement: [] for statement in STATEMENTS}
    for _ in range(runs):
        for statement in STATEMENTS:
            samples[statement].append(seconds(statement))
    return {
        statement: (statistics.median(wall for wall, _ in taken), statistics.median(used for _, used in taken))
        for statement, taken in samples.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="What importing tatamikomi costs beside importing NumPy.")
    parser.add_argument("--runs", type=int, default=20, help="interpreters started per statement; default: 20")
    medians = measure(parser.parse_args().runs)
    for statement, (wall, used) in medians.items():
        print(f"{statement:<18} {1e3 * wall:7.1f} ms wall, {1e3 * used:7.1f} ms of processor time")
    (numpy_wall, numpy_used), (own_wall, own_used) = (medians[statement] for statement in STATEMENTS)
    ratio, used_ratio = own_wall / numpy_wall, own_used / numpy_used
    print(f"ratio: {ratio:.2f} in wall time (limit {LIMIT}), {used_ratio:.2f} in processor time")
    return int(ratio >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
