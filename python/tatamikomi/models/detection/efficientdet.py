"""EfficientDet: an EfficientNet, a pyramid that weighs what flows up and down, heads over all of its levels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, as_tensor, cat
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.metrics import box_iou
from tatamikomi.models.detection.boxes import decode, encode
from tatamikomi.models.detection.common import Array, Detector, grid, sigmoid, with_prior
from tatamikomi.models.registry import create, names, register
from tatamikomi.nn import BatchNorm2d, Conv2d, Module, ModuleList, SeparableConv2d, Sequential, checks
from tatamikomi.random import Generator

_norm = partial(BatchNorm2d, eps=1e-3, momentum=0.01)
_SHAPES = [(2 ** (i / 3) * a, 2 ** (i / 3) * b) for i in range(3) for a, b in ((1, 1), (1.4, 0.7), (0.7, 1.4))]


def _narrow(in_channels: int, out_channels: int, generator: Generator | None) -> Sequential:
    return Sequential(Conv2d(in_channels, out_channels, 1, generator=generator), _norm(out_channels))


class _Fuse(Module):
    """Inputs weighed by relu(w_i) / (sum of relu(w) + 1e-4), SiLU, a separable convolution, batch normalisation."""

    def __init__(self, inputs: int, width: int, generator: Generator | None) -> None:
        super().__init__()
        self.weights = Parameter(np.ones(inputs, np.float32))
        self.conv = SeparableConv2d(width, width, 3, padding=1, generator=generator)
        self.bn = _norm(width)

    def forward(self, *x: Tensor) -> Tensor:
        """`inputs` of (N, width, H, W) -> one."""
        weights = F.relu(self.weights)
        total = x[0] * weights[0]
        for i, one in enumerate(x[1:], 1):
            total = total + one * weights[i]
        y: Tensor = self.bn(self.conv(F.silu(total / (weights.sum() + 1e-4))))
        return y


class _Cell(Module):
    """Once down the pyramid and once up; each level but the ends meets its own input a second time on the way up."""

    def __init__(self, levels: int, width: int, generator: Generator | None) -> None:
        super().__init__()
        self.down = ModuleList([_Fuse(2, width, generator) for _ in range(levels - 1)])
        self.up = ModuleList([_Fuse(3 if i < levels - 2 else 2, width, generator) for i in range(levels - 1)])

    def forward(self, x: list[Tensor], again: list[Tensor]) -> list[Tensor]:
        """Levels (N, width, H_i, W_i), and the same for the way up -> as many of the same shapes."""
        way = [x[-1]]
        for i in reversed(range(len(x) - 1)):
            way.insert(0, self.down[i](x[i], F.interpolate(way[0], size=x[i].shape[2:], mode="nearest")))
        out = way[:1]
        for i, fuse in enumerate(self.up, 1):
            below = F.max_pool2d(out[-1], 3, 2, 1)
            out.append(fuse(again[i], way[i], below) if i < len(x) - 1 else fuse(again[i], below))
        return out


class BiFPN(Module):
    """A bidirectional feature pyramid: levels narrowed to one width, more made by pooling, then `cells` in a row.

    Args:
        in_channels: of the features, the largest first, each half the size of the one before (rounded up).
        width: channels of every level.
        cells: how often features flow down and up.
        levels: how many levels leave; those beyond the features come from the last one.
        generator: where the initial values come from; the default Generator when None.

    Shape: a list of (N, in_channels[i], H_i, W_i) -> a list of (N, width, H_i, W_i), one per level.

    Raises:
        ValueError: no features, or fewer levels than features or two.

    Source: M. Tan, R. Pang, Q. Le, "EfficientDet: scalable and efficient object detection", CVPR 2020, section 3.

    >>> import numpy as np, tatamikomi as tk
    >>> pyramid = tk.models.detection.BiFPN([4, 6], width=8, cells=1, levels=3)
    >>> [y.shape for y in pyramid([np.zeros((1, 4, 8, 6), np.float32), np.zeros((1, 6, 4, 3), np.float32)])]
    [(1, 8, 8, 6), (1, 8, 4, 3), (1, 8, 2, 2)]
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        width: int = 64,
        cells: int = 3,
        levels: int = 5,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        count = len(in_channels)
        if not count or levels < max(count, 2):
            raise bad_value(
                "BiFPN", "levels", f"{levels} for {count} features", "two or more, one per feature at least"
            )
        self.lateral = ModuleList([_narrow(channels, width, generator) for channels in in_channels])
        self.again = ModuleList([_narrow(channels, width, generator) for channels in in_channels[1:]])
        self.extra = _narrow(in_channels[-1], width, generator) if levels > count else None
        self.cells = ModuleList(
            [_Cell(levels, width, generator) for _ in range(checks.integer("BiFPN", "cells", cells))]
        )
        self.levels = levels

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features (N, in_channels[i], H_i, W_i) -> levels (N, width, H_i, W_i)."""
        first = [narrow(feature) for narrow, feature in zip(self.lateral, features, strict=True)]
        again = [first[0]] + [narrow(one) for narrow, one in zip(self.again, features[1:], strict=True)]
        more = None if self.extra is None else self.extra(features[-1])
        for _ in range(self.levels - len(first)):
            assert more is not None
            more = F.max_pool2d(more, 3, 2, 1)
            first.append(more)
            again.append(more)
        for cell in self.cells:
            first = cell(first, again)
            again = first
        return first


class _Head(Module):
    """Separable convolutions that all levels share, with batch normalisation of each level's own."""

    def __init__(self, width: int, layers: int, levels: int, out: int, generator: Generator | None) -> None:
        super().__init__()
        conv = partial(SeparableConv2d, width, kernel_size=3, padding=1, generator=generator)
        self.convs = ModuleList([conv(out_channels=width) for _ in range(layers)])
        self.norms = ModuleList([ModuleList([_norm(width) for _ in range(levels)]) for _ in range(layers)])
        self.predict = conv(out_channels=out)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Levels (N, width, H_i, W_i) -> (N, out, H_i, W_i)."""
        outputs = []
        for i, x in enumerate(levels):
            for conv, norms in zip(self.convs, self.norms, strict=True):
                assert isinstance(norms, ModuleList)
                x = F.silu(norms[i](conv(x)))
            outputs.append(self.predict(x))
        return outputs


def anchors(sizes: Sequence[tuple[int, int]], scale: float = 4.0) -> NDArray[np.float64]:
    """Nine boxes around the centre of every place of levels with strides 8, 16 ...: three sizes, three shapes each.

    Args:
        sizes: (H, W) of each level.
        scale: side of the smallest square over the stride.

    Returns:
        (9 * places, 4): x1, y1, x2, y2.

    >>> from tatamikomi.models.detection.efficientdet import anchors
    >>> anchors([(1, 1)])[0].tolist()
    [-12.0, -12.0, 20.0, 20.0]
    """
    places = grid(sizes, [8 << i for i in range(len(sizes))])[:, None]  # (places, 1, 3)
    middle, half = places[..., :2] + places[..., 2:] / 2, places[..., 2:] * scale / 2 * np.array(_SHAPES)
    boxes: NDArray[np.float64] = np.concatenate([middle - half, middle + half], 2).reshape(-1, 4)
    return boxes


@register("efficientdet_d0", "detection")
class EfficientDet(Detector):
    """EfficientNet without its last convolution, BiFPN over strides 8 to 128, a head for classes and one for boxes.

    Args:
        num_classes, in_channels, generator: as `create`; 90 classes are those of COCO with its gaps.
        backbone: "efficientnet_b0" to "efficientnet_b7".
        width, cells: of the pyramid.
        head_layers: convolutions of each head before its last.
        anchor_scale: side of the smallest square anchor over the stride of its level.

    D0 is the default; the paper's table 1 has D1 as b1, 88, 4, 3 and D2 as b2, 112, 5, 3. Numbers of parameters as in
    the paper's code: 3,880,067 for D0, 3.9 M in its table 2.

    Shape: x (N, in_channels, H, W) -> (N, anchors, 8 + num_classes): x1, y1, x2, y2 of the anchor in pixels, the box's
        offsets from it (`encode`), the logits of the classes. Multiples of 128 are the paper's sizes; 512 for D0.

    Raises:
        ValueError: another backbone.

    Source: M. Tan, R. Pang, Q. Le, "EfficientDet: scalable and efficient object detection", CVPR 2020.
    """

    def __init__(
        self,
        num_classes: int = 90,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        backbone: str = "efficientnet_b0",
        width: int = 64,
        cells: int = 3,
        head_layers: int = 3,
        anchor_scale: float = 4.0,
    ) -> None:
        super().__init__()
        known = [name for name in names() if name.startswith("efficientnet_b")]
        if backbone not in known:
            raise unknown_name("EfficientDet", "backbone", backbone, known)
        self.num_classes, self.anchor_scale = num_classes, checks.real("EfficientDet", "anchor_scale", anchor_scale)
        net = create(backbone, in_channels=in_channels, generator=generator, eps=1e-3, momentum=0.01)
        self.features = Sequential(*list(net.features)[:-1])
        widths = [self.features.get_submodule(f"{i}.0").block[-1][0].out_channels for i in (3, 5, 7)]
        self.bifpn = BiFPN(widths, width, cells, 5, generator)
        count = len(_SHAPES)
        self.class_net = _Head(width, head_layers, 5, count * num_classes, generator)
        self.box_net = _Head(width, head_layers, 5, count * 4, generator)
        with_prior(self.class_net.predict.pointwise.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, anchors, 8 + num_classes)."""
        features = []
        for i, stage in enumerate(self.features):
            x = stage(x)
            if i in (3, 5, 7):
                features.append(x)
        levels = self.bifpn(features)
        parts = []
        for head, numbers in ((self.box_net, 4), (self.class_net, self.num_classes)):
            rows = [y.permute(0, 2, 3, 1).reshape(y.shape[0], -1, numbers) for y in head(levels)]
            parts.append(cat(rows, 1))
        boxes = anchors([(y.shape[2], y.shape[3]) for y in levels], self.anchor_scale).astype(parts[0].dtype)
        return cat([as_tensor(np.broadcast_to(boxes, (x.shape[0], *boxes.shape))), *parts], 2)

    def candidates(self, output: Array) -> tuple[Array, Array]:
        """Boxes, and probabilities of the classes."""
        rows = output.reshape(-1, output.shape[2])
        return decode(rows[:, 4:8], rows[:, :4]).reshape(*output.shape[:2], 4), sigmoid(output[..., 8:])

    def loss(self, output: Tensor, targets: ArrayLike) -> Tensor:
        """Focal loss (alpha 0.25, gamma 1.5) of the classes + 50 Huber loss (delta 0.1) of offsets, per own anchor.

        An anchor belongs to the box that it overlaps most, if by a half or more; the anchor that overlaps a box most is
        its in any case.
        """
        values, dtype = output.numpy(), output.dtype
        count, rows = values.shape[1], output.reshape(-1, values.shape[2])
        classes = np.zeros((len(rows), self.num_classes), dtype)
        places, offsets = [np.zeros(0, np.int64)], [np.zeros((0, 4))]
        for i, (true, labels) in enumerate(self._true(output, targets)):
            if not len(true):
                continue
            where = values[i, :, :4]
            overlap = box_iou(where, true)  # (anchors, M)
            overlap[overlap.argmax(0), np.arange(len(true))] = 2.0
            own = np.flatnonzero(overlap.max(1) >= 0.5)
            whose = overlap[own].argmax(1)
            classes[i * count + own, labels[whose]] = 1
            places.append(i * count + own)
            offsets.append(encode(true[whose], where[own]))
        found = np.concatenate(places)
        loss = F.focal_loss(rows[:, 8:], classes, 0.25, 1.5, reduction="sum")
        if found.size:
            aim = np.concatenate(offsets).astype(dtype)
            loss = loss + 12.5 * F.huber_loss(rows[found][:, 4:8], aim, reduction="sum", delta=0.1)
        return loss / max(found.size, 1)
