"""One file per family: what each engine calls, and whether what comes back is right."""

from __future__ import annotations

from benchmarks.cases import Case
from benchmarks.tasks.activation import Activation
from benchmarks.tasks.activation_kinds import ActivationKind
from benchmarks.tasks.conv import Convolution
from benchmarks.tasks.conv_transpose import TransposedConvolution
from benchmarks.tasks.group_norm import GroupNorm
from benchmarks.tasks.inference import Inference
from benchmarks.tasks.linear import Linear
from benchmarks.tasks.loss import Loss
from benchmarks.tasks.norm import Norm
from benchmarks.tasks.optimizer import OptimizerStep
from benchmarks.tasks.overhead import Overhead
from benchmarks.tasks.pool import Pool
from benchmarks.tasks.resize import Resize
from benchmarks.tasks.step import TrainingStep
from benchmarks.tasks.task import Task

TASKS: dict[str, type[Task]] = {
    "conv": Convolution,
    "conv_transpose": TransposedConvolution,
    "norm": Norm,
    "group_norm": GroupNorm,
    "pool": Pool,
    "resize": Resize,
    "activation": Activation,
    "activation_kind": ActivationKind,
    "loss": Loss,
    "optimizer": OptimizerStep,
    "linear": Linear,
    "step": TrainingStep,
    "inference": Inference,
    "overhead": Overhead,
}


def task_of(case: Case) -> Task:
    return TASKS[case.family](case)
