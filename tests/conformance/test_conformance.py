"""Every sample passes, every error input is refused; docs/conformance.md says so with the numbers of this run."""

from __future__ import annotations

import pytest

WHY = 'left out: PyTorch\'s operator samples need `pip install ".[conformance]"`'
pytest.importorskip("torch", reason=WHY)
pytest.importorskip("expecttest", reason=WHY)

from tests.conformance import table  # noqa: E402
from tests.conformance.ops import LEFT_OUT, absent, known  # noqa: E402
from tests.conformance.running import run  # noqa: E402

OUTCOMES = {}


@pytest.mark.parametrize("op", [pytest.param(op, id=op.title) for op in known()])
def test_conforms(op):
    outcome = OUTCOMES[op.title] = run(op)
    shown = "\n  ".join(outcome.faults[:8])
    assert not outcome.faults, f"{len(outcome.faults)} faults of {op.title}:\n  {shown}"
    assert outcome.samples


def test_what_is_left_out_exists():
    titles = {(op.info.name.rpartition(".")[2], op.info.variant_test_name) for op in known()}
    assert not titles & set(LEFT_OUT)


def test_the_table_is_of_this_code():
    """The page was generated from what has just been measured."""
    if len(OUTCOMES) < len(known()):
        pytest.skip("needs all operators of this run")
    assert table.PAGE.read_text() == table.page(list(OUTCOMES.values()), absent()), (
        "run: python -m tests.conformance.table"
    )
