"""Rows in a JSON file, one line each, so that a long comparison can be run in pieces and two runs compared by diff."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.cases import Case

DISTURBED = 0.25  # processors that others may keep busy while a row is taken


def row_key(case: Case, isa: str, threads: int) -> str:
    return f"{isa}/{threads}t/{case.key}"


def rounded(value: Any) -> Any:
    """Floats to four digits: what a timing is good for."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return value


class Records:
    """The rows and the machine's figures in `path`; None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.content: dict[str, dict[str, Any]] = {"machine": {}, "rows": {}}
        if path is not None and path.exists():
            self.content = json.loads(path.read_text(encoding="utf-8"))

    def has(self, key: str, commit: str) -> bool:
        """Whether there is a row of this commit that nobody disturbed."""
        row = self.content["rows"].get(key, {})
        return row.get("commit") == commit and row.get("others", 0.0) <= DISTURBED

    def machine(self, isa: str, threads: int) -> dict[str, Any] | None:
        return self.content["machine"].get(f"{isa}/{threads}t")

    def keep_machine(self, isa: str, threads: int, measured: dict[str, Any]) -> None:
        self.content["machine"][f"{isa}/{threads}t"] = rounded(measured)
        self._write()

    def put(self, key: str, row: dict[str, Any]) -> None:
        self.content["rows"][key] = rounded(row)
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        parts = []
        for name in ("machine", "rows"):
            lines = [f"{json.dumps(key)}: {json.dumps(one)}" for key, one in sorted(self.content[name].items())]
            parts.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}")
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
        os.replace(temporary, self.path)
