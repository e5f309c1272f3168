"""Documents keep their word: relative links lead somewhere, and Python blocks run, page by page in one namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tatamikomi as tk

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {"build", "dist"}


def pages():
    candidates = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in sorted(candidates)]


PAGES = pages()
WITH_PYTHON = [one for one in PAGES if "```python" in one.values[0].read_text(encoding="utf-8")]
# README.md has a test of its own, test_readme.py; README.ja.md and the course's Japanese pages repeat the English code.
JAPANESE = "README.ja.md", "docs/course/ja/"
RUNNABLE = [one for one in WITH_PYTHON if one.id != "README.md" and not one.id.startswith(JAPANESE)]


def python_blocks(text):
    """(first line's number, source) of each fenced Python block."""
    for found in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, found.start(1)) + 1, found[1]


def links(text):
    """Targets of Markdown links and images, those within code left out."""
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def run_blocks(path, monkeypatch, folder):
    monkeypatch.chdir(folder)
    names = {"__name__": "page"}
    text = path.read_text(encoding="utf-8")
    for line, source in python_blocks(text):
        exec(compile("\n" * (line - 1) + source, str(path), "exec"), names)
    return names


def test_pages_were_found():
    assert len(PAGES) >= 20
    assert len(RUNNABLE) >= 10
    assert links("[a](b.md) `[c](d.md)` ![e](f.png)") == ["b.md", "f.png"]
    assert list(python_blocks("x\n```python\ny = 1\n```\n")) == [(3, "y = 1\n")]


@pytest.mark.parametrize("path", PAGES)
def test_relative_links_lead_somewhere(path):
    for target in links(path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.split("#")[0]).exists(), f"{path.relative_to(ROOT)}: {target} leads nowhere"


@pytest.mark.parametrize("path", RUNNABLE)
def test_python_blocks_run(path, monkeypatch, tmp_path):
    run_blocks(path, monkeypatch, tmp_path)


def test_every_family_has_its_page():
    families = {path.stem for path in (ROOT / "python/tatamikomi/kernels/reference").glob("*.py")}
    families -= {"__init__", "windows"}
    composed = {path.stem for path in (ROOT / "python/tatamikomi/functional").glob("*.py")}
    pages = {path.stem for path in (ROOT / "docs/ops").glob("*.md")}
    assert families <= pages <= families | composed


def test_every_operation_is_on_a_page():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/ops").glob("*.md"))
    text = re.sub(r"(\w+)1d/2d/3d", r"\g<1>1d \g<1>2d \g<1>3d", text)
    missing = set(tk.functional.__all__) - set(re.findall(r"\w+", text))
    assert not missing


def test_decisions_are_listed():
    listed = set(links((ROOT / "docs/adr/README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
