"""What is known of every network: parameters, an input that is quick to compute, the shape of the output."""

from __future__ import annotations

import hashlib
import math
import zlib
from typing import NamedTuple

import numpy as np

from tatamikomi.nn.state import places


class Known(NamedTuple):
    parameters: int
    x: tuple[int, ...]  # (channels, *sizes); small, yet large enough for every layer
    y: tuple[int, ...]  # (classes, *sizes)


def images(parameters, size, classes=1000, channels=3):
    return Known(parameters, (channels, size, size), (classes,))


ZOO = {
    "alexnet": images(61_100_840, 63),
    "alexnet_2012": images(60_965_224, 63),
    "autoencoder": Known(1_913, (1, 8, 8), (1, 8, 8)),
    "deeplabv3": Known(39_638_869, (3, 33, 40), (21, 33, 40)),
    "densenet121": images(7_978_856, 32),
    "densenet161": images(28_681_000, 32),
    "densenet169": images(14_149_480, 32),
    "densenet201": images(20_013_928, 32),
    "double_convnet": images(324_420, 28, 10, 1),
    "efficientnet_b0": images(5_288_548, 32),
    "efficientnet_b1": images(7_794_184, 32),
    "efficientnet_b2": images(9_109_994, 32),
    "efficientnet_b3": images(12_233_232, 32),
    "efficientnet_b4": images(19_341_616, 32),
    "efficientnet_b5": images(30_389_784, 32),
    "efficientnet_b6": images(43_040_704, 32),
    "efficientnet_b7": images(66_347_960, 32),
    "efficientnet_v2_s": images(21_458_488, 32),
    "fcn": Known(32_957_013, (3, 33, 40), (21, 33, 40)),
    "fcn1d": Known(264_962, (1, 20), (2,)),
    "googlenet": images(6_624_904, 32),
    "inception_v2": images(11_285_224, 32),
    "inception_v3": images(23_834_568, 75),
    "keras_example": images(225_034, 28, 10, 1),
    "lenet5_1998": images(60_000, 28, 10, 1),
    "mobilenet_v1": images(4_231_976, 32),
    "mobilenet_v2": images(3_504_872, 32),
    "mobilenet_v3_large": images(5_483_032, 32),
    "mobilenet_v3_small": images(2_542_856, 32),
    "nin": images(966_986, 16, 10),
    "resnet101": images(44_549_160, 32),
    "resnet110_cifar": images(1_727_962, 32, 10),
    "resnet152": images(60_192_808, 32),
    "resnet18": images(11_689_512, 32),
    "resnet20_cifar": images(269_722, 32, 10),
    "resnet32_cifar": images(464_154, 32, 10),
    "resnet34": images(21_797_672, 32),
    "resnet3d18": Known(33_371_472, (3, 4, 16, 16), (400,)),
    "resnet44_cifar": images(658_586, 32, 10),
    "resnet50": images(25_557_032, 32),
    "resnet56_cifar": images(853_018, 32, 10),
    "resnet6_small": images(269_786, 28, 10),
    "resnet8_cifar": images(75_290, 32, 10),
    "resnext50_32x4d": images(25_028_904, 32),
    "shufflenet_v2": images(2_278_604, 32),
    "shufflenet_v2_x0_5": images(1_366_792, 32),
    "shufflenet_v2_x1_5": images(3_503_624, 32),
    "shufflenet_v2_x2_0": images(7_393_996, 32),
    "squeezenet1_0": images(1_248_424, 32),
    "squeezenet1_1": images(1_235_496, 32),
    "unet": Known(31_036_546, (1, 32, 16), (2, 32, 16)),
    "unet3d": Known(19_071_394, (1, 8, 16, 8), (2, 8, 16, 8)),
    "unet3d_small": Known(286946, (1, 4, 8, 4), (2, 4, 8, 4)),
    "unet_small": Known(1_942_306, (1, 32, 16), (2, 32, 16)),
    "vgg11": images(132_863_336, 32),
    "vgg11_bn": images(132_868_840, 32),
    "vgg13": images(133_047_848, 32),
    "vgg13_bn": images(133_053_736, 32),
    "vgg16": images(138_357_544, 32),
    "vgg16_bn": images(138_365_992, 32),
    "vgg19": images(143_667_240, 32),
    "vgg19_bn": images(143_678_248, 32),
    "vit_tiny": images(5_717_416, 224),
    "wavenet": Known(93_120, (1, 20), (256, 20)),
    "wide_resnet50_2": images(68_883_240, 32),
}
DIGITS = {"simple_convnet", "deep_convnet", "lenet5"}  # in test_models.py


def state_of(net):
    """What state_dict() has, without the copies."""
    return {key: place.array for key, place in places(net)}


