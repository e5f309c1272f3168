"""Trainer: the loop over epochs and batches, and what is measured on the way."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from tatamikomi import metrics as measure
from tatamikomi.autograd import Tensor, as_tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.nn import CrossEntropyLoss, Module
from tatamikomi.optim import EMA, SWA, ElasticNet, LRScheduler, MaxNorm, Optimizer, ReduceLROnPlateau
from tatamikomi.random import Generator, default_generator
from tatamikomi.training import snapshot
from tatamikomi.training.batches import batches, evaluating, expect_iterable, samples_of
from tatamikomi.training.callback import Callback
from tatamikomi.training.means import Means
from tatamikomi.training.update import Update
from tatamikomi.training.weighing import mean_loss

Array = np.ndarray[Any, np.dtype[Any]]
Metric = Callable[[Array, Array], float]


class Trainer:
    """Trains a model on batches, measures it, and can continue an interrupted run bit for bit.

    Args:
        model: the Module.
        optimizer: an Optimizer of its parameters.
        loss: called as loss(output, labels), the mean over the batch; CrossEntropyLoss when None. Weights of classes
            and smoothing of labels are its arguments.
        scheduler: moved on by one after every epoch, or after every step.
        callbacks: called in their order, see `Callback`.
        schedule: "epoch" or "step", when the scheduler moves.
        metrics: name -> function(outputs, labels) -> number, a mean over the samples; accuracy when None and
            the loss is a CrossEntropyLoss.
        generator: whose state checkpoints carry; the default Generator when None.
        monitor: the key of the history that a ReduceLROnPlateau watches; None is "validation_loss", or "loss"
            without validation data.
        accumulate: batches per step. Their gradients are averaged, each batch counting for what it holds: k batches
            of n give the step of one of k * n, to rounding, where the loss is a mean over samples, weighted or not,
            and no layer looks across a batch, as batch normalisation does. The last step of an epoch takes what is
            left.
        clip_grad_value, agc, clip_grad_norm: limits for the gradients before each step, in this order: of
            `nn.utils.clip_grad_value_`, `adaptive_clip_grad_` and `clip_grad_norm_`, over all parameters of the
            optimizer.
        regularizer: an `optim.L1`, `L2` or `ElasticNet` of the optimizer's parameters of two or more axes: its
            gradient is added before clipping, or, where it is proximal, its step with each group's rate taken after
            the optimizer's. The history's losses are those of the data alone.
        constraint: an `optim.MaxNorm` of the same parameters, after each step.
        average: an `optim.EMA` of the model, moved on after every step, or an `optim.SWA`, after every epoch.
            Validation, `evaluate` and `predict` then measure the averages; with a SWA, batch normalisation needs
            `update_bn` once, at the end, before its averages mean anything.

    Attributes:
        epoch: complete epochs.
        epochs: where the present `fit` ends.
        history: one dict per epoch: epoch, loss, metrics, the same with "validation_" before them, lr,
            samples, seconds (with validation), train_seconds, images_per_s (of training). Losses and metrics
            of the training data are means over the epoch while the weights change.
        stop: a callback sets it to end the run after the present epoch.
        key: this trainer and no other, for callbacks that remember a run.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: schedule is unknown, or "step" for a ReduceLROnPlateau; monitor without one; accumulate or a limit
            is out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> x, y = np.eye(4, dtype=np.float32), np.arange(4)
    >>> model = tk.nn.Linear(4, 4)
    >>> trainer = tk.Trainer(model, tk.optim.SGD(model.parameters(), lr=5.0))
    >>> history = trainer.fit([(x, y)], epochs=20)
    >>> trainer.evaluate([(x, y)])["accuracy"]
    1.0
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Any, Any], Tensor] | None = None,
        scheduler: LRScheduler | None = None,
        callbacks: Iterable[Callback] = (),
        *,
        schedule: str = "epoch",
        metrics: Mapping[str, Metric] | None = None,
        generator: Generator | None = None,
        monitor: str | None = None,
        accumulate: int = 1,
        clip_grad_norm: float | None = None,
        clip_grad_value: float | None = None,
        agc: float | None = None,
        regularizer: ElasticNet | None = None,
        constraint: MaxNorm | None = None,
        average: EMA | SWA | None = None,
    ) -> None:
        _expect("model", model, Module)
        _expect("optimizer", optimizer, Optimizer)
        if scheduler is not None:
            _expect("scheduler", scheduler, LRScheduler)
        if schedule not in ("epoch", "step"):
            raise unknown_name("Trainer", "schedule", schedule, ["epoch", "step"])
        plateau = isinstance(scheduler, ReduceLROnPlateau)
        if plateau and schedule == "step":
            raise bad_value("Trainer", "schedule", "'step'", "'epoch' for a ReduceLROnPlateau")
        if monitor is not None and not plateau:
            raise bad_value("Trainer", "monitor", repr(monitor), "None without a ReduceLROnPlateau")
        if average is not None and not isinstance(average, (EMA, SWA)):
            raise bad_type("Trainer", "average", type(average).__name__, "an EMA or a SWA")
        self.model = model
        self.optimizer = optimizer
        limits = (clip_grad_norm, clip_grad_value, agc)
        self.update = Update(optimizer, accumulate, *limits, regularizer, constraint)
        self.average = average
        self.loss = CrossEntropyLoss() if loss is None else loss
        self.scheduler = scheduler
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            _expect("callbacks", callback, Callback)
        self.schedule = schedule
        self.monitor = monitor
        if metrics is None:
            metrics = {"accuracy": _accuracy} if isinstance(self.loss, CrossEntropyLoss) else {}
        self.metrics = dict(metrics)
        self.generator = default_generator() if generator is None else generator
        _expect("generator", self.generator, Generator)
        self.epoch = 0
        self.epochs = 0
        self.samples_per_epoch: int | None = None
        self.history: list[dict[str, Any]] = []
        self.stop = False
        self.key = object()

    # Training ---------------------------------------------------------------------------------------------

    def fit(self, train: Any, validation: Any = None, epochs: int = 1) -> list[dict[str, Any]]:
        """Train until `epochs` epochs are complete in all, those before a resume included.

        A loader with `set_epoch` is told the number of the epoch before each pass. After Ctrl-C the callbacks
        are told and KeyboardInterrupt goes on.

        Args:
            train: an iterable of (x, labels) or (x, labels, weights), gone through once per epoch; a DataLoader or
                a list of batches. Weights (N,) are finite and >= 0: the loss, one of nn, is then the weighted mean.
            validation: the same, measured after every epoch; None measures nothing.
            epochs: where to end, >= 0.

        Returns:
            The history.

        Raises:
            FloatingPointError: the loss is not finite.
            TypeError, ValueError: epochs is no integer >= 0, train or validation is not iterable, train gives no
                batch, or monitor is no key of the history.
        """
        if isinstance(epochs, bool) or not isinstance(epochs, (int, np.integer)):
            raise bad_type("fit", "epochs", type(epochs).__name__, "an integer")
        if epochs < 0:
            raise bad_value("fit", "epochs", int(epochs), "an integer >= 0")
        expect_iterable("fit", "train", train)
        if validation is not None:
            expect_iterable("fit", "validation", validation)
        self.epochs = int(epochs)
        self.samples_per_epoch = samples_of(train)
        self.stop = False
        try:
            self._call("on_fit_start")
            while self.epoch < self.epochs and not self.stop:
                self._epoch(train, validation)
        except KeyboardInterrupt:
            self._call("on_interrupt")
            raise
        finally:
            self._call("on_fit_end")
        return self.history

    def _epoch(self, train: Any, validation: Any) -> None:
        start = time.perf_counter()
        self._call("on_epoch_start")
        rate = self.optimizer.param_groups[0]["lr"]
        means = self._train(train)
        train_seconds = time.perf_counter() - start
        if self.average is not None and self.average.after == "epoch":
            self.average.update()
        entry: dict[str, Any] = {
            "epoch": self.epoch + 1,
            **means.values(),
            "lr": rate,
            "samples": means.samples,
        }
        if validation is not None:
            entry.update({f"validation_{key}": value for key, value in self.evaluate(validation).items()})
        entry["seconds"] = time.perf_counter() - start
        entry["train_seconds"] = train_seconds
        entry["images_per_s"] = means.samples / train_seconds
        watched = self._watched(entry)
        self.epoch += 1
        self.history.append(entry)
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(watched)
        elif self.scheduler is not None and self.schedule == "epoch":
            self.scheduler.step()
        self._call("on_epoch_end")
        self._call("on_epoch_recorded")

    def _watched(self, entry: Mapping[str, Any]) -> float | None:
        """What a ReduceLROnPlateau sees of an epoch; None where there is none."""
        if not isinstance(self.scheduler, ReduceLROnPlateau):
            return None
        key = self.monitor or ("validation_loss" if "validation_loss" in entry else "loss")
        if key not in entry:
            raise unknown_name("fit", "monitor", key, entry)
        return float(entry[key])

    def _train(self, train: Any) -> Means:
        self.model.train()
        self.update.reset()
        means = Means()
        for batch, (x, labels, weights) in enumerate(batches("fit", "train", train, self.epoch)):
            self.update.begin()
            for callback in self.callbacks:
                x = callback.transform(self, x)
            output = self.model(as_tensor(x))
            loss, weight = mean_loss("fit", self.loss, output, labels, weights)
            value = loss.item()
            if not math.isfinite(value):
                at = f"{value} in epoch {self.epoch + 1}, batch {batch + 1}"
                raise FloatingPointError(f"fit: loss: expected a finite number, got {at}; try a smaller lr")
            if self.update.add(loss, weight):
                self._stepped()
            means.add(len(x), {"loss": value, **self._measure(output.numpy(), labels)}, loss=weight)
            for callback in self.callbacks:
                callback.on_batch_end(self, len(x), means.values())
        if self.update.flush():
            self._stepped()
        if not means.samples:
            raise bad_value("fit", "train", "no samples", "at least one batch")
        return means

    def _stepped(self) -> None:
        if self.average is not None and self.average.after == "step":
            self.average.update()
        if self.scheduler is not None and self.schedule == "step":
            self.scheduler.step()

    def _measure(self, outputs: Array, labels: Any) -> dict[str, float]:
        return {name: float(metric(outputs, np.asarray(labels))) for name, metric in self.metrics.items()}

    # Measuring --------------------------------------------------------------------------------------------

    def evaluate(self, loader: Any) -> dict[str, float]:
        """The loss and the metrics over all samples of `loader`, in evaluation mode.

        The loss is the mean over the samples, each counting for its weight and a short batch for what it holds;
        metrics see all outputs at once, and no weights.

        Raises:
            TypeError: loader is not iterable.
            ValueError: loader gives no batch.
        """
        expect_iterable("evaluate", "loader", loader)
        means = Means()
        outputs: list[Array] = []
        answers: list[Array] = []
        with evaluating(self.model), self._averaged():
            for x, labels, weights in batches("evaluate", "loader", loader, self.epoch):
                output = self.model(as_tensor(x))
                loss, weight = mean_loss("evaluate", self.loss, output, labels, weights)
                means.add(len(x), {"loss": loss.item()}, loss=weight)
                outputs.append(output.numpy())
                answers.append(np.asarray(labels))
        if not means.samples:
            raise bad_value("evaluate", "loader", "no samples", "at least one batch")
        return {**means.values(), **self._measure(np.concatenate(outputs), np.concatenate(answers))}

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.applied()

    def predict(self, x: Any, batch_size: int = 256) -> Array:
        """The model's outputs in evaluation mode.

        Args:
            x: an array or Tensor (N, ...), taken in pieces of batch_size; or an iterable of batches x or (x,
                labels).
            batch_size: samples per piece of an array.

        Returns:
            (N, ...), such as the logits (N, classes).

        Raises:
            TypeError: x is neither an array nor iterable.
            ValueError: no samples at all in an iterable, or batch_size < 1.
        """
        if batch_size < 1:
            raise bad_value("predict", "batch_size", batch_size, "an integer >= 1")
        if not isinstance(x, Tensor):
            expect_iterable("predict", "x", x)
        if isinstance(x, (np.ndarray, Tensor)):
            pieces: Iterable[Any] = (x[at : at + batch_size] for at in range(0, max(len(x), 1), batch_size))
        else:
            pieces = (batch[0] if isinstance(batch, (tuple, list)) else batch for batch in x)
        with evaluating(self.model), self._averaged():
            outputs = [self.model(as_tensor(piece)).numpy() for piece in pieces]
        if not outputs:
            raise bad_value("predict", "x", "no samples", "at least one batch")
        return np.concatenate(outputs)

    # State ------------------------------------------------------------------------------------------------

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write everything that `load_checkpoint` needs to one file, atomically; between epochs."""
        snapshot.write(path, snapshot.capture(self))

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Continue where a checkpoint was taken: `fit` then gives the same bits as without the interruption.

        The trainer has to be built as the one that wrote the checkpoint was; all or nothing is loaded.

        Raises:
            ValueError: the file is damaged, or made by another model, optimizer, scheduler or set of
                callbacks.
            OSError: the file cannot be opened.
        """
        snapshot.restore(self, snapshot.read(path))

    def named_callbacks(self) -> Iterator[tuple[str, Callback]]:
        """(name, callback): class names, numbered from the second of a class on."""
        seen: dict[str, int] = {}
        for callback in self.callbacks:
            kind = type(callback).__name__
            seen[kind] = seen.get(kind, 0) + 1
            yield (kind if seen[kind] == 1 else f"{kind}#{seen[kind]}"), callback

    def _call(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)


def _accuracy(outputs: Array, labels: Array) -> float:
    """Of labels that are probabilities, as mixed samples have them, the largest counts."""
    return measure.accuracy(outputs, labels.argmax(1) if labels.ndim == 2 and labels.dtype.kind == "f" else labels)


def _expect(argument: str, given: object, kind: type) -> None:
    if not isinstance(given, kind):
        raise bad_type("Trainer", argument, type(given).__name__, f"an instance of {kind.__name__}")
