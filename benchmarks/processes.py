"""Engines in processes of their own, of which only one runs at a time.

Inside one process, engines disturb each other: a thread pool that still spins takes a core from the next. So each
lives in a process, answers one line of JSON with another, and is stopped (SIGSTOP), threads that spin included, until
it is asked again.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1


def environment(threads: int, isa: str | None) -> dict[str, str]:
    """That of a child which computes on so many threads; isa holds every engine to one instruction set."""
    found = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    found.update({name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
    if isa:
        found["TATAMIKOMI_ISA"] = isa
        if isa == "avx2":
            found.update(ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2", OPENBLAS_CORETYPE="Haswell")
    return found


class ChildEndedError(Exception):
    """The process is gone: killed, crashed or out of memory."""


class Runner:
    """One engine in a process of its own, stopped except while it answers."""

    def __init__(self, engine: str, module: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", module, *arguments]
        pipe = subprocess.PIPE
        self.engine, self.stopped = engine, False
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT)
        self.hello = self._answer()
        self._stop()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ChildEndedError(f"the process of {self.engine} ended with code {self.process.wait()}")
        return json.loads(line)

    def _stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # returns once it has stopped
        self.stopped = True

    def ask(self, question: Any) -> Any:
        """Let the process run until it has answered.

        Raises:
            ChildEndedError: it ended instead.
        """
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer tells
        answer = self._answer()
        self._stop()
        return answer

    def close(self) -> None:
        if self.stopped:
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def serve(hello: Any, answer: Callable[[Any], Any]) -> None:
    """The other end: says hello, then answers line by line. What libraries print goes to the error stream."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a stopped process does not outlive its parent
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)
        print(json.dumps(hello), file=channel, flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=channel, flush=True)
