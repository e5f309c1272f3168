"""The functions of cpp/kernels/simd_math.hpp and normal_table.hpp, measured over a walk through all bit patterns."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tatamikomi import _native

ROOT = Path(__file__).parents[2]
MARCH = {
    "baseline": [],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-w"]
# What the header promises, in units of the last place.
PROMISED = {"exp": 1.0, "exp_negative": 1.0, "log": 1.0, "log1p": 2.0, "tanh": 3.0, "normal": 5.0, "sqrt": 0.5}
PROMISED_OF_FLOATS = {"beyond": 3.0}
COMPILER = shutil.which("g++") or shutil.which("c++")


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("isa", [isa for isa, _, supported in _native.isas() if supported and isa in MARCH])
def test_errors_stay_below_what_the_header_promises(isa: str, tmp_path: Path) -> None:
    program = tmp_path / "errors"
    source = ROOT / "tests/kernels/simd_math_errors.cpp"
    subprocess.run(
        [str(COMPILER), *FLAGS, *MARCH[isa], f"-I{ROOT / 'cpp'}", str(source), "-o", str(program)], check=True
    )
    # Odd steps: the walk meets every exponent and all kinds of last bits, some 200 000 arguments.
    steps = ["20011", "92233720368547"]
    report = subprocess.run([str(program), *steps], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in report.splitlines()]
    measured = [(n, k) for n in PROMISED for k in ("float", "double")] + [(n, "float") for n in PROMISED_OF_FLOATS]
    assert sorted((name, kind) for name, kind, *_ in lines) == sorted(measured)
    promised = PROMISED | PROMISED_OF_FLOATS
    for name, _, ulp, _ in lines:
        assert 0.25 < float(ulp) <= promised[name], report
