"""Every example in the installed package's docstrings runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tatamikomi as tk

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Modules whose examples use a package that only an extra brings.
NEEDS = {
    "tatamikomi.data.images": "PIL",
    "tatamikomi.data.nifti": "nibabel",
    "tatamikomi.data.packaged.digits": "sklearn",
    "tatamikomi.data.packaged.lfw_faces": "skimage",
    "tatamikomi.data.packaged.picture": "skimage",
    "tatamikomi.data.packaged.trace": "tslearn",
    "tatamikomi.data.brain": "nilearn",
}
NAMES = ["tatamikomi", *(info.name for info in pkgutil.walk_packages(tk.__path__, "tatamikomi."))]


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in NAMES:
        if name.endswith(("._native", ".__main__")):
            continue
        module = importlib.import_module(name)
        for test in finder.find(module, name):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.fixture(autouse=True)
def _default_generator():
    """Examples may seed it; others must not notice."""
    state = tk.default_generator().state()
    yield
    tk.default_generator().set_state(state)


@pytest.mark.parametrize("example", list(examples()))
def test_example(example, tmp_path, monkeypatch):
    for place, package in NEEDS.items():
        if f"{example.name}.".startswith(f"{place}."):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)
    assert runner.tries > 0
