"""RESULTS.md and a page for each machine, from results/MACHINE/*.json and results/notes.toml.

python -m benchmarks.results [--check]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.cases import tomllib
from benchmarks.engines import PEERS
from benchmarks.groups import GROUPS
from benchmarks.table import (
    Row,
    asked,
    better,
    direct_share,
    geomean,
    lines_of,
    nchw,
    ours,
    peer_cell,
)

FOLDER = Path(__file__).parent / "results"
PAGE = Path(__file__).parent / "RESULTS.md"
Configuration = tuple[str, int]  # instruction set, threads
Content = dict[str, dict[str, Any]]  # "machine": figures, "rows": measurements

HEAD = """# Results

Written by `python -m benchmarks.results` from `results/*/*.json` and `results/notes.toml`; edit those, not this page.
[README.md](README.md) tells how the figures are taken. A ratio is another engine's median over ours: above 1, ours is
faster. A cell holds three: against the faster of torch's two layouts, geometric mean; the smallest of these; against
torch on contiguous NCHW, geometric mean; in bold where what is asked is reached. Forward holds a pack of the weights
unless it says otherwise; what is asked of a group is asked of it as a whole, of 3x3 layers with 64 channels and more in
each direction.
"""

MACHINE_HEAD = """Written by `python -m benchmarks.results`; [RESULTS.md](../RESULTS.md) has all machines side by side.
A ratio is another engine's median over ours: above 1, ours is faster. *better*: against the faster of torch's two
layouts, geometric mean; *worst*: the smallest of these; *NCHW*: against torch on contiguous NCHW, geometric mean.
"""


def load(folder: Path = FOLDER) -> dict[str, Content]:
    """By machine, a folder each: figures and rows of all its files, by key; a later file wins."""
    found: dict[str, Content] = {}
    for path in sorted(folder.glob("*/*.json")):
        content = found.setdefault(path.parent.name, {"machine": {}, "rows": {}})
        for name, part in json.loads(path.read_text(encoding="utf-8")).items():
            content[name].update(part)
    return found


def notes(folder: Path = FOLDER) -> dict[str, list[str]]:
    """What was tried where a group is not reached, by group."""
    path = folder / "notes.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def table(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> list[str]:
    """A Markdown table; all columns but the first `left` are numbers."""
    head = list(head)
    rule = ["---" if i < left else "--:" for i in range(len(head))]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *map(list, rows))]


def by_configuration(rows: dict[str, Row]) -> dict[Configuration, dict[str, Row]]:
    """Rows by the rest of their key; the widest instruction set and most threads first."""
    found: dict[Configuration, dict[str, Row]] = {}
    for key, row in rows.items():
        isa, threads, case = key.split("/", 2)
        found.setdefault((isa, int(threads.removesuffix("t"))), {})[case] = row
    order = ("avx512", "avx2", "baseline")
    return dict(sorted(found.items(), key=lambda one: (-one[0][1], order.index(one[0][0]))))


def title(configuration: Configuration) -> str:
    isa, threads = configuration
    return f"{ {'avx512': 'AVX-512', 'avx2': 'AVX2'}.get(isa, isa) }, {threads} thread{'s' * (threads > 1)}"


def groups(rows: list[Row]) -> list[str]:
    """The table of groups."""
    lines = []
    for name, part, one, judged in lines_of(rows):
        group = GROUPS[name]
        verdict = ("**yes**" if one.reaches(group) else "no") if judged else ""
        first = group.title if part == "all" else f"- {part}"
        figures = (str(one.rows), f"{one.better:.2f}", f"{one.worst:.2f}", f"{one.nchw:.2f}")
        lines.append((first, asked(group) if judged else "", *figures, verdict))
    return table(("group", "asked", "rows", "better", "worst", "NCHW", "reached"), lines, left=2)


def overview(contents: dict[str, Content]) -> list[str]:
    """What is asked, and what each machine and configuration reaches of it."""
    heads: list[str] = []
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for machine, content in contents.items():
        for configuration, rows in by_configuration(content["rows"]).items():
            heads.append(f"{machine}, {title(configuration)}")
            for line in lines_of(list(rows.values())):
                if line.judged:
                    text = f"{line.cell.better:.2f}, {line.cell.worst:.2f}, {line.cell.nchw:.2f}"
                    kept = cells.setdefault((line.group, line.part), {})
                    kept[heads[-1]] = f"**{text}**" if line.reached else text
    order = list(GROUPS)
    lines = []
    for (name, part), found in sorted(cells.items(), key=lambda one: (order.index(one[0][0]), one[0][1])):
        words = GROUPS[name].title if part == "all" else f"{GROUPS[name].title}: {part}"
        lines.append((words, asked(GROUPS[name]), *(found.get(head, "") for head in heads)))
    return table(("group", "asked", *heads), lines, left=2)


def tried(contents: dict[str, Content], told: dict[str, list[str]]) -> list[str]:
    """What the notes say of the groups that are not reached on some machine."""
    missed = {
        line.group
        for content in contents.values()
        for rows in by_configuration(content["rows"]).values()
        for line in lines_of(list(rows.values()))
        if line.judged and not line.reached
    }
    return [f"- {GROUPS[name].title}: {text}" for name in GROUPS if name in missed for text in told.get(name, ())]


def peers(rows: list[Row]) -> list[str]:
    """Forward beside the engines that only infer."""
    lines = []
    for name, group in GROUPS.items():
        one = peer_cell(row for row in rows if row["group"] == name and row["direction"] == "forward")
        if one is not None:
            each = (
                f"{one.engines[peer][1]:.2f} ({one.engines[peer][0]})" if peer in one.engines else "" for peer in PEERS
            )
            lines.append((group.title, *each, f"{one.best:.2f}"))
    return table(("forward", *(f"{peer} (rows)" for peer in PEERS), "best of them"), lines) if lines else []


def inference(rows: dict[str, Row]) -> list[str]:
    """Whole networks that infer, from an array to an array: ours in ms, the others' time over it, and that of ours
    after `optimize_for_inference` where it was measured."""
    others = ["torch", "torch-channels-last", "onnxruntime", "openvino", "ncnn"]
    if any("native-optimized" in row["median"] for row in rows.values()):
        others.insert(0, "native-optimized")
    lines = []
    for key, row in sorted(rows.items()):
        family, name, batch, _ = key.split("/")
        if family == "inference" and "native" in row["median"]:
            mine = row["median"]["native"]
            ratios = (f"{row['median'][one] / mine:.2f}" if one in row["median"] else "" for one in others)
            lines.append((name.split(".")[0], batch.removeprefix("b"), f"{1e3 * mine:.3g}", *ratios))
    return table(("inference", "batch", "ours ms", *others), lines) if lines else []


def shares(rows: dict[str, Row], gflops: float) -> list[str]:
    """The direct algorithm on ResNet's 3x3 and 1x1 layers of stride 1, as shares of the FMA peak."""
    lines = []
    for kernel in ("3x3", "1x1"):
        for direction in ("forward", "backward_input", "backward_weight"):
            pattern = re.compile(rf"conv/resnet\d+\.[^/]*{kernel}(?!s2)[^/]*/b\d+/{direction}$")
            named = [row for key, row in rows.items() if pattern.match(key)]
            found = [share for share in (direct_share(row, gflops) for row in named) if share]
            if found:
                figures = (str(len(found)), f"{geomean(found):.0%}", f"{min(found):.0%}")
                lines.append((f"ResNet {kernel}, {direction}", *figures))
    return table(("direct algorithm", "rows", "mean of peak", "least"), lines) if lines else []


