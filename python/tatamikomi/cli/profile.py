"""Time the layers of a model, forward and backward, beside what the machine can do."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from tatamikomi.cli import machine
from tatamikomi.cli.options import bad_option, unknown_option

if TYPE_CHECKING:
    from tatamikomi.nn import Module


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, its input, and where the trace goes."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a name of `tatamikomi.models.list()`, or the folder of a finished run")
    add("--batch", type=int, metavar="N", help="samples that go through at a time; default: 8, with --inference 1")
    add("--input", metavar="CxHxW", help="default: that of the run, else 28x28 or 224x224, as the network's paper has")
    add("--inference", action="store_true", help="evaluation mode, no tape, no way back; else a training step's passes")
    add("--repeats", type=int, metavar="N", default=10, help="passes, of which medians are told; default: 10")
    add("--trace", metavar="FILE", help="write the last pass as JSON for chrome://tracing and ui.perfetto.dev")
    add("--data-dir", metavar="DIR", help="where a run's named data set is looked for")
    machine.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table; write the trace."""
    import numpy as np

    from tatamikomi import interpret, kernels

    count = (1 if args.inference else 8) if args.batch is None else args.batch
    for option, value in (("--batch", count), ("--repeats", args.repeats)):
        if value < 1:
            raise bad_option(option, value, "an integer >= 1")
    model, sizes = _model(args)
    x = np.random.default_rng(0).standard_normal((count, *sizes), np.float32)
    training = not args.inference
    peak = interpret.machine_peak()
    told = interpret.profile(model, x, args.repeats, backward=training, training=training, peak=peak)
    where = f"{kernels.get_backend()}, {kernels.config()['isa']}, {kernels.get_num_threads()} threads"
    print(f"{args.model} on {x.shape}, {'training' if training else 'inference'}; {where}")
    print(told)
    if args.trace is not None:
        told.save_chrome_trace(args.trace)
        print(f"wrote {args.trace}")
    return 0


def _model(args: argparse.Namespace) -> tuple[Module, tuple[int, ...]]:
    """The model, and (channels, *sizes) of its input."""
    import os

    from tatamikomi import kernels, models

    given = None if args.input is None else _sizes(args.input)
    if args.model in models.list():
        machine.use(args.backend or kernels.get_backend(), args.threads)
        sizes = _usual(args.model) if given is None else given
        size: dict[str, Any] = {"image_size": sizes[-1]} if "image_size" in models.options(args.model) else {}
        return models.create(args.model, in_channels=sizes[0], seed=0, **size), sizes
    if not os.path.isdir(args.model):
        raise unknown_option("MODEL", args.model, ["the folder of a run", *models.list()])
    from tatamikomi.cli import recipe

    args.run = args.model
    _, split, model = recipe.finished(args, whole=False)
    return model, split.test_x.shape[1:] if given is None else given


def _sizes(text: str) -> tuple[int, ...]:
    """Of "3x224x224": (3, 224, 224)."""
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text):
        raise bad_option("--input", text, "channels and sizes joined by x, such as 3x224x224")
    return tuple(map(int, text.split("x")))


def _usual(name: str) -> tuple[int, ...]:
    """What the network was made for, as far as its options tell."""
    from tatamikomi import models

    options = models.options(name)
    channels = options["in_channels"]
    if name in models.list("sequence"):
        raise bad_option("--input", "nothing", f"channels and length for {name}, such as {channels}x1000")
    small = 128 if name in models.list("segmentation") else 28
    size = options.get("image_size") or (224 if channels == 3 else small)
    return channels, size, size
