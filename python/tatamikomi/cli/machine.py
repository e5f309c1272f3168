"""Backend and threads as the command line sets them, and what a run notes of the machine."""

from __future__ import annotations

import argparse
from typing import Any

from tatamikomi.cli.options import bad_option, unknown_option

BACKENDS = ("native", "reference")
MOST_THREADS = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--backend and --threads."""
    parser.add_argument("--backend", metavar="NAME", help="native (C++) or reference (NumPy); default: native")
    parser.add_argument("--threads", type=int, metavar="N", help="default: OMP_NUM_THREADS, or all processors")


def use(backend: str, threads: int | None) -> None:
    """Set both for the whole process.

    Raises:
        ValueError: an unknown backend or an impossible number of threads.
    """
    from tatamikomi import kernels

    if backend not in BACKENDS:
        raise unknown_option("--backend", backend, BACKENDS)
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise bad_option("--threads", threads, f"1 to {MOST_THREADS}")
    kernels.set_backend(backend)
    if threads is not None:
        kernels.set_num_threads(threads)


def describe() -> dict[str, Any]:
    """Versions, instruction set, threads and backend, for history.json."""
    from tatamikomi import kernels

    found = kernels.config()
    versions = {name: found[name] for name in ("tatamikomi", "python", "numpy", "compiler")}
    return {
        "versions": versions,
        "platform": found["platform"],
        "isa": found["isa"],
        "threads": found["threads"],
        "backend": found["backend"],
    }
