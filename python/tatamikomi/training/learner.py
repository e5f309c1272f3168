"""Learner: a network and how it is trained, as one value that can be fitted again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.data import ArrayDataset, DataLoader
from tatamikomi.data.labels import as_labels, check_range, checked_weights
from tatamikomi.data.loader import Transform
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional import softmax
from tatamikomi.nn import CrossEntropyLoss, Module, NLLLoss
from tatamikomi.optim import Adam, LRScheduler, Optimizer, checks
from tatamikomi.random import seeded
from tatamikomi.training.batches import evaluating
from tatamikomi.training.callback import Callback
from tatamikomi.training.trainer import Trainer

Array = NDArray[Any]
Builder = Callable[[tuple[int, ...], int], Module]


class Predictor(Protocol):
    """What was fitted: it predicts from arrays (N, ...)."""

    def predict_proba(self, x: Array) -> Array:
        """(N, classes) probabilities."""
        ...

    def predict(self, x: Array) -> Array:
        """(N,) classes, or values."""
        ...


class Fitter(Protocol):
    """What can be fitted to arrays: a Learner, or an ensemble of such; it does not change."""

    def fit(
        self, x: Array, y: ArrayLike, *, weights: ArrayLike | None = None, classes: int | None = None, seed: int = 0
    ) -> Predictor:
        """Fit anew; the same seed gives the same bits."""
        ...


def fitter(op: str, argument: str, value: Any) -> Fitter:
    """Something with a method `fit`; a TypeError else."""
    if not callable(getattr(value, "fit", None)):
        raise bad_type(op, argument, type(value).__name__, "a Learner or an ensemble, with a method fit")
    return value  # type: ignore[no-any-return]


def arrays(op: str, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, int | None]:
    """x, y and the number of classes where y is integers; a ValueError unless both have N >= 1 rows."""
    given, target = np.asarray(x), np.asarray(y)
    if not given.ndim or not target.ndim or len(given) != len(target) or not len(given):
        raise bad_value(op, "x and y", f"shapes {given.shape} and {target.shape}", "shapes (N, ...), N >= 1")
    return given, target, int(target.max()) + 1 if target.dtype.kind in "iu" else None


def labelled(op: str, y: ArrayLike, classes: int | None) -> tuple[NDArray[np.int64], int]:
    """Labels and how many classes there are, by default one more than the largest; errors of `data.labels`."""
    labels = as_labels(op, "y", y)
    count = int(labels.max()) + 1 if classes is None else checks.integer(op, "classes", classes, 1)
    check_range(op, "y", labels, count)
    return labels, count


class Trained:
    """A trained network behind arrays.

    Args:
        model: the Module.
        regression: its outputs are values; otherwise scores of classes (N, C), whose softmax are probabilities.
        batch_size: samples that go through it at once.
        history: of its training.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.training.Trained(tk.nn.Identity()).predict(np.eye(3, dtype=np.float32)).tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        model: Module,
        regression: bool = False,
        batch_size: int = 256,
        history: Iterable[dict[str, Any]] = (),
    ) -> None:
        if not isinstance(model, Module):
            raise bad_type("Trained", "model", type(model).__name__, "a Module")
        self.model = model
        self.regression = regression
        self.batch_size = checks.integer("Trained", "batch_size", batch_size, 1)
        self.history = list(history)

    def outputs(self, x: Array) -> Array:
        """The network's outputs in evaluation mode."""
        pieces = range(0, max(len(x), 1), self.batch_size)
        with evaluating(self.model):
            outputs = [self.model(as_tensor(x[at : at + self.batch_size])).numpy() for at in pieces]
        return np.concatenate(outputs)

    def predict_proba(self, x: Array) -> Array:
        """(N, C): the softmax of the outputs.

        Raises:
            TypeError: for values.
        """
        if self.regression:
            raise bad_type("predict_proba", "model", "one that was fitted to values", "one of classes")
        return np.array(softmax(self.outputs(x), 1))

    def predict(self, x: Array) -> Array:
        """(N,) int64: the class of largest score. For values (N,), or (N, T) of several outputs."""
        out = self.outputs(x)
        if not self.regression:
            return np.asarray(out.argmax(1))
        return out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out


