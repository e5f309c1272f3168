"""Residual, mobile and U-shaped networks in torch under the keys of tatamikomi's: the twins of torch_twins.py that are
more than layers in a row. Activations overwrite their input, as torch's users have them do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def conv_norm(
    before: int,
    after: int,
    size: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] | None = None,
) -> nn.Sequential:
    """Convolution without bias, normalisation, activation."""
    layers = [nn.Conv2d(before, after, size, stride, size // 2, 1, groups, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def relu() -> nn.Module:
    return nn.ReLU(inplace=True)


def relu6() -> nn.Module:
    return nn.ReLU6(inplace=True)


def silu() -> nn.Module:
    return nn.SiLU(inplace=True)


# ------------------------------------------------------------------------------------------------ ResNet


class Block(nn.Module):
    """Convolutions of the given sizes, the widest step in that of 3 x 3 that comes first, around a shortcut."""

    def __init__(self, before: int, widths: tuple[int, ...], sizes: tuple[int, ...], stride: int) -> None:
        super().__init__()
        self.count, channels, strided = len(sizes), before, sizes.index(3)
        for i, (width, size) in enumerate(zip(widths, sizes, strict=True)):
            step = stride if i == strided else 1
            self.add_module(f"conv{i + 1}", nn.Conv2d(channels, width, size, step, size // 2, bias=False))
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(width))
            channels = width
        self.relu = relu()
        same = stride == 1 and before == channels
        self.downsample = None if same else conv_norm(before, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.count:
                y = self.relu(y)
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(
        self, classes: int, channels: int, layers: tuple[int, ...], bottleneck: bool, small_images: bool = False
    ) -> None:
        super().__init__()
        kernel, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(channels, 64, kernel, stride, kernel // 2, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), relu()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, 1)
        before = 64
        for i, count in enumerate(layers):
            width = 64 << i
            widths, sizes = ((width, width, 4 * width), (1, 3, 1)) if bottleneck else ((width, width), (3, 3))
            blocks = []
            for j in range(count):
                blocks.append(Block(before, widths, sizes, 2 if i and not j else 1))
                before = widths[-1]
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


# ------------------------------------------------------------------------------------------------ features, classifier


class Classifier(nn.Module):
    """`features`, means, `classifier`."""

    def __init__(self, features: list[nn.Module], classifier: list[nn.Module], pooled: int = 1) -> None:
        super().__init__()
        self.features, self.avgpool = nn.Sequential(*features), nn.AdaptiveAvgPool2d(pooled)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def vgg16(classes: int, channels: int) -> nn.Module:
    features: list[nn.Module] = []
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            features += [nn.Conv2d(channels, width, 3, padding=1), relu()]
            channels = width
        features.append(nn.MaxPool2d(2))
    hidden = [nn.Linear(25088, 4096), relu(), nn.Dropout(0.5), nn.Linear(4096, 4096), relu(), nn.Dropout(0.5)]
    return Classifier(features, [*hidden, nn.Linear(4096, classes)], 7)


class InvertedResidual(nn.Module):
    def __init__(self, before: int, after: int, stride: int, ratio: int) -> None:
        super().__init__()
        middle = before * ratio
        layers: list[nn.Module] = [conv_norm(before, middle, 1, activation=relu6)] if ratio > 1 else []
        layers.append(conv_norm(middle, middle, 3, stride, middle, relu6))
        self.conv = nn.Sequential(*layers, nn.Conv2d(middle, after, 1, bias=False), nn.BatchNorm2d(after))
        self.residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


def mobilenet_v2(classes: int, channels: int) -> nn.Module:
    features: list[nn.Module] = [conv_norm(channels, 32, 3, 2, activation=relu6)]
    channels = 32
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for ratio, width, count, stride in rows:
        for i in range(count):
            features.append(InvertedResidual(channels, width, 1 if i else stride, ratio))
            channels = width
    features.append(conv_norm(channels, 1280, 1, activation=relu6))
    return Classifier(features, [nn.Dropout(0.2), nn.Linear(1280, classes)])


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, between: int) -> None:
        super().__init__()
        self.avgpool, self.activation, self.scale_activation = nn.AdaptiveAvgPool2d(1), silu(), nn.Sigmoid()
        self.fc1, self.fc2 = nn.Conv2d(channels, between, 1), nn.Conv2d(between, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))


class DropPath(nn.Module):
    """Samples become 0 as a whole."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        kept = torch.empty(len(x), *(1,) * (x.ndim - 1), dtype=x.dtype).bernoulli_(1 - self.p)
        return x * kept.div_(1 - self.p)


class MBConv(nn.Module):
    def __init__(self, before: int, after: int, size: int, stride: int, ratio: int, drop_path: float) -> None:
        super().__init__()
        middle = before * ratio
        layers: list[nn.Module] = [conv_norm(before, middle, 1, activation=silu)] if ratio > 1 else []
        layers.append(conv_norm(middle, middle, size, stride, middle, silu))
        layers.append(SqueezeExcitation(middle, max(1, before // 4)))
        self.block = nn.Sequential(*layers, conv_norm(middle, after, 1))
        self.residual, self.stochastic_depth = stride == 1 and before == after, DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.stochastic_depth(self.block(x)) if self.residual else self.block(x)


def efficientnet_b0(classes: int, channels: int) -> nn.Module:
    features: list[nn.Module] = [conv_norm(channels, 32, 3, 2, activation=silu)]
    rows = [
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
    ]
    rows.append((6, 3, 1, 320, 1))
    channels, done, total = 32, 0, sum(row[-1] for row in rows)
    for ratio, size, stride, width, count in rows:
        blocks = []
        for i in range(count):
            blocks.append(MBConv(channels, width, size, 1 if i else stride, ratio, 0.2 * done / total))
            channels, done = width, done + 1
        features.append(nn.Sequential(*blocks))
    features.append(conv_norm(channels, 1280, 1, activation=silu))
    return Classifier(features, [nn.Dropout(0.2), nn.Linear(1280, classes)])


# ------------------------------------------------------------------------------------------------ U-Net


class UNet(nn.Module):
    def __init__(self, classes: int, channels: int, widths: tuple[int, ...] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()

        def pair(before: int, after: int) -> nn.Sequential:
            return nn.Sequential(*conv_norm(before, after, 3, 1, 1, relu), *conv_norm(after, after, 3, 1, 1, relu))

        self.down = nn.ModuleList(pair(a, b) for a, b in zip((channels, *widths), widths, strict=False))
        rising = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in rising)
        self.join = nn.ModuleList(pair(a, b) for a, b in rising)
        self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = level(self.pool(x) if i else x)
            seen.append(x)
        for up, join, beside in zip(self.up, self.join, reversed(seen[:-1]), strict=True):
            x = join(torch.cat([beside, up(x)], 1))
        return self.head(x)
