"""What is known of every network: parameters, an input that is quick to compute, the shape of the output."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    parameters: int
    x: tuple[int, ...]  # (channels, *sizes); the smallest that makes sense
    y: tuple[int, ...]  # (classes, *sizes)


def images(parameters, size, classes=1000, channels=3):
    return Known(parameters, (channels, size, size), (classes,))


ZOO = {
    "alexnet": images(61_100_840, 63),
    "alexnet_2012": images(60_965_224, 63),
    "efficientnet_b0": images(5_288_548, 32),
    "efficientnet_b1": images(7_794_184, 32),
    "efficientnet_b2": images(9_109_994, 32),
    "efficientnet_b3": images(12_233_232, 32),
    "efficientnet_b4": images(19_341_616, 32),
    "efficientnet_b5": images(30_389_784, 32),
    "efficientnet_b6": images(43_040_704, 32),
    "efficientnet_b7": images(66_347_960, 32),
    "efficientnet_v2_s": images(21_458_488, 32),
    "mobilenet_v1": images(4_231_976, 32),
    "mobilenet_v2": images(3_504_872, 32),
    "mobilenet_v3_large": images(5_483_032, 32),
    "mobilenet_v3_small": images(2_542_856, 32),
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
    "resnext50_32x4d": images(25_028_904, 32),
    "vgg11": images(132_863_336, 32),
    "vgg11_bn": images(132_868_840, 32),
    "vgg13": images(133_047_848, 32),
    "vgg13_bn": images(133_053_736, 32),
    "vgg16": images(138_357_544, 32),
    "vgg16_bn": images(138_365_992, 32),
    "vgg19": images(143_667_240, 32),
    "vgg19_bn": images(143_678_248, 32),
    "wide_resnet50_2": images(68_883_240, 32),
}
DIGITS = {"simple_convnet", "deep_convnet", "lenet5"}  # in test_models.py
