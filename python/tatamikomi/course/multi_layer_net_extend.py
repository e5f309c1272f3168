"""Fully connected networks of any depth, with weight decay, batch normalisation and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tatamikomi.course.dtypes import default_dtype
from tatamikomi.course.layers import BatchNormalization, Dropout
from tatamikomi.course.multi_layer_net import MultiLayerNet
from tatamikomi.errors import bad_type

__all__ = ["MultiLayerNetExtend"]


class MultiLayerNetExtend(MultiLayerNet):
    """affine - batch normalisation - activation - dropout, for each hidden layer, then affine - softmax.

    params also has gamma1, beta1, ... of the batch normalisations. loss, predict and accuracy are those of inference,
    unless train_flg says otherwise; gradient is that of training.

    Args:
        input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda: as MultiLayerNet's.
        use_dropout, use_batchnorm: whether to have them.
        dropout_ration, dropout_ratio: the share that is dropped, 0.5 unless given.

    Raises:
        TypeError, ValueError: as MultiLayerNet; both spellings of the ratio.

    >>> from tatamikomi.course.multi_layer_net_extend import MultiLayerNetExtend
    >>> list(MultiLayerNetExtend(4, [3], 2, use_dropout=True, use_batchnorm=True).layers)
    ['Affine1', 'BatchNorm1', 'Activation_function1', 'Dropout1', 'Affine2']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float | None = None,
        use_batchnorm: bool = False,
        *,
        dropout_ratio: float | None = None,
    ) -> None:
        if dropout_ration is not None and dropout_ratio is not None:
            raise bad_type(type(self).__name__, "dropout_ratio", "both", "dropout_ration or dropout_ratio")
        given = dropout_ratio if dropout_ration is None else dropout_ration
        self.use_dropout, self.use_batchnorm = use_dropout, use_batchnorm
        self._ratio = 0.5 if given is None else given
        super().__init__(input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda)

    def _after_affine(self, number: int, activation: Any) -> None:
        if self.use_batchnorm:
            units = self.hidden_size_list[number - 1]
            gamma, beta = np.ones(units, default_dtype()), np.zeros(units, default_dtype())
            self.params[f"gamma{number}"], self.params[f"beta{number}"] = gamma, beta
            self._add("BatchNorm", BatchNormalization(gamma, beta))
        self._add("Activation_function", activation)
        if self.use_dropout:
            self._add("Dropout", Dropout(self._ratio))