def machines(measured: dict[str, dict[str, Any]]) -> list[str]:
    """FMA peaks and bandwidths."""
    names = ("gflops", "read", "copy", "copy_stream", "triad", "first_touch", "first_touch_huge")
    lines = [
        (key.replace("/", ", "), *(f"{one[name]:.3g}" for name in names))
        for key, one in sorted(measured.items())
        if one
    ]
    words = ("FMA peak GFLOP/s", "read GB/s", "copy", "copy, streamed", "triad", "first touch", "in huge pages")
    return table(("", *words), lines) if lines else []


def _time(row: Row, seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 2**20:.1f} MiB" if row.get("unit") == "bytes" else f"{1e3 * seconds:.3g}"


def _ratios(row: Row | None) -> tuple[str, str]:
    mine, best, plain = (ours(row), better(row), nchw(row)) if row else (None, None, None)
    return (f"{best / mine:.2f}" if mine and best else "", f"{plain / mine:.2f}" if mine and plain else "")


def every_row(configurations: dict[Configuration, dict[str, Row]]) -> list[str]:
    """All cases: times of the first configuration, ratios of all."""
    first, *rest = configurations
    lines = []
    for key in sorted({key for rows in configurations.values() for key in rows}):
        row = configurations[first].get(key)
        if row is None:
            figures = [""] * 6
        else:
            rate = f"{row['gflops']:.3g}" if "gflops" in row else f"{row['gbytes']:.3g} GB/s" if "gbytes" in row else ""
            share = f"{row['peak_share']:.0%}" if "peak_share" in row else ""
            plain = row["median"].get("native")
            figures = [_time(row, ours(row)), _time(row, plain) if ours(row) != plain else ""]
            figures += [_time(row, better(row)), rate, share, row.get("algorithm", "")]
        ratios = [text for one in (first, *rest) for text in _ratios(configurations[one].get(key))]
        lines.append((key, *figures, *ratios))
    heads = [text for one in (first, *rest) for text in (f"x {one[0]} {one[1]}t", f"xN {one[0]} {one[1]}t")]
    return table(("case", "ours ms", "no pack held", "torch ms", "GFLOP/s", "of peak", "algorithm", *heads), lines)


