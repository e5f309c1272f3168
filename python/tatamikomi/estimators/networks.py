"""TatamikomiClassifier and TatamikomiRegressor: a network and its training behind scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi import nn, optim
from tatamikomi.data import ArrayDataset, DataLoader
from tatamikomi.data.labels import checked_weights
from tatamikomi.errors import bad_type, bad_value, missing_extra, unknown_name
from tatamikomi.functional import softmax
from tatamikomi.models import create
from tatamikomi.random import seeded
from tatamikomi.training import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise missing_extra("tatamikomi.estimators", "scikit-learn", "sklearn") from None

_OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": lambda parameters, **options: optim.SGD(parameters, momentum=0.9, nesterov=True, **options),
}
Builder = Callable[[tuple[int, ...], int], nn.Module]


def _perceptron(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """What is trained where no model is given: one hidden layer of 64 units."""
    size = int(np.prod(shape))
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, outputs))


class _Network(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: the options, the network, the training."""

    def __init__(
        self,
        model: str | Builder | None = None,
        *,
        epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "adam",
        lr: float = 0.01,
        weight_decay: float = 0.0,
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state

    # What the two differ in -------------------------------------------------------------------------------

    def _loss(self) -> nn.Module:
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------------

    def _build(self, shape: tuple[int, ...], outputs: int) -> nn.Module:
        if self.model is None:
            return _perceptron(shape, outputs)
        if isinstance(self.model, str):
            if len(shape) != 3:
                raise bad_value(type(self).__name__, "X", f"shape (N, {', '.join(map(str, shape))})", "(N, C, H, W)")
            return create(self.model, outputs, shape[0], image_size=shape[1])
        if not callable(self.model):
            raise bad_type(type(self).__name__, "model", self.model, "a name, a function or None")
        return self.model(shape, outputs)

    def _begin(self, X: NDArray[np.float32], outputs: int) -> None:
        if self.optimizer not in _OPTIMIZERS:
            raise unknown_name(type(self).__name__, "optimizer", self.optimizer, _OPTIMIZERS)
        self.network_ = self._build(X.shape[1:], outputs)
        options = {"lr": self.lr, "weight_decay": self.weight_decay}
        self._trainer = Trainer(
            self.network_, _OPTIMIZERS[self.optimizer](self.network_.parameters(), **options), self._loss(), metrics={}
        )

    def _go_on(self, X: NDArray[np.float32], y: NDArray[Any], epochs: int, weights: NDArray[Any] | None) -> None:
        if weights is not None:  # a batch of weights 0 alone has no mean
            X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
        dataset = ArrayDataset(X, y, weights=weights)
        loader = DataLoader(dataset, min(int(self.batch_size), len(X)), shuffle=True, seed=int(self.random_state))
        self._trainer.fit(loader, epochs=self._trainer.epoch + epochs)
        self.history_ = self._trainer.history
        self.n_iter_ = self._trainer.epoch

    def _weights(self, X: NDArray[np.float32], given: Any) -> NDArray[Any] | None:
        if given is None:
            return None
        op, argument = type(self).__name__, "sample_weight"
        weights = checked_weights(op, given, len(X), argument)
        if not weights.any():
            raise bad_value(op, argument, "every weight zero", "at least one above")
        return weights

    def _checked(self, X: Any, reset: bool) -> NDArray[np.float32]:
        array: NDArray[np.float32] = validate_data(self, X, reset=reset, dtype=np.float32, allow_nd=True)
        return array

    def _outputs(self, X: Any) -> NDArray[np.float32]:
        check_is_fitted(self)
        return self._trainer.predict(self._checked(X, reset=False))


class TatamikomiClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network that tells classes, for scikit-learn.

    Args:
        model: the name of one of tk.models, for images (N, C, H, W); a function (shape of a sample, number of outputs)
            -> Module; None for one hidden layer of 64 units.
        epochs: passes over the training data.
        batch_size: samples per step.
        optimizer: "adam", "adamw" or "sgd" (Nesterov's momentum 0.9).
        lr, weight_decay: of the optimizer.
        random_state: decides initial values, order and masks.
        class_weight: None; "balanced" for N / (classes * samples of the class), in fit alone; or a dict of label ->
            weight, 1 where one is missing. A class's weight is a factor of its samples' weights.
        label_smoothing: how much of each label is spread over all classes, from 0 to 1.

    Attributes:
        classes_: the labels, sorted.
        network_: the trained Module.
        history_: one dict per epoch.
        n_iter_: epochs trained.

    `fit` minimises the cross-entropy; X is converted to float32.

    >>> import numpy as np
    >>> from tatamikomi.estimators import TatamikomiClassifier
    >>> X, y = np.eye(3).repeat(8, 0), np.array(["ka", "ki", "ku"]).repeat(8)
    >>> TatamikomiClassifier(epochs=20).fit(X, y).predict(np.eye(3)).tolist()
    ['ka', 'ki', 'ku']
    """

    def __init__(
        self,
        model: str | Builder | None = None,
        *,
        epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "adam",
        lr: float = 0.01,
        weight_decay: float = 0.0,
        random_state: int = 0,
        class_weight: str | dict[Any, float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            random_state=random_state,
        )
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    def _loss(self) -> nn.Module:
        return nn.CrossEntropyLoss(label_smoothing=self.label_smoothing)

    def _weighed(self, X: NDArray[np.float32], y: ArrayLike, given: Any) -> NDArray[Any] | None:
        """The weights of samples times those of their classes."""
        weights = self._weights(X, given)
        if self.class_weight is None:
            return weights
        of_class = compute_sample_weight(self.class_weight, y)
        return self._weights(X, of_class if weights is None else of_class * weights)

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TatamikomiClassifier:
        """Train a new network on X (N, ...) and labels y (N,), whose losses count for sample_weight (N,)."""
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__}: y: expected two classes at least, got one class")
        weights = self._weighed(X, y, sample_weight)
        with seeded(int(self.random_state)):
            self._begin(X, len(self.classes_))
            self._go_on(X, numbers.astype(np.int64), int(self.epochs), weights)
        return self

    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> TatamikomiClassifier:
        """One epoch more on these data; the first call names all classes."""
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise ValueError(f"{type(self).__name__}: classes: expected all labels at the first partial_fit, got None")
        X, y = validate_data(self, X, y, reset=first, dtype=np.float32, allow_nd=True)
        if first:
            self.classes_ = np.unique(np.asarray(classes))
        elif classes is not None and not np.array_equal(self.classes_, np.unique(np.asarray(classes))):
            raise ValueError(f"{type(self).__name__}: classes: expected those of the first call, got others")
        numbers = np.searchsorted(self.classes_, y)
        known = numbers < len(self.classes_)
        if not known.all() or not np.array_equal(self.classes_[numbers], y):
            raise ValueError(f"{type(self).__name__}: y: expected labels among classes, got others")
        if self.class_weight == "balanced":
            raise bad_value(type(self).__name__, "class_weight", "'balanced'", "a dict or None for partial_fit")
        weights = self._weighed(X, y, sample_weight)
        with seeded(int(self.random_state)):
            if first:
                self._begin(X, len(self.classes_))
            self._go_on(X, numbers.astype(np.int64), 1, weights)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """(N, classes): the softmax of the network's outputs."""
        return np.array(softmax(self._outputs(X), 1))

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,): the most probable label of every sample."""
        outputs = self._outputs(X)  # complains of a missing fit first
        labels: NDArray[Any] = self.classes_[outputs.argmax(1)]
        return labels


class TatamikomiRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A network that tells numbers, for scikit-learn; arguments as `TatamikomiClassifier`.

    `fit` minimises the squared error of targets that are standardised for the training and brought back for the
    prediction; y is (N,) or (N, targets).

    >>> import numpy as np
    >>> from tatamikomi.estimators import TatamikomiRegressor
    >>> X = np.linspace(-1, 1, 64)[:, None]
    >>> TatamikomiRegressor(epochs=60).fit(X, 3 * X[:, 0] + 1).score(X, 3 * X[:, 0] + 1) > 0.99
    True
    """

    def _loss(self) -> nn.Module:
        return nn.MSELoss()

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TatamikomiRegressor:
        """Train a new network on X (N, ...) and targets y (N,) or (N, targets), which count for sample_weight (N,)."""
        X, y = self._pair(X, y, reset=True)
        weights = self._weights(X, sample_weight)
        self._scale(y, weights)
        with seeded(int(self.random_state)):
            self._begin(X, y.shape[1])
            self._go_on(X, (y - self._mean) / self._spread, int(self.epochs), weights)
        return self

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> TatamikomiRegressor:
        """One epoch more on these data; the first call's targets give the scale."""
        first = not hasattr(self, "network_")
        X, y = self._pair(X, y, reset=first)
        weights = self._weights(X, sample_weight)
        if first:
            self._scale(y, weights)
        with seeded(int(self.random_state)):
            if first:
                self._begin(X, y.shape[1])
            self._go_on(X, (y - self._mean) / self._spread, 1, weights)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _pair(self, X: Any, y: ArrayLike, reset: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        X, y = validate_data(
            self, X, y, reset=reset, dtype=np.float32, allow_nd=True, multi_output=True, y_numeric=True
        )
        targets: NDArray[np.float32] = np.asarray(y, np.float32)
        if reset:
            self._flat = targets.ndim == 1
        return X, targets.reshape(len(targets), -1)

    def _scale(self, y: NDArray[np.float32], weights: NDArray[Any] | None) -> None:
        mean = np.average(y, 0, weights)
        spread = np.sqrt(np.average((y - mean) ** 2, 0, weights))
        self._mean = mean.astype(np.float32)
        self._spread = np.where(spread > 0, spread, 1).astype(np.float32)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """(N,) or (N, targets), as y was."""
        check_is_fitted(self)
        y: NDArray[np.float64] = self._outputs(X) * np.float64(self._spread) + self._mean
        return y[:, 0] if self._flat else y
