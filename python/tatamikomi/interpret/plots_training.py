"""Training on axes: curves, confusion, mistakes, gradients, histograms, contours; the rules of `plots` hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.interpret.diagnose import GradientFlow, Histograms
from tatamikomi.interpret.landscape import Surface
from tatamikomi.interpret.pictures import sheet
from tatamikomi.interpret.plots import axes_for, plot_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tatamikomi.training import LearningCurve


def plot_history(history: Sequence[Mapping[str, Any]], ax: Axes | None = None, *, measure: str = "loss") -> Axes:
    """One measure over the epochs, in training and, where it was measured, in validation.

    Args:
        history: that of a Trainer.
        ax: where to draw.
        measure: a key of its entries, such as "accuracy" or "lr".

    Raises:
        ValueError: no epoch, or no such measure.

    >>> from tatamikomi import interpret
    >>> history = [{"epoch": 1, "loss": 2.0, "validation_loss": 2.5}, {"epoch": 2, "loss": 1.0, "validation_loss": 2.0}]
    >>> [line.get_ydata().tolist() for line in interpret.plot_history(history).lines]
    [[2.0, 1.0], [2.5, 2.0]]
    """
    op = "plot_history"
    if not history:
        raise bad_value(op, "history", "no epochs", "at least one epoch")
    if measure not in history[0]:
        raise unknown_name(op, "measure", measure, history[0])
    ax = axes_for(op, ax)
    for key, label in ((measure, "training"), (f"validation_{measure}", "validation")):
        known = [(entry["epoch"], entry[key]) for entry in history if key in entry]
        if known:
            epochs, values = zip(*known, strict=True)
            ax.plot(np.array(epochs), np.array(values, np.float64), label=label)
    ax.locator_params("x", integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(measure)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def plot_learning_curve(curve: LearningCurve, ax: Axes | None = None, *, measure: str = "score") -> Axes:
    """Mean scores by the number of training samples, each in a band of one standard deviation over the folds.

    Args:
        curve: what `training.learning_curve` gives.
        ax: where to draw.
        measure: the name of the scores.

    >>> import numpy as np
    >>> from tatamikomi import interpret, training
    >>> scores = np.ones((2, 2)), np.array([[0.5, 0.7], [0.7, 0.9]])
    >>> curve = training.LearningCurve(np.array([10, 20]), *scores)
    >>> [line.get_ydata().round(2).tolist() for line in interpret.plot_learning_curve(curve).lines]
    [[1.0, 1.0], [0.6, 0.8]]
    """
    ax = axes_for("plot_learning_curve", ax)
    for scores, label in ((curve.train, "training"), (curve.validation, "validation")):
        mean, spread = scores.mean(1), scores.std(1, ddof=1)
        ax.plot(curve.sizes, mean, marker=".", label=label)
        ax.fill_between(curve.sizes, mean - spread, mean + spread, alpha=0.2)
    ax.set_xlabel("training samples")
    ax.set_ylabel(measure)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def plot_confusion_matrix(
    counts: ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None, normalise: bool = False
) -> Axes:
    """A confusion matrix with its numbers: labels downwards, predictions across.

    Args:
        counts: (C, C), as `metrics.confusion_matrix` gives it.
        ax: where to draw.
        names: of the classes; their numbers when None.
        normalise: show the share of every label's samples instead of counts.

    Raises:
        ValueError: no square matrix, or not as many names.

    >>> from tatamikomi import interpret, metrics
    >>> ax = interpret.plot_confusion_matrix(metrics.confusion_matrix([0, 1, 1], [0, 0, 1]))
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '0', '1']
    """
    op = "plot_confusion_matrix"
    table: NDArray[Any] = np.asarray(counts)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise bad_value(op, "counts", f"shape {table.shape}", "(C, C)")
    classes = [str(i) for i in range(len(table))] if names is None else list(names)
    if len(classes) != len(table):
        raise bad_value(op, "names", len(classes), f"one per class, {len(table)}")
    ax = axes_for(op, ax)
    totals = table.sum(1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros(table.shape), where=totals != 0)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(table.shape):
        text = f"{shares[i, j]:.2f}" if normalise else str(table[i, j])
        ax.text(j, i, text, ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black")
    ax.set_xticks(range(len(classes)), classes)
    ax.set_yticks(range(len(classes)), classes)
    ax.set_xlabel("predicted")
    ax.set_ylabel("label")
    return ax


def misclassified(scores: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """The positions of samples whose largest score is not the label's, those that are furthest off first.

    Args:
        scores: (N, C) numbers; the distance is the largest score minus the label's.
        labels: (N,) integers in 0 .. C - 1.

    Raises:
        ValueError: shapes do not fit, or a label out of range.

    >>> from tatamikomi import interpret
    >>> interpret.misclassified([[1.0, 0.0], [0.0, 1.0], [0.0, 9.0]], [1, 1, 0]).tolist()
    [2, 0]
    """
    op = "misclassified"
    table, target = np.asarray(scores), np.asarray(labels)
    if table.ndim != 2 or target.shape != table.shape[:1] or target.dtype.kind not in "iu":
        raise bad_value(op, "labels", f"{target.dtype} {target.shape} for scores {table.shape}", "one integer per row")
    if target.size and not (target.min() >= 0 and target.max() < table.shape[1]):
        raise bad_value(op, "labels", (int(target.min()), int(target.max())), f"0 <= label < {table.shape[1]}")
    wrong = np.flatnonzero(table.argmax(1) != target) if table.size else np.zeros(0, np.int64)
    distance = table[wrong].max(1, initial=-np.inf) - table[wrong, target[wrong]]
    return np.asarray(wrong[np.argsort(-distance, kind="stable")], np.int64)


def plot_misclassified(
    images: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    ax: Axes | None = None,
    *,
    count: int = 25,
    columns: int | None = None,
    names: Sequence[str] | None = None,
) -> Axes:
    """The samples that a model is most wrong about, as a sheet; over each "label > prediction".

    Args:
        images: (N, C, H, W) with one channel or three, or (N, H, W).
        scores, labels: as in `misclassified`.
        ax: where to draw.
        count: at most so many.
        columns: of the sheet; about as many as rows when None.
        names: of the classes; their numbers when None.

    Raises:
        ValueError: shapes do not fit; nothing is wrong, so that there is nothing to show.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> ax = interpret.plot_misclassified(np.ones((2, 4, 4)), [[1.0, 0.0], [0.0, 1.0]], [1, 1])
    >>> [text.get_text() for text in ax.texts]
    ['1 > 0']
    """
    op = "plot_misclassified"
    pictures, table, target = np.asarray(images), np.asarray(scores), np.asarray(labels)
    if len(pictures) != len(target):
        raise bad_value(op, "images", len(pictures), f"as many as labels, {len(target)}")
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise bad_value(op, "count", count, "an integer >= 1")
    wrong = misclassified(table, target)[: int(count)]
    if not len(wrong):
        raise bad_value(op, "scores", "no mistake", "at least one sample that is misclassified")
    across = int(np.ceil(np.sqrt(len(wrong)))) if columns is None else columns
    height, width = pictures.shape[-2:]
    border = max(height // 3, 4)  # room for the text above
    ax = plot_image(sheet(pictures[wrong], across, border=border), axes_for(op, ax))
    for i, sample in enumerate(wrong):
        pair = (int(target[sample]), int(table[sample].argmax()))
        text = " > ".join(str(one) if names is None else names[one] for one in pair)
        left, top = border + i % across * (width + border), border + i // across * (height + border)
        ax.text(left + width / 2 - 0.5, top - 1, text, ha="center", va="bottom", fontsize="x-small")
    return ax


def plot_gradient_flow(flow: GradientFlow, ax: Axes | None = None) -> Axes:
    """The norm of the gradient at every layer, on a logarithmic scale; layers with a verdict are red.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> flow = interpret.gradient_flow(tk.nn.Linear(2, 2), np.ones((1, 2), np.float32), [1])
    >>> len(interpret.plot_gradient_flow(flow).patches)
    1
    """
    ax = axes_for("plot_gradient_flow", ax)
    known = [one for one in flow.layers if one.norm is not None]
    heights = [one.norm or 0.0 for one in known]
    ax.bar(range(len(known)), heights, color=["tab:red" if one.verdict else "tab:blue" for one in known])
    if any(height > 0 for height in heights):
        ax.set_yscale("log")
    ax.set_xticks(range(len(known)), [one.name or one.kind for one in known], rotation=90)
    ax.set_ylabel("norm of the gradient")
    return ax


def plot_histograms(histograms: Histograms, ax: Axes | None = None) -> Axes:
    """Histograms above each other, the first at the top, each as high as its largest bin.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> ax = interpret.plot_histograms(interpret.weight_histograms(tk.nn.Linear(9, 9)))
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['weight', 'bias']
    """
    ax = axes_for("plot_histograms", ax)
    rows = histograms.rows
    for i, one in enumerate(rows):
        base = -float(i)
        ax.stairs(base + 0.9 * one.counts / max(one.counts.max(), 1), one.edges, baseline=base, fill=True, alpha=0.7)
    ax.set_yticks([-float(i) for i in range(len(rows))], [one.name or one.kind for one in rows])
    ax.grid(alpha=0.3, axis="x")
    return ax


def plot_contours(
    ground: Surface,
    ax: Axes | None = None,
    *,
    paths: Mapping[str, ArrayLike] | None = None,
    levels: int | Sequence[float] = 20,
) -> Axes:
    """Contours of a surface with the paths of optimizers across it.

    Args:
        ground: of `surface` or `loss_surface`.
        ax: where to draw.
        paths: name -> (steps, 2) points, such as those of `descend` or `Plane.path`.
        levels: how many contours, or their values.

    Raises:
        ValueError: a path of another shape.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> ground = interpret.surface(lambda p: (p * p).sum(), ((-1, 1), (-1, 1)), 9)
    >>> ax = interpret.plot_contours(ground, paths={"SGD": np.eye(2)})
    >>> [line.get_label() for line in ax.lines]
    ['SGD']
    """
    op = "plot_contours"
    given = {name: np.asarray(path, np.float64) for name, path in (paths or {}).items()}
    for name, path in given.items():
        if path.ndim != 2 or path.shape[1] != 2:
            raise bad_value(op, f"paths[{name!r}]", f"shape {path.shape}", "(steps, 2)")
    ax = axes_for(op, ax)
    ax.contour(ground.x, ground.y, ground.values, levels=levels, linewidths=0.8, alpha=0.7)
    for name, path in given.items():
        ax.plot(path[:, 0], path[:, 1], marker=".", label=name)
    if given:
        ax.legend()
    return ax
