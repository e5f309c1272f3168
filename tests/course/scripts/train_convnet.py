"""A convolutional network on few digits, with Trainer; parameters to a file and back; curves in a window."""

import os
import sys

sys.path.append(os.pardir)
import matplotlib.pyplot as plt
import numpy as np
from common.trainer import Trainer
from dataset.mnist import load_mnist
from simple_convnet import SimpleConvNet

np.random.seed(int(sys.argv[1]))
(x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
x_train, t_train = x_train[:200], t_train[:200]
x_test, t_test = x_test[:100], t_test[:100]

max_epochs = 3
network = SimpleConvNet(
    input_dim=(1, 28, 28),
    conv_param={"filter_num": 6, "filter_size": 5, "pad": 0, "stride": 1},
    hidden_size=20,
    output_size=10,
    weight_init_std=0.01,
)
trainer = Trainer(
    network,
    x_train,
    t_train,
    x_test,
    t_test,
    epochs=max_epochs,
    mini_batch_size=20,
    optimizer="Adam",
    optimizer_param={"lr": 0.01},
    evaluate_sample_num_per_epoch=50,
)
trainer.train()
network.save_params("params.pkl")

again = SimpleConvNet(conv_param={"filter_num": 6, "filter_size": 5, "pad": 0, "stride": 1}, hidden_size=20)
again.load_params("params.pkl")
print("same predictions:", np.array_equal(again.predict(x_test), network.predict(x_test)))

x = np.arange(max_epochs)
plt.plot(x, trainer.train_acc_list, marker="o", label="train", markevery=2)
plt.plot(x, trainer.test_acc_list, marker="s", label="test", markevery=2)
plt.legend(loc="lower right")
plt.show()
