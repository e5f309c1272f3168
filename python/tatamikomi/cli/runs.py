"""List run folders and compare them in a table."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tatamikomi.cli.measures import WORDS
from tatamikomi.cli.options import unknown_option

_COLUMNS = ("run", "model", "data", "optimizer", "lr", "seed", "epochs", *WORDS, "seconds", "images/s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look, and the order."""
    parser.add_argument("folders", metavar="DIR", nargs="*", help="run folders, or folders of them; default: runs")
    parser.add_argument("--sort", metavar="COLUMN", default="run", help=f"{', '.join(_COLUMNS)}; default: run")


def run(args: argparse.Namespace) -> int:
    """Print one line per run, with the measures that some run has; those best by one of them are marked."""
    if args.sort not in _COLUMNS:
        raise unknown_option("--sort", args.sort, _COLUMNS)
    folders = [found for folder in args.folders or ["runs"] for found in _runs(folder)]
    if not folders:
        raise ValueError(f"no run in {', '.join(args.folders or ['runs'])}: `tatamikomi train` makes one")
    rows = [_row(folder) for folder in folders]
    rows.sort(key=lambda row: _key(row[args.sort]))
    known = [name for name in WORDS if any(row[name] is not None for row in rows)] or ["accuracy"]
    best = {name: max((row[name] for row in rows if row[name] is not None), default=None) for name in known}
    for row in rows:
        if any(row[name] is not None and row[name] == best[name] for name in known):
            row["run"] += " *"
    print(_table(rows, [name for name in _COLUMNS if name in known or name not in WORDS]))
    return 0


def _runs(folder: str) -> list[str]:
    """The folder itself if it is a run, else the runs right below it."""
    from tatamikomi.cli import run_folder

    if os.path.exists(os.path.join(folder, run_folder.HISTORY)):
        return [folder]
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{folder}: no such folder")
    below = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    return [path for path in below if os.path.exists(os.path.join(path, run_folder.HISTORY))]


def _row(folder: str) -> dict[str, Any]:
    from tatamikomi.cli import run_folder

    history = run_folder.read_history(folder)
    config = history.get("configuration") or {}
    done = history.get("epochs") or []
    wanted = config.get("epochs")
    return {
        "run": folder,
        **{name: config.get(name) for name in ("model", "optimizer", "lr", "seed")},
        "data": os.path.basename(os.path.normpath(config["data"])) if config.get("data") else None,
        "epochs": f"{len(done)} of {wanted}" if len(done) != wanted else str(wanted),
        **{name: history.get(f"test_{name}") for name in WORDS},
        "seconds": history.get("seconds"),
        "images/s": history.get("images_per_s"),
    }


def _key(value: Any) -> tuple[int, Any]:
    """Numbers by size, words by letters, what is missing last."""
    if value is None:
        return 2, ""
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))


def _table(rows: list[dict[str, Any]], columns: list[str]) -> str:
    shown = [[_text(name, row[name]) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *shown]) for i in range(len(columns))]
    lines = []
    for line in [columns, *shown]:
        cells = [
            cell.ljust(width) if i < 4 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _text(column: str, value: Any) -> str:
    if value is None:
        return "-"
    forms = {"seconds": "{:.1f}", "images/s": "{:,.0f}", "lr": "{:g}"}
    form = "{:.4f}" if column in WORDS else forms.get(column, "{}")
    return form.format(value)
