"""Draw the README's pictures from a run folder: python docs/images/make.py RUN

curve.png: accuracy over the epochs. filters.png: the first convolution's learned filters, blue negative, red positive.
Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from tatamikomi.io import load_file

HERE = Path(__file__).parent
METADATA: dict[str, Any] = {"Software": None}  # the same bytes whatever the version


def draw_curve(run: Path, target: Path) -> None:
    """Training and test accuracy of each epoch."""
    history = json.loads((run / "history.json").read_text(encoding="utf-8"))
    entries = history["epochs"]
    epochs = [entry["epoch"] for entry in entries]
    figure, axes = plt.subplots(figsize=(5.2, 2.9), dpi=110)
    axes.plot(epochs, [entry["accuracy"] for entry in entries], label="training (augmented, with dropout)")
    axes.plot(epochs, [entry["validation_accuracy"] for entry in entries], label="test")
    axes.set(xlabel="epoch", ylabel="accuracy", title=f"test accuracy {history['test_accuracy']:.3f}")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(target, metadata=METADATA)
    plt.close(figure)


def draw_filters(run: Path, target: Path) -> None:
    """The first weight of four dimensions, one tile per output channel."""
    state = load_file(run / "model.safetensors")
    weight = next(value for _, value in sorted(state.items()) if value.ndim == 4 and value.shape[1] == 1)[:, 0]
    limit = float(np.abs(weight).max())
    columns = 8
    rows = -(-len(weight) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5.2, 0.68 * rows), dpi=110, squeeze=False)
    for place in axes.flat:
        place.axis("off")
    for place, kernel in zip(axes.flat, weight, strict=False):
        place.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.tight_layout(pad=0.4)
    figure.savefig(target, metadata=METADATA)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a folder that `tatamikomi train` wrote")
    run = parser.parse_args().run
    draw_curve(run, HERE / "curve.png")
    draw_filters(run, HERE / "filters.png")


if __name__ == "__main__":
    main()
