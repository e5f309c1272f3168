"""Six optimizers in a narrow valley, on plain numbers, then on digits."""

import os
import sys

sys.path.append(os.pardir)
from collections import OrderedDict

import matplotlib.pyplot as plt
import numpy as np
from common.multi_layer_net import MultiLayerNet
from common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from common.util import smooth_curve
from dataset.mnist import load_mnist

np.random.seed(0)
optimizers = OrderedDict()
optimizers["SGD"] = SGD(lr=0.95)
optimizers["Momentum"] = Momentum(lr=0.1)
optimizers["Nesterov"] = Nesterov(lr=0.1)
optimizers["AdaGrad"] = AdaGrad(lr=1.5)
optimizers["RMSprop"] = RMSprop(lr=0.3, decay_rate=0.9)
optimizers["Adam"] = Adam(lr=0.3)

for key, optimizer in optimizers.items():
    params = {"x": -7.0, "y": 2.0}
    path = []
    for _ in range(30):
        path.append((params["x"], params["y"]))
        optimizer.update(params, {"x": params["x"] / 10.0, "y": 2.0 * params["y"]})
    plt.plot(*zip(*path, strict=True), "o-", label=key)
    print(f"{key} ends at {params['x']:.4f} {params['y']:.4f}")
plt.legend()
plt.show()

(x_train, t_train), _ = load_mnist(normalize=True)
x_train, t_train = x_train[:500], t_train[:500]
optimizers = {"SGD": SGD(), "Momentum": Momentum(), "AdaGrad": AdaGrad(), "Adam": Adam()}
networks, losses = {}, {}
for key in optimizers:
    networks[key] = MultiLayerNet(input_size=784, hidden_size_list=[30, 30], output_size=10)
    losses[key] = []
for _ in range(40):
    batch_mask = np.random.choice(len(x_train), 50)
    for key in optimizers:
        grads = networks[key].gradient(x_train[batch_mask], t_train[batch_mask])
        optimizers[key].update(networks[key].params, grads)
        losses[key].append(networks[key].loss(x_train[batch_mask], t_train[batch_mask]))
for key in optimizers:
    plt.plot(smooth_curve(losses[key]), label=key)
    print(f"{key} loss {losses[key][0]:.4f} to {losses[key][-1]:.4f}")
plt.show()
