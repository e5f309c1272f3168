"""Light convolutions, well-known networks, residual learning, scaling."""

import json

import numpy as np
from docs.course import measure

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn


def macs_of(layer, channels, size):
    """Multiply-adds of a layer on maps of size x size."""
    return sum(one.macs for one in tk.summary(nn.Sequential(layer), (1, channels, size, size)).layers)


def separable_example():
    """56 x 56 x 64 to 128 channels by 3 x 3: convolution, depthwise, pointwise, the sum of both, and its share."""
    plain = macs_of(nn.Conv2d(64, 128, 3, padding=1, bias=False), 64, 56)
    depthwise = macs_of(nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), 64, 56)
    pointwise = macs_of(nn.Conv2d(64, 128, 1, bias=False), 64, 56)
    return [plain, depthwise, pointwise, depthwise + pointwise, round((depthwise + pointwise) / plain, 6)]


def separable_share():
    """1 / M + 1 / K^2 for M = 128, K = 3, and its inverse."""
    share = 1 / 128 + 1 / 9
    return [round(share, 6), round(1 / share, 3)]


def light_rows():
    """3 x 3 from 64 to 128 channels on 14 x 14, four ways: weights, multiply-adds."""
    rows = []
    for name, layer in (
        ("`Conv2d`", nn.Conv2d(64, 128, 3, padding=1, bias=False)),
        ("`Conv2d(groups=4)`", nn.Conv2d(64, 128, 3, padding=1, groups=4, bias=False)),
        ("`SeparableConv2d`", nn.SeparableConv2d(64, 128, 3, padding=1, bias=False)),
        ("`Conv2d(1×1)`", nn.Conv2d(64, 128, 1, bias=False)),
    ):
        rows.append([name, sum(int(np.prod(one.shape)) for one in layer.parameters()), macs_of(layer, 64, 14)])
    return rows


def pointwise_is_matmul():
    """A 1 x 1 convolution is one matrix product over channels, at every place."""
    x, weight = np.random.default_rng(0).random((1, 4, 3, 3)), np.random.default_rng(1).random((5, 4))
    y = F.conv2d(x, weight[:, :, None, None]).numpy()
    return bool(np.allclose(y, np.einsum("kc,nchw->nkhw", weight, x)))


def shuffled_channels():
    """Six channels of two groups, shuffled."""
    return F.channel_shuffle(np.arange(6.0).reshape(1, 6, 1, 1), 2).numpy().ravel().astype(int).tolist()


def named(name):
    """What measure.py counted for a network."""
    return json.loads(measure.NETWORKS.read_text(encoding="utf-8"))[name]


def network_rows():
    """Year, network, side of the input, parameters, multiply-adds in millions."""
    rows = []
    for name in measure.NAMED:
        told = named(name)
        rows.append([told["year"], f"`{name}`", told["input"][1], told["parameters"], f"{told['macs'] / 1e6:,.1f}"])
    return rows


def lenet_values():
    """Values after each stage of LeNet-5: 28 x 28 x 6, 14 x 14 x 6, 10 x 10 x 16, 5 x 5 x 16, 120, 84, 10."""
    layers = tk.summary(tk.models.create("lenet5", seed=0), (1, 1, 28, 28)).layers
    stages = [one for one in layers if one.kind in ("Conv2d", "AvgPool2d", "MaxPool2d", "Linear")]
    return [int(np.prod(one.output_shape)) for one in stages]


def lenet_rows():
    """Stage, shape, values, parameters."""
    layers = tk.summary(tk.models.create("lenet5", seed=0), (1, 1, 28, 28)).layers
    rows = []
    for one in layers:
        if one.kind in ("Conv2d", "AvgPool2d", "MaxPool2d", "Linear"):
            shape = " × ".join(map(str, (*one.output_shape[2:], one.output_shape[1])))
            rows.append([f"`{one.kind}`", shape, int(np.prod(one.output_shape)), one.parameters])
    return rows


def mobilenet_v1_counts():
    """Parameters and multiply-adds of MobileNet v1: 4.2 and 569 million. FLOP are twice as many."""
    told = named("mobilenet_v1")
    return [told["parameters"], told["macs"], 2 * told["macs"]]


def alexnet_without_groups():
    """Multiply-adds of the AlexNet of 2012 with all its groups undone."""
    convolutions = ((55, 11, 3, 96), (27, 5, 96, 256), (13, 3, 256, 384), (13, 3, 384, 384), (13, 3, 384, 256))
    dense = ((9216, 4096), (4096, 4096), (4096, 1000))
    return sum(o * o * k * k * a * b for o, k, a, b in convolutions) + sum(a * b for a, b in dense)


def mobilenet_beside_alexnet():
    """AlexNet over MobileNet v1: parameters, multiply-adds with the groups of 2012, and without groups."""
    small, large = named("mobilenet_v1"), named("alexnet_2012")
    ratios = (
        large["parameters"] / small["parameters"],
        large["macs"] / small["macs"],
        alexnet_without_groups() / small["macs"],
    )
    return [round(one, 2) for one in ratios]


