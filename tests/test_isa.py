"""Which instruction set runs is what TATAMIKOMI_ISA chooses, and what it cannot be is said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tatamikomi import _native

PRINT_ISA = "import tatamikomi as tk; print(tk.kernels.config()['isa'])"


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
