"""What is installed: its files and their weight, the stub, what an import brings along."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import import_time
from tests.packaging import wheel_contents

import tatamikomi
from tatamikomi import _native

PACKAGE = Path(tatamikomi.__file__).parent
# Costly, and needed by none of the names at the top: they are imported where they are used.
LAZY = ("tqdm", "gzip", "hashlib", "concurrent", "multiprocessing", "argparse", "matplotlib", "torch", "safetensors")


def test_a_wheel_of_it_holds_what_it_should_and_is_small():
    sizes = wheel_contents.installed_sizes()
    if sizes is None:
        pytest.skip("tatamikomi is not installed, only imported")
    if not any(name.startswith("tatamikomi/_native.") and name.endswith(".so") for name in sizes):
        pytest.skip("an editable install has no files of its own")
    wheel_contents.check(sizes, sum(sizes.values()))


def test_a_missing_and_an_alien_file_are_named():
    faults = wheel_contents.faults(["tatamikomi/__init__.py", "cpp/kernels/conv.cpp"])
    assert "missing: the extension module" in faults
    assert "missing: the package" not in faults
    assert faults[-1] == "does not belong there: cpp/kernels/conv.cpp"


@pytest.mark.skipif(importlib.util.find_spec("pybind11_stubgen") is None, reason="pybind11-stubgen is not installed")
def test_the_stub_is_what_the_extension_module_gives():
    from tests.packaging import native_stubs

    assert (PACKAGE / "_native.pyi").read_text(encoding="utf-8") == native_stubs.generate(), (
        "the bindings have changed: nox -s stubs"
    )


def test_importing_leaves_costly_modules_alone():
    code = "import sys, numpy; before = set(sys.modules); import tatamikomi; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert "tatamikomi" in imported
    assert not imported & set(LAZY)


def test_rooms_that_arrays_and_gradients_do_not_need_wait_until_they_are_asked_for():
    code = """
import sys
import tatamikomi as tk
rooms = ["data", "functional", "metrics", "models", "nn", "optim", "training"]
assert not {f"tatamikomi.{room}" for room in rooms} & set(sys.modules)
assert {*rooms, "Trainer", "Tensor"} <= set(dir(tk))
assert tk.Trainer is tk.training.Trainer
assert tk.data.load and tk.metrics.accuracy and tk.models.create and tk.nn.Linear and tk.optim.SGD
try:
    tk.trainer
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "module 'tatamikomi' has no attribute 'trainer'\n"


def test_importing_costs_little_beside_numpy():
    """In processor time, which other processes on the machine hardly touch; benchmarks/import_time.py tells both."""
    if Path(_native.__file__).parent != PACKAGE:
        pytest.skip("an editable install that looks for changes of C++ at each import")
    (_, numpy_used), (_, own_used) = import_time.measure(runs=5).values()
    assert numpy_used < own_used < import_time.LIMIT * numpy_used


def test_the_version_is_the_projects():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{tatamikomi.__version__}"\n' in text


def test_pre_commit_runs_the_linters_of_the_lint_session():
    root = Path(__file__).parents[2]
    pinned = re.compile(r'"([\w-]+==[\d.]+)"')
    hooks = set(pinned.findall((root / ".pre-commit-config.yaml").read_text(encoding="utf-8")))
    assert len(hooks) == 3
    group = re.search(r"^lint = \[(.*)\]", (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert group
    assert hooks == set(pinned.findall(group[1]))
