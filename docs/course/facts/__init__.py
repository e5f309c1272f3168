"""Every number of the course's pages: one small function each, without arguments, in a file per topic.

A fact gives plain numbers, strings, or lists of them, rounded to what a page shows.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any


def _collect() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ == loaded.__name__ and not name.startswith("_"):
                if name in found:
                    raise ValueError(f"two facts are called {name}")
                found[name] = function
    return found


FACTS = _collect()


@functools.cache
def value(name: str) -> Any:
    """What a fact gives, computed once."""
    if name not in FACTS:
        raise ValueError(f"no fact is called {name}")
    return FACTS[name]()
