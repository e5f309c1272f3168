"""What a wheel must hold and may weigh: `python tests/packaging/wheel_contents.py WHEEL`."""

from __future__ import annotations

import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

LIMIT = 3_000_000  # bytes
NEEDED = {
    "the package": r"tatamikomi/__init__\.py",
    "the extension module": r"tatamikomi/_native\.[\w.-]+\.so",
    "its stub": r"tatamikomi/_native\.pyi",
    "the mark of typed packages": r"tatamikomi/py\.typed",
    "the digits": r"tatamikomi/data/assets/mnist_5k\.npz",
    "the recipes": r"tatamikomi/cli/cookbook/digits\.toml",
    "their origin and licence": r"tatamikomi/data/assets/README\.md",
    "the licence": r"tatamikomi-[^/]+\.dist-info/licenses/LICENSE",
    "the command": r"tatamikomi_command/__init__\.py",
    "its entry": r"tatamikomi-[^/]+\.dist-info/entry_points\.txt",
}
# Nothing else: no C++ sources, no tests, no build folder, no debris.
ALLOWED = (
    r"tatamikomi/([a-z_]+/)*\w+\.py",
    r"tatamikomi/_native\.[\w.-]+\.so",
    r"tatamikomi/(_native\.pyi|py\.typed|data/assets/(mnist_5k\.npz|README\.md))",
    r"tatamikomi/cli/cookbook/[\w-]+\.toml",
    r"tatamikomi_command/__init__\.py",
    r"tatamikomi-[^/]+\.dist-info/.+",
)


def faults(names: Iterable[str]) -> list[str]:
    """What is missing, and what does not belong there."""
    names = list(names)
    missing = [what for what, pattern in NEEDED.items() if not any(re.fullmatch(pattern, name) for name in names)]
    alien = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in ALLOWED)]
    return [f"missing: {what}" for what in missing] + [f"does not belong there: {name}" for name in alien]


def installed_sizes() -> dict[str, int] | None:
    """The files of the installed package, and what a wheel takes for each; None when nothing is installed."""
    try:
        found = distribution("tatamikomi")
    except PackageNotFoundError:
        return None
    sizes = {}
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        if file.parts[0].startswith("tatamikomi") and file.suffix != ".pyc" and path.is_file():
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            sizes[file.as_posix()] = len(packer.compress(path.read_bytes()) + packer.flush())
    return sizes


def check(sizes: Mapping[str, int], total: int) -> str:
    """One line; an AssertionError says what is wrong."""
    wrong = faults(sizes)
    assert not wrong, "\n".join(wrong)
    assert total < LIMIT, (
        f"{total:,} bytes, {LIMIT:,} allowed; the largest: {sorted(sizes.items(), key=lambda x: -x[1])[:5]}"
    )
    return f"{len(sizes)} files, {total:,} bytes"


if __name__ == "__main__":
    wheel = Path(sys.argv[1])
    with zipfile.ZipFile(wheel) as archive:
        contents = {one.filename: one.compress_size for one in archive.infolist() if not one.is_dir()}
    print(f"{wheel.name}: {check(contents, wheel.stat().st_size)}")
