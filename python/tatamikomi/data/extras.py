"""Packages that only some readers need: imported when they are used, asked for by name when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from tatamikomi.errors import missing_extra


def extra_module(module: str, feature: str, package: str, extra: str) -> Any:
    """Import a module of an optional package.

    Args:
        module: its dotted name.
        feature: what needs it, as the message puts it.
        package: the package as pip calls it.
        extra: the extra of tatamikomi that brings it.

    Raises:
        ImportError: the package is not installed; the message names the extra. An installed package that is broken
            speaks for itself.

    >>> from tatamikomi.data.extras import extra_module
    >>> extra_module("no_such_package.part", "ImageFolder", "no-such-package", "images")
    Traceback (most recent call last):
    ...
    ImportError: ImageFolder needs no-such-package: pip install 'tatamikomi[images]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise missing_extra(feature, package, extra) from None


def extra_folder(module: str, feature: str, package: str, extra: str) -> str:
    """The folder of an optional package that is installed, which is not imported: only its data files are wanted.

    Raises:
        ImportError: the package is not installed; the message names the extra.

    >>> import os
    >>> from tatamikomi.data.extras import extra_folder
    >>> os.path.basename(extra_folder("numpy", "the example", "numpy", "none"))
    'numpy'
    """
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # an entry None in sys.modules
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(feature, package, extra)
    return os.fspath(next(iter(spec.submodule_search_locations)))


def extra_file(module: str, feature: str, package: str, extra: str, place: str) -> str:
    """A file of an optional package, `place` being its path within the package, with slashes.

    Raises:
        ImportError: the package is not installed; the message names the extra.
        FileNotFoundError: the package is there, the file is not.

    >>> import os
    >>> from tatamikomi.data.extras import extra_file
    >>> os.path.basename(extra_file("numpy", "the example", "numpy", "none", "version.py"))
    'version.py'
    """
    path = os.path.join(extra_folder(module, feature, package, extra), *place.split("/"))
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{feature}: {package} is installed, but has no file {path}")
    return path
