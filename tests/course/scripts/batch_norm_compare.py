"""The same network with and without batch normalisation, from weights that are too small to learn from."""

import os
import sys

sys.path.append(os.pardir)
import numpy as np
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import SGD
from dataset.mnist import load_mnist

(x_train, t_train), _ = load_mnist(normalize=True)
x_train, t_train = x_train[:300], t_train[:300]

for use_batchnorm in (False, True):
    np.random.seed(2)
    network = MultiLayerNetExtend(
        input_size=784,
        hidden_size_list=[30, 30, 30],
        output_size=10,
        weight_init_std=0.01,
        use_batchnorm=use_batchnorm,
    )
    optimizer = SGD(lr=0.1)
    for _ in range(30):
        batch_mask = np.random.choice(300, 100)
        for layer in network.layers.values():
            assert hasattr(layer, "forward")
        optimizer.update(network.params, network.gradient(x_train[batch_mask], t_train[batch_mask]))
    print(f"batch norm {use_batchnorm}: {network.accuracy(x_train, t_train):.3f}")
