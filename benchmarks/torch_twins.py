"""The networks of tatamikomi.models in torch, layer by layer, under the same state_dict keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

import tatamikomi as tk
from benchmarks import torch_nets
from benchmarks.nets import NETS


def _halves(features: list[nn.Module], classifier: list[nn.Module]) -> nn.Module:
    return nn.Sequential(OrderedDict(features=nn.Sequential(*features), classifier=nn.Sequential(*classifier)))


def _deep_convnet(classes: int, channels: int) -> nn.Module:
    features: list[nn.Module] = []
    for width, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            features += [nn.Conv2d(channels, width, 3, padding=padding), nn.ReLU()]
            channels = width
        features.append(nn.MaxPool2d(2))
    linear = [nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, classes), nn.Dropout(0.5)]
    return _halves(features, [nn.Flatten(), *linear])


def _lenet5(classes: int, channels: int) -> nn.Module:
    features = [nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    linear = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)]
    return _halves(features, [nn.Flatten(), *linear])


TWINS: dict[str, Callable[..., nn.Module]] = {  # by the name in tk.models, of (classes, channels) and a net's options
    "deep_convnet": _deep_convnet,
    "lenet5": _lenet5,
    "resnet18": partial(torch_nets.ResNet, layers=(2, 2, 2, 2), bottleneck=False),
    "resnet50": partial(torch_nets.ResNet, layers=(3, 4, 6, 3), bottleneck=True),
    "vgg16": torch_nets.vgg16,
    "mobilenet_v2": torch_nets.mobilenet_v2,
    "efficientnet_b0": torch_nets.efficientnet_b0,
    "unet": torch_nets.UNet,
}


def twin(model: tk.nn.Module, name: str) -> nn.Module:
    """The torch network of NETS called `name`, with the values of `model`.

    Raises:
        KeyError: no such twin.
        RuntimeError: the two networks are not alike after all.
    """
    made = NETS[name]
    net = TWINS[made.model](made.classes, made.x[0], **made.options)
    net.load_state_dict({key: torch.tensor(value) for key, value in model.state_dict().items()})
    return net
