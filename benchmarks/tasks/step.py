"""Whole training steps: forward, loss, backward and Adam."""

from __future__ import annotations

from typing import Any

import tatamikomi as tk
from benchmarks.cases import Case
from benchmarks.tasks.task import OURS, Call, Task
from benchmarks.training_step import Probe, agree, build


class TrainingStep(Task):
    tape = True

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.probe: Probe | None = None

    def calls(self, engine: str) -> dict[str, Call]:
        if engine not in OURS and not engine.startswith("torch"):
            return {}
        step = build(engine, self.case.model, self.case.n)
        self.probe = step.probe()
        return {engine: step.run}

    def check(self, _: Any) -> None:
        """Loss and gradient of the fresh network against the reference's."""
        with tk.backend("reference"):
            expected = build("reference", self.case.model, self.case.n).probe()
        assert self.probe is not None
        assert agree(self.probe, expected, self.case.model), f"{self.probe}, expected {expected}"
