"""Optimizers and schedules of the learning rate, named as in torch.optim."""

from __future__ import annotations

from tatamikomi.optim.adam import Adam, Adamax, AdamW
from tatamikomi.optim.adam_kin import LAMB, NAdam, RAdam
from tatamikomi.optim.adaptive import Adadelta, Adagrad, Lion, RMSprop
from tatamikomi.optim.averaging import EMA, SWA
from tatamikomi.optim.groups import no_decay_groups
from tatamikomi.optim.optimizer import Optimizer
from tatamikomi.optim.regularize import L1, L2, ElasticNet, MaxNorm
from tatamikomi.optim.scheduler import (
    SWALR,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tatamikomi.optim.sgd import SGD

__all__ = [
    "EMA",
    "L1",
    "L2",
    "LAMB",
    "SGD",
    "SWA",
    "SWALR",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ElasticNet",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "MaxNorm",
    "MultiStepLR",
    "MultiplicativeLR",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "no_decay_groups",
]
