"""Write a page about a finished run: curves, confusion, mistakes, filters, summary."""

from __future__ import annotations

import argparse
import os

from tatamikomi.cli import machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folder, the file, and where the data lie."""
    parser.add_argument("run", metavar="RUN", help="the folder that `tatamikomi train` wrote")
    parser.add_argument("--out", metavar="FILE", help="the page, one HTML file; default: RUN/report.html")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets are looked for")
    machine.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and tell where."""
    from tatamikomi import interpret, io
    from tatamikomi.cli import recipe, run_folder
    from tatamikomi.data.extras import extra_module

    extra_module("matplotlib", "tatamikomi report", "matplotlib", "plot")  # before there is work to lose
    config, split, model = recipe.finished(args)
    stored = run_folder.read_history(args.run)
    here = machine.describe()
    html = interpret.report(
        model,
        split.test_x,
        split.test_y,
        title=f"{config.model} on {split.name}",
        history=stored.get("epochs") or (),
        about={
            "Configuration": config.as_dict(),
            "Trained with": {name: stored[name] for name in (*here, "seconds", "images_per_s") if name in stored},
            "This page": here,
        },
        batch_size=config.batch_size,
    )
    path = os.path.join(args.run, "report.html") if args.out is None else args.out
    with io.atomic_write(path) as file:
        file.write(html.encode())
    print(f"wrote {path}")
    return 0
