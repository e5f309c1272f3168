"""Every instruction set that this processor runs computes the same small integers exactly, and is the one that ran."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tatamikomi as tk
from tatamikomi import _native
from tests.op_specs.running import (
    DTYPES,
    assert_same_bits,
    assert_within,
    expectation,
    isa,
    make_call,
    of_kernels,
    run_guarded,
    samples,
)

ISAS = [name for name, _, supported in _native.isas() if supported]
PRINT_ISA = "import tatamikomi as tk; print(tk.kernels.config()['isa'])"


def of_native(spec, direction, sample):
    return of_kernels(spec, direction) and not sample.big


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("direction", "sample"), samples(lambda spec, direction, sample: of_kernels(spec, direction) and not sample.big)
)
def test_values_on_every_instruction_set(direction, sample, dtype):
    """Exact directions on integers, the others within their bounds."""
    expected, errors = expectation(direction, sample, dtype, direction.exact)
    for name in ISAS:
        with tk.backend("native"), isa(name):
            results = run_guarded(direction, make_call(direction, sample, dtype, direction.exact))
            assert tk.kernels.config()["isa"] == name
        assert_within(results, expected, errors, name)


@pytest.mark.parametrize(
    ("direction", "sample"), samples(lambda spec, direction, sample: of_kernels(spec, direction) and sample.big)
)
def test_threads_on_every_instruction_set(direction, sample):
    call = make_call(direction, sample, "float32", integers=False)
    for name in ISAS:
        with tk.backend("native"), isa(name):
            with tk.threads(1):
                expected = direction.run(call)
            with tk.threads(3):
                assert_same_bits(direction.run(call), expected, f"3 threads on {name}")


def run_with(name):
    environment = {**os.environ, "TATAMIKOMI_ISA": name}
    return subprocess.run(
        [sys.executable, "-c", PRINT_ISA], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("word", "name"),
    [(word, name) for name, level, supported in _native.isas() if supported for word in dict.fromkeys((name, level))],
)
def test_a_forced_instruction_set_is_the_one_that_runs(word, name):
    done = run_with(word)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == name


def test_an_unknown_instruction_set_lists_the_known_ones():
    done = run_with("sse9")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    names = ", ".join(repr(name) for name, _, _ in _native.isas())
    assert last == f"ValueError: tatamikomi: TATAMIKOMI_ISA: expected one of {names}, got 'sse9'"


@pytest.mark.parametrize("variable", ["TATAMIKOMI_ISA", "TATAMIKOMI_BACKEND", "OMP_NUM_THREADS"])
def test_an_empty_variable_counts_as_unset(variable):
    code = "import tatamikomi as tk; found = tk.kernels.config(); print(found['isa_choice'], found['backend'])"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TATAMIKOMI_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, variable: ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the best that this processor runs native\n"


def test_an_instruction_set_beyond_this_processor_is_refused(monkeypatch):
    """On a processor that lacks none of them the list is made to say so."""
    from tatamikomi.kernels import native

    known = [(name, level, supported and name == "baseline") for name, level, supported in _native.isas()]
    if len(known) == 1:
        pytest.skip("one instruction set was built")
    monkeypatch.setattr(native._native, "isas", lambda: known)
    monkeypatch.setattr(native._native, "select_isa", lambda name: False)
    monkeypatch.setenv("TATAMIKOMI_ISA", known[0][0])
    with pytest.raises(
        ValueError,
        match=r"^tatamikomi: TATAMIKOMI_ISA: expected an instruction set of this processor \(baseline\), got ",
    ):
        native._choose_isa()


def test_select_isa_refuses_what_it_does_not_know():
    before = _native.active_isa()
    assert not _native.select_isa("sse9")
    assert _native.active_isa() == before
