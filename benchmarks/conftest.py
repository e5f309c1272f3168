"""`pytest benchmarks --benchmark-only` measures; an ordinary `pytest` does not come here (testpaths)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import machine
from benchmarks.engines import ENGINES, THREADS, has_torch, using


def pytest_configure(config: pytest.Config) -> None:
    # The project's own options switch benchmarks off; asking for them on the command line wins.
    if getattr(config.option, "benchmark_only", False):
        config.option.benchmark_disable = False


@pytest.fixture(scope="session")
def described() -> dict[str, Any]:
    return machine.describe()


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


@pytest.fixture
def measure(benchmark: Any, engine: str, threads: int, described: dict[str, Any]) -> Callable[..., None]:
    """measure(group, function, flops=, moved=, check=): check the result, then time the function.

    flops are useful floating-point operations, moved the bytes that must be read and written at least. check gets
    what the function returns and raises where it is wrong.
    """

    def run(
        group: str,
        function: Callable[[], Any],
        *,
        flops: float = 0.0,
        moved: float = 0.0,
        check: Callable[[Any], None],
    ) -> None:
        benchmark.group = group
        try:
            with using(engine, threads):
                check(function())
                load = os.getloadavg()[0]
                benchmark(function)
        except LookupError as error:
            pytest.skip(str(error))
        info = {**described, "engine": engine, "threads": threads, "load": round(load, 2)}
        if benchmark.stats is not None:
            median = benchmark.stats.stats.median
            info |= {"gflops": round(flops / median / 1e9, 2)} if flops else {}
            info |= {"gbytes_per_s": round(moved / median / 1e9, 2)} if moved else {}
        benchmark.extra_info.update(info)

    return run


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    """draw(*shape): normal numbers in float32, the same in every run."""
    random = np.random.default_rng(1)
    return lambda *shape: random.standard_normal(shape, dtype=np.float32)
