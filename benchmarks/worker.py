"""One engine's process: python -m benchmarks.worker ENGINE THREADS. It prepares a case, checks it, and takes turns."""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import Any

from benchmarks import clock
from benchmarks.cases import Case
from benchmarks.processes import serve


class Worker:
    """Holds one case at a time, so that one process serves many."""

    def __init__(self, engine: str, threads: int) -> None:
        self.engine = engine
        self.calls: dict[str, Any] = {}
        self.expected: dict[str, float] = {}
        self.grad_mode: Any = contextlib.nullcontext
        import tatamikomi as tk

        if engine.startswith("torch"):
            import torch

            torch.set_num_threads(threads)
            self.version = f"torch {torch.__version__}"
        elif engine in ("native", "reference"):
            tk.set_backend(engine)
            self.version = f"tatamikomi {tk.__version__}, {tk.kernels.config()['isa']}"
        else:
            import importlib.metadata

            self.version = f"{engine} {importlib.metadata.version(engine.lower())}"

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """{"prepare": case} -> entries or why there are none; {"entry": name, "seconds": s} -> a turn."""
        if "prepare" in question:
            return self.prepare(Case(**question["prepare"]))
        with self.grad_mode():
            entry = question["entry"]
            return clock.turn(self.calls[entry], question["seconds"], self.expected[entry])._asdict()

    def prepare(self, case: Case) -> dict[str, Any]:
        """Build the calls, check the first result of each, look how long each takes."""
        from benchmarks.tasks import task_of

        self.free()
        try:
            task = task_of(case)
            if self.engine.startswith("torch") and not task.tape:
                import torch

                self.grad_mode = torch.inference_mode
            with self.grad_mode():
                self.calls = task.calls(self.engine)
                for entry, call in self.calls.items():
                    task.check(call())
                    self.expected[entry] = clock.estimate(call)
        except LookupError as reason:
            self.free()
            return {"entries": {}, "why": str(reason)}
        except Exception as fault:  # of whatever kind: the table tells, and the others go on
            self.free()
            return {"entries": {}, "fault": f"{type(fault).__name__}: {fault}"}
        told = {"flops": task.flops, "moved": task.moved, "algorithm": task.algorithm(self.engine)}
        return {"entries": dict(self.expected), **{name: value for name, value in told.items() if value}}

    def free(self) -> None:
        import tatamikomi as tk

        self.calls, self.expected, self.grad_mode = {}, {}, contextlib.nullcontext
        gc.collect()
        tk.empty_cache()


def main() -> None:
    worker = Worker(sys.argv[1], int(sys.argv[2]))
    serve({"version": worker.version}, worker.answer)


if __name__ == "__main__":
    main()
