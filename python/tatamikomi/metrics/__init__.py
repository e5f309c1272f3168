"""How good predictions are: accuracy, top-k accuracy, the confusion matrix. NumPy arrays in, numbers out."""

from __future__ import annotations

from tatamikomi.metrics.classification import accuracy, confusion_matrix, top_k_accuracy

__all__ = ["accuracy", "confusion_matrix", "top_k_accuracy"]
