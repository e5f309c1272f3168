"""To look into networks: what layers give, cost and see, what they respond to, how they train and where time goes."""

from __future__ import annotations

from tatamikomi.interpret.fields import Field
from tatamikomi.interpret.receptive import (
    EffectiveField,
    coverage,
    effective_receptive_field,
    receptive_field,
)
from tatamikomi.interpret.summaries import LayerSummary, Summary, summary

__all__ = [
    "EffectiveField",
    "Field",
    "LayerSummary",
    "Summary",
    "coverage",
    "effective_receptive_field",
    "receptive_field",
    "summary",
]
