"""From rows to figures: ratios, their geometric means, the smallest, and whether what is asked is reached."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from benchmarks.engines import PEERS
from benchmarks.groups import GROUPS, Group

Row = dict[str, Any]
HELD = "native-packed"  # forward with the weights' pack made before
DIRECT = "native-direct"  # the direct algorithm where Winograd's is chosen
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


class Line(NamedTuple):
    """A line of the table of groups."""

    group: str  # a key of GROUPS
    part: str  # "all", or a direction
    cell: Cell
    judged: bool  # whether what the group asks is asked of this line

    @property
    def reached(self) -> bool:
        return self.cell.reaches(GROUPS[self.group])


def lines_of(rows: list[Row]) -> list[Line]:
    """In the order of GROUPS; each group as a whole first, then by direction, forward also without a pack held."""
    found = []
    for name, group in GROUPS.items():
        members = [row for row in rows if row["group"] == name]
        directions = list(dict.fromkeys(row["direction"] for row in members))
        parts: list[tuple[str, list[Row], str | None, bool]] = [("all", members, None, not group.each_direction)]
        for direction in directions if group.each_direction or len(directions) > 1 else ():
            here = [row for row in members if row["direction"] == direction]
            if any(HELD in row["median"] for row in here):
                parts.append((f"{direction}, pack held", here, HELD, group.each_direction))
                parts.append((direction, here, "native", False))
            else:
                parts.append((direction, here, None, group.each_direction))
        for part, some, entry, judged in parts:
            one = cell(some, entry)
            if one is not None:
                found.append(Line(name, part, one, judged))
    return found


def asked(group: Group) -> str:
    """What a group asks, in few characters."""
    parts = (("mean >= ", group.better), ("none < ", group.worst), ("NCHW >= ", group.nchw))
    return ", ".join(f"{words}{value:g}" for words, value in parts if value is not None)


def summary(rows: list[Row]) -> str:
    """The table on the screen."""
    lines = [f"{'group':<50} {'part':<20} {'rows':>5} {'better':>7} {'worst':>7} {'NCHW':>7}  asked"]
    for name, part, one, judged in lines_of(rows):
        group = GROUPS[name]
        verdict = f"  {asked(group)}: {'reached' if one.reaches(group) else 'NOT reached'}" if judged else ""
        figures = f"{one.rows:>5} {one.better:>7.2f} {one.worst:>7.2f} {one.nchw:>7.2f}"
        lines.append(f"{group.title:<50} {part:<20} {figures}{verdict}")
    return "\n".join(lines)


class PeerCell(NamedTuple):
    """Forward beside the engines that only infer: by engine, rows and the geometric mean of its time over ours, and
    that of the fastest of all in each row."""

    engines: dict[str, tuple[int, float]]
    best: float


def peer_cell(rows: Iterable[Row]) -> PeerCell | None:
    ratios: dict[str, list[float]] = {}
    best = []
    for row in rows:
        mine = ours(row)
        present = {name: row["median"][name] for name in PEERS if name in row["median"]}
        if mine and present:
            best.append(min(present.values()) / mine)
            for name, value in present.items():
                ratios.setdefault(name, []).append(value / mine)
    if not best:
        return None
    return PeerCell({name: (len(each), geomean(each)) for name, each in ratios.items()}, geomean(best))


def direct_share(row: Row, gflops: float) -> float | None:
    """The direct algorithm's share of the FMA peak: timed beside Winograd's, or chosen."""
    seconds = row["median"].get(DIRECT, ours(row) if row.get("algorithm") == "direct" else None)
    return row["flops"] / seconds / 1e9 / gflops if seconds and row.get("flops") else None
