"""The stub of the extension module: `python tests/packaging/native_stubs.py FILE` writes it anew (nox -s stubs).

pybind11-stubgen reads the signatures; what it leaves bare is named here, and one layout is written whatever the
generator's own may be, so that a regenerated stub can be compared as text.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
from pathlib import Path

_HEADER = '''"""tatamikomi's C++ kernels; tatamikomi.kernels is their checked face. Generated: nox -s stubs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
'''
_SEQUENCE = "from collections.abc import Sequence\n"  # before the others, where a signature has one
_WIDTH = 120
# Annotations that pybind11 leaves without their elements, or writes for what a caller may convert.
_NAMES = {
    "numpy.ndarray": "NDArray[Any]",
    "numpy.dtype[typing.Any]": "np.dtype[Any]",
    "tuple": "tuple[int, ...]",  # shapes
    "typing.Any": "Any",
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
}


class _Renamed(ast.NodeTransformer):
    """An annotation with its names replaced, from the outside inwards."""

    def visit(self, node: ast.AST) -> ast.AST:
        name = ast.unparse(node)
        if name in _NAMES:
            return ast.parse(_NAMES[name], mode="eval").body
        if isinstance(node, ast.Subscript):
            if ast.unparse(node.value) == "collections.abc.Sequence":
                node.value = ast.Name("Sequence")
            node.slice = self.visit(node.slice)  # the elements; `tuple` itself has them
            return node
        return self.generic_visit(node)


def _annotation(node: ast.expr | None) -> str:
    assert node is not None
    return ast.unparse(_Renamed().visit(node))


def _function(node: ast.FunctionDef) -> str:
    arguments = [f"{one.arg}: {_annotation(one.annotation)}" for one in node.args.args]
    first, last = f"def {node.name}(", f") -> {_annotation(node.returns)}:"
    line = first + ", ".join(arguments) + last
    doc = ast.get_docstring(node)
    if len(line) + len(" ...") > _WIDTH:
        line = first + "\n" + "".join(f"    {one},\n" for one in arguments) + last
    return f'{line}\n    """{doc}"""\n' if doc else f"{line} ..."


def generate() -> str:
    """The text of _native.pyi for the tatamikomi that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", "tatamikomi._native", "-o", folder]
        subprocess.run(command, check=True, capture_output=True)
        module = ast.parse((Path(folder) / "tatamikomi" / "_native.pyi").read_text(encoding="utf-8"))
    functions = [_function(node) for node in module.body if isinstance(node, ast.FunctionDef)]
    # Values are the building machine's.
    constants = [
        f"{node.target.id}: {_annotation(node.annotation)}"
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id != "__all__"
    ]
    header = _HEADER
    if any("Sequence[" in one for one in functions):
        header = header.replace("from typing", f"{_SEQUENCE}from typing", 1)
    return "\n".join([header, *constants, "", *functions]).rstrip() + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.parse_args().file.write_text(generate(), encoding="utf-8")
