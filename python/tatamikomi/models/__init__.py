"""Networks by name: `create("lenet5")`, `list()`; `register` adds one. The classes build others of their families."""

from __future__ import annotations

from tatamikomi.models.alexnet import AlexNet, AlexNet2012
from tatamikomi.models.autoencoder import Autoencoder
from tatamikomi.models.convnets import deep_convnet, double_convnet, keras_example, lenet5, simple_convnet
from tatamikomi.models.densenet import DenseNet
from tatamikomi.models.detection import YOLOX, EfficientDet
from tatamikomi.models.efficientnet import EfficientNet, compound_scale
from tatamikomi.models.fcn1d import fcn1d
from tatamikomi.models.googlenet import GoogLeNet
from tatamikomi.models.inception import InceptionV3
from tatamikomi.models.inception_v2 import InceptionV2
from tatamikomi.models.lenet import LeNet5
from tatamikomi.models.mobilenet import MobileNetV1, MobileNetV2
from tatamikomi.models.mobilenet_v3 import MobileNetV3
from tatamikomi.models.neocognitron import Neocognitron
from tatamikomi.models.nin import NIN
from tatamikomi.models.registry import create, options, register
from tatamikomi.models.registry import names as list
from tatamikomi.models.resnet import ResNet
from tatamikomi.models.resnet3d import ResNet3d
from tatamikomi.models.resnet_cifar import SmallResNet
from tatamikomi.models.segmentation import FCN, DeepLabV3
from tatamikomi.models.shufflenet import ShuffleNetV2
from tatamikomi.models.squeezenet import SqueezeNet
from tatamikomi.models.unet import UNet
from tatamikomi.models.vgg import VGG
from tatamikomi.models.vit import VisionTransformer
from tatamikomi.models.wavenet import WaveNet
from tatamikomi.models.weights import from_timm, load_weights, read_weights

__all__ = [
    "FCN",
    "NIN",
    "VGG",
    "YOLOX",
    "AlexNet",
    "AlexNet2012",
    "Autoencoder",
    "DeepLabV3",
    "DenseNet",
    "EfficientDet",
    "EfficientNet",
    "GoogLeNet",
    "InceptionV2",
    "InceptionV3",
    "LeNet5",
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3",
    "Neocognitron",
    "ResNet",
    "ResNet3d",
    "ShuffleNetV2",
    "SmallResNet",
    "SqueezeNet",
    "UNet",
    "VisionTransformer",
    "WaveNet",
    "compound_scale",
    "create",
    "deep_convnet",
    "double_convnet",
    "fcn1d",
    "from_timm",
    "keras_example",
    "lenet5",
    "list",
    "load_weights",
    "options",
    "read_weights",
    "register",
    "simple_convnet",
]
