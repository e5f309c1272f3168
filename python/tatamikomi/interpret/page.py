"""A page in one HTML file that opens anywhere: text is escaped, pictures are inside, nothing is fetched or run."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from tatamikomi.interpret.tables import as_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; height: auto; }}
section {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 85%; white-space: nowrap; }}
th, td {{ padding: .15rem .6rem; border-bottom: 1px solid #ddd; }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


def page(title: str, sections: Mapping[str, str]) -> str:
    """The page: its title, then heading -> HTML of each section.

    >>> from tatamikomi.interpret.page import page, paragraph
    >>> told = page("5 < 6", {"Why": paragraph("since 6 > 5")})
    >>> "<h1>5 &lt; 6</h1>" in told, "<h2>Why</h2><p>since 6 &gt; 5</p>" in told
    (True, True)
    """
    body = "\n".join(f"<section><h2>{escape(name)}</h2>{html}</section>" for name, html in sections.items())
    return f"{_HEAD.format(title=escape(title))}{body}\n</body>\n</html>\n"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def picture(figure: Figure, alt: str) -> str:
    """A figure as an image; `alt` tells what it shows to whoever does not see it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    width, height = (round(100 * inches) for inches in figure.get_size_inches())
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="{escape(alt)}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'


def facts(values: Mapping[str, Any]) -> str:
    """Names and values as a table; a mapping within stands in rows of its own.

    >>> from tatamikomi.interpret.page import facts
    >>> facts({"seed": 1, "versions": {"numpy": "2"}}).count("<tr>")
    3
    """
    rows = []
    for name, value in values.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        rows += [[f"{name} {key}".strip(), str(one)] for key, one in inner]
    return as_html(("", ""), rows)
