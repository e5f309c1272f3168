"""From a configuration to the model, the loaders and the Trainer of a run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any, NamedTuple

from tatamikomi import models
from tatamikomi.cli import machine, run_folder, tasks
from tatamikomi.cli.configuration import Configuration
from tatamikomi.cli.options import bad_option, unknown_option
from tatamikomi.data import (
    ArrayDataset,
    BatchTransform,
    Compose,
    DataLoader,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    Split,
    load,
)
from tatamikomi.nn import Module
from tatamikomi.optim import SGD, Adam, AdamW, CosineAnnealingLR, Optimizer
from tatamikomi.random import manual_seed, permutation
from tatamikomi.training import Callback, Trainer


class Run(NamedTuple):
    """What `train` needs."""

    trainer: Trainer
    train: DataLoader
    test: DataLoader


def load_data(configuration: Configuration, data_dir: str | None) -> Split:
    """The data set of the run.

    Raises:
        ValueError: an unknown name, a broken file, images that are not square, a model or an option that is not for
            what the data have, or no test data.
        FileNotFoundError: the data set is not there.
    """
    split = load(configuration.data, data_dir)
    shape, task = split.train_x.shape, tasks.of(split)
    if configuration.model not in models.list(task.models):
        raise unknown_option(f"--model: for {split.name}", configuration.model, models.list(task.models))
    if task is tasks.IMAGES and (len(shape) != 4 or shape[2] != shape[3]):
        raise ValueError(f"{split.name}: expected square images, or series, got shape {shape}")
    for name, value in task.only.items():
        given = getattr(configuration, name)
        if given != value:
            only = f"{value} for {task.has}, as {split.name} has them"
            raise bad_option(f"--{name.replace('_', '-')}", given, only)
    if not len(split.test_x):
        raise ValueError(f"{split.name}: it holds no test image")
    if configuration.samples:
        # The first ones may be of a few classes alone.
        train, test = (
            permutation(configuration.seed, (), len(y))[: configuration.samples] for y in (split.train_y, split.test_y)
        )
        split = split._replace(
            train_x=split.train_x[train],
            train_y=split.train_y[train],
            test_x=split.test_x[test],
            test_y=split.test_y[test],
        )
    return split


def build_model(configuration: Configuration, split: Split) -> Module:
    """The model for the data's channels, size and classes, with initial values drawn from the default
    Generator."""
    size: dict[str, Any] = (
        {"image_size": int(split.train_x.shape[2])} if "image_size" in models.options(configuration.model) else {}
    )
    return models.create(configuration.model, split.classes, split.train_x.shape[1], **size)


def finished(args: Namespace, whole: bool = True) -> tuple[Configuration, Split, Module]:
    """What the folder of a finished run tells: its configuration, its data and its model, in evaluation mode; backend
    and threads are set as the run or the command line wants them.

    Args:
        args: the command's: run, data_dir, backend, threads.
        whole: whether the command wants labels of whole images.

    Raises:
        ValueError: the run is not finished or damaged, it does something else where labels of whole images are wanted,
            or as `load_data`.
        FileNotFoundError: there is no run, or no data.
    """
    arrays, configuration = run_folder.read_model(args.run)
    machine.use(args.backend or configuration.backend, args.threads)
    split = load_data(configuration, args.data_dir)  # the model's sizes follow from its data
    if whole and (does := tasks.of(split).does):
        raise ValueError(f"{args.run}: its model {does}, expected one that labels whole images")
    model = build_model(configuration, split)
    model.load_state_dict(arrays)
    return configuration, split, model.eval()


def test_loader(split: Split, batch_size: int) -> DataLoader:
    """The test images in their order."""
    return DataLoader(ArrayDataset(split.test_x, split.test_y), batch_size)


def assemble(configuration: Configuration, split: Split, callbacks: Iterable[Callback]) -> Run:
    """The whole run, everything random in it decided by the seed.

    Initial values and dropout masks come from the default Generator, started at the seed; the order of the
    images and their augmentation from the seed and the number of the epoch.
    """
    manual_seed(configuration.seed)
    model = build_model(configuration, split)
    train = DataLoader(
        ArrayDataset(split.train_x, split.train_y),
        configuration.batch_size,
        shuffle=True,
        seed=configuration.seed,
        transform=_augment(configuration, split.train_x.shape[2]),
    )
    optimizer = _optimizer(configuration, model)
    steps = configuration.epochs * len(train)
    warmup = steps // 15  # Adam's first steps at the full rate leave many of the ReLUs dead
    schedule = CosineAnnealingLR(optimizer, steps - warmup, warmup=warmup)
    task = tasks.of(split)
    name, metric = next(iter(task.metrics(model, split).items()))
    trainer = Trainer(
        model,
        optimizer,
        task.loss(model, configuration),
        metrics={name: metric},
        scheduler=schedule,
        schedule="step",
        callbacks=callbacks,
    )
    return Run(trainer, train, test_loader(split, configuration.batch_size))


def measure(model: Module, configuration: Configuration, split: Split) -> dict[str, float]:
    """The loss and all that the task measures, of a model in evaluation mode over the test images at once."""
    task = tasks.of(split)
    loss, found = task.loss(model, configuration), task.metrics(model, split)
    trainer = Trainer(model, SGD(model.parameters()), loss, metrics=found)
    return trainer.evaluate(test_loader(split, configuration.batch_size))


def _augment(configuration: Configuration, size: int) -> BatchTransform | None:
    seed = configuration.seed
    if configuration.augment == "affine":
        return RandomAffine(degrees=10.0, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=10.0, seed=seed)
    if configuration.augment == "affine-wide":
        return RandomAffine(degrees=15.0, translate=(0.12, 0.12), scale=(0.85, 1.15), shear=12.0, seed=seed)
    if configuration.augment == "crop-flip":
        return Compose([RandomCrop(size, padding=2, seed=seed), RandomHorizontalFlip(seed=seed)])
    return None


def _optimizer(configuration: Configuration, model: Module) -> Optimizer:
    params, lr, decay = model.parameters(), configuration.lr, configuration.weight_decay
    if configuration.optimizer == "sgd":
        return SGD(params, lr, momentum=0.9, weight_decay=decay, nesterov=True)
    if configuration.optimizer == "adamw":
        return AdamW(params, lr, weight_decay=decay)
    return Adam(params, lr, weight_decay=decay)
