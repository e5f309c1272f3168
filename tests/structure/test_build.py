"""What was built: stubs that are fresh, and object files of one instruction set that lend nothing to another."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tatamikomi as tk
from tatamikomi import _native

# The stubs fill in the parameters that mypy --strict asks for; pybind11's versions differ in the words for numbers.
SPELLINGS = {
    "numpy.typing.NDArray[typing.Any]": "numpy.ndarray",
    "tuple[typing.Any, ...]": "tuple",
    "list[typing.Any]": "list",
    "dict[str, typing.Any]": "dict",
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsInt": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "typing.SupportsFloat": "float",
}


def statements(text):
    """What a stub declares, whatever its layout; without values, which name a compiler's version."""
    for spelling, plain in SPELLINGS.items():
        text = text.replace(spelling, plain)
    declared = []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)):
            continue
        if isinstance(node, ast.AnnAssign) and not isinstance(node.value, ast.List):
            node.value = None
        declared.append(ast.unparse(node))
    return sorted(declared)


def test_stubs_are_those_of_the_module(tmp_path):
    """Written by: pybind11-stubgen tatamikomi._native"""
    pytest.importorskip("pybind11_stubgen")
    subprocess.run(
        [sys.executable, "-m", "pybind11_stubgen", "tatamikomi._native", "-o", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    fresh = statements((tmp_path / "tatamikomi" / "_native.pyi").read_text())
    kept = statements((Path(tk.__file__).parent / "_native.pyi").read_text())
    assert kept == fresh, "python/tatamikomi/_native.pyi is out of date: run pybind11-stubgen tatamikomi._native"


BUILD = os.environ.get("TATAMIKOMI_BUILD")
OBJECTS = sorted(Path(BUILD).rglob("*.dir/cpp/kernels/*.o")) if BUILD else []
needs_build = pytest.mark.skipif(not BUILD, reason="TATAMIKOMI_BUILD names no build folder with object files")


@needs_build
def test_object_files_were_found():
    assert {isa for isa, _, _ in _native.isas()} == {
        re.search(r"kernels_(\w+)\.dir", str(path)).group(1) for path in OBJECTS
    }


@needs_build
@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: "-".join(path.parts[-4:]))
def test_per_isa_objects_share_nothing(path):
    """Every symbol that other files may see lies in the ISA's own namespace; none is weak outside of it.

    A weak one (an inline function of the standard library) would be merged by the linker, AVX-512 code included.
    """
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed")
    isa = re.search(r"kernels_(\w+)\.dir", str(path)).group(1)
    lines = subprocess.run(
        [nm, "--demangle", "--extern-only", "--defined-only", str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for line in lines:
        _, kind, symbol = line.split(maxsplit=2)
        name = symbol.removeprefix("typeinfo for ").removeprefix("vtable for ")
        inside = re.search(rf"\btk::{isa}::", name)
        assert inside, f"{kind} {symbol}"
