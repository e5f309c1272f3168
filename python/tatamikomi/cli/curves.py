"""curves.png: loss and what else was followed over the epochs, drawn by matplotlib where it is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tatamikomi import io
from tatamikomi.cli.measures import WORDS
from tatamikomi.errors import missing_extra


def draw(path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]) -> None:
    """Draw the history of a Trainer into a PNG file, written atomically.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("curves.png", "matplotlib", "plot") from None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [entry["epoch"] for entry in history]
    followed = next((name for name in WORDS if history and name in history[0]), "accuracy")
    for axes, measure in zip(figure.subplots(1, 2), ("loss", followed), strict=True):
        for key, label in ((measure, "training"), (f"validation_{measure}", "test")):
            if history and key in history[0]:
                axes.plot(epochs, [entry[key] for entry in history], label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(WORDS.get(measure, measure))
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    with io.atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
