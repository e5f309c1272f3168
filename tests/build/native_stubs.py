"""The stub of the extension module, generated: python tests/build/native_stubs.py [FILE]."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

# What the generator leaves bare and mypy --strict wants to know.
_GENERICS = {
    r"\bnumpy\.ndarray\b": "numpy.typing.NDArray[typing.Any]",
    r"\btuple\b(?!\[)": "tuple[typing.Any, ...]",
    r"\blist\b(?!\[)": "list[typing.Any]",
    r"\bdict\b(?!\[)": "dict[str, typing.Any]",
}


def generate() -> str:
    """The text of _native.pyi for the tatamikomi that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pybind11_stubgen", "tatamikomi._native", "-o", folder]
        subprocess.run(command, check=True, capture_output=True)
        text = (Path(folder) / "tatamikomi" / "_native.pyi").read_text()
    lines = []
    for line in text.splitlines():
        if line.startswith(("compiler:", "openmp:")):
            line = line.split("=")[0].rstrip()  # the value is the building machine's
            line = re.sub(r"#.*", "", line).rstrip()
        if line.startswith("def "):
            for bare, full in _GENERICS.items():
                line = re.sub(bare, full, line)
        lines.append("import numpy\nimport numpy.typing" if line == "import numpy" else line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    stub = generate()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(stub)
    else:
        print(stub, end="")
