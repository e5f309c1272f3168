"""Writes docs/conformance.md: python -m tests.conformance.table"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.conformance.ops import LEFT_OUT, RANDOM, absent, known
from tests.conformance.running import Outcome, run

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

HEAD = """# Conformance

PyTorch keeps, beside its operators, records of samples to test them with: arguments that must work and arguments that
must be refused (`torch.testing`'s OpInfo). This page counts how `tatamikomi.functional` does on them: values and
gradients in float64 next to torch's own (within 1e-8, absolute and relative), and a ValueError, TypeError or IndexError
for what torch refuses.

    pip install ".[conformance]" && pytest tests/conformance

runs them, `python -m tests.conformance.table` writes this page.

| operator | samples passed / all | error inputs refused / all |
|---|---|---|
"""


def page(outcomes: Sequence[Outcome], missing: Sequence[str]) -> str:
    """The whole page."""
    lines = []
    for one in sorted(outcomes, key=lambda one: one.title):
        errors = f"{one.refused} / {one.errors}" if one.errors else "none given"
        lines.append(f"| {one.title} | {one.passed} / {one.samples} | {errors} |")
    total = [sum(getattr(one, name) for one in outcomes) for name in ("passed", "samples", "refused", "errors")]
    lines.append(f"| all | {total[0]} / {total[1]} | {total[2]} / {total[3]} |")
    text = HEAD + "\n".join(lines) + "\n\n## Differences that are meant\n\n"
    drawn = ", ".join(f"`{name}`" for name in RANDOM)
    text += f"- {drawn} draw numbers of their own: shape, dtype and gradient are compared, the law of the mask in\n"
    text += "  tests of its own.\n"
    for one in outcomes:
        for reason, count in one.excepted.items():
            text += f"- `{one.title}`, {count} of {one.samples + one.errors} samples and error inputs: {reason}.\n"
    for (name, variant), reason in LEFT_OUT.items():
        text += f"- `{name} ({variant})` is left out: {reason}.\n"
    text += "\n## Functions that torch has records of and tatamikomi does not have\n\n"
    return text + (", ".join(f"`{name}`" for name in missing) or "none") + "\n"


if __name__ == "__main__":
    outcomes = [run(op) for op in known()]
    PAGE.write_text(page(outcomes, absent()))
    for outcome in outcomes:
        for fault in outcome.faults:
            print(f"{outcome.title}: {fault}")
