"""By what finished runs are measured: names, in history.json with "test_" before them, and words for readers."""

from __future__ import annotations

from collections.abc import Mapping

WORDS = {"accuracy": "accuracy", "dice": "Dice", "map50": "mAP@0.5", "map": "mAP@0.5:0.95"}


def told(measured: Mapping[str, float]) -> str:
    """The measures among some numbers, in one line.

    >>> from tatamikomi.cli.measures import told
    >>> told({"loss": 0.25, "accuracy": 0.9375, "dice": 0.5})
    'accuracy 0.9375, Dice 0.5000'
    """
    return ", ".join(f"{WORDS[name]} {value:.4f}" for name, value in measured.items() if name in WORDS)
