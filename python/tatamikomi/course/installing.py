"""The modules of the lessons under the names by which unchanged scripts import them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType

from tatamikomi.errors import bad_value

_ROOM = "tatamikomi.course"
_COMMON = (
    "functions",
    "gradient",
    "layers",
    "multi_layer_net",
    "multi_layer_net_extend",
    "optimizer",
    "trainer",
    "util",
)
_CHAPTERS = ("deep_convnet", "double_convnet", "simple_convnet", "two_layer_net")
_installed: dict[str, ModuleType | None] = {}  # name -> what sys.modules held before


def install(name: str = "common", *, shadow: bool = False) -> list[str]:
    """Let `from common.layers import ...`, `from dataset.mnist import load_mnist` and their kin find this package.

    Enters into sys.modules: `name` with its modules functions, gradient, layers, multi_layer_net,
    multi_layer_net_extend, optimizer, trainer and util; dataset.mnist; and the networks as simple_convnet,
    double_convnet, deep_convnet and two_layer_net. Of these four, those that lie on sys.path (a script's own) are left
    alone; they will find our layers.

    Args:
        name: the package whose modules are meant.
        shadow: hide packages and modules of these names that really are importable.

    Returns:
        The names entered.

    Raises:
        ValueError: `name` or dataset is really importable, and shadow is False; nothing has been entered then.

    >>> from tatamikomi import course
    >>> names = course.install("lessons")
    >>> from lessons.layers import Relu
    >>> Relu is course.layers.Relu
    True
    >>> course.uninstall()
    """
    uninstall()
    importlib.invalidate_caches()
    taken = {one: place for one in (name, "dataset", *_CHAPTERS) if (place := _importable(one)) is not None}
    if not shadow:
        for one in (name, "dataset"):
            if one in taken:
                raise bad_value("install", "name", f"{one!r}, which is {taken[one]}", "a free name, or shadow=True")
    modules = {f"{name}.{part}": importlib.import_module(f"{_ROOM}.{part}") for part in _COMMON}
    modules["dataset.mnist"] = importlib.import_module(f"{_ROOM}.dataset")
    networks = importlib.import_module(f"{_ROOM}.networks")
    modules.update({one: networks for one in _CHAPTERS if shadow or one not in taken})
    for package in (name, "dataset"):
        modules[package] = _package(package, modules)
    for one, module in modules.items():
        _installed[one] = sys.modules.get(one)
        sys.modules[one] = module
    return sorted(modules)


def uninstall() -> None:
    """Take back what install has entered; sys.modules is as it was.

    >>> from tatamikomi import course
    >>> course.uninstall()
    """
    for name, before in _installed.items():
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before
    _installed.clear()


def _package(name: str, modules: dict[str, ModuleType]) -> ModuleType:
    """A package of nothing but these modules."""
    package = ModuleType(name, f"Modules of {_ROOM}.")
    package.__path__ = []
    for one, module in modules.items():
        parent, _, child = one.rpartition(".")
        if parent == name:
            setattr(package, child, module)
    return package


def _importable(name: str) -> str | None:
    """Where a module of this name comes from, None where there is none; a folder without Python files is none."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) or "imported already"
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    if spec.origin is None:
        folders = [place for place in spec.submodule_search_locations or () if os.path.isdir(place)]
        return next((place for place in folders if any(file.endswith(".py") for file in os.listdir(place))), None)
    return spec.origin
