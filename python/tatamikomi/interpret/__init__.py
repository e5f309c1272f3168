"""To look into networks: what layers give, cost and see, what they respond to, how they train and where time goes."""

from __future__ import annotations

from tatamikomi.interpret.attribution import cam, grad_cam, grad_cam_plus_plus, occlusion, saliency
from tatamikomi.interpret.features import features
from tatamikomi.interpret.fields import Field
from tatamikomi.interpret.maximise import Maximised, maximise_activation
from tatamikomi.interpret.pictures import feature_sheet, filter_sheet, sheet
from tatamikomi.interpret.plots import plot_features, plot_filters, plot_heatmap, plot_image
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
    "Maximised",
    "Summary",
    "cam",
    "coverage",
    "effective_receptive_field",
    "feature_sheet",
    "features",
    "filter_sheet",
    "grad_cam",
    "grad_cam_plus_plus",
    "maximise_activation",
    "occlusion",
    "plot_features",
    "plot_filters",
    "plot_heatmap",
    "plot_image",
    "receptive_field",
    "saliency",
    "sheet",
    "summary",
]
