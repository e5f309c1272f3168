"""Optimizers and schedules of the learning rate, named as in torch.optim."""

from __future__ import annotations

from tatamikomi.optim.adam import Adam, AdamW
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, StepLR
from tatamikomi.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "CosineAnnealingLR", "LRScheduler", "LambdaLR", "Optimizer", "StepLR"]
