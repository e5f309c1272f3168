"""Measure a finished run's model on its test images."""

from __future__ import annotations

import argparse
import sys

from tatamikomi.cli import machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, and where the data lie."""
    parser.add_argument("run", metavar="RUN", help="the folder that `tatamikomi train` wrote")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets are looked for")
    machine.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the test accuracy; says so if it is not the one that training stored."""
    from tatamikomi.cli import recipe, run_folder
    from tatamikomi.optim import SGD
    from tatamikomi.training import Trainer

    config, split, model = recipe.finished(args, whole=False)
    trainer = Trainer(model, SGD(model.parameters()), metrics=recipe.metrics_of(split))
    measured = trainer.evaluate(recipe.test_loader(split, config.batch_size))
    images = f"{len(split.test_x):,} images"
    dice = f", Dice {recipe.dice(model, split, config.batch_size):.4f}" if recipe.has_maps(split) else ""
    print(f"test accuracy {measured['accuracy']:.4f}{dice} ({images}, loss {measured['loss']:.4f})")
    stored = run_folder.read_history(args.run).get("test_accuracy")
    if stored is not None and stored != measured["accuracy"]:
        print(f"note: training stored {stored:.4f}; another instruction set or backend may be why", file=sys.stderr)
    return 0