def processor(content: Content) -> str:
    """The processor's name, as it tells it."""
    names = {one["processor"] for one in content["machine"].values() if one}
    return ", ".join(sorted(names)) or "a processor that was not asked"


def front(contents: dict[str, Content], told: dict[str, list[str]]) -> str:
    """RESULTS.md."""
    page = [HEAD]
    if not contents:
        return "\n".join([*page, "Nothing has been measured.", ""])
    for machine, content in contents.items():
        page.append(f"- [{machine}](results/{machine}.md): {processor(content)}; every row, times and algorithms")
    page += ["", *overview(contents), ""]
    said = tried(contents, told)
    page += ["Where a group is not reached everywhere, what was tried:", "", *said, ""] if said else []
    return "\n".join(page)


def render(machine: str, content: Content) -> str:
    """The page of one machine."""
    page = [f"# Results: {machine}", "", MACHINE_HEAD]
    configurations = by_configuration(content["rows"])
    commits = sorted({row["commit"] for row in content["rows"].values()})
    page += [f"Processor: {processor(content)}. Commits: {', '.join(commits)}.", ""]
    for configuration, rows in configurations.items():
        listed = list(rows.values())
        turns = min((row["turns"] for row in listed if row.get("unit") != "bytes"), default=0)
        page += [f"## {title(configuration)}", "", f"Medians of {turns} turns, or more where they scatter.", ""]
        page += [*groups(listed), ""]
        beside = peers(listed)
        page += ["Beside the engines that only infer, their time over ours:", "", *beside, ""] if beside else []
        infer = inference(rows)
        page += ["Whole networks that infer, times over ours:", "", *infer, ""] if infer else []
        measured = content["machine"].get(f"{configuration[0]}/{configuration[1]}t")
        share = shares(rows, measured["gflops"]) if measured else []
        page += [*share, ""] if share else []
    bounds = machines(content["machine"])
    page += ["## The machine", "", *bounds, ""] if bounds else []
    head = f"Times in ms are of {title(next(iter(configurations)))}; *x* better layout, *xN* NCHW."
    page += ["## Every row", "", head, "", *every_row(configurations), ""]
    return "\n".join(page)


def pages() -> dict[Path, str]:
    """What each page says."""
    contents = load()
    found = {FOLDER / f"{machine}.md": render(machine, content) for machine, content in contents.items()}
    return {PAGE: front(contents, notes()), **found}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.results", description="Write RESULTS.md and the pages of the machines."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a page is another")
    written = pages()
    if parser.parse_args().check:
        return int(any(not page.exists() or page.read_text(encoding="utf-8") != text for page, text in written.items()))
    for page, text in written.items():
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
