"""What stands beside every figure: the commit, the instruction set, threads, the load of the machine."""

from __future__ import annotations

import os
import platform
import subprocess
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
    """The processor's name as Linux tells it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


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
