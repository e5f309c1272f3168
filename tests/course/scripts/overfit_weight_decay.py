"""Few digits and many layers, without and with weight decay: the gap between training and test."""

import os
import sys

sys.path.append(os.pardir)
import numpy as np
from common.multi_layer_net import MultiLayerNet
from common.optimizer import SGD
from dataset.mnist import load_mnist

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
x_train, t_train = x_train[:100], t_train[:100]

for weight_decay_lambda in (0, 0.1):
    np.random.seed(1)
    network = MultiLayerNet(784, [50, 50, 50], 10, weight_decay_lambda=weight_decay_lambda)
    optimizer = SGD(lr=0.05)
    for _ in range(150):
        batch_mask = np.random.choice(len(x_train), 50)
        grads = network.gradient(x_train[batch_mask], t_train[batch_mask])
        optimizer.update(network.params, grads)
    size = sum(np.sum(network.params[key] ** 2) for key in network.params if key.startswith("W"))
    print(
        f"lambda {weight_decay_lambda}: train {network.accuracy(x_train, t_train):.3f}"
        f" test {network.accuracy(x_test, t_test):.3f} weights {size:.1f}"
    )
