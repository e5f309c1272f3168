"""One row: a case on several engines, in turns."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from benchmarks import machine, memory
from benchmarks.cases import Case
from benchmarks.engines import takes_part
from benchmarks.groups import group_of
from benchmarks.processes import ChildEndedError, Runner, environment

STEADY = 1.25  # turns whose median is farther than so from the shortest were disturbed: as many are taken again


class Engines:
    """The processes, begun when first needed and again where one has ended."""

    def __init__(self, names: list[str], threads: int, isa: str | None) -> None:
        self.names, self.threads, self.environment = names, threads, environment(threads, isa)
        self.versions: dict[str, str] = {}
        self._runners: dict[str, Runner] = {}

    def ask(self, name: str, question: dict[str, Any]) -> Any:
        """Let one engine answer, see worker.py.

        Raises:
            ChildEndedError: its process ended instead.
        """
        if name not in self._runners:
            arguments = (name, str(self.threads))
            self._runners[name] = Runner(name, "benchmarks.worker", arguments, self.environment)
            self.versions[name] = self._runners[name].hello["version"]
        try:
            return self._runners[name].ask(question)
        except ChildEndedError:
            self._runners.pop(name).close()
            raise

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self._runners.values():
            runner.close()


def _frame(case: Case) -> dict[str, Any]:
    return {"group": group_of(case), "direction": case.direction, "load": round(os.getloadavg()[0], 2)}


def in_turns(case: Case, engines: Engines, turns: int, row_seconds: float, least: float) -> dict[str, Any]:
    """Medians and minima in seconds by entry, a median being that of the turns' medians; `others`, how many processors
    other processes kept busy meanwhile.

    Args:
        turns: of each entry; half of them again where they scatter.
        row_seconds: that all turns take together, where calls are short enough.
        least: seconds of a turn.
    """
    row = _frame(case)
    entries: dict[str, str] = {}  # entry -> engine
    for name in (one for one in engines.names if takes_part(one, case)):
        try:
            reply = engines.ask(name, {"prepare": case._asdict()})
        except ChildEndedError as end:
            reply = {"entries": {}, "fault": str(end)}
        entries |= dict.fromkeys(reply["entries"], name)
        if "fault" in reply:
            row.setdefault("faults", {})[name] = reply["fault"]
        row |= {what: reply[what] for what in ("flops", "moved", "algorithm") if what in reply}
    seconds = max(least, row_seconds / (turns * max(1, len(entries))))
    taken: dict[str, list[dict[str, Any]]] = {entry: [] for entry in entries}

    def scatter() -> bool:
        medians = ([turn["median"] for turn in each] for each in taken.values())
        return any(statistics.median(one) > STEADY * min(one) for one in medians)

    began, busy = time.perf_counter(), machine.busy()
    for i in range(2 * turns):
        if i >= turns and not scatter():
            break
        for entry, name in entries.items():
            taken[entry].append(engines.ask(name, {"entry": entry, "seconds": seconds}))
        row["turns"] = i + 1
    used = sum(turn["used"] for each in taken.values() for turn in each)
    row["others"] = max(0.0, machine.busy() - busy - used) / (time.perf_counter() - began)
    row["median"] = {entry: statistics.median(turn["median"] for turn in each) for entry, each in taken.items()}
    row["min"] = {entry: min(turn["least"] for turn in each) for entry, each in taken.items()}
    return row


def peak_memory(case: Case, engines: Engines) -> dict[str, Any]:
    """The same of peak memory, in bytes: each engine in a fresh process."""
    peaks = {name: memory.peak(name, case.model, case.n, engines.environment) for name in engines.names}
    found = {name: peak for name, peak in peaks.items() if peak is not None}
    return {**_frame(case), "median": found, "min": found, "unit": "bytes", "turns": 1}
