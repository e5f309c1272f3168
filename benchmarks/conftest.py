"""`pytest benchmarks --benchmark-only` measures; an ordinary `pytest` does not come here (testpaths)."""

from __future__ import annotations

import os

import pytest

from benchmarks.engines import ENGINES, THREADS, has_torch


def pytest_configure(config: pytest.Config) -> None:
    # The project's own options switch benchmarks off; asking for them on the command line wins.
    if getattr(config.option, "benchmark_only", False):
        config.option.benchmark_disable = False


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "torch" and not has_torch():
        pytest.skip("torch is not installed")
    return str(request.param)


@pytest.fixture(params=THREADS, ids=lambda count: f"{count}t")
def threads(request: pytest.FixtureRequest) -> int:
    if request.param > len(os.sched_getaffinity(0)):
        pytest.skip("more threads than processors")
    return int(request.param)
