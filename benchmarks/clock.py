"""Timing a call for a turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

SHORTEST = 2e-5  # seconds of one reading: shorter calls are timed several at a time
WARM = 0.02  # calls up to so many seconds are run once untimed when their turn begins


class Turn(NamedTuple):
    """Seconds of one call."""

    median: float
    least: float
    calls: int
    used: float  # processor seconds of the whole turn, all threads


def turn(call: Callable[[], Any], seconds: float, expected: float) -> Turn:
    """Time `call` for so long, once at least; `expected` is about what it takes."""
    began = time.process_time()
    inner = max(1, round(SHORTEST / max(expected, 1e-9)))
    if expected < WARM:
        call()  # caches are cold after the others' turns
    samples: list[float] = []
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while not samples or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(inner):
                call()
            samples.append((time.perf_counter() - start) / inner)
    finally:
        gc.enable()
    used = time.process_time() - began
    return Turn(statistics.median(samples), min(samples), inner * len(samples), used)


def estimate(call: Callable[[], Any]) -> float:
    """Seconds of a warm call, roughly."""
    call()
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        if best > WARM:
            break
    return best
