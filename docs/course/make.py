"""Make the pages of the course, their figures and the table of coverage: python docs/course/make.py

Every number on a page comes from a function in facts/, which runs the package. A page in pages/ has both languages:

    ja| text                         a line of the Japanese page; en| one of the English page; others are on both
    {fact} {fact[0][1]:.2f}          what the function gives, or a part of it, formatted
    !matrices a * b = c              matrices side by side; words that name no fact stand between them
    !rows fact                       rows of a Markdown table
    !code fact, other                the functions themselves, and what the last one gives
    !figure name | alt | alt         images/name.svg, drawn by figures.py
    !erratum E-01 fact | title | title    a section of its own, listed on the page of errata
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # as a script, from any folder

from docs.course import coverage, figures  # noqa: E402
from docs.course.facts import FACTS, value  # noqa: E402

from tatamikomi.course import quiz  # noqa: E402

LANGUAGES = ("ja", "en")
PAGES = sorted((HERE / "pages").glob("*.txt"))
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)((?:\[\d+\])*)(?::([^{}]*))?\}")
_WORDS = {
    "ja": {"index": "目次", "errata": "正誤表", "quiz": "確認問題", "answer": "答え", "other": "English"},
    "en": {"index": "contents", "errata": "Errata", "quiz": "Quiz", "answer": "Answer", "other": "日本語"},
}


class Erratum(NamedTuple):
    """A correction: where it stands, what proves it."""

    name: str
    fact: str
    page: str
    titles: dict[str, str]


def stem(page: Path) -> str:
    """pages/09-convolution.txt is convolution.md."""
    return page.stem.split("-", 1)[1]


def cell(one: Any, language: str, spec: str = "") -> str:
    """One value as text: integers with commas from 10,000 on, floats with six digits."""
    if isinstance(one, dict):
        return str(one[language])
    if spec:
        return format(one, spec)
    if isinstance(one, bool) or not isinstance(one, int | float):
        return str(one)
    if isinstance(one, int):
        return f"{one:,}" if abs(one) >= 10_000 else str(one)
    return f"{one:.6g}"


def filled(line: str, language: str) -> str:
    """Placeholders replaced."""

    def one(found: re.Match[str]) -> str:
        given = value(found[1])
        for index in re.findall(r"\d+", found[2]):
            given = given[int(index)]
        return cell(given, language, found[3] or "")

    return _PLACEHOLDER.sub(one, line)


def matrices(words: str) -> list[str]:
    """Matrices side by side, top rows level, as an indented block; an operator stands beside the first row."""
    columns: list[list[str]] = []
    for word in words.split():
        if word not in FACTS:
            columns.append([word])
            continue
        rows = [[f"{one:g}" for one in row] for row in value(word)]
        width = max(len(one) for row in rows for one in row)
        columns.append([" ".join(one.rjust(width) for one in row) for row in rows])
    height = max(map(len, columns))
    for column in columns:
        column += [""] * (height - len(column))
        width = max(map(len, column))
        column[:] = [one.ljust(width) for one in column]
    return ["    " + "   ".join(parts).rstrip() for parts in zip(*columns, strict=True)]


def literal(given: Any) -> str:
    """A value as Python, its strings in double quotes as a formatter wants them."""
    if isinstance(given, str):
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, list):
        return f"[{', '.join(map(literal, given))}]"
    if isinstance(given, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in given.items()) + "}"
    return repr(given)


def code(names: Iterable[str], first: bool) -> list[str]:
    """The source of facts as a Python block that runs, the last one's value asserted where it is short."""
    names = list(names)
    blocks = [inspect.getsource(FACTS[name]).rstrip() for name in names]
    shown = literal(value(names[-1]))
    call = f"assert {names[-1]}()" if shown == "True" else f"assert {names[-1]}() == {shown}"
    ends = call if len(call) <= 118 else f"{names[-1]}()"
    prelude = "import numpy as np\nimport tatamikomi as tk\nfrom tatamikomi import functional as F, nn\n\n\n"
    return ["```python", (prelude if first else "") + "\n\n\n".join([*blocks, ends]), "```", ""]


