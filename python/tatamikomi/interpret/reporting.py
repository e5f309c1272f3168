"""report: all that is worth a look after training, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi import functional, metrics
from tatamikomi.autograd import no_grad
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.interpret.attribution import grad_cam
from tatamikomi.interpret.outputs import last_maps
from tatamikomi.interpret.page import facts, page, paragraph, picture
from tatamikomi.interpret.pictures import filter_sheet
from tatamikomi.interpret.plots import new_figure, plot_heatmap, plot_image
from tatamikomi.interpret.plots_training import misclassified, plot_confusion_matrix, plot_history
from tatamikomi.interpret.summaries import summary
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.nn import Conv2d, Module

Array = NDArray[Any]
_OP = "report"
_FILTERS = 64  # shown at most


def report(
    model: Module,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    title: str = "Report",
    history: Sequence[Mapping[str, Any]] = (),
    names: Sequence[str] | None = None,
    about: Mapping[str, Mapping[str, Any]] | None = None,
    mistakes: int = 8,
    batch_size: int = 100,
) -> str:
    """A page about a classifier of images: learning curves, confusion, the worst mistakes with the evidence for them,
    first filters and a summary.

    Evidence is Grad-CAM in the default layer of `grad_cam`, for the class that was predicted and for the label's.

    Args:
        model: a Module, looked at in evaluation mode and left as it was.
        x: images (N, C, H, W) that it was not trained on.
        labels: (N,) integers.
        title: of the page.
        history: that of a Trainer; the curves are its loss and its accuracy.
        names: of the classes; their numbers when None.
        about: heading -> name -> value, tables at the end: configuration, versions.
        mistakes: shown at most, >= 1.
        batch_size: images that go through the model at a time.

    Returns:
        HTML that stands for itself: pictures are inside, no script, nothing from elsewhere. Write it to a file.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
        TypeError, ValueError: an argument of the wrong kind or out of range, or scores that are not (N, classes).

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> x = np.random.default_rng(0).random((4, 1, 28, 28), np.float32)
    >>> told = interpret.report(tk.models.create("lenet5"), x, [0, 1, 2, 3], title="Noise", mistakes=2)
    >>> told.startswith("<!DOCTYPE html>"), "<title>Noise</title>" in told
    (True, True)
    """
    expect_model(_OP, model)
    images: Array = np.asarray(x)
    target: Array = np.asarray(labels)
    if images.dtype not in (np.float32, np.float64):
        raise bad_type(_OP, "x", str(images.dtype), "float32 or float64")
    if images.ndim != 4 or not images.size:
        raise bad_value(_OP, "x", f"shape {images.shape}", "(N, C, H, W)")
    for name, number in (("mistakes", mistakes), ("batch_size", batch_size)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            raise bad_value(_OP, name, number, "an integer >= 1")
    scores = _scores(model, images, batch_size)
    wrong = misclassified(scores, target)
    right = len(target) - len(wrong)
    result = f"{right:,} of {len(target):,} samples are right: accuracy {right / len(target):.4f}."
    told = summary(model, (1, *images.shape[1:]), dtype=images.dtype)
    sections = {
        "Learning curves": _curves(history),
        "Confusion": paragraph(result) + _confusion(scores, target, names),
        "Worst mistakes": _mistakes(model, images, scores, target, wrong[:mistakes], names),
        "First filters": _filters(model),
        "Model": told._repr_html_(),
        **{heading: facts(values) for heading, values in (about or {}).items()},
    }
    return page(title, sections)


def _scores(model: Module, images: Array, batch_size: int) -> Array:
    with untouched(_OP, model), no_grad():
        parts = [model(images[i : i + batch_size]).numpy() for i in range(0, len(images), batch_size)]
    if parts[0].ndim != 2:
        raise bad_value(_OP, "model", f"an output of shape {parts[0].shape}", "a model that gives (N, classes)")
    return np.concatenate(parts)


def _curves(history: Sequence[Mapping[str, Any]]) -> str:
    measures = [one for one in ("loss", "accuracy") if history and one in history[0]]
    if not measures:
        return paragraph("No epochs are known.")
    figure = new_figure(_OP, (4.8 * len(measures), 3.6))
    for ax, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
        plot_history(history, ax, measure=measure)
    return picture(figure, f"{' and '.join(measures)} over {len(history)} epochs")


def _confusion(scores: Array, target: Array, names: Sequence[str] | None) -> str:
    classes = scores.shape[1]
    size = 1.5 + 0.4 * classes
    figure = new_figure(_OP, (size, size))
    counts = metrics.confusion_matrix(scores.argmax(1), target, classes)
    plot_confusion_matrix(counts, figure.subplots(), names=names)
    return picture(figure, f"confusion matrix of {classes} classes")


def _mistakes(
    model: Module, images: Array, scores: Array, target: Array, wrong: Array, names: Sequence[str] | None
) -> str:
    """Columns of a sample, what speaks for its prediction, what speaks for its label."""
    if not len(wrong):
        return paragraph("There are none.")
    shown, label, guess = images[wrong], target[wrong], scores[wrong].argmax(1)
    shares = functional.softmax(scores[wrong], 1).numpy().max(1)
    rows = ["the sample"]
    heat: list[Array] = []
    note = "label > prediction and its probability"
    try:
        layer = last_maps(_OP, model, shown)
    except ValueError:
        note += "; no convolution of the model has positions, so that there is no Grad-CAM"
    else:
        note += f"; Grad-CAM of layer {layer!r} for the prediction and for the label"
        heat = [grad_cam(model, shown, one, layer=layer) for one in (guess, label)]
        rows += ["for the prediction", "for the label"]
    figure = new_figure(_OP, (1.3 * len(wrong) + 0.5, 1.3 * len(rows) + 0.3))
    grid = figure.subplots(len(rows), len(wrong), squeeze=False)
    for i, sample in enumerate(shown):
        image = sample if len(sample) in (1, 3) else sample.mean(0)
        plot_image(image, grid[0, i])
        for row, maps in enumerate(heat, 1):
            plot_heatmap(image, maps[i], grid[row, i])
        pair = [str(one) if names is None else names[one] for one in (label[i], guess[i])]
        grid[0, i].set_title(f"{' > '.join(pair)} ({shares[i]:.0%})", fontsize="small")
    for ax, text in zip(grid[:, 0], rows, strict=True):
        ax.text(-0.05, 0.5, text, transform=ax.transAxes, rotation=90, ha="right", va="center", fontsize="small")
    return picture(figure, f"the {len(wrong)} worst mistakes: {', '.join(rows)}") + paragraph(note)


def _filters(model: Module) -> str:
    found = next(((name, one) for name, one in model.named_modules() if isinstance(one, Conv2d)), None)
    if found is None:
        return paragraph("The model has no convolution in the plane.")
    name, layer = found
    weight: Array = np.asarray(layer.weight)
    drawn = filter_sheet(weight[:_FILTERS])
    figure = new_figure(_OP, (4.8, 4.8 * drawn.shape[0] / drawn.shape[1]))
    plot_image(drawn, figure.subplots())
    text = f"filters of {name or 'the model'}, {' x '.join(map(str, weight.shape))}, each stretched to its own range"
    return picture(figure, text) + paragraph(text)
