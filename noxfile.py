"""Checks as sessions: nox -s lint | test | test_isa | bench | sanitize | stubs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "test"]
nox.options.default_venv_backend = "venv"

ROOT = Path(__file__).parent
CPP = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("cpp/**/*.[ch]pp"))
# What depends on the instruction set: the kernels and everything that runs over the OpSpecs.
KERNEL_TESTS = ["tests/kernels", "tests/test_values.py", "tests/test_bits.py"]


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, clang-format and mypy --strict."""
    session.install("ruff>=0.6", "clang-format>=18", "mypy>=1.10", "numpy", "types-tqdm")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("clang-format", "--dry-run", "-Werror", *CPP)
    session.run("mypy", "--strict", "python/tatamikomi")


@nox.session
def test(session: nox.Session) -> None:
    """The whole suite against an installed package."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def test_isa(session: nox.Session) -> None:
    """The kernel tests on each instruction set that this processor runs."""
    session.install(".[test]")
    listing = "from tatamikomi import _native; print(*[name for name, _, ok in _native.isas() if ok])"
    python = str(Path(session.bin) / "python")
    isas = subprocess.run([python, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    for isa in isas:
        session.run("pytest", "-q", *KERNEL_TESTS, *session.posargs, env={"TATAMIKOMI_ISA": isa})


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; torch takes part where `nox -s bench -- --torch` asks for it."""
    arguments = list(session.posargs)
    session.install(".[test]")
    if "--torch" in arguments:
        arguments.remove("--torch")
        session.install("torch")
    session.run("pytest", "benchmarks", "-o", "addopts=--import-mode=importlib", "--benchmark-only", *arguments)


@nox.session
def sanitize(session: nox.Session) -> None:
    """The kernel tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer."""
    session.install(".[test]", "--config-settings=cmake.define.TATAMIKOMI_SANITIZE=ON")
    runtimes = [
        subprocess.run(["c++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    session.run(
        *("pytest", "-q", "-p", "no:cacheprovider", *(session.posargs or KERNEL_TESTS)),
        env={
            "LD_PRELOAD": " ".join(runtimes),
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # CPython itself never frees everything
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        },
    )


@nox.session
def stubs(session: nox.Session) -> None:
    """Write python/tatamikomi/_native.pyi anew from the extension module."""
    session.install(".", "pybind11-stubgen>=2.5")
    session.run("python", "tests/build/native_stubs.py", "python/tatamikomi/_native.pyi")
