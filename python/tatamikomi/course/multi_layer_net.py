"""Fully connected networks of any depth, with weight decay."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi.course.dtypes import drawn
from tatamikomi.course.layers import Affine, Relu, Sigmoid, Tanh
from tatamikomi.course.network import Network
from tatamikomi.errors import bad_type, unknown_name

__all__ = ["MultiLayerNet"]

_ACTIVATIONS = {"relu": Relu, "sigmoid": Sigmoid, "tanh": Tanh}
_GAINS = {"relu": 2.0, "he": 2.0, "sigmoid": 1.0, "xavier": 1.0}


class MultiLayerNet(Network):
    """affine - activation, for each size of hidden_size_list, then affine - softmax; `layers` by name.

    loss adds weight_decay_lambda / 2 * the sum of the squares of all W, gradient accordingly.

    Args:
        input_size, output_size: numbers of units.
        hidden_size_list: that of each hidden layer.
        activation: "relu", "sigmoid" or "tanh".
        weight_init_std: standard deviation of the normal weights: a number; "relu" or "he" for sqrt(2 / inputs);
            "sigmoid" or "xavier" for sqrt(1 / inputs).
        weight_decay_lambda: strength of the weight decay.

    Raises:
        ValueError: an unknown activation or weight_init_std.
        TypeError: weight_init_std is no number and no name.

    >>> from tatamikomi.course.multi_layer_net import MultiLayerNet
    >>> list(MultiLayerNet(4, [3, 3], 2).layers)
    ['Affine1', 'Activation_function1', 'Affine2', 'Activation_function2', 'Affine3']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        if str(activation).lower() not in _ACTIVATIONS:
            raise unknown_name(op, "activation", activation, _ACTIVATIONS)
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size_list, self.hidden_layer_num = hidden_size_list, len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        sizes = [input_size, *hidden_size_list, output_size]
        weights = [
            self._weights(drawn(_spread(op, weight_init_std, one), one, other))
            for one, other in itertools.pairwise(sizes)
        ]
        for number, (W, b) in enumerate(weights, 1):
            self._add("Affine", Affine(W, b))
            if number <= self.hidden_layer_num:
                self._after_affine(number, _ACTIVATIONS[activation.lower()]())

    def _after_affine(self, number: int, activation: Any) -> None:
        """What follows a hidden layer's affine one."""
        self._add("Activation_function", activation)

    def _penalty(self) -> Any:
        if not self.weight_decay_lambda:
            return 0.0
        squares = [np.sum(array**2) for name, array in self.params.items() if name[0] == "W"]
        return 0.5 * self.weight_decay_lambda * sum(squares)

    def _penalty_gradient(self, name: str) -> Any:
        return self.weight_decay_lambda * self.params[name] if self.weight_decay_lambda and name[0] == "W" else None


def _spread(op: str, given: float | str, inputs: int) -> float:
    if not isinstance(given, str):
        if isinstance(given, bool) or not isinstance(given, (int, float, np.floating)):
            raise bad_type(op, "weight_init_std", given, "a number or a name")
        return float(given)
    if given.lower() not in _GAINS:
        raise unknown_name(op, "weight_init_std", given, _GAINS)
    return math.sqrt(_GAINS[given.lower()] / inputs)
