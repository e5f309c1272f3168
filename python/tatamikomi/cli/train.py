"""Train a model on real digits and write a run folder.

Without options: deep_convnet on 5,000 MNIST digits that come with the package, augmented lightly, Adam with a
cosine schedule. Ctrl-C leaves a checkpoint from which --resume continues bit for bit.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from tatamikomi.cli import machine

if TYPE_CHECKING:
    from tatamikomi.cli.configuration import Configuration
    from tatamikomi.cli.recipe import Run
    from tatamikomi.data import Split
    from tatamikomi.training import Checkpoint, JSONHistory

# Options that a resumed run takes from its checkpoint.
_FIXED = (
    *("model", "data", "epochs", "batch_size", "optimizer", "lr", "weight_decay", "label_smoothing", "seed", "augment"),
    *("samples", "folds", "backend", "recipe", "quick", "config", "out"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `train`; the defaults stand in `Configuration`."""
    add = parser.add_argument
    add(
        "--recipe", metavar="NAME", help="options that reach a figure, by name; what is given here goes first; or: list"
    )
    add("--quick", action="store_true", default=None, help="with --recipe: a look in seconds, without the figure")
    add("--model", metavar="NAME", help="deep_convnet, simple_convnet, resnet18, unet ...; default: deep_convnet")
    add(
        "--data",
        metavar="NAME",
        help="mnist-5k, fashion-mnist, cifar-10 ... or a folder; default: mnist-5k",
    )
    add("--data-dir", metavar="DIR", help="where named data sets are looked for; default: $TATAMIKOMI_DATA")
    add("--epochs", type=int, metavar="N", help="passes over the training images; default: 40")
    add("--batch-size", type=int, metavar="N", help="images per step; default: 100")
    add("--optimizer", metavar="NAME", help="adam, adamw or sgd (Nesterov's momentum 0.9); default: adam")
    add("--lr", type=float, metavar="X", help="highest learning rate; default: 0.002, for sgd 0.02")
    add("--weight-decay", type=float, metavar="X", help="default: 0, for adamw 0.01, for sgd 0.0005")
    add("--label-smoothing", type=float, metavar="X", help="share of each label spread over all classes; default: 0")
    add("--seed", type=int, metavar="N", help="decides everything random; default: 1")
    add("--augment", metavar="NAME", help="affine, affine-wide, crop-flip or none; default: affine")
    add("--no-augment", dest="augment", action="store_const", const="none", help="train on the images as they are")
    add("--samples", type=int, metavar="N", help="N for training and N for testing, drawn by the seed; default: all")
    add("--folds", type=int, metavar="K", help="cross-validate: K runs, each tested on its share of all samples")
    add("--config", metavar="FILE", help="a TOML file with these options as keys; what is given here goes first")
    add("--out", metavar="DIR", help="the run folder; default: runs/MODEL-DATA-NUMBER")
    add("--resume", metavar="RUN", help="continue the run in this folder, as it was configured")
    machine.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Train, or continue; returns the exit code."""
    from tatamikomi.cli import configuration, cookbook, run_folder

    if args.recipe == "list":
        print("\n".join(f"{name:<15}{cookbook.summary(name)}" for name in cookbook.names()))
        return 0
    if args.resume is None:
        config = configuration.from_options(_options(args))
        machine.use(config.backend, args.threads)
        return _train(args, config, None)
    given = [f"--{name.replace('_', '-')}" for name in _FIXED if getattr(args, name) is not None]
    if given:
        names = ", ".join(given)
        if args.augment == "none":
            names = names.replace("--augment", "--no-augment")
        raise ValueError(f"--resume continues the run as it was configured: leave out {names}")
    from tatamikomi.training import snapshot

    path = os.path.join(args.resume, run_folder.LAST)
    if not os.path.exists(path):
        fault = f"no checkpoint there ({run_folder.LAST} is missing)"
        raise FileNotFoundError(f"--resume: {args.resume}: {fault}")
    extra = snapshot.read_meta(path).get("extra") or {}
    config = configuration.from_dict(path, extra.get("configuration"))
    machine.use(config.backend, args.threads)
    now = machine.describe()["isa"]
    if extra.get("isa") != now:
        print(f"note: the run began on {extra.get('isa')}, this is {now}: its bits will differ", file=sys.stderr)
    return _train(args, config, args.resume)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """What was asked for: by options, else by a file, else by a recipe."""
    from tatamikomi.cli import configuration, cookbook, toml_files

    if args.quick and args.recipe is None:
        raise ValueError("--quick: expected with --recipe NAME")
    found = {} if args.recipe is None else cookbook.read(args.recipe, bool(args.quick))
    found |= {} if args.config is None else toml_files.read(args.config, configuration.types())
    given = {name: getattr(args, name) for name in _FIXED if name not in ("config", "out", "quick")}
    return found | {name: value for name, value in given.items() if value is not None}


def _train(args: argparse.Namespace, config: Configuration, resume: str | None) -> int:
    from tatamikomi.cli import recipe, run_folder
    from tatamikomi.training import Checkpoint, JSONHistory, ProgressBar

    split = recipe.load_data(config, args.data_dir)
    folder = run_folder.make(args.out, config) if resume is None else resume
    run_folder.write_configuration(folder, config)
    if config.folds:
        from tatamikomi.cli import folds

        return folds.run(config, split, folder)
    described = machine.describe()
    stored = config.as_dict()
    history = JSONHistory(os.path.join(folder, run_folder.HISTORY), {"configuration": stored, **described})
    checkpoint = Checkpoint(folder, extra={"configuration": stored, "isa": described["isa"]})
    run = recipe.assemble(config, split, [ProgressBar(), history, checkpoint])
    if resume is not None:
        run.trainer.load_checkpoint(checkpoint.last_path)
    parameters = sum(parameter.numel() for parameter in run.trainer.model.parameters())
    history.information["parameters"] = parameters
    print(
        f"{config.model} ({parameters:,} parameters) on {split.name}: {len(split.train_x):,} training and "
        f"{len(split.test_x):,} test images; run folder {folder}",
        flush=True,
    )
    try:
        with np.errstate(all="ignore"):  # a loss that is not finite is told in one line
            run.trainer.fit(run.train, run.test, config.epochs)
    except KeyboardInterrupt:
        return _interrupted(run, config, checkpoint)
    return _finish(run, config, folder, history, split)


def _interrupted(run: Run, config: Configuration, checkpoint: Checkpoint) -> int:
    where = f"tatamikomi train: interrupted after {run.trainer.epoch} of {config.epochs} epochs"
    print(f"{where}; continue with: tatamikomi train --resume {checkpoint.folder}", file=sys.stderr)
    return 130


def _finish(run: Run, config: Configuration, folder: str, history: JSONHistory, split: Split) -> int:
    from tatamikomi.cli import curves, measures, recipe, run_folder

    measured = recipe.measure(run.trainer.model, config, split)
    run_folder.write_model(folder, run.trainer.model.state_dict(), config)
    history.information.update({f"test_{name}": value for name, value in measured.items()})
    history.write(run.trainer)
    written: list[str] = [run_folder.MODEL, run_folder.HISTORY]
    try:
        curves.draw(os.path.join(folder, run_folder.CURVES), run.trainer.history)
        written.append(run_folder.CURVES)
    except ImportError as error:
        print(f"note: {error}", file=sys.stderr)
    totals: dict[str, Any] = run_folder.read_history(folder)
    speed = f"{totals['seconds']:.1f} s, {totals['images_per_s']:,.0f} images/s"
    print(f"test {measures.told(measured)} after {run.trainer.epoch} epochs, {speed}; wrote {', '.join(written)}")
    return 0
