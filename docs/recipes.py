"""Write docs/recipes.md from docs/recipes.json, and put finished runs into that file first.

    python docs/recipes.py [RUN ...] [--check]

A RUN is a folder that `tatamikomi train --recipe NAME` has left; of one recipe and seed the last one counts.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STORE, PAGE = HERE / "recipes.json", HERE / "recipes.md"
FIGURES = {"map50": "mAP@0.5", "dice": "Dice", "accuracy": "test accuracy"}  # the first that a run has is its figure
COOKBOOK = HERE.parent / "python" / "tatamikomi" / "cli" / "cookbook"

HEAD = """# Recipes

Written by `python docs/recipes.py RUN ...` from the histories of runs; edit neither this page nor `recipes.json`.

A recipe is a set of options by name: `tatamikomi train --recipe list` lists them, `--recipe digits` trains by one.
Options on the command line go before it, `--quick` makes a look in seconds of it, and the run folder's `config.toml`
says all that was in force. Seconds are those of all epochs, with the tests after each.
"""


def row_of(history: dict[str, Any]) -> dict[str, Any]:
    """What the page tells of a run.

    Raises:
        ValueError: no recipe, not finished, or not what the recipe asks for.
    """
    configuration = history["configuration"]
    name = configuration.get("recipe")
    if not name:
        raise ValueError("not the run of a recipe")
    if not any(f"test_{figure}" in history for figure in FIGURES):
        raise ValueError("the run is not finished")
    return {
        "recipe": name,
        "configuration": configuration,
        **{figure: history[f"test_{figure}"] for figure in FIGURES if f"test_{figure}" in history},
        "folds": [fold["test_accuracy"] for fold in history.get("folds", ())],
        "seconds": round(history["seconds"], 1),
        "parameters": history["parameters"],
        "threads": history["threads"],
        "isa": history["isa"],
        "platform": history["platform"],
        "version": history["versions"]["tatamikomi"],
    }


def key_of(row: dict[str, Any]) -> str:
    """Recipe and seed, by which rows replace each other."""
    return f"{row['recipe']}/{row['configuration']['seed']}"


def command(row: dict[str, Any]) -> str:
    """What makes the run: the recipe, and every option that it was given beside it."""
    from tatamikomi.cli import configuration, cookbook

    default = configuration.from_options(cookbook.read(row["recipe"])).as_dict()
    words = ["tatamikomi train --recipe", row["recipe"]]
    for name, value in row["configuration"].items():
        if value != default[name]:
            words.append(f"--{name.replace('_', '-')} {value}")
    return " ".join([*words, f"--threads {row['threads']}"])


def render(rows: dict[str, dict[str, Any]]) -> str:
    """The page."""
    from tatamikomi.cli import cookbook

    parts = [HEAD]
    for name in cookbook.names():
        toml = (COOKBOOK / f"{name}.toml").read_text(encoding="utf-8")
        options = "\n".join(line for line in toml.splitlines() if not line.startswith("#"))
        parts.append(f"## {name}\n\n{cookbook.summary(name)}\n\n```toml\n{options}\n```\n")
        measured = [row for _, row in sorted(rows.items()) if row["recipe"] == name]
        if not measured:
            parts.append("Not measured yet.\n")
            continue
        figure = next(figure for figure in FIGURES if measured[0].get(figure) is not None)
        lines = [f"| command | {FIGURES[figure]} | seconds | parameters | machine |", "|---|--:|--:|--:|---|"]
        for row in measured:
            spread = f" ({min(row['folds']):.4f} to {max(row['folds']):.4f})" if row["folds"] else ""
            where = f"{row['platform']}, {row['isa']}, {row['threads']} thread{'s' * (row['threads'] > 1)}"
            reached = f"{row[figure]:.4f}{spread}"
            lines.append(f"| `{command(row)}` | {reached} | {row['seconds']:.0f} | {row['parameters']:,} | {where} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python docs/recipes.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", metavar="RUN", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where the page is another")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    for run in options.runs:
        try:
            row = row_of(json.loads((run / "history.json").read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            print(f"{run}: {error}", file=sys.stderr)
            return 2
        rows[key_of(row)] = row
    text = render(rows)
    if options.check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    STORE.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
