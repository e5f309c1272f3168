"""Networks by name: `create("lenet5")`, `list()`; `register` adds one. The classes build others of their families."""

from __future__ import annotations

from tatamikomi.models.alexnet import AlexNet, AlexNet2012
from tatamikomi.models.convnets import deep_convnet, lenet5, simple_convnet
from tatamikomi.models.efficientnet import EfficientNet, compound_scale
from tatamikomi.models.mobilenet import MobileNetV1, MobileNetV2
from tatamikomi.models.mobilenet_v3 import MobileNetV3
from tatamikomi.models.registry import create, options, register
from tatamikomi.models.registry import names as list
from tatamikomi.models.resnet import ResNet
from tatamikomi.models.resnet3d import ResNet3d
from tatamikomi.models.resnet_cifar import SmallResNet
from tatamikomi.models.vgg import VGG

__all__ = [
    "VGG",
    "AlexNet",
    "AlexNet2012",
    "EfficientNet",
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3",
    "ResNet",
    "ResNet3d",
    "SmallResNet",
    "compound_scale",
    "create",
    "deep_convnet",
    "lenet5",
    "list",
    "options",
    "register",
    "simple_convnet",
]
