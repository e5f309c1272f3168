"""Training: the Trainer and its callbacks, what is tried beforehand, and cross-validation."""

from __future__ import annotations

from tatamikomi.training.batch_statistics import update_bn
from tatamikomi.training.callback import Callback
from tatamikomi.training.checkpoint import Checkpoint
from tatamikomi.training.early_stopping import EarlyStopping
from tatamikomi.training.json_history import JSONHistory
from tatamikomi.training.learner import Fitter, Learner, Predictor, Trained
from tatamikomi.training.logs import CSVLog, JSONLinesLog
from tatamikomi.training.lr_finder import LRTrial, find_lr
from tatamikomi.training.nan_guard import NaNGuard
from tatamikomi.training.progress import ProgressBar
from tatamikomi.training.progressive import ProgressiveResize
from tatamikomi.training.tensorboard import TensorBoard
from tatamikomi.training.trainer import Trainer
from tatamikomi.training.validation import CrossValidation, LearningCurve, cross_validate, kfold, learning_curve
from tatamikomi.training.weighing import class_weights

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "CrossValidation",
    "EarlyStopping",
    "Fitter",
    "JSONHistory",
    "JSONLinesLog",
    "LRTrial",
    "Learner",
    "LearningCurve",
    "NaNGuard",
    "Predictor",
    "ProgressBar",
    "ProgressiveResize",
    "TensorBoard",
    "Trained",
    "Trainer",
    "class_weights",
    "cross_validate",
    "find_lr",
    "kfold",
    "learning_curve",
    "update_bn",
]
