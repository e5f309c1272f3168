"""A class of its own in the course's words: d for the teacher, learning_rate, everything by `import *`."""
# ruff: noqa: F403, F405

import os
import sys

sys.path.append(os.pardir)
from collections import OrderedDict

from common import layers, optimizer
from common.functions import *
from common.gradient import numerical_gradient
from common.layers import *


class Net:
    def __init__(self):
        self.params = {
            "W1": 0.1 * np.random.randn(4, 1, 3, 3),
            "b1": np.zeros(4),
            "W2": 0.1 * np.random.randn(4 * 3 * 3, 3),
            "b2": np.zeros((1, 3)),
        }
        self.layers = OrderedDict()
        self.layers["Conv1"] = layers.Convolution(self.params["W1"], self.params["b1"], stride=1, pad=1)
        self.layers["Sigmoid1"] = layers.Sigmoid()
        self.layers["Pool1"] = layers.Pooling(pool_h=2, pool_w=2, stride=2)
        self.layers["Affine1"] = layers.Affine(self.params["W2"], self.params["b2"])
        self.last_layer = layers.SoftmaxWithLoss()

    def predict(self, x):
        for key in self.layers:
            x = self.layers[key].forward(x)
        return x

    def loss(self, x, d):
        return self.last_layer.forward(self.predict(x), d)

    def gradient(self, x, d):
        self.loss(x, d)
        dout = 1
        dout = self.last_layer.backward(dout)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        conv, affine = self.layers["Conv1"], self.layers["Affine1"]
        return {"W1": conv.dW, "b1": conv.db, "W2": affine.dW, "b2": affine.db}


np.random.seed(3)
x, d = np.random.rand(5, 1, 6, 6), np.eye(3)[[0, 1, 2, 1, 0]]
net = Net()
grad = net.gradient(x, d)
for key in net.params:
    other = numerical_gradient(lambda _: net.loss(x, d), net.params[key])
    print(key, np.max(np.abs(grad[key] - other)) < 1e-6)  # the 1e-7 below the logarithm
print("col", net.layers["Conv1"].col.shape, "mask", relu(np.array([-1, 2])))
y = softmax(net.predict(x))
print("either order", cross_entropy_error(d, y) == cross_entropy_error(y, d) == net.loss(x, d))
first = net.loss(x, d)
learning = optimizer.Momentum(learning_rate=0.5, momentum=0.9)
for _ in range(100):
    learning.update(net.params, net.gradient(x, d))
print("learned", net.loss(x, d) < 0.5 * first, learning.learning_rate, "W1" in learning.v)
