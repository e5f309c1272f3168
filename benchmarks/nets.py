"""The networks whose steps are measured: what each is made of, fed with and how many samples at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk


class Net(NamedTuple):
    """A network of `tk.models` with sizes of its own."""

    model: str
    x: tuple[int, ...]  # (channels, *sizes)
    classes: int
    batch: int  # when none is asked for
    options: Mapping[str, Any] = MappingProxyType({})

    def create(self) -> tk.nn.Module:
        """With the same initial values each time."""
        size = {"image_size": self.x[-1]} if "image_size" in tk.models.options(self.model) else {}
        return tk.models.create(self.model, self.classes, self.x[0], seed=1, **size, **self.options)

    def settled(self) -> tk.nn.Module:
        """In evaluation mode, every normalisation with the statistics of a batch of `data`: results keep their size."""
        model = self.create().train()
        for module in model.modules():
            if isinstance(module, tk.nn.BatchNorm2d):
                module.momentum = 1.0
        with tk.no_grad():
            model(self.data(4)[0])
        return model.eval()

    def data(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels in 0..1 and labels, one per sample or per place, the same for every engine."""
        x = np.random.default_rng(0).random((n, *self.x), dtype=np.float32)
        per_place = self.model in tk.models.list("segmentation")
        shape = (n, *self.x[1:]) if per_place else (n,)
        return x, np.arange(math.prod(shape)).reshape(shape) % self.classes


NETS = {
    "deep_convnet": Net("deep_convnet", (1, 28, 28), 10, 100),
    "lenet5": Net("lenet5", (1, 28, 28), 10, 100),
    "resnet18_32": Net("resnet18", (3, 32, 32), 10, 64),
    "resnet18_small": Net("resnet18", (3, 32, 32), 10, 64, {"small_images": True}),
    "resnet50": Net("resnet50", (3, 224, 224), 1000, 4),
    "vgg16": Net("vgg16", (3, 224, 224), 1000, 4),
    "mobilenet_v2": Net("mobilenet_v2", (3, 224, 224), 1000, 8),
    "efficientnet_b0": Net("efficientnet_b0", (3, 224, 224), 1000, 8),
    "unet": Net("unet", (1, 128, 128), 2, 4),
}
