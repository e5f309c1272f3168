"""Cases of small networks under pytest-benchmark: engines in one process, for looking at one of them closely."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest

from benchmarks import machine
from benchmarks.cases import Case, every
from benchmarks.engines import using
from benchmarks.tasks import TASKS, task_of


def affordable(case: Case) -> bool:
    """With NumPy among the engines: the digits' networks, and one image in ResNet-18."""
    if case.family not in TASKS:
        return False
    return case.model in ("calls", "deep_convnet", "lenet5") or (case.model == "resnet18" and case.n == 1)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return machine.describe()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.key) for case in every() if affordable(case)])
def test_case(case: Case, engine: str, threads: int, benchmark: Any, described: dict[str, Any]) -> None:
    """The first result is checked, then the call is timed."""
    task = task_of(case)
    grad_mode: Any = contextlib.nullcontext()
    if engine == "torch" and not task.tape:
        import torch

        grad_mode = torch.inference_mode()
    benchmark.group = f"{case.family} {case.direction}"
    try:
        with using(engine, threads), grad_mode:
            call = task.calls(engine)[engine]
            task.check(call())
            load = os.getloadavg()[0]
            benchmark(call)
    except LookupError as reason:
        pytest.skip(str(reason))
    info = {**described, "engine": engine, "threads": threads, "load": round(load, 2)}
    if benchmark.stats is not None:
        median = benchmark.stats.stats.median
        info |= {"gflops": round(task.flops / median / 1e9, 2)} if task.flops else {}
        info |= {"gbytes_per_s": round(task.moved / median / 1e9, 2)} if task.moved else {}
    benchmark.extra_info.update(info)
