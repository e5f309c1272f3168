"""The rows of the table of results: which case belongs where, by its shape, and what is asked there."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.cases import Case, conv_of

FEW = 4  # input channels of an image
MANY = 24  # taps of a signal's kernel


class Group(NamedTuple):
    """What is asked of the ratios, torch's time (or bytes) over ours; None: nothing is."""

    title: str
    better: float | None = None  # geometric mean over torch's better layout
    worst: float | None = None  # the smallest of these
    nchw: float | None = None  # geometric mean over torch on contiguous NCHW
    each_direction: bool = False  # the three directions are judged one by one


GROUPS = {
    "wide3x3": Group("3x3, stride 1, C and K >= 64", 2.2, 1.3, 2.5, each_direction=True),
    "narrow3x3": Group("3x3, stride 1, 16 to 63 channels", 1.5, 1.2, 1.5),
    "dense": Group("other dense: 1x1, strided, stem, large kernels", 1.1, 0.9, 1.4),
    "depthwise": Group("depthwise", 2.0, 1.0, 4.0),
    "grouped": Group("grouped, dilated, 1-D, 3-D", 1.6, 0.95, 2.0),
    "long_kernels": Group("1-D, 24 taps and more", 1.6, 0.95, 2.0),
    "few_channels": Group("backward-input with few input channels", 3.0, None, 3.0),
    "small": Group("small layers at batch 1", 2.0, None, 2.5),
    "layers": Group("BN, BN+ReLU, pooling, activations, loss, optimizers", 1.5, 1.0, 3.0),
    "group_norm": Group("group, instance and layer normalisation", 1.3, 0.9, 1.5),
    "conv_transpose": Group("transposed convolution", 1.3, 0.9, 1.5),
    "resize": Group("resizing, nearest and bilinear", 1.3, 0.9, 1.5),
    "activation_kind": Group("activations by kind", 1.3, 0.9, 1.5),
    "step.deep_convnet": Group("one step of deep_convnet, batch 100", 2.0, None, 2.0),
    "step.lenet5": Group("one step of LeNet-5, batch 100", 1.5, None, 1.5),
    "step.resnet18_32": Group("one step of ResNet-18, 3x32x32, batch 64", 1.8),
    "step.resnet18_small": Group("one step of ResNet-18 for small images, 3x32x32, batch 64", 1.8),
    "step.resnet50": Group("one step of ResNet-50, 3x224x224, batch 4", 1.3),
    "step.vgg16": Group("one step of VGG-16, 3x224x224, batch 4", 2.0),
    "step.mobilenet_v2": Group("one step of MobileNetV2, 3x224x224, batch 8", 1.5),
    "step.efficientnet_b0": Group("one step of EfficientNet-B0, 3x224x224, batch 8", 1.2),
    "step.unet": Group("one step of U-Net, 1x128x128, batch 4", 1.5),
    "linear": Group("linear, beside NumPy's BLAS and torch", 1.0, None, None),
    "overhead": Group("call overhead", None, 1.0, None),
    "memory": Group("peak memory of a step", None, 1.0, None),
}


def group_of(case: Case) -> str:
    """The group of a case, from its shape and direction alone."""
    if case.family == "conv":
        return _conv_group(case)
    if case.family in ("step", "inference"):
        return f"{case.family}.{case.model}"
    return case.family if case.family in GROUPS else "layers"


def _conv_group(case: Case) -> str:
    s = conv_of(case)
    oc, ic = s.weight[0], s.x[1]
    if len(s.weight) == 3 and s.weight[2] >= MANY:
        return "long_kernels"
    if s.groups == ic > 1:
        return "depthwise"
    if s.groups > 1 or len(s.x) != 4 or any(step > 1 for step in s.dilation):
        return "grouped"
    if case.direction == "backward_input" and ic <= FEW:
        return "few_channels"
    if s.x[0] == 1 and max(ic, oc) <= 64 and s.x[2] * s.x[3] <= 32 * 32:
        return "small"
    if s.weight[2:] == (3, 3) and s.stride == (1, 1) and min(ic, oc) >= 16:
        return "wide3x3" if min(ic, oc) >= 64 else "narrow3x3"
    return "dense"
