"""Checks as sessions of nox, those of CI first: nox -s lint | test | conformance | bench | sanitize ...

With --no-venv a session uses the environment that is active instead of making one of its own.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.sessions = ["lint", "test"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

ROOT = Path(__file__).parent
STUB = "python/tatamikomi/_native.pyi"
# What hands the extension module memory of its own making.
KERNEL_TESTS = ["tests/kernels", "tests/test_values.py", "tests/test_bits.py"]


def install(session: nox.Session, *what: str) -> None:
    """Install unless the session runs in an environment that is not its own."""
    if session.venv_backend != "none":
        session.install(*what)


def output_of(session: nox.Session, *command: str) -> str:
    return str(session.run(*command, silent=True, external=True)).strip()


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, clang-format, mypy --strict."""
    install(session, *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    folders = ("cpp", "tests", "benchmarks")
    sources = sorted(str(path.relative_to(ROOT)) for one in folders for path in ROOT.glob(f"{one}/**/*.[ch]pp"))
    session.run("clang-format", "--dry-run", "-Werror", *sources)
    session.run("mypy", "--strict", "python")


@nox.session
def test(session: nox.Session) -> None:
    """The whole suite against an installed package."""
    install(session, ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """PyTorch's operator samples and torch as a second opinion; docs/conformance.md must be what comes out."""
    install(session, ".[test,conformance]")
    session.run(
        "pytest",
        "-q",
        "tests/conformance",
        "tests/test_torch.py",
        "tests/nn/test_torch_twins.py",
        "tests/kernels/test_conv_error.py",
        *session.posargs,
    )


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; torch takes part after `nox -s bench -- --torch`."""
    arguments = list(session.posargs)
    install(session, ".[test]")
    if "--torch" in arguments:
        arguments.remove("--torch")
        install(session, "torch")
    session.run("pytest", "benchmarks", "--benchmark-only", *arguments)


def install_variant(session: nox.Session, option: str, folder: str) -> None:
    """The package on a build with `option`, kept in build/`folder`."""
    settings = {"build-dir": f"build/{folder}", f"cmake.define.{option}": "ON"}
    install(session, ".[test]", *(f"--config-settings={key}={value}" for key, value in settings.items()))


def run_sanitized(session: nox.Session, libraries: list[str], **options: str) -> None:
    """The kernel tests with the sanitizers' libraries loaded before everything else."""
    runtimes = [output_of(session, "c++", f"-print-file-name={name}") for name in libraries]
    # What a sanitizer reports goes past Python to file descriptor 2, which pytest leaves alone so.
    options_of_pytest = ("-q", "--capture=sys", "-p", "no:cacheprovider")
    command = ("python", "-m", "pytest", *options_of_pytest, *(session.posargs or KERNEL_TESTS))
    session.run(*command, env={"LD_PRELOAD": " ".join(runtimes), "OMP_NUM_THREADS": "2", **options})


@nox.session
def sanitize(session: nox.Session) -> None:
    """The kernel tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer, kept in build/sanitize."""
    install_variant(session, "TATAMIKOMI_SANITIZE", "sanitize")
    run_sanitized(
        session,
        ["libasan.so", "libubsan.so"],
        # CPython frees not everything at exit; sizes past all memory are asked for on purpose.
        ASAN_OPTIONS="detect_leaks=0:halt_on_error=1:allocator_may_return_null=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
    )


@nox.session
def sanitize_threads(session: nox.Session) -> None:
    """The kernel tests on a build with ThreadSanitizer, kept in build/sanitize_threads."""
    install_variant(session, "TATAMIKOMI_SANITIZE_THREADS", "sanitize_threads")
    run_sanitized(
        session,
        ["libtsan.so"],
        TSAN_OPTIONS="halt_on_error=1:report_signal_unsafe=0:allocator_may_return_null=1",
        OPENBLAS_NUM_THREADS="1",  # NumPy's: its threads meet in ways that the sanitizer does not see
    )


@nox.session
def emulate(session: nox.Session) -> None:
    """The kernel tests with AVX-512's kernels, by AVX2's instructions: for processors without; in build/emulate."""
    install_variant(session, "TATAMIKOMI_EMULATE_AVX512", "emulate")
    # What a test compiles for itself is not emulated.
    what = session.posargs or [*KERNEL_TESTS, "--deselect=tests/kernels/test_simd_math.py"]
    session.run("pytest", "-q", *what, env={"TATAMIKOMI_ISA": "avx512"})


@nox.session
def package(session: nox.Session) -> None:
    """The sdist, and from it the wheel, which is looked through, installed and imported."""
    install(session, "build")
    dist = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(dist), *session.posargs)
    (wheel,) = dist.glob("*.whl")
    session.run("python", "tests/packaging/wheel_contents.py", str(wheel))
    install(session, "--force-reinstall", str(wheel))
    session.run("python", "-c", "import tatamikomi; tatamikomi.show_config()")


@nox.session
def stubs(session: nox.Session) -> None:
    """Write python/tatamikomi/_native.pyi anew from the extension module."""
    install(session, ".", "pybind11-stubgen>=2.5")
    session.run("python", "tests/packaging/native_stubs.py", STUB)
