"""To look into networks: what layers give, cost and see, what they respond to, how they train and where time goes."""

from __future__ import annotations

from tatamikomi.interpret.attribution import cam, grad_cam, grad_cam_plus_plus, occlusion, saliency
from tatamikomi.interpret.diagnose import (
    GradientFlow,
    Histogram,
    Histograms,
    LayerGradient,
    activation_histograms,
    gradient_flow,
    weight_histograms,
)
from tatamikomi.interpret.fields import Field
from tatamikomi.interpret.landscape import Plane, Surface, WeightPath, descend, loss_surface, surface
from tatamikomi.interpret.maximise import Maximised, maximise_activation
from tatamikomi.interpret.outputs import features
from tatamikomi.interpret.peak import machine_peak
from tatamikomi.interpret.pictures import feature_sheet, filter_sheet, sheet
from tatamikomi.interpret.plots import plot_features, plot_filters, plot_heatmap, plot_image
from tatamikomi.interpret.plots_training import (
    misclassified,
    plot_confusion_matrix,
    plot_contours,
    plot_gradient_flow,
    plot_histograms,
    plot_history,
    plot_learning_curve,
    plot_misclassified,
)
from tatamikomi.interpret.profiling import LayerProfile, Profile, profile
from tatamikomi.interpret.receptive import (
    EffectiveField,
    coverage,
    effective_receptive_field,
    receptive_field,
)
from tatamikomi.interpret.reporting import report
from tatamikomi.interpret.summaries import LayerSummary, Summary, summary

__all__ = [
    "EffectiveField",
    "Field",
    "GradientFlow",
    "Histogram",
    "Histograms",
    "LayerGradient",
    "LayerProfile",
    "LayerSummary",
    "Maximised",
    "Plane",
    "Profile",
    "Summary",
    "Surface",
    "WeightPath",
    "activation_histograms",
    "cam",
    "coverage",
    "descend",
    "effective_receptive_field",
    "feature_sheet",
    "features",
    "filter_sheet",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient_flow",
    "loss_surface",
    "machine_peak",
    "maximise_activation",
    "misclassified",
    "occlusion",
    "plot_confusion_matrix",
    "plot_contours",
    "plot_features",
    "plot_filters",
    "plot_gradient_flow",
    "plot_heatmap",
    "plot_histograms",
    "plot_history",
    "plot_image",
    "plot_learning_curve",
    "plot_misclassified",
    "profile",
    "receptive_field",
    "report",
    "saliency",
    "sheet",
    "summary",
    "surface",
    "weight_histograms",
]
