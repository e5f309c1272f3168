"""Cross-validation: as many runs as there are folds, each tested on the samples that it has not seen."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from tatamikomi.cli import machine, recipe, run_folder
from tatamikomi.cli.configuration import Configuration
from tatamikomi.data import Split, stratified_folds
from tatamikomi.io import write_json
from tatamikomi.training import ProgressBar


def run(config: Configuration, split: Split, folder: str) -> int:
    """Train and test on each fold of all samples; history.json gets every fold's history, and the mean accuracy."""
    x, y = np.concatenate([split.train_x, split.test_x]), np.concatenate([split.train_y, split.test_y])
    print(
        f"{config.model} on {split.name}: {config.folds} folds of {len(x):,} samples; run folder {folder}", flush=True
    )
    found: list[dict[str, Any]] = []
    parameters = 0
    for number, (kept, held) in enumerate(stratified_folds(y, config.folds, config.seed), start=1):
        part = Split(x[kept], y[kept], x[held], y[held], split.classes, split.name)
        fold = recipe.assemble(config, part, [ProgressBar()])
        try:
            with np.errstate(all="ignore"):  # a loss that is not finite is told in one line
                fold.trainer.fit(fold.train, None, config.epochs)
        except KeyboardInterrupt:
            print(f"tatamikomi train: interrupted in fold {number} of {config.folds}", file=sys.stderr)
            return 130
        measured = fold.trainer.evaluate(fold.test)
        parameters = sum(parameter.numel() for parameter in fold.trainer.model.parameters())
        found.append({**{f"test_{key}": value for key, value in measured.items()}, "epochs": fold.trainer.history})
        print(f"fold {number} of {config.folds}: test accuracy {measured['accuracy']:.4f}", flush=True)
    entries = [entry for one in found for entry in one["epochs"]]
    accuracies = [one["test_accuracy"] for one in found]
    history = {
        "configuration": config.as_dict(),
        **machine.describe(),
        "parameters": parameters,
        "test_accuracy": float(np.mean(accuracies)),
        "test_loss": float(np.mean([one["test_loss"] for one in found])),
        "seconds": sum(entry["seconds"] for entry in entries),
        "images_per_s": sum(entry["samples"] for entry in entries) / sum(entry["train_seconds"] for entry in entries),
        "epochs": found[-1]["epochs"],
        "folds": found,
    }
    write_json(os.path.join(folder, run_folder.HISTORY), history)
    spread = f"{min(accuracies):.4f} to {max(accuracies):.4f}"
    print(
        f"mean test accuracy {history['test_accuracy']:.4f} of {config.folds} folds ({spread}), "
        f"{history['seconds']:.1f} s; wrote {run_folder.HISTORY}"
    )
    return 0
