"""The table of coverage, from coverage.toml, and what its entries point to."""

from __future__ import annotations

import argparse
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tatamikomi as tk

HERE = Path(__file__).resolve().parent
STATUSES = ("here", "history only", "not yet")


def rows() -> dict[str, dict[str, dict[str, Any]]]:
    """Section -> item -> what, where, lacks."""
    parser = importlib.import_module("tomllib" if find_spec("tomllib") else "tomli")
    found: dict[str, dict[str, dict[str, Any]]] = parser.loads((HERE / "coverage.toml").read_text(encoding="utf-8"))
    return found


def status(row: dict[str, Any]) -> str:
    """Which of the three an item is."""
    first = row["where"][0]
    return "not yet" if first == "not yet" else "history only" if first == "history" else "here"


def is_command(words: list[str]) -> bool:
    """Whether the command line has these subcommands."""
    from tatamikomi.cli import parser

    here: argparse.ArgumentParser = parser()
    for word in words:
        below = [one for one in here._actions if isinstance(one, argparse._SubParsersAction)]
        if not below or word not in below[0].choices:
            return False
        here = below[0].choices[word]
    return True


def is_import_path(dotted: str) -> bool:
    """Whether a name below tatamikomi exists, a module or something in one."""
    owner: Any = tk
    path = "tatamikomi"
    for part in dotted.split("."):
        path += f".{part}"
        if not hasattr(owner, part):
            try:
                importlib.import_module(path)
            except ImportError:
                return False
        owner = getattr(owner, part)
    return True


def is_experiment(name: str) -> bool:
    """Whether `tatamikomi course run NAME` knows an experiment."""
    if not find_spec("tatamikomi.course.experiments"):
        return False
    known = importlib.import_module("tatamikomi.course.experiments").experiments()
    return name in [one.name for one in known]


def exists(entry: str) -> bool:
    """Whether what an entry of `where` names is there."""
    kind, _, name = entry.partition(" ")
    if not name:
        return is_import_path(entry)
    if kind == "model":
        return name in tk.models.list()
    if kind == "command":
        return is_command(name.split())
    if kind == "experiment":
        return is_experiment(name)
    if kind == "page":
        return all((HERE / language / f"{name}.md").exists() for language in ("ja", "en"))
    folder = {"doc": HERE.parent, "test": HERE.parents[1] / "tests"}.get(kind)
    return folder is not None and (folder / name).is_file()


def shown(entry: str) -> str:
    """An entry in Markdown."""
    kind, _, name = entry.partition(" ")
    if entry == "not yet":
        return entry
    if entry == "history":
        return "history only"
    if not name:
        return f"`tk.{entry}`"
    if kind == "page":
        return f"[{name}](en/{name}.md) ([ja](ja/{name}.md))"
    if kind == "doc":
        return f"[{name}](../{name})"
    if kind == "test":
        return f"[{name}](../../tests/{name})"
    if kind == "experiment":
        return f"`tatamikomi course run {name}`"
    return f'`tk.models.create("{name}")`' if kind == "model" else f"`tatamikomi {name}`"


def page() -> str:
    """coverage.md."""
    sections = rows()
    items = [row for section in sections.values() for row in section.values()]
    counts = {name: sum(status(row) == name for row in items) for name in STATUSES}
    partly = sum(status(row) == "here" and "lacks" in row for row in items)
    lines = [
        "<!-- Made by python docs/course/make.py from coverage.toml. Change that. -->",
        "",
        "# Where each item of the course lives",
        "",
        f"{len(items)} items: {counts['here']} here, {partly} of them with something still missing; "
        f"{counts['history only']} history only; {counts['not yet']} not yet.",
    ]
    for section, members in sections.items():
        lines += ["", f"## {section}", "", "| item | what | where | still missing |", "|---|---|---|---|"]
        for name, row in members.items():
            where = ", ".join(map(shown, row["where"]))
            lines.append(f"| {name} | {row['what']} | {where} | {row.get('lacks', '')} |")
    return "\n".join(lines) + "\n"
