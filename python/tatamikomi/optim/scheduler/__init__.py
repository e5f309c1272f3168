"""Schedules of the learning rate, in closed form but for `ReduceLROnPlateau`, named as in torch.optim.lr_scheduler."""

from __future__ import annotations

from tatamikomi.optim.scheduler.base import LRScheduler
from tatamikomi.optim.scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from tatamikomi.optim.scheduler.decay import ExponentialLR, MultiStepLR, PolynomialLR, StepLR
from tatamikomi.optim.scheduler.function import LambdaLR, MultiplicativeLR
from tatamikomi.optim.scheduler.one_cycle import OneCycleLR
from tatamikomi.optim.scheduler.plateau import ReduceLROnPlateau
from tatamikomi.optim.scheduler.sequential import SequentialLR
from tatamikomi.optim.scheduler.swa import SWALR
from tatamikomi.optim.scheduler.warmup import ConstantLR, LinearLR

__all__ = [
    "SWALR",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
