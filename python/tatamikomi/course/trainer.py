"""The training loop of the lessons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tatamikomi.course import optimizer as optimizers
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.kernels.arrays import Array

__all__ = ["Trainer"]

_OPTIMIZERS: dict[str, Any] = {
    "sgd": optimizers.SGD,
    "momentum": optimizers.Momentum,
    "nesterov": optimizers.Nesterov,
    "adagrad": optimizers.AdaGrad,
    "rmsprop": optimizers.RMSprop,
    "rmsprpo": optimizers.RMSprop,  # as scripts spell it
    "adam": optimizers.Adam,
}


class Trainer:
    """Train a network on mini-batches that np.random draws, and print how it goes.

    Args:
        network: with params, gradient(x, t), loss(x, t) and accuracy(x, t).
        x_train, t_train, x_test, t_test: arrays.
        epochs: passes over the training data.
        mini_batch_size: samples of a step.
        optimizer: "sgd", "momentum", "nesterov", "adagrad", "rmsprop" or "adam", in any case of letters.
        optimizer_param: keywords of the optimizer.
        evaluate_sample_num_per_epoch: how many samples of each half the accuracies of an epoch look at; None is all.
        verbose: print the loss of each step and the accuracies.

    Attributes:
        train_loss_list: the loss after each step, on its batch.
        train_acc_list, test_acc_list: accuracies, the first after the first step, then once per epoch.
        current_iter, current_epoch, iter_per_epoch, max_iter, batch_size, train_size: counts.
        optimizer: the optimizer itself.

    Raises:
        ValueError: an unknown optimizer, no training samples, or a batch size below 1.

    >>> import numpy as np
    >>> from tatamikomi.course.networks import TwoLayerNet
    >>> from tatamikomi.course.trainer import Trainer
    >>> x, t = np.eye(4), np.array([0, 1, 0, 1])
    >>> trainer = Trainer(TwoLayerNet(4, 3, 2), x, t, x, t, epochs=3, mini_batch_size=2, verbose=False)
    >>> trainer.train()
    >>> len(trainer.train_loss_list), len(trainer.test_acc_list), trainer.current_epoch
    (6, 3, 3)
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: Mapping[str, Any] | None = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        if str(optimizer).lower() not in _OPTIMIZERS:
            raise unknown_name("Trainer", "optimizer", optimizer, [name for name in _OPTIMIZERS if name != "rmsprpo"])
        if len(x_train) < 1 or mini_batch_size < 1:
            given = f"{len(x_train)} samples, mini_batch_size={mini_batch_size}"
            raise bad_value("Trainer", "x_train", given, "at least one sample, and one per batch")
        self.network, self.verbose = network, verbose
        self.x_train, self.t_train, self.x_test, self.t_test = x_train, t_train, x_test, t_test
        self.epochs, self.batch_size = epochs, mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        options = {"lr": 0.01} if optimizer_param is None else optimizer_param
        self.optimizer = _OPTIMIZERS[optimizer.lower()](**options)
        self.train_size = len(x_train)
        self.iter_per_epoch = max(self.train_size // mini_batch_size, 1)
        self.max_iter = int(epochs * max(self.train_size / mini_batch_size, 1))
        self.current_iter = self.current_epoch = 0
        self.train_loss_list: list[Any] = []
        self.train_acc_list: list[float] = []
        self.test_acc_list: list[float] = []

    def train_step(self) -> None:
        """One step on one batch, and the accuracies where an epoch begins."""
        chosen = np.random.choice(self.train_size, self.batch_size)
        x, t = self.x_train[chosen], self.t_train[chosen]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._say(f"train loss:{loss!s}")
        if self.current_iter % self.iter_per_epoch == 0:
            self.current_epoch += 1
            few = slice(self.evaluate_sample_num_per_epoch)
            train = self.network.accuracy(self.x_train[few], self.t_train[few])
            test = self.network.accuracy(self.x_test[few], self.t_test[few])
            self.train_acc_list.append(train)
            self.test_acc_list.append(test)
            self._say(f"=== epoch:{self.current_epoch}, train acc:{train!s}, test acc:{test!s} ===")
        self.current_iter += 1

    def train(self) -> None:
        """All steps, then the accuracy on all test data."""
        for _ in range(self.max_iter):
            self.train_step()
        accuracy = self.network.accuracy(self.x_test, self.t_test)
        self._say("=============== Final Test Accuracy ===============")
        self._say(f"test acc:{accuracy!s}")

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)
