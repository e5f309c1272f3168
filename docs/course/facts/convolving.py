"""Convolution, padding, stride, dilation."""

import numpy as np

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def plane(rows):
    """A picture, or a kernel, of one channel."""
    return np.array(rows, np.float64)[None, None]


def image_5x5():
    return (np.add.outer(np.arange(5), np.arange(5)) + 1.0).tolist()


def kernel_x():
    return [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]


def correlation_5x5():
    """I[i, j] = i + j + 1 under [[1, 0, 1], [0, 1, 0], [1, 0, 1]], stride 1, no padding."""
    image = np.add.outer(np.arange(5), np.arange(5)) + 1.0
    kernel = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    return F.conv2d(plane(image), plane(kernel))[0, 0].tolist()


def steps_are_the_kernel_sum():
    """On I[i, j] = i + j + 1 steps to the right and down both add the sum of the kernel: 5, never 6 and 10."""
    y = np.array(correlation_5x5())
    return [np.unique(np.diff(y, axis=1)).tolist(), np.unique(np.diff(y, axis=0)).tolist(), float(np.sum(kernel_x()))]


def corner_kernel():
    return [[1.0, 2.0], [3.0, 4.0]]


def small_image():
    return [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def cross_correlation():
    """S(i, j) = sum I(i + m, j + n) K(m, n): what networks compute."""
    return F.conv2d(plane(small_image()), plane(corner_kernel()))[0, 0].tolist()


def true_convolution():
    """S(i, j) = sum I(i - m, j - n) K(m, n): the kernel turned by 180 degrees."""
    return F.true_conv2d(plane(small_image()), plane(corner_kernel()))[0, 0].tolist()


def polynomial_product():
    """(1 + 2x + 3x^2)(4 + 5x + 6x^2): the full convolution of (1, 2, 3) and (4, 5, 6)."""
    a, b = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[4.0, 5.0, 6.0]]])
    return F.conv1d(a, b[..., ::-1], padding=2)[0, 0].tolist()


def fourier_agrees():
    """The same by the convolution theorem: multiply the transforms."""
    return np.fft.irfft(np.fft.rfft([1, 2, 3], 5) * np.fft.rfft([4, 5, 6], 5), 5).round(6).tolist()


def biases():
    """Biases of a convolution from 3 to 8 channels, and of one more with bias=False."""
    return [list(nn.Conv2d(3, 8, 3).bias.shape), nn.Conv2d(3, 8, 3, bias=False).bias]


def one_bias_per_channel():
    """A picture of zeros under biases 1, 2, 3: each output channel shows its own."""
    y = F.conv2d(np.zeros((1, 1, 3, 3)), np.ones((3, 1, 2, 2)), np.array([1.0, 2.0, 3.0]))
    return y[0, :, 0, 0].tolist()


def parameter_rows():
    """(kh kw in + 1) out, counted."""
    rows = []
    for n_in, n_out, kernel in ((1, 6, 5), (3, 16, 5), (64, 128, 3), (64, 128, 1)):
        layer = nn.Conv2d(n_in, n_out, kernel)
        rows.append([n_in, n_out, f"{kernel}×{kernel}", sum(int(np.prod(one.shape)) for one in layer.parameters())])
    return rows


def shared_or_dense():
    """Weights of one 3 x 3 filter, and of one dense unit that sees 100 x 100 pixels."""
    return [int(np.prod(layer.weight.shape)) for layer in (nn.Conv2d(1, 1, 3), nn.Linear(100 * 100, 1))]


def dense_unit_or_layer():
    """10,000 weights are those of one output; as many outputs as inputs have 100 million."""
    return [100 * 100, (100 * 100) ** 2]


def small_or_large_kernels():
    """Receptive field and weights per pair of channels: one 7 x 7, three 3 x 3."""
    rows = []
    for kernel, layers in ((7, 1), (3, 3)):
        field = tk.receptive_field([(kernel,)] * layers).size[0]
        rows.append([f"{layers} × ({kernel}×{kernel})", field, kernel * kernel * layers])
    return rows