def googlenet_beside_alexnet():
    """AlexNet's parameters over GoogLeNet's without its auxiliary heads."""
    return round(named("alexnet")["parameters"] / named("googlenet")["parameters"], 1)


def resnet50_beside_b4():
    """Parameters in millions and multiply-adds in billions; quoted top-1 of 76.0 and 82.9 %, and their difference."""
    both = (named("resnet50"), named("efficientnet_b4"))
    rows = [[round(one["parameters"] / 1e6, 1), round(one["macs"] / 1e9, 2)] for one in both]
    return [*rows, round(82.9 - 76.0, 1)]


def quoted_errors():
    """Top-5 errors on ImageNet as their authors published them, of ensembles: quotes, not measured here."""
    older = [["AlexNet", 2012, "15.3 %"], ["GoogLeNet", 2014, "6.67 %"]]
    return [*older, ["Inception v2 (BN)", 2015, "4.82 %"], ["ResNet-152", 2015, "3.57 %"]]


def top_k_errors():
    """Scores of three images: top-1 and top-2 error."""
    scores, labels = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]], [1, 0, 1]
    return [round(1 - tk.metrics.top_k_accuracy(scores, labels, k), 4) for k in (1, 2)]


def identity_gradient():
    """d/dx of three stages with F(x) = 0.1 x: y = F(y), and y = y + F(y)."""
    ends = []
    for shortcut in (0.0, 1.0):
        x = tk.tensor(np.ones(1), requires_grad=True)
        y = x
        for _ in range(3):
            y = y * shortcut + y * 0.1
        y.sum().backward()
        ends.append(round(x.grad.item(), 6))
    return ends


def depth_and_gradient():
    """What is left of a gradient through 3, 10 and 30 stages, plain and residual."""
    return [[depth, f"{0.1**depth:.0e}", f"{1.1**depth:.3g}"] for depth in (3, 10, 30)]


def zero_block_is_identity():
    """A residual block whose last scale is 0 gives max(x, 0): depth that is not needed does no harm."""
    block = tk.models.create("resnet18", 10, 3, seed=0, layers=(1, 1, 1, 1), zero_init_residual=True).layer1[0].eval()
    x = np.random.default_rng(0).standard_normal((1, 64, 6, 6)).astype(np.float32)
    return bool(np.allclose(block(x).numpy(), np.maximum(x, 0)))


def block_weights():
    """Weights for 256 channels in and out: two 3 x 3 convolutions, and a bottleneck 1 x 1, 3 x 3, 1 x 1 of 64."""
    return [2 * 9 * 256 * 256, 256 * 64 + 9 * 64 * 64 + 64 * 256]


def compound_cost():
    """alpha beta^2 gamma^2 for 1.2, 1.1, 1.15."""
    return round(tk.models.compound_scale(1).cost, 4)


def compound_rows():
    """phi; depth, width, side by the formula; depth and width that B0 to B7 are built with, and their sides."""
    rows = []
    for phi, side in enumerate((224, 240, 260, 300, 380, 456, 528, 600)):
        scale, built = tk.models.compound_scale(phi), tk.models.options(f"efficientnet_b{phi}")
        ours = [f"{scale.depth:.2f}", f"{scale.width:.2f}", round(224 * scale.resolution)]
        rows.append([f"B{phi}", *ours, built["depth_mult"], built["width_mult"], side])
    return rows


def published_multipliers():
    """depth_mult and width_mult of B1, B4 and B7 as published."""
    chosen = (tk.models.options(f"efficientnet_b{i}") for i in (1, 4, 7))
    return [[one["depth_mult"], one["width_mult"]] for one in chosen]


def formula_sides():
    """224 * 1.15^phi for phi = 0 to 7."""
    return [round(224 * tk.models.compound_scale(phi).resolution) for phi in range(8)]


def width_by_formula():
    """1.1^4: 1.46, where the table has 1.4."""
    return round(tk.models.compound_scale(4).width, 2)


def search_costs():
    """GPU days: 800 * 4, 450 * 7 and 1 * 4 of the notes; 800 * 28 and 500 * 4 of the papers of 2017, 2018."""
    return [800 * 4, 450 * 7, 1 * 4, 800 * 28, 500 * 4]


def one_axis_alone():
    """How many times the multiply-adds a network twice as deep, wide, or large in its images has."""

    def cost(depth=1, width=1, side=1):
        n = 8 * width
        layers = [nn.Conv2d(n, n, 3, padding=1, bias=False) for _ in range(2 * depth)]
        return tk.summary(nn.Sequential(*layers), (1, n, 8 * side, 8 * side)).macs

    return [cost(**{name: 2}) // cost() for name in ("depth", "width", "side")]
