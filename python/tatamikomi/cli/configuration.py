"""The configuration of a run: what the command line asked for, as it is stored with the run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tatamikomi.cli import machine
from tatamikomi.cli.options import bad_option, unknown_option

LEARNING_RATES = {"adam": 0.002, "adamw": 0.002, "sgd": 0.02}
WEIGHT_DECAYS = {"adam": 0.0, "adamw": 0.01, "sgd": 5e-4}
# What happens to training images; cli/recipe.py knows how.
AUGMENTS = ("affine", "affine-wide", "crop-flip", "none")


@dataclass(frozen=True)
class Configuration:
    """Everything that decides the bits of a run, beside the instruction set."""

    model: str = "deep_convnet"
    data: str = "mnist-5k"
    epochs: int = 40
    batch_size: int = 100
    optimizer: str = "adam"
    lr: float = LEARNING_RATES["adam"]
    seed: int = 1
    augment: str = "affine"
    weight_decay: float = WEIGHT_DECAYS["adam"]
    label_smoothing: float = 0.0
    samples: int = 0
    folds: int = 0
    recipe: str = ""
    backend: str = "native"

    def check(self) -> None:
        """Raise a ValueError that names the option if a value is impossible; lists are given with the valid
        names."""
        from tatamikomi import models
        from tatamikomi.cli import tasks

        known = sorted({name for task in tasks.ALL for name in models.list(task.models)})
        if self.model not in known:
            raise unknown_option("--model", self.model, known)
        if self.optimizer not in LEARNING_RATES:
            raise unknown_option("--optimizer", self.optimizer, LEARNING_RATES)
        if self.augment not in AUGMENTS:
            raise unknown_option("--augment", self.augment, AUGMENTS)
        if self.backend not in machine.BACKENDS:
            raise unknown_option("--backend", self.backend, machine.BACKENDS)
        for option, value in (("--epochs", self.epochs), ("--batch-size", self.batch_size)):
            if value < 1:
                raise bad_option(option, value, "an integer >= 1")
        for option, value in (("--samples", self.samples), ("--folds", self.folds)):
            if value < 0:
                raise bad_option(option, value, "an integer >= 0")
        if self.folds == 1:
            raise bad_option("--folds", 1, "2 or more, or 0 for the test images")
        if not 0 <= self.weight_decay < float("inf"):
            raise bad_option("--weight-decay", self.weight_decay, "a finite number >= 0")
        if not 0 <= self.label_smoothing <= 1:
            raise bad_option("--label-smoothing", self.label_smoothing, "a number from 0 to 1")
        if not 0 <= self.seed < 2**63:
            raise bad_option("--seed", self.seed, "0 <= seed < 2**63")
        if not 0 < self.lr < float("inf"):
            raise bad_option("--lr", self.lr, "a finite number > 0")

    def as_dict(self) -> dict[str, Any]:
        """For files."""
        return asdict(self)


def types() -> dict[str, type]:
    """The options and the types of their values."""
    return {field.name: type(field.default) for field in fields(Configuration)}


def from_options(options: Mapping[str, Any]) -> Configuration:
    """Options that were given (those not None), and the defaults; checked.

    Raises:
        ValueError: an option is impossible.
    """
    from tatamikomi import data, kernels

    given = {key: value for key, value in options.items() if value is not None}
    given.setdefault("backend", kernels.get_backend())  # TATAMIKOMI_BACKEND, native without it
    optimizer = given.get("optimizer", Configuration.optimizer)
    given.setdefault("lr", LEARNING_RATES.get(optimizer, Configuration.lr))
    given.setdefault("weight_decay", WEIGHT_DECAYS.get(optimizer, Configuration.weight_decay))
    if os.path.isdir(given.get("data", "")):
        given["data"] = os.path.abspath(given["data"])  # a resumed run may stand elsewhere
    elif given.get("data", Configuration.data) not in data.NAMES:
        raise unknown_option("--data", given["data"], [*data.NAMES, "a folder of IDX or CIFAR files"])
    configuration = Configuration(**given)
    configuration.check()
    return configuration


def from_dict(path: str, stored: object) -> Configuration:
    """What a file of a run holds; checked.

    Raises:
        ValueError: it is not a configuration; the message names the file.
    """
    names = {field.name for field in fields(Configuration)}
    if not isinstance(stored, dict) or set(stored) != names:
        raise ValueError(f"{path}: no configuration of `tatamikomi train` in it")
    configuration = Configuration(**stored)
    try:
        configuration.check()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None
    return configuration
