"""Whole training steps, batch 100: forward, loss, backward and optimizer."""

from __future__ import annotations

from typing import Any

import pytest

import tatamikomi as tk
from benchmarks.training_step import MODELS, agree, build


@pytest.mark.parametrize("name", MODELS)
def test_step(name: str, engine: str, measure: Any) -> None:
    with tk.backend("reference"):
        expected = build("reference", name, 100).probe()
    step = build(engine, name, 100)

    def check(_: Any) -> None:
        probe = build(engine, name, 100).probe()
        assert agree(probe, expected, name), f"{probe}, expected {expected}"

    measure(f"{name} step", step.run, check=check)
