"""Recipes: options of `tatamikomi train` that reach a figure, each the TOML file of its name beside this one.

The comments above the options tell what it reaches. The table `quick` holds what differs for a look in seconds.
"""

from __future__ import annotations

import os
from typing import Any

from tatamikomi.cli import configuration, toml_files
from tatamikomi.cli.options import unknown_option

_FOLDER = os.path.dirname(__file__)


def names() -> list[str]:
    """Those that there are.

    >>> from tatamikomi.cli import cookbook
    >>> cookbook.names()
    ['brain', 'brain-cubes', 'digits', 'faces', 'fashion-mnist', 'gunpoint', 'moving-digits']
    """
    return sorted(file.removesuffix(".toml") for file in os.listdir(_FOLDER) if file.endswith(".toml"))


def summary(name: str) -> str:
    """What a recipe says of itself.

    >>> from tatamikomi.cli import cookbook
    >>> cookbook.summary("digits")
    '5,000 MNIST digits: ...
    """
    with open(_path(name), encoding="utf-8") as file:
        return " ".join(line[1:].strip() for line in file if line.startswith("#"))


def read(name: str, quick: bool = False) -> dict[str, Any]:
    """The options of a recipe, its name among them.

    Raises:
        ValueError: an unknown name; the message lists the valid ones.
        ImportError: before Python 3.11, without tomli.
    """
    if name not in names():
        raise unknown_option("--recipe", name, [*names(), "list"])
    values = toml_files.load(_path(name), "--recipe")
    changes = values.pop("quick")
    options = {**values, **(changes if quick else {}), "recipe": name}
    return toml_files.checked(_path(name), options, configuration.types(), "--recipe")


def _path(name: str) -> str:
    return os.path.join(_FOLDER, f"{name}.toml")
