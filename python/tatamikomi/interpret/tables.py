"""Tables as text and as HTML: columns with names, rows of strings."""

from __future__ import annotations

from collections.abc import Sequence


def as_text(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """Columns as wide as they need to be: the first `left` begin at their left edge, the others end at their right.

    >>> from tatamikomi.interpret.tables import as_text
    >>> print(as_text(["layer", "MACs"], [["fc1", "1,000"], ["relu", "0"]], left=1))
    layer   MACs
    ------------
    fc1    1,000
    relu       0
    """
    table = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    lines = []
    for row in table:
        cells = [
            text.ljust(w) if i < left else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def as_html(columns: Sequence[str], rows: Sequence[Sequence[str]], foot: str = "", left: int = 2) -> str:
    """The same as an HTML table, what follows it in a line below."""
    from html import escape

    def cells(row: Sequence[str], tag: str) -> str:
        sides = ("left" if i < left else "right" for i in range(len(row)))
        both = zip(row, sides, strict=True)
        return "".join(f'<{tag} style="text-align:{side}">{escape(text)}</{tag}>' for text, side in both)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    below = f"<p>{escape(foot)}</p>" if foot else ""
    return f"<table><thead><tr>{cells(columns, 'th')}</tr></thead><tbody>{body}</tbody></table>{below}"


def in_bytes(count: int) -> str:
    """A size in bytes, in a unit that suits it.

    >>> from tatamikomi.interpret.tables import in_bytes
    >>> in_bytes(512), in_bytes(300_000), in_bytes(5 << 20)
    ('512 B', '293.0 KiB', '5.0 MiB')
    """
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{count} B" if unit == "B" else f"{size:,.1f} {unit}"


def by(numbers: Sequence[object]) -> str:
    """Sizes joined by crosses, equal ones given once.

    >>> from tatamikomi.interpret.tables import by
    >>> by((3, 3)), by((3, 5)), by(())
    ('3', '3x5', '-')
    """
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in numbers]
    if not texts:
        return "-"
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)
