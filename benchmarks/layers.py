"""Shapes out of benchmarks/shapes/*.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest there


def layers(family: str) -> pytest.MarkDecorator:
    """Parametrise a benchmark with `layer`: each [[layer]] of shapes/<family>.toml, by name."""
    with open(Path(__file__).parent / "shapes" / f"{family}.toml", "rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["layer"]
    return pytest.mark.parametrize("layer", [pytest.param(one, id=one["name"]) for one in found])
