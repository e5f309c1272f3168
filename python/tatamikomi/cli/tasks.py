"""What a run is to learn, which its data tell: labels of images, of series, of every place, or boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi import metrics
from tatamikomi.autograd import Tensor
from tatamikomi.cli.configuration import Configuration
from tatamikomi.data import Split, unpad_targets
from tatamikomi.metrics.detection import COCO_OVERLAPS
from tatamikomi.models.detection import Detector
from tatamikomi.nn import CrossEntropyLoss, Module

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]
Loss = Callable[[Any, Any], Tensor]


class Task(NamedTuple):
    """What differs between the kinds of runs.

    Attributes:
        models: the task of `tk.models.list` whose networks can learn it.
        has: what the data have, as errors call it.
        does: what its models do instead of labelling whole images; nothing if they do that.
        only: options of which this value alone fits.
        loss: of a model.
        metrics: of a model and its data: those of `measures.WORDS`; the first is followed while it learns.
    """

    models: str
    has: str
    does: str
    only: Mapping[str, object]
    loss: Callable[[Module, Configuration], Loss]
    metrics: Callable[[Module, Split], dict[str, Metric]]


def of(split: Split) -> Task:
    """The task that a data set puts."""
    if split.train_y.dtype.kind == "f":
        return BOXES
    if split.train_y.ndim > 1:
        return PLACES
    return SERIES if split.train_x.ndim == 3 else IMAGES


def _cross_entropy(model: Module, configuration: Configuration) -> Loss:
    return CrossEntropyLoss(label_smoothing=configuration.label_smoothing)


def _of_images(model: Module, split: Split) -> dict[str, Metric]:
    return {"accuracy": metrics.accuracy}


def _of_places(model: Module, split: Split) -> dict[str, Metric]:
    """Dice's coefficients are those of all classes but the first, each over all places at once."""
    return {
        "accuracy": lambda outputs, labels: float((outputs.argmax(1) == labels).mean()),
        "dice": lambda outputs, labels: float(
            np.nanmean(metrics.dice(outputs.argmax(1), labels, split.classes)[1:]),
        ),
    }


def _own_loss(model: Module, configuration: Configuration) -> Loss:
    assert isinstance(model, Detector)
    return model.loss


def _of_boxes(model: Module, split: Split) -> dict[str, Metric]:
    """Every find of at least 0.01 counts, so that precision is known up to the last box that can be found."""
    assert isinstance(model, Detector)
    size = split.train_x.shape[2:]

    def over(overlaps: Sequence[float]) -> Metric:
        return lambda outputs, targets: metrics.mean_average_precision(
            model.finds(outputs, size, min_score=0.01), unpad_targets(targets), overlaps
        )["map"]

    return {"map50": over((0.5,)), "map": over(COCO_OVERLAPS)}


IMAGES = Task("classification", "labels", "", {}, _cross_entropy, _of_images)
SERIES = IMAGES._replace(has="series", only={"augment": "none"})
PLACES = Task(
    "segmentation",
    "labels of every place",
    "labels every place of an image",
    {"augment": "none", "folds": 0},
    _cross_entropy,
    _of_places,
)
BOXES = Task(
    "detection", "boxes", "finds boxes", {"augment": "none", "folds": 0, "label_smoothing": 0}, _own_loss, _of_boxes
)
ALL = (IMAGES, SERIES, PLACES, BOXES)
