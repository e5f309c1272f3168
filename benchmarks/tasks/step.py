"""Whole training steps: forward, loss, backward and Adam."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.engines import has_torch
from benchmarks.nets import NETS
from benchmarks.processes import ROOT
from benchmarks.tasks.task import OURS, Call, Task
from benchmarks.training_step import Probe, agree, build

QUICK = 1000  # numbers in a sample, up to which the reference takes the step too


class TrainingStep(Task):
    tape = True

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.engine = ""
        self.probe: Probe | None = None

    def calls(self, engine: str) -> dict[str, Call]:
        if engine not in OURS and not engine.startswith("torch"):
            return {}
        self.engine = engine
        step = build(engine, self.case.model, self.case.n)
        self.probe = step.probe()
        return {engine: step.run}

    def check(self, _: Any) -> None:
        """Loss and gradient of the fresh network against another's: the reference's where that is quick, else ours
        against torch's and torch's against ours."""
        expected = self._expected()
        assert self.probe is not None
        assert agree(self.probe, expected, self.case.model), f"{self.probe}, expected {expected}"

    def _expected(self) -> Probe:
        name, n = self.case.model, self.case.n
        if math.prod(NETS[name].x) <= QUICK or not has_torch():
            with tk.backend("reference"):
                return build("reference", name, n).probe()
        other = "torch" if self.engine in OURS else "native"
        command = [sys.executable, "-m", "benchmarks.training_step", other, name, str(n)]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return Probe(*json.loads(done.stdout))
