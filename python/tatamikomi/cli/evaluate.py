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
    """Print what is measured; says so if it is not what training stored."""
    from tatamikomi.cli import measures, recipe, run_folder

    config, split, model = recipe.finished(args, whole=False)
    measured = recipe.measure(model, config, split)
    print(f"test {measures.told(measured)} ({len(split.test_x):,} images, loss {measured['loss']:.4f})")
    stored = run_folder.read_history(args.run)
    others = {name: stored.get(f"test_{name}", value) for name, value in measured.items() if name in measures.WORDS}
    if changed := {name: value for name, value in others.items() if value != measured[name]}:
        why = "another instruction set or backend may be why"
        print(f"note: training stored {measures.told(changed)}; {why}", file=sys.stderr)
    return 0