class Learner:
    """A network and how it is trained; `fit` builds a new one and trains it, with the same bits for the same seed.

    Args:
        build: (shape of a sample, number of outputs) -> Module, such as
            `lambda shape, outputs: tk.models.create("lenet5", outputs)`.
        epochs: passes over the training data, >= 1.
        batch_size: samples per step, >= 1.
        optimizer: parameters -> Optimizer; Adam with lr=0.01 when None.
        loss: CrossEntropyLoss when None. That and NLLLoss make a classifier, others fit values.
        schedule: (optimizer, steps in all) -> LRScheduler, which moves after every step.
        transform: of training batches, as a DataLoader takes it.

    Raises:
        TypeError, ValueError: build is not callable, or epochs or batch_size no integer >= 1.

    >>> import numpy as np, tatamikomi as tk
    >>> learner = tk.training.Learner(lambda shape, outputs: tk.nn.Linear(shape[0], outputs), batch_size=2)
    >>> x, y = np.eye(3, dtype=np.float32).repeat(8, 0), np.arange(3).repeat(8)
    >>> learner.fit(x, y, seed=1).predict(x[::8]).tolist()
    [0, 1, 2]
    """

    def __init__(
        self,
        build: Builder,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        optimizer: Callable[[Iterator[Any]], Optimizer] | None = None,
        loss: Callable[[Any, Any], Tensor] | None = None,
        schedule: Callable[[Optimizer, int], LRScheduler] | None = None,
        transform: Transform | None = None,
    ) -> None:
        if not callable(build):
            raise bad_type("Learner", "build", type(build).__name__, "a function (shape, outputs) -> Module")
        self.build = build
        self.epochs = checks.integer("Learner", "epochs", epochs, 1)
        self.batch_size = checks.integer("Learner", "batch_size", batch_size, 1)
        self.optimizer = optimizer
        self.loss = CrossEntropyLoss() if loss is None else loss
        self.schedule = schedule
        self.transform = transform

    @property
    def regression(self) -> bool:
        """Whether values are fitted, no classes."""
        return not isinstance(self.loss, (CrossEntropyLoss, NLLLoss))

    def fit(
        self,
        x: Array,
        y: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        classes: int | None = None,
        seed: int = 0,
        callbacks: Iterable[Callback] = (),
    ) -> Trained:
        """Train a new network.

        Args:
            x: (N, ...) samples.
            y: (N,) labels; or values (N,) or (N, T), brought to the dtype of x.
            weights: (N,) how much each sample counts; those of 0 are left out.
            classes: how many there are; one more than the largest label when None.
            seed: decides initial values, order and masks; the default Generator is as before afterwards.
            callbacks: of the Trainer.

        Raises:
            TypeError, ValueError: arrays do not fit each other, labels are out of range, or no sample is left.
            FloatingPointError: the loss is not finite.
        """
        op = "Learner.fit"
        x, target, _ = arrays(op, x, y)
        if weights is not None:
            share = checked_weights(op, weights, len(x))
            if not share.all():
                x, target = x[share > 0], target[share > 0]
            weights = share[share > 0]
            if not len(x):
                raise bad_value(op, "weights", "every one 0", "at least one above")
        if self.regression:
            target = target.astype(x.dtype).reshape(len(target), -1)
            outputs = target.shape[1]
        else:
            target, outputs = labelled(op, target, classes)
        dataset = ArrayDataset(x, target, weights=weights)
        loader = DataLoader(dataset, self.batch_size, shuffle=True, seed=seed, transform=self.transform)
        with seeded(seed):
            model = self.build(x.shape[1:], outputs)
            parameters = model.parameters()
            optimizer = Adam(parameters, lr=0.01) if self.optimizer is None else self.optimizer(parameters)
            scheduler = None if self.schedule is None else self.schedule(optimizer, self.epochs * len(loader))
            trainer = Trainer(model, optimizer, self.loss, scheduler, callbacks, schedule="step", metrics={})
            trainer.fit(loader, epochs=self.epochs)
        return Trained(model, self.regression, history=trainer.history)
