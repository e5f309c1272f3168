"""Pooling, global average pooling, class activation maps."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def map_4x4():
    return [[1.0, 3.0, 2.0, 4.0], [5.0, 6.0, 1.0, 2.0], [7.0, 8.0, 3.0, 5.0], [4.0, 2.0, 6.0, 7.0]]


def other_4x4():
    return [[2.0, 3.0, 1.0, 4.0], [1.0, 2.0, 5.0, 3.0], [4.0, 1.0, 2.0, 1.0], [3.0, 2.0, 3.0, 2.0]]


def max_pooled():
    """2 x 2 max pooling with stride 2."""
    x = np.array([[1.0, 3, 2, 4], [5, 6, 1, 2], [7, 8, 3, 5], [4, 2, 6, 7]])
    return F.max_pool2d(x[None, None], 2)[0, 0].tolist()


def average_pooled():
    """2 x 2 average pooling with stride 2."""
    x = np.array([[1.0, 3, 2, 4], [5, 6, 1, 2], [7, 8, 3, 5], [4, 2, 6, 7]])
    return F.avg_pool2d(x[None, None], 2)[0, 0].tolist()


def global_averages():
    """Global average pooling of the two maps."""
    return [F.global_avg_pool(np.array(one)[None, None]).item() for one in (map_4x4(), other_4x4())]


def gap_of_the_other_map():
    """39 / 16."""
    x = np.array([[2.0, 3, 1, 4], [1, 2, 5, 3], [4, 1, 2, 1], [3, 2, 3, 2]])
    return F.global_avg_pool(x[None, None]).item()


def max_gradient():
    """Where the gradient of the sum of the maxima goes: to each window's maximum."""
    x = tk.tensor(np.array(map_4x4())[None, None], requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    return x.grad[0, 0].tolist()


def average_gradient():
    """Average pooling spreads it."""
    x = tk.tensor(np.array(map_4x4())[None, None], requires_grad=True)
    F.avg_pool2d(x, 2).sum().backward()
    return x.grad[0, 0].tolist()


def pool_parameters():
    """Max, average and global average pooling have nothing to learn."""
    return [len(list(layer.parameters())) for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.GlobalAvgPool())]


def pool_rows():
    """Sides of the output: window, stride, padding, side before and after."""
    rows = []
    for kernel, stride, padding, side in ((2, 2, 0, 28), (3, 2, 0, 55), (3, 2, 0, 27), (3, 2, 1, 112)):
        y = nn.MaxPool2d(kernel, stride, padding)(np.zeros((1, 1, side, side), np.float32))
        rows.append([f"{kernel}×{kernel}", stride, padding, side, y.shape[2]])
    return rows


def padded_pool_side():
    """A side of 4, windows of 2, stride 2: without padding and with padding 1, and what lies in the corner then."""
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    plain, padded = F.max_pool2d(x, 2), F.max_pool2d(x, 2, padding=1)
    return [plain.shape[2], padded.shape[2], padded[0, 0, 0, 0].item()]


def average_without_padding():
    """The corner of ones under average pooling with padding 1: padding counted as 0, and left out."""
    x = np.ones((1, 1, 4, 4))
    return [F.avg_pool2d(x, 2, padding=1, count_include_pad=include)[0, 0, 0, 0].item() for include in (True, False)]


def relu_leaves_its_gradient_alone():
    """Backward of ReLU reads the gradient that it is given; it does not write zeros into it."""
    x, gradient = tk.tensor([-1.0, 2.0], requires_grad=True), np.ones(2, np.float32)
    F.relu(x).backward(gradient)
    return [x.grad.tolist(), gradient.tolist()]


def last_batch_counts():
    """5 of 7 samples are right, in batches of 4: with the last 3 of them, and without."""
    right = np.array([1, 1, 1, 1, 0, 0, 1])
    scores = np.stack([1.0 - right, right * 1.0], 1)
    trainer = tk.training.Trainer(nn.Identity(), tk.optim.SGD([nn.Parameter([0.0])], lr=0.1))
    loader = tk.data.DataLoader(tk.data.ArrayDataset(scores, np.ones(7, np.int64)), batch_size=4)
    return [round(trainer.evaluate(loader)["accuracy"], 4), float(right[:4].mean())]


def single_precision():
    """Lists of numbers and arrays of float32 stay in float32; arrays of float64 in float64."""
    return [str(F.relu([1.0]).dtype), str(F.relu(np.ones(1, np.float32)).dtype), str(F.relu(np.ones(1)).dtype)]


def pool_tolerates_shifts():
    """A single 1 at each of 16 places: how many different outputs of max pooling over 4 x 4 there are."""
    pictures = np.eye(16).reshape(16, 1, 4, 4)
    return len(np.unique(F.max_pool2d(pictures, 4).numpy()))


def simple_and_complex_cells():
    """Columns where S-cells (convolution) see a bar at two places, and what C-cells (pooling) answer."""
    bar = np.ones((1, 1, 3, 1))
    places = np.zeros((2, 1, 5, 4))
    places[0, 0, 1:4, 0] = places[1, 0, 1:4, 1] = 1.0
    s_cells = F.relu(F.conv2d(places, bar) - 2.0)  # 1 where all three agree, else 0
    c_cells = F.max_pool2d(s_cells, (3, 4))
    return [s_cells.numpy().max(axis=(1, 2)).argmax(1).tolist(), c_cells.numpy().ravel().tolist()]


def heads():
    """Parameters of two heads for maps (512, 7, 7) and 10 classes."""

    def count(layer):
        return sum(int(np.prod(one.shape)) for one in layer.parameters())

    return [count(nn.Linear(512 * 7 * 7, 10)), count(nn.GlobalAvgPool()) + count(nn.Linear(512, 10))]


def head_takes_any_size():
    """The same network on 28 x 28 and 40 x 40 pixels, ending in a global average."""
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.GlobalAvgPool(), nn.Flatten(), nn.Linear(8, 10))
    return [list(net(np.zeros((1, 1, side, side), np.float32)).shape) for side in (28, 40)]


def two_maps():
    return [[[4.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [2.0, 2.0]]]


def first_map():
    return two_maps()[0]


def second_map():
    return two_maps()[1]


def cam_by_hand():
    """Weights 2 and -1 of a class: the map, and its mean beside 2 GAP(f1) - GAP(f2)."""
    f1, f2 = np.array(two_maps())
    return (2 * f1 - f2).tolist()


def cam_mean():
    """The mean of the map is the score without its bias."""
    f1, f2 = np.array(two_maps())
    return [float(np.mean(cam_by_hand())), float(2 * f1.mean() - f2.mean())]


def cam_agrees():
    """`interpret.cam` of a network with those maps and weights; and Grad-CAM, its positive part up to a factor."""
    head = nn.Linear(2, 1, bias=False, dtype=np.float64)
    head.weight.copy_(np.array([[2.0, -1.0]]))
    net = nn.Sequential(nn.Identity(), nn.GlobalAvgPool(), nn.Flatten(), head)
    x = np.array(two_maps())[None]
    cam, grad_cam = tk.interpret.cam(net, x, 0, layer="0")[0], tk.interpret.grad_cam(net, x, 0, layer="0")[0]
    return [cam.tolist(), (grad_cam / grad_cam.max()).tolist()]