def directive(line: str, language: str, is_first_code: bool) -> list[str]:
    """What a line that begins with ! becomes."""
    kind, _, rest = line[1:].partition(" ")
    if kind == "matrices":
        return matrices(rest)
    if kind == "rows":
        return ["| " + " | ".join(cell(one, language) for one in row) + " |" for row in value(rest)]
    if kind == "code":
        return code([one.strip() for one in rest.split(",")], is_first_code)
    if kind not in ("figure", "erratum"):
        raise ValueError(f"unknown directive: {line}")
    parts = [part.strip() for part in rest.split("|")]
    text = parts[1 + LANGUAGES.index(language)]
    if kind == "figure":
        return [f"![{text}](../images/{parts[0]}.svg)"]
    name = parts[0].split()[0]
    return [f'<a id="{name.lower()}"></a>', "", f"### {name}: {text}"]


def errata() -> list[Erratum]:
    """Every erratum of every page, by name."""
    found = []
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("!erratum "):
                head, ja, en = line.removeprefix("!erratum ").split("|")
                name, fact = head.split()
                found.append(Erratum(name, fact, stem(page), {"ja": ja.strip(), "en": en.strip()}))
    return sorted(found, key=lambda one: (one.name[0] != "E", one.name))


def body(page: Path, language: str) -> str:
    """A page without its first and last line."""
    lines: list[str] = []
    coded = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line[:3] in ("ja|", "en|"):
            if line[:2] == language:
                lines.append(filled(line[3:].removeprefix(" "), language))
        elif line.startswith("!"):
            lines += directive(line, language, not coded)
            coded = coded or line.startswith("!code ")
        else:
            lines.append(filled(line, language))
    return re.sub(r"\n{3,}(?!def |assert |[a-z_]+\(\))", "\n\n", "\n".join(lines)).strip()


