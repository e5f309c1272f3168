"""The networks of tatamikomi.models in torch, layer by layer, under the same state_dict keys."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

import tatamikomi as tk


def _halves(features: list[nn.Module], classifier: list[nn.Module]) -> nn.Module:
    return nn.Sequential(OrderedDict(features=nn.Sequential(*features), classifier=nn.Sequential(*classifier)))


def _deep_convnet() -> nn.Module:
    features: list[nn.Module] = []
    channels = 1
    for width, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            features += [nn.Conv2d(channels, width, 3, padding=padding), nn.ReLU()]
            channels = width
        features.append(nn.MaxPool2d(2))
    linear = [nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 10), nn.Dropout(0.5)]
    return _halves(features, [nn.Flatten(), *linear])


def _lenet5() -> nn.Module:
    features = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    linear = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return _halves(features, [nn.Flatten(), *linear])


TWINS = {"deep_convnet": _deep_convnet, "lenet5": _lenet5}


def twin(model: tk.nn.Module, name: str) -> nn.Module:
    """The torch network called `name`, with the values of `model`.

    Raises:
        KeyError: no such twin.
        RuntimeError: the two networks are not alike after all.
    """
    net = TWINS[name]()
    net.load_state_dict({key: torch.tensor(value) for key, value in model.state_dict().items()})
    return net