def im2col_small():
    """Windows of 2 x 2 of 0..8, one row each."""
    return F.unfold(plane(small_image()), 2)[0].numpy().T.tolist()


def im2col_shape():
    """Two images (1, 4, 4), windows of 3 x 3: rows for windows, columns for elements."""
    columns = F.unfold(np.zeros((2, 1, 4, 4)), 3).numpy().transpose(0, 2, 1)
    return list(columns.reshape(-1, 9).shape)


def im2col_without_transpose():
    """Two images 0..15 and 16..31: is the first row one window, with the axes moved, and without?"""
    x = np.arange(32.0).reshape(2, 1, 4, 4)
    columns = F.unfold(x, 3).numpy()  # (2, 9, 4): element, window
    window = x[0, 0, :3, :3].ravel()
    moved, not_moved = columns.transpose(0, 2, 1).reshape(-1, 9), columns.reshape(-1, 9)
    return [bool(np.array_equal(moved[0], window)), bool(np.array_equal(not_moved[0], window))]


def shift_equivariance():
    """Moving the picture by one pixel moves the output by one pixel, away from the borders."""
    x = np.random.default_rng(0).random((1, 1, 8, 8))
    kernel = plane(corner_kernel())
    y, moved = F.conv2d(x, kernel).numpy(), F.conv2d(np.roll(x, 1, axis=3), kernel).numpy()
    return bool(np.allclose(moved[..., 1:], y[..., :-1]))


def pixels_may_not_be_permuted():
    """One permutation of all pixels: a dense layer with permuted weights gives the same, a convolution does not."""
    x, order = np.random.default_rng(0).random((1, 64)), np.random.default_rng(1).permutation(64)
    weight, kernel = np.random.default_rng(2).random((3, 64)), plane(corner_kernel())
    dense = np.allclose(F.linear(x, weight).numpy(), F.linear(x[:, order], weight[:, order]).numpy())
    before, after = (F.conv2d(one.reshape(1, 1, 8, 8), kernel).numpy() for one in (x, x[:, order]))
    return [bool(dense), bool(np.allclose(np.sort(before.ravel()), np.sort(after.ravel())))]


def out_size(size, kernel, padding=0, stride=1, dilation=1):
    """The side of the output, by running a convolution."""
    layer = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation)
    return layer(np.zeros((1, 1, size, size), np.float32)).shape[2]


def size_rows():
    """W, F, P, S and the side of the output."""
    cases = ((5, 3, 0, 1), (4, 3, 0, 1), (4, 3, 1, 1), (4, 2, 0, 1), (4, 2, 0, 2), (6, 2, 1, 1), (11, 3, 2, 2))
    return [[*case, out_size(*case)] for case in cases]