def title(page: Path, language: str) -> str:
    """The page's heading."""
    found = re.search(rf"^{language}\| # (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{page.name} has no heading in {language}"
    return found[1]


def framed(text: str, name: str, language: str, source: str, around: tuple[Path | None, Path | None]) -> str:
    """With a remark at the top and links at the bottom."""
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    before, after = (f"[{title(one, language)}]({stem(one)}.md)" if one else "" for one in around)
    words = _WORDS[language]
    links = [f"← {before}" if before else "", f"[{words['index']}](README.md)", f"{after} →" if after else ""]
    links.append(f"[{words['other']}](../{other}/{name}.md)")
    remark = f"<!-- Made by python docs/course/make.py from {source}. Change that. -->"
    return f"{remark}\n\n{text}\n\n---\n\n{' · '.join(one for one in links if one)}\n"


def errata_page(language: str) -> str:
    """All corrections in a table."""
    head = {
        "ja": "# 正誤表\n\n講義の資料にあった誤りや、誤解しやすい書き方を、計算で確かめて直したものです。"
        "「確かめる関数」はリンク先のページにそのまま載っていて、テストのたびに実行されます。\n\n"
        "| 番号 | 正しくは | 確かめる関数 |\n|---|---|---|",
        "en": "# Errata\n\nWhat the course's notes had wrong, or worded so that it misleads, put right by computation. "
        "The function that proves it stands on the page behind the link, and runs with every test.\n\n"
        "| no. | what is right | proved by |\n|---|---|---|",
    }[language]

    def row(one: Erratum) -> str:
        return f"| {one.name} | [{one.titles[language]}]({one.page}.md#{one.name.lower()}) | `{one.fact}` |"

    return "\n".join([head, *map(row, errata())])


def quiz_page(language: str) -> str:
    """The questions of `tatamikomi course quiz`, answers folded away."""
    told = {
        "ja": "`tatamikomi course quiz` が端末で出す問題です。正解は、出題のたびに tatamikomi が計算します。",
        "en": "What `tatamikomi course quiz --lang en` asks on a terminal. tatamikomi computes each answer.",
    }[language]
    lines = [f"# {_WORDS[language]['quiz']}", "", told]
    for topic in quiz.TOPICS:
        about = next(page for page in PAGES if stem(page).startswith(topic))
        lines += ["", f"## [{title(about, language)}]({stem(about)}.md)"]
        for one in (question for question in quiz.QUESTIONS if question.topic == topic):
            labels, right = one.labels(language), one.answer()
            answer = (
                labels[right]
                if isinstance(right, str)
                else cell(int(right) if right == int(right) else right, language)
            )
            lines += [
                "",
                f"**{escaped(one.text[language])}**",
                "",
                *(f"- {escaped(label)}" for label in labels.values()),
            ]
            why = escaped(f"{answer} — {one.why[language]}")
            fold = f"<details><summary>{_WORDS[language]['answer']}</summary>"
            lines += ["", fold, "", why, "", "</details>"]  # Markdown counts between empty lines
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def escaped(text: str) -> str:
    """Text whose stars, brackets and signs mean nothing in Markdown."""
    return re.sub(r"([*_\[\]<>|\\])", r"\\\1", text)


def index_page(language: str) -> str:
    """The contents of one language."""
    head = {
        "ja": "# 畳み込みニューラルネットワークの講義\n\n"
        "数式、小さな計算例、よくある誤りをまとめたページです。"
        "載っている数は、すべて tatamikomi で計算したものです。\n",
        "en": "# The course on convolutional networks\n\n"
        "Formulas, small examples and common mistakes. Every number on these pages is computed by tatamikomi.\n",
    }[language]
    foot = {
        "ja": """
- 理解を確かめるには、端末で `tatamikomi course quiz` を実行してください。[確認問題](quiz.md)と同じ問題です。
- 講義の実験は `tatamikomi course list` で一覧を見て、`run 名前` で実行します（[結果](../../experiments.md)）。
- `common` や `dataset` を使う授業のスクリプトは、[import を変えるだけ](../drop-in.md)で動きます。
- 講義の項目が tatamikomi のどこにあるかは、[別の表](../coverage.md)にあります。""",
        "en": """
- To test yourself, run `tatamikomi course quiz --lang en` on a terminal, which asks what the [quiz](quiz.md) asks.
- `tatamikomi course list` lists the course's experiments, `run NAME` does one; [what came out](../../experiments.md).
- Scripts of lessons that import `common` and `dataset` run with [their imports changed](../drop-in.md).
- Where each item of the course lives is [a table](../coverage.md) of its own.""",
    }[language]
    listed = [(title(one, language), stem(one)) for one in PAGES]
    listed += [(_WORDS[language][name], name) for name in ("errata", "quiz")]
    rows = [f"{i}. [{words}]({name}.md)" for i, (words, name) in enumerate(listed, 1)]
    return "\n".join([head, *rows, foot])


def front_page() -> str:
    """docs/course/README.md."""
    counts = f"{len(PAGES)} pages, {len(FACTS)} facts, {len(errata())} corrections"
    return f"""<!-- Made by python docs/course/make.py. Change that. -->

# The course

| to | |
|---|---|
| read | the pages: [日本語](ja/README.md), [English](en/README.md) |
| see what the course's notes had wrong | the errata ([ja](ja/errata.md), [en](en/errata.md)) |
| test yourself | `tatamikomi course quiz`, or the same questions on a page ([ja](ja/quiz.md), [en](en/quiz.md)) |
| do the experiments | `tatamikomi course list`, `run NAME`, `all`, and [what came out](../experiments.md) |
| run scripts of a lesson | [one import changed](drop-in.md), or `tatamikomi course exec SCRIPT` |
| look up an item of the course | [coverage](coverage.md) |

{counts}. Text lives in `pages/`, both languages of a page side by side, numbers in `facts/`, one small function each,
figures in `figures.py`. `python docs/course/make.py` makes the rest; `--check` tells what is not up to date.
"""


def everything() -> dict[str, str]:
    """Path below docs/course -> text, of all that is made."""
    made = {"README.md": front_page(), "coverage.md": coverage.page()}
    made |= {f"images/{name}.svg": draw() for name, draw in figures.FIGURES.items()}
    for language in LANGUAGES:
        for page, before, after in zip(PAGES, [None, *PAGES[:-1]], [*PAGES[1:], None], strict=True):
            text = framed(body(page, language), stem(page), language, f"pages/{page.name}", (before, after))
            made[f"{language}/{stem(page)}.md"] = text
        for name, make in (("errata", errata_page), ("quiz", quiz_page), ("README", index_page)):
            made[f"{language}/{name}.md"] = framed(make(language), name, language, "pages/", (None, None))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something would change")
    is_check = parser.parse_args().check
    stale = []
    for name, text in everything().items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not is_check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print("\n".join(stale) or "all up to date")
    return int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
