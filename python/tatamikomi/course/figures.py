"""A backend of matplotlib that saves figures as PNG files where a window would show them.

matplotlib takes it by the name `module://tatamikomi.course.figures`, in MPLBACKEND or from `matplotlib.use`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

BACKEND = f"module://{__name__}"

_target = {"folder": "figures", "stem": "figure"}
_count = 0


def __getattr__(name: str) -> Any:
    """The canvas that matplotlib asks a backend for; who does not draw need not wait for matplotlib."""
    if name == "FigureCanvas":
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        globals()[name] = FigureCanvasAgg  # matplotlib goes through vars() of the module afterwards
        return FigureCanvasAgg
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def save_to(folder: str, stem: str) -> None:
    """Name the files FOLDER/STEM-1.png, FOLDER/STEM-2.png, ... from here on; the folder is made when it is needed.

    >>> from tatamikomi.course import figures
    >>> figures.save_to("figures", "figure")
    """
    global _count
    _target.update(folder=folder, stem=stem)
    _count = 0


def show(*args: Any, **options: Any) -> None:
    """Save every open figure, close it, and tell its file on stderr: what pyplot.show calls."""
    global _count
    from matplotlib import pyplot

    for number in pyplot.get_fignums():
        _count += 1
        os.makedirs(_target["folder"], exist_ok=True)
        path = os.path.join(_target["folder"], f"{_target['stem']}-{_count}.png")
        pyplot.figure(number).savefig(path)
        pyplot.close(number)
        print(f"figure: {path}", file=sys.stderr)