def size_11_3_2_2():
    """The side; then without the + 1, without the stride, without the padding: the usual mistakes 6, 13 and 5."""
    return [out_size(11, 3, 2, 2), (11 + 2 * 2 - 3) // 2, out_size(11, 3, 2, 1), out_size(11, 3, 0, 2)]


def size_6_2_1_1():
    """6 x 6 under 2 x 2, padding 1, stride 1, and the formula without its + 1."""
    return [out_size(6, 2, 1, 1), (6 + 2 * 1 - 2) // 1]


def alexnet_first_layer():
    """224 with padding 2, 224 without, 227 without: the sides of the maps of 11 x 11 filters with stride 4."""
    return [out_size(224, 11, 2, 4), out_size(224, 11, 0, 4), out_size(227, 11, 0, 4)]


def alexnet_pools():
    """Sides after pooling 3 x 3 with stride 2: of 55, 27 and 13."""
    return [nn.MaxPool2d(3, 2)(np.zeros((1, 1, side, side), np.float32)).shape[2] for side in (55, 27, 13)]


def inner_4x4():
    return [[3.0, 4.0, 4.0, 2.0], [0.0, 8.0, 9.0, 2.0], [0.0, 4.0, 3.0, 1.0], [3.0, 3.0, 5.0, 7.0]]


def kernel_3x3():
    return [[3.0, 1.0, 2.0], [8.0, 7.0, 5.0], [5.0, 4.0, 1.0]]


def padded_output():
    """Padding 1 keeps 4 x 4."""
    return F.conv2d(plane(inner_4x4()), plane(kernel_3x3()), padding=1)[0, 0].tolist()


def unpadded_output():
    """Without padding 2 x 2 are left, the middle of the above."""
    return F.conv2d(plane(inner_4x4()), plane(kernel_3x3()))[0, 0].tolist()


def padded_picture():
    """[[1, 2], [3, 4]] padded by 1 is 4 x 4; 5 x 5 comes of a 3 x 3 picture."""
    return F.pad(plane([[1, 2], [3, 4]]), (1, 1, 1, 1))[0, 0].tolist()


def padded_sizes():
    """Sides of 2 x 2 and 3 x 3 pictures padded by 1."""
    return [F.pad(np.zeros((1, 1, side, side)), (1, 1, 1, 1)).shape[2] for side in (2, 3)]


def padding_modes():
    """(1, 2, 3) padded by two on each side."""
    rows = []
    for mode in ("constant", "reflect", "replicate", "circular"):
        padded = F.pad(np.array([[[1.0, 2.0, 3.0]]]), (2, 2), mode=mode)[0, 0].tolist()
        rows.append([f"`{mode}`", *(f"{one:g}" for one in padded)])
    return rows


def same_sizes():
    """ "same" gives ceil(size / stride): sides of 7 with strides 1, 2, 3."""
    x = np.zeros((1, 1, 7, 7))
    return [F.conv2d(x, np.zeros((1, 1, 3, 3)), stride=stride, padding="same").shape[2] for stride in (1, 2, 3)]


def dilated_rows():
    """3 x 3 with dilation 1 to 4: width (K - 1) r + 1, weights, multiply-adds for one output."""
    rows = []
    for rate in (1, 2, 3, 4):
        layer = nn.Conv2d(1, 1, 3, dilation=rate, bias=False)
        told = tk.summary(nn.Sequential(layer), (1, 1, 2 * rate + 1, 2 * rate + 1))
        rows.append([rate, tk.receptive_field([(3, 1, 0, rate)]).size[0], told.parameters, told.macs])
    return rows


def stacked_dilations():
    """Width after dilations 1, 2, 4, one after another; and how many times one layer's 3 that is."""
    widths = [tk.receptive_field([(3, 1, 0, 2**i) for i in range(layers)]).size[0] for layers in (1, 2, 3)]
    return [*widths, widths[-1] // 3]


def same_cost_per_output():
    """Multiply-adds of a 3 x 3 layer on maps of 16 x 16, padded to keep them, with dilation 1, 2 and 4."""
    layers = (nn.Conv2d(8, 8, 3, padding=rate, dilation=rate, bias=False) for rate in (1, 2, 4))
    return [tk.summary(nn.Sequential(layer), (1, 8, 16, 16)).macs for layer in layers]


def bytes_apart():
    """How far apart, in bytes, the taps of one output lie in rows of 224 float32: with dilation 1, 2 and 4."""
    places = np.arange(224.0 * 32).reshape(1, 1, 32, 224)
    taps = (F.unfold(places, 3, dilation=rate)[0, :, 0].numpy() for rate in (1, 2, 4))
    return [int(np.ptp(one)) * 4 for one in taps]


def holes():
    """Inputs within the field that no path reaches, for three 3-tap layers."""
    rows = []
    for rates in ((1, 1, 1), (2, 2, 2), (1, 2, 4), (1, 2, 5)):
        counts = tk.interpret.coverage([3, 3, 3], list(rates))
        rows.append([", ".join(map(str, rates)), len(counts), int((counts == 0).sum())])
    return rows


def wavenet_field():
    """Field of kernels of 2 with dilations 1, 2, 4, 8, 16."""
    return tk.receptive_field([(2, 1, 0, 2**i) for i in range(5)]).size[0]


def aspp_shape():
    """Atrous spatial pyramid pooling with rates 6, 12, 18 keeps height and width."""
    return list(nn.ASPP(8, (6, 12, 18), 16).eval()(np.zeros((1, 8, 20, 20), np.float32)).shape)
