"""No object file of one instruction set defines a symbol that callers elsewhere could be linked against.

A weak symbol with a common name, such as an instance of std::vector, would be compiled with AVX-512 and the linker may
choose it for everyone. Every name that a kernel file shows to others must bear its own namespace.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "build"
NM = shutil.which("nm")
ISAS = ("baseline", "avx2", "avx512", "avx512_bf16")


def objects(isa: str) -> list[Path]:
    """Object files of the newest build; not the sanitizers', who bring symbols of their own."""
    folders = [one for one in BUILD.glob(f"**/CMakeFiles/kernels_{isa}.dir") if "sanitize" not in one.as_posix()]
    newest = max(folders, key=lambda folder: folder.stat().st_mtime, default=None)
    return sorted(newest.rglob("*.o")) if newest else []


def shown_to_others(listing: str) -> list[str]:
    """The names in nm's lines of NAME TYPE VALUE SIZE that are global, weak or unique, as the linker knows them."""
    symbols = [line.split()[:2] for line in listing.splitlines() if len(line.split()) > 2]
    return [name for name, kind in symbols if kind.isupper() or kind in "uvw"]


def foreign(isa: str, names: list[str]) -> list[str]:
    """Those without tk::ISA, mangled; with it anywhere in it, be it in a template's argument, a name is the ISA's."""
    return [name for name in names if f"2tk{len(isa)}{isa}" not in name]


@pytest.mark.parametrize("isa", ISAS)
def test_kernels_show_nothing_without_their_namespace(isa):
    files = objects(isa)
    if not files or NM is None:
        pytest.skip("no object files in build/, or no nm")
    command = [NM, "--defined-only", "--portability", *map(str, files)]
    names = shown_to_others(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(names) >= len(files), "every file holds a kernel at least"
    assert not foreign(isa, names)


def test_a_weak_symbol_of_everyone_is_found():
    listing = """
conv.cpp.o:
_ZN2tk6avx51212conv_forwardIfEEvPT_ W 0 19c
_ZNSt6vectorIfSaIfEE6resizeEm W 0 40
_ZN2tk4avx24reluEv T 0 10
_ZL5localv t 0 10
_ZNSt6vectorIN2tk6avx5123TapESaIS2_EE6resizeEm W 0 40
"""
    assert foreign("avx512", shown_to_others(listing)) == ["_ZNSt6vectorIfSaIfEE6resizeEm", "_ZN2tk4avx24reluEv"]
