"""How good predictions are. NumPy arrays in, numbers out.

Classes: accuracy, top_k_accuracy, confusion_matrix, class_scores, precision, recall, f1_score. Masks: iou, dice. Boxes:
box_iou, average_precision, mean_average_precision.
"""

from __future__ import annotations

from tatamikomi.metrics.classification import accuracy, confusion_matrix, top_k_accuracy
from tatamikomi.metrics.detection import average_precision, box_iou, mean_average_precision
from tatamikomi.metrics.per_class import class_scores, dice, f1_score, iou, precision, recall

__all__ = [
    "accuracy",
    "average_precision",
    "box_iou",
    "class_scores",
    "confusion_matrix",
    "dice",
    "f1_score",
    "iou",
    "mean_average_precision",
    "precision",
    "recall",
    "top_k_accuracy",
]
