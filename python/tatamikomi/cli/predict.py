"""Tell what a finished run's model sees in pictures."""

from __future__ import annotations

import argparse

from tatamikomi.cli import machine
from tatamikomi.cli.options import bad_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder and the pictures."""
    parser.add_argument("run", metavar="RUN", help="the folder that `tatamikomi train` wrote")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture files, resized to the model's input")
    parser.add_argument("--top", type=int, metavar="K", default=3, help="classes told per picture; default: 3")
    parser.add_argument("--invert", action="store_true", help="bright for dark: digits written black on white paper")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets are looked for")
    machine.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the most probable classes of every picture, best first."""
    import numpy as np

    from tatamikomi import functional
    from tatamikomi.autograd import no_grad
    from tatamikomi.cli import recipe
    from tatamikomi.data import read_image

    if args.top < 1:
        raise bad_option("--top", args.top, "an integer >= 1")
    _, split, model = recipe.finished(args)
    channels, *size = split.train_x.shape[1:]
    if len(size) != 2:
        raise ValueError(f"{args.run}: its model takes series, and pictures have two axes")
    if channels not in (1, 3):
        raise ValueError(f"{args.run}: its model takes {channels} channels, and pictures have 1 or 3")
    mode = "L" if channels == 1 else "RGB"
    pictures = np.stack([read_image(path, mode, (size[0], size[1])) for path in args.images])
    with no_grad():
        shares = functional.softmax(model(1 - pictures if args.invert else pictures), 1).numpy()
    for path, row in zip(args.images, shares, strict=True):
        best = np.argsort(-row, kind="stable")[: args.top]
        print(f"{path}: " + ", ".join(f"{label} ({row[label]:.1%})" for label in best))
    return 0
