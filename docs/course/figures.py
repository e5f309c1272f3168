"""Figures of the course as SVG text: no library draws them, so that their bytes are always the same."""

from __future__ import annotations

FIGURES = {}
