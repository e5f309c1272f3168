"""What the networks of the lessons share: predict, loss, accuracy, both gradients, and files of parameters."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.course.dtypes import default_dtype
from tatamikomi.course.functions import chosen_teacher
from tatamikomi.course.gradient import numerical_gradient
from tatamikomi.course.layers import Affine, BatchNormalization, Convolution, Dropout, Relu, SoftmaxWithLoss
from tatamikomi.course.pickles import load_arrays, save_arrays
from tatamikomi.io.faults import bad_file
from tatamikomi.kernels.arrays import Array


class Network:
    """Layers one after another and a loss.

    Attributes:
        params: the weights by name, W1, b1, W2, ..., shared with the layers.
        layers: the layers in order, by name or (DeepConvNet) in a list.
        last_layer, lastLayer: SoftmaxWithLoss.

    The teacher signal is t or d, labels (n,) or one-hot (n, classes).
    """

    drops_in_loss = False  # whether loss(x, t) is that of training

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.layers: Any = OrderedDict()
        self.last_layer = self.lastLayer = SoftmaxWithLoss()
        self._sources: dict[str, tuple[Any, str]] = {}  # of gradients: parameter -> layer, attribute

    def _weights(self, W: Array) -> tuple[Array, Array]:
        """Enter new weights, (FN, ...) of filters or (inputs, outputs), and zero biases into params."""
        number = sum(name[0] == "W" for name in self.params) + 1
        b = np.zeros(len(W) if W.ndim == 4 else W.shape[1], default_dtype())
        self.params[f"W{number}"], self.params[f"b{number}"] = W, b
        return W, b

    def _add(self, kind: str, layer: Any) -> None:
        count = sum(name.rstrip("0123456789") == kind for name in self.layers) + 1
        self.layers[f"{kind}{count}"] = layer
        for mine, theirs in (("W", "dW"), ("b", "db"), ("gamma", "dgamma"), ("beta", "dbeta")):
            array = getattr(layer, mine, None)
            name = next((name for name, one in self.params.items() if one is array), None)
            if name is not None:
                self._sources[name] = layer, theirs

    def _passes(self) -> list[tuple[Any, Relu | None]]:
        """The layers in order, a Relu beside the convolution before it: both run in one pass."""
        passes: list[tuple[Any, Relu | None]] = []
        for layer in self.layers.values() if isinstance(self.layers, dict) else self.layers:
            if type(layer) is Relu and passes and type(passes[-1][0]) is Convolution and passes[-1][1] is None:
                passes[-1] = passes[-1][0], layer
            else:
                passes.append((layer, None))
        return passes

    def predict(self, x: ArrayLike, train_flg: bool = False) -> Any:
        """Scores (n, classes) before softmax; x (n, inputs) or (n, C, H, W)."""
        for layer, relu in self._passes():
            if relu is not None:
                x = relu.out = layer.forward(x, "relu")
            else:
                trains = isinstance(layer, (BatchNormalization, Dropout))
                x = layer.forward(x, train_flg) if trains else layer.forward(x)
        return x

    def loss(
        self, x: ArrayLike, t: ArrayLike | None = None, train_flg: bool | None = None, *, d: ArrayLike | None = None
    ) -> Any:
        """The mean cross-entropy, and what weight decay adds; as in training if train_flg.

        Raises:
            TypeError: neither t nor d was given, or both.
            ValueError: shapes do not fit together.
        """
        teacher = chosen_teacher(f"{type(self).__name__}.loss", t, d)
        flag = self.drops_in_loss if train_flg is None else train_flg
        return self.last_layer.forward(self.predict(x, flag), teacher) + self._penalty()

    def _penalty(self) -> Any:
        return 0.0

    def _penalty_gradient(self, name: str) -> Any:
        """Of a parameter; None where there is none."""

    def accuracy(
        self, x: Array, t: ArrayLike | None = None, batch_size: int = 100, *, d: ArrayLike | None = None
    ) -> float:
        """The share of samples whose largest score is the true class's; a last short batch counts too."""
        labels = np.asarray(chosen_teacher(f"{type(self).__name__}.accuracy", t, d))
        labels = labels.argmax(axis=1) if labels.ndim != 1 else labels
        right = 0
        for i in range(0, len(x), batch_size):
            scores = self.predict(x[i : i + batch_size])
            right += int(np.sum(scores.argmax(axis=1) == labels[i : i + batch_size]))
        return right / len(x)

    def gradient(self, x: ArrayLike, t: ArrayLike | None = None, *, d: ArrayLike | None = None) -> dict[str, Array]:
        """The gradient of loss by back-propagation, by the names of params.

        Raises:
            TypeError, ValueError: as loss.
        """
        self.loss(x, t, True, d=d)
        dout = self.last_layer.backward(1)
        passes = self._passes()
        for layer, relu in reversed(passes):
            options = {} if relu is None else {"y": relu.out}
            if layer is passes[0][0] and isinstance(layer, (Affine, Convolution)):
                options["want_dx"] = False  # nobody asks for the gradient of the data
            dout = layer.backward(dout, **options)
        grads = {}
        for name in self.params:
            layer, attribute = self._sources[name]
            grad, more = getattr(layer, attribute), self._penalty_gradient(name)
            grads[name] = grad if more is None else grad + more
        return grads

    def numerical_gradient(
        self, x: ArrayLike, t: ArrayLike | None = None, *, d: ArrayLike | None = None
    ) -> dict[str, Array]:
        """The same by differences, slowly; dropout draws anew at each look.

        Raises:
            TypeError, ValueError: as loss.
        """
        return {
            name: numerical_gradient(lambda _: self.loss(x, t, True, d=d), array) for name, array in self.params.items()
        }

    def save_params(self, file_name: str | os.PathLike[str] = "params.pkl") -> None:
        """Write params: a .npz file where the name ends so, else a pickle."""
        save_arrays(file_name, self.params)

    def load_params(self, file_name: str | os.PathLike[str] = "params.pkl") -> None:
        """Read params that save_params, or the script of a lesson, has written; they keep this network's dtype.

        Raises:
            ValueError: the file is no dictionary of arrays, names anything that might run code, or its arrays are not
                this network's; nothing has changed then.
        """
        found = load_arrays(file_name)
        if any(array.dtype.kind not in "fiu" for array in found.values()):
            raise bad_file(file_name, "arrays that are no numbers")
        shapes = [{name: array.shape for name, array in arrays.items()} for arrays in (found, self.params)]
        if shapes[0] != shapes[1]:
            wrong = [name for name in {**shapes[1], **shapes[0]} if shapes[0].get(name) != shapes[1].get(name)]
            pairs = ", ".join(f"{name} {shapes[0].get(name)} for {shapes[1].get(name)}" for name in wrong)
            raise bad_file(file_name, f"arrays of another network: {pairs}")
        for name, array in found.items():
            self.params[name][...] = array
