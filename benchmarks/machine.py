"""What stands beside every figure: the commit, the instruction set, threads, the load of the machine, and what it can
do at most: python -m benchmarks.machine prints its FMA peak and bandwidths per instruction set and number of threads.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import tatamikomi as tk


def commit() -> str:
    """The commit of this tree, with a + when files differ from it; "unknown" outside a repository."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    """The processor's name as Linux tells it, and its family and model: that of a guest may be a maker's alone."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines())
    told = {name.strip(): value.strip() for name, _, value in lines}
    if "model name" not in told:
        return platform.processor()
    numbers = [f"{what} {told[key]}" for what, key in (("family", "cpu family"), ("model", "model")) if key in told]
    return told["model name"] + (f" ({', '.join(numbers)})" if numbers else "")


def busy() -> float:
    """Processor seconds that all processes together have used since the machine began."""
    user, nice, system = Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, Any]:
    """All of it, as JSON holds it."""
    config = tk.kernels.config()
    return {
        "commit": commit(),
        "isa": config["isa"],
        "compiler": config["compiler"],
        "numpy": config["numpy"],
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
    }


def active_isa() -> str:
    """The instruction set of float32's kernels: AVX512_BF16 adds some for bfloat16 to those of AVX-512."""
    return str(tk.kernels.config()["isa"]).removesuffix("_bf16")


# As cpp/kernels/CMakeLists.txt compiles them: the vector's bytes and the flags.
ISAS = {
    "baseline": (16, ["-march=x86-64"]),
    "avx2": (32, ["-march=x86-64-v3"]),
    "avx512": (64, ["-march=x86-64-v4", "-mprefer-vector-width=512"]),
}


def measure(isa: str, threads: int) -> dict[str, Any]:
    """GFLOP/s of multiply-adds; GB/s of reading, copying, copying past the cache and a triad; GB/s of first touch.

    A few lines of C++, compiled here and now (CXX, else c++): in the extension module they would be a kernel that
    nothing computes with, in Python they would measure Python. About a second. Without a compiler: empty.
    """
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        return {}
    vector, flags = ISAS[isa]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "machine"
        source = Path(__file__).with_suffix(".cpp")
        command = [compiler, "-std=c++17", "-O3", "-ffp-contract=fast", "-fopenmp", f"-DTK_VECTOR={vector}", *flags]
        subprocess.run([*command, str(source), "-o", str(program)], check=True)
        found = subprocess.run([str(program), str(threads)], check=True, capture_output=True, text=True).stdout
    return {"processor": processor(), "threads": threads, **json.loads(found)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine", description="What this machine can do.")
    parser.add_argument("--isa", nargs="+", choices=list(ISAS), help="default: all that it runs")
    parser.add_argument("--threads", nargs="+", type=int, default=list(range(1, len(os.sched_getaffinity(0)) + 1)))
    options = parser.parse_args()
    runs = [name for name, _, supported in tk._native.isas() if supported]
    for isa in options.isa or [name for name in ISAS if name in runs]:
        for threads in options.threads:
            print(json.dumps({"isa": isa, **measure(isa, threads)}))


if __name__ == "__main__":
    main()
