"""From rows to figures: ratios, their geometric means, the smallest, and whether what is asked is reached."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.groups import GROUPS, Group

Row = dict[str, Any]
HELD = "native-packed"  # forward with the weights' pack made before
LAYOUTS = ("torch", "torch-channels-last", "numpy")  # NumPy takes part in matrix products only


def ours(row: Row, entry: str | None = None) -> float | None:
    """Our median: with the pack held where there is one, unless an entry is named."""
    median = row["median"]
    return median.get(entry) if entry else median.get(HELD, median.get("native"))


def better(row: Row) -> float | None:
    """The faster of torch's layouts."""
    found = [row["median"][name] for name in LAYOUTS if name in row["median"]]
    return min(found) if found else None


def nchw(row: Row) -> float | None:
    return row["median"].get("torch")


def geomean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


class Cell(NamedTuple):
    """Ratios of some rows: how many, the geometric mean and the smallest over the better layout, the mean over NCHW."""

    rows: int
    better: float
    worst: float
    nchw: float

    def reaches(self, group: Group) -> bool:
        asked = ((self.better, group.better), (self.worst, group.worst), (self.nchw, group.nchw))
        return all(least is None or found >= least for found, least in asked)


def cell(rows: Iterable[Row], entry: str | None = None) -> Cell | None:
    """Of those rows that have our time and torch's."""
    found = [(ours(row, entry), better(row), nchw(row)) for row in rows]
    complete = [(mine, best, plain) for mine, best, plain in found if mine and best and plain]
    if not complete:
        return None
    best_ratios = [best / mine for mine, best, _ in complete]
    return Cell(len(complete), geomean(best_ratios), min(best_ratios), geomean(p / mine for mine, _, p in complete))


def cells(rows: list[Row]) -> list[tuple[str, str, Cell]]:
    """(group, part, cell) in the order of GROUPS; the part "all" first, then the directions of the group."""
    found = []
    for name in GROUPS:
        members = [row for row in rows if row["group"] == name]
        parts: list[tuple[str, list[Row], str | None]] = [("all", members, None)]
        directions = list(dict.fromkeys(row["direction"] for row in members))
        if len(directions) > 1:
            for direction in directions:
                here = [row for row in members if row["direction"] == direction]
                if any(HELD in row["median"] for row in here):
                    parts.append((f"{direction}, pack held", here, HELD))
                    parts.append((direction, here, "native"))
                else:
                    parts.append((direction, here, None))
        for part, some, entry in parts:
            one = cell(some, entry)
            if one is not None:
                found.append((name, part, one))
    return found


def summary(rows: list[Row]) -> str:
    """The table on the screen."""
    lines = [f"{'group':<52}{'part':<26}{'rows':>5}{'better':>8}{'worst':>8}{'NCHW':>8}  asked"]
    for name, part, one in cells(rows):
        group = GROUPS[name]
        judged = part != "all" if group.each_direction else part == "all"
        lines.append(
            f"{group.title:<52}{part:<26}{one.rows:>5}{one.better:>8.2f}{one.worst:>8.2f}{one.nchw:>8.2f}"
            + (f"  {asked(group)} {'reached' if one.reaches(group) else 'not reached'}" if judged else "")
        )
    return "\n".join(lines)


def asked(group: Group) -> str:
    """What a group asks, in few characters."""
    parts = [(">= ", group.better), ("none < ", group.worst), ("NCHW >= ", group.nchw)]
    return ", ".join(f"{words}{value:g}" for words, value in parts if value is not None)
