"""Tasks and their measures; transfer, light networks."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def two_boxes():
    """IoU of (0, 0, 4, 4) and (2, 0, 6, 4): 8 / 24."""
    return round(float(tk.metrics.box_iou([[0, 0, 4, 4]], [[2, 0, 6, 4]])[0, 0]), 4)


def average_precision_example():
    """Scores 0.9, 0.8, 0.7, hit, miss, hit, of two objects."""
    return round(tk.metrics.average_precision([0.9, 0.8, 0.7], [True, False, True], 2), 4)


def mask_measures():
    """Truth of 4 pixels, prediction of 6, 3 in common, of 8: Dice and IoU of the object."""
    truth, found = np.zeros(8, np.int64), np.ones(8, np.int64)
    truth[:4], found[[3, 7]] = 1, 0
    return [round(float(measure(found, truth, 2)[1]), 4) for measure in (tk.metrics.dice, tk.metrics.iou)]


def shape_rows():
    """What convolutions of one, two and three axes make of their inputs."""
    rows = []
    for name, layer, shape in (
        ("`Conv1d(1, 4, 5)`", nn.Conv1d(1, 4, 5), (1, 1, 150)),
        ("`Conv2d(3, 4, 5)`", nn.Conv2d(3, 4, 5), (1, 3, 32, 32)),
        ("`Conv3d(1, 4, 3)`", nn.Conv3d(1, 4, 3), (1, 1, 16, 32, 32)),
    ):
        weights = int(np.prod(layer.weight.shape))
        rows.append([name, str(shape), str(tuple(layer(np.zeros(shape, np.float32)).shape)), weights])
    return rows


def small_series():
    return [[1.0, 2.0, 4.0, 7.0, 11.0]]


def differences():
    """The kernel (-1, 1) along a series."""
    return F.conv1d(np.array([small_series()]), np.array([[[-1.0, 1.0]]]))[0].tolist()


def causal_wavenet():
    """WaveNet answers from the past: a change at time 20 leaves all outputs before it alone."""
    net = tk.models.create("wavenet", seed=0).eval()
    channels = tk.models.options("wavenet")["in_channels"]
    x = np.zeros((1, channels, 32), np.float32)
    changed = x.copy()
    changed[:, :, 20] = 1.0
    same = (net(x).numpy() == net(changed).numpy()).all(axis=(0, 1))
    return [bool(same[:20].all()), bool(same[20:].all())]


def upsampled():
    """A transposed convolution with stride 2 puts its kernel down for every element."""
    x, kernel = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([[[[1.0, 1.0], [1.0, 1.0]]]])
    return F.conv_transpose2d(x, kernel, stride=2)[0, 0].tolist()


def two_by_two():
    return [[1.0, 2.0], [3.0, 4.0]]


def replaced_head():
    """MobileNet v2 for 7 classes: a new last layer, the features as they are, and frozen."""
    net = tk.models.MobileNetV2(num_classes=1000, width_mult=0.25)
    net.classifier[1] = nn.Linear(1280, 7)
    for parameter in net.features.parameters():
        parameter.requires_grad_(False)
    return sum(int(np.prod(one.shape)) for one in net.parameters() if one.requires_grad)


def folded():
    """Batch normalisation folded into the convolution before it: the largest difference is rounding."""
    start = tk.Generator(0)
    conv, bn = nn.Conv2d(3, 4, 3, generator=start, dtype=np.float64), nn.BatchNorm2d(4, dtype=np.float64)
    x = start.numpy().standard_normal((8, 3, 6, 6))
    bn(conv(x))  # running statistics
    bn.eval()
    scale = bn.weight.numpy() / np.sqrt(bn.running_var + bn.eps)
    weight = conv.weight.numpy() * scale[:, None, None, None]
    bias = (conv.bias.numpy() - bn.running_mean) * scale + bn.bias.numpy()
    return bool(np.abs(F.conv2d(x, weight, bias).numpy() - bn(conv(x)).numpy()).max() < 1e-12)


def eight_bits():
    """Weights in 8 bits instead of 32: a quarter of the memory; the rounding error is at most half a step."""
    w = tk.Generator(0).numpy().standard_normal(1000).astype(np.float32)
    step = float(np.abs(w).max()) / 127
    q = np.round(w / step).astype(np.int8)
    return [w.nbytes // q.nbytes, bool(np.abs(q * step - w).max() <= step * 0.5001)]


def pruned():
    """The smallest half of (0.1, -2, 0.3, 1) set to 0."""
    w = np.array([0.1, -2.0, 0.3, 1.0])
    return np.where(np.abs(w) >= np.sort(np.abs(w))[2], w, 0.0).tolist()