def keys_of(state):
    """A digest of the keys and shapes, in their order."""
    lines = "".join(f"{key} {tuple(value.shape)}\n" for key, value in state.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def numbers(key, shape):
    """Numbers from -1 to 1 that depend on the key and the shape alone, on any machine."""
    return 2 * np.random.Generator(np.random.Philox(zlib.crc32(key.encode()))).random(shape) - 1


def filled(state):
    """Values for every key of a state, of a size that keeps signals alive."""
    values = {}
    for key, value in state.items():
        shape = tuple(value.shape)
        if key.endswith("num_batches_tracked"):
            values[key] = np.zeros(shape, np.int64)
        elif len(shape) == 1:
            centre = 1.0 if key.endswith("running_var") else 0.5 if key.endswith("weight") else 0.0
            values[key] = centre + 0.5 * numbers(key, shape)
        else:
            values[key] = numbers(key, shape) * math.sqrt(6 / math.prod(shape[1:]))
    return values


def print_of(y):
    """One number for an output."""
    return float((y * numbers("output", y.shape)).mean())


# keys_of the state of torchvision 0.28's networks of the same names (test_torchvision.py)
TORCHVISION = {
    "alexnet": "214045a0c08ffc98",
    "deeplabv3": "b6b9d34ea59a0332",
    "densenet121": "d52aa585c6714985",
    "densenet161": "726b4d40ddb188d1",
    "densenet169": "04c0da21c3018d60",
    "densenet201": "8fd3fcb6e2757522",
    "efficientnet_b0": "cb7cfd236a199858",
    "efficientnet_b1": "801cf188eb267bbe",
    "efficientnet_b2": "d199ff5a1f1fe4f0",
    "efficientnet_b3": "5f92a3586414642d",
    "efficientnet_b4": "cc22593373030839",
    "efficientnet_b5": "1bc826e2f24b3472",
    "efficientnet_b6": "bf2d3f976158a317",
    "efficientnet_b7": "2e02ba4420de008c",
    "efficientnet_v2_s": "d5950d608f2a6845",
    "fcn": "0eb40e2d1528c877",
    "googlenet": "2da49e8b3dc68c7d",
    "inception_v3": "eeb9a2ea21f31210",
    "mobilenet_v2": "5c45000c8dea04db",
    "mobilenet_v3_large": "3b44b7efcb19988b",
    "mobilenet_v3_small": "a29acf552527e7ab",
    "resnet101": "0e9191dd134cb07d",
    "resnet152": "47360b6062c7afaa",
    "resnet18": "761022b221a39ceb",
    "resnet34": "1a060acae7a42530",
    "resnet3d18": "6aa8ed902c1bda77",
    "resnet50": "3fa57287149b51c4",
    "resnext50_32x4d": "01e2eaa8da40cc0c",
    "shufflenet_v2": "3c60236e3c59729d",
    "shufflenet_v2_x0_5": "f4803982a2c92012",
    "shufflenet_v2_x1_5": "ffebecdf0ae12a0e",
    "shufflenet_v2_x2_0": "ee8f5217246bdd89",
    "squeezenet1_0": "dc8fa2e3e593554c",
    "squeezenet1_1": "9879b1f214fa0244",
    "vgg11": "a4a2a4a84e73de05",
    "vgg11_bn": "6aaf84aad4159200",
    "vgg13": "9dc9518e7646fe47",
    "vgg13_bn": "9a11dd9903f0e3cf",
    "vgg16": "6f36a6fd49b61819",
    "vgg16_bn": "5f99e428d932f79e",
    "vgg19": "e05a894c9ad13251",
    "vgg19_bn": "4c042cc97e1d6342",
    "vit_tiny": "63a8ddb2e524f205",
    "wide_resnet50_2": "07e4b58a5307698f",
}

# print_of the output of those networks, in float64, for `filled` states and x of `numbers`
PRINTS = {
    "deeplabv3": -0.000531499272059,
    "densenet121": 0.0106160288537,
    "efficientnet_b0": 0.0088557050186,
    "efficientnet_v2_s": -0.0358603229956,
    "fcn": 0.000186366494525,
    "googlenet": 0.00250096915369,
    "inception_v3": -0.000787019015823,
    "mobilenet_v2": 0.00706657200973,
    "mobilenet_v3_large": -0.0136925698892,
    "mobilenet_v3_small": -0.00222136768448,
    "resnet18": 0.00697518822358,
    "resnet3d18": -0.0141431014689,
    "resnet50": 0.00623722947787,
    "resnext50_32x4d": 0.0061243853848,
    "shufflenet_v2": 0.00257183374207,
    "squeezenet1_1": -0.0286523940468,
    "vit_tiny": -0.0195478084668,
}
