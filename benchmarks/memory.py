"""Peak memory of training steps: python -m benchmarks.memory ENGINE MODEL [BATCH] prints bytes.

That is the peak of the resident set over three steps, less what was resident before the first. Memory that was freed
while the network was built goes back to the system before: it would be used again without being counted.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT

STEPS = 3


def peak(engine: str, model: str, batch: int, environment: dict[str, str]) -> int | None:
    """Of a fresh process; None: the engine trains no networks."""
    if engine not in ("native", "reference") and not engine.startswith("torch"):
        return None
    command = [sys.executable, "-m", "benchmarks.memory", engine, model, str(batch)]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return int(json.loads(done.stdout))


def status(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, field
    return 1024 * int(found[1])


def main() -> None:
    from benchmarks.nets import NETS
    from benchmarks.training_step import build

    engine, model, *rest = sys.argv[1:]
    batch = int(rest[0]) if rest else NETS[model].batch
    if not engine.startswith("torch"):
        import tatamikomi as tk

        tk.set_backend(engine)
    step = build(engine, model, batch)
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = status("VmRSS")
    for _ in range(STEPS):
        step.run()
    print(status("VmHWM") - before)


if __name__ == "__main__":
    main()
