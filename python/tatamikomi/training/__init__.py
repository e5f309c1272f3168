"""Training: the Trainer and its callbacks."""

from __future__ import annotations

from tatamikomi.training.batch_statistics import update_bn
from tatamikomi.training.callback import Callback
from tatamikomi.training.checkpoint import Checkpoint
from tatamikomi.training.early_stopping import EarlyStopping
from tatamikomi.training.json_history import JSONHistory
from tatamikomi.training.progress import ProgressBar
from tatamikomi.training.trainer import Trainer

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "JSONHistory", "ProgressBar", "Trainer", "update_bn"]
