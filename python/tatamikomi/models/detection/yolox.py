"""YOLOX: one box, one objectness and one class at every place, without anchors."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, as_tensor, cat
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.models.detection.assign import sim_ota
from tatamikomi.models.detection.boxes import paired_iou
from tatamikomi.models.detection.common import Array, Detector, grid, sigmoid, with_prior
from tatamikomi.models.detection.darknet import PAFPN, Conv, base_conv, depthwise_conv
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import Conv2d, Module, ModuleList, Sequential
from tatamikomi.random import Generator

_STRIDES = (8, 16, 32)
_LOSSES = ("iou", "giou")


class _Head(Module):
    """For each of three features: a branch to the classes and one to box and objectness."""

    def __init__(
        self,
        widths: tuple[int, ...],
        width: int,
        num_classes: int,
        conv: Conv,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        last = partial(Conv2d, width, kernel_size=1, generator=generator)

        def branch() -> ModuleList:
            return ModuleList([Sequential(conv(width, width, 3), conv(width, width, 3)) for _ in widths])

        self.cls_convs, self.reg_convs = branch(), branch()
        self.cls_preds = ModuleList([last(out_channels=num_classes) for _ in widths])
        self.reg_preds = ModuleList([last(out_channels=4) for _ in widths])
        self.obj_preds = ModuleList([last(out_channels=1) for _ in widths])
        self.stems = ModuleList([base_conv(channels, width, generator=generator) for channels in widths])
        for one in (*self.cls_preds, *self.obj_preds):
            with_prior(one.bias)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Three of (N, widths[i], H, W) -> three of (N, 5 + num_classes, H, W)."""
        outputs = []
        for i, feature in enumerate(features):
            x = self.stems[i](feature)
            box = self.reg_convs[i](x)
            parts = [self.reg_preds[i](box), self.obj_preds[i](box), self.cls_preds[i](self.cls_convs[i](x))]
            outputs.append(cat(parts, 1))
        return outputs


class YOLOX(Detector):
    """CSPDarknet, a pyramid up and down, and a head of two branches; names and sizes are those of the authors' code.

    Every place of the three features, with strides 8, 16 and 32, gives one box. Their state dict, at "model" in their
    files, loads; it is for images in BGR from 0 to 255. Batch normalisation has eps 1e-3 and momentum 0.03 as there;
    initial values are those of the layers, and the last biases start with a probability of 0.01.

    "yolox_pico" alone is not theirs: half the channels of "yolox_nano", and no convolutions of each channel on its own,
    which gain nothing on small images.

    Args:
        num_classes, in_channels, generator: as `create`; 80 classes are those of COCO.
        depth, width: by which the blocks (3) and the channels (64) of the largest form are multiplied.
        depthwise: convolutions of each channel on its own, then 1 x 1, in the place of those of 3 x 3.
        box_loss: "iou", 1 - IoU^2 as in the paper, or "giou", 1 - GIoU, which also moves boxes far from their aim.

    Shape: x (N, in_channels, H, W), H and W multiples of 32 -> (N, places, 8 + num_classes): left and upper edge of
        the place and its stride; x1, y1, x2, y2, all in pixels; a logit of there being something; those of classes.

    Source: Z. Ge, S. Liu, F. Wang, Z. Li, J. Sun, "YOLOX: exceeding YOLO series in 2021", arXiv:2107.08430.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("yolox_nano", 3).eval()
    >>> x = np.zeros((1, 3, 64, 32), np.float32)
    >>> net(x).shape, [one["labels"].size for one in net.detect(x)]
    ((1, 42, 11), [0])
    """

    def __init__(
        self,
        num_classes: int = 80,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        depth: float = 1.0,
        width: float = 1.0,
        depthwise: bool = False,
        box_loss: str = "iou",
    ) -> None:
        super().__init__()
        if box_loss not in _LOSSES:
            raise unknown_name("YOLOX", "box_loss", box_loss, _LOSSES)
        self.num_classes, self.box_loss = num_classes, box_loss
        conv = partial(depthwise_conv if depthwise else base_conv, generator=generator)
        base, blocks = int(64 * width), max(round(3 * depth), 1)
        self.backbone = PAFPN(in_channels, base, blocks, conv, generator)
        self.head = _Head((4 * base, 8 * base, 16 * base), int(256 * width), num_classes, conv, generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, places, 8 + num_classes)."""
        if np.ndim(x) != 4 or np.shape(x)[2] % 32 or np.shape(x)[3] % 32:
            raise bad_value("YOLOX", "x", f"shape {np.shape(x)}", "(N, channels, H, W), H and W multiples of 32")
        outputs = self.head(self.backbone(x))
        flat = cat([one.flatten(2) for one in outputs], 2).transpose(1, 2)  # (N, places, 5 + num_classes)
        places = grid([(one.shape[2], one.shape[3]) for one in outputs], _STRIDES).astype(flat.dtype)
        stride = places[:, 2:]
        at, half = flat[..., :2] * stride + places[:, :2], flat[..., 2:4].exp() * (stride / 2)
        where = np.broadcast_to(places, (flat.shape[0], *places.shape))
        return cat([as_tensor(where), at - half, at + half, flat[..., 4:]], 2)

    def candidates(self, output: Array) -> tuple[Array, Array]:
        """Boxes, and probabilities of something times those of the classes."""
        return output[..., 3:7], sigmoid(output[..., 7:8]) * sigmoid(output[..., 8:])

    def loss(self, output: Tensor, targets: ArrayLike) -> Tensor:
        """5 box loss + BCE of objectness + BCE of classes, summed, over the number of places that `sim_ota` assigns.

        The class of such a place is to have the overlap of its box as probability, the other classes none.
        """
        values = output.numpy()
        count, rows = values.shape[1], output.reshape(-1, values.shape[2])
        places, boxes, classes = [np.zeros(0, np.int64)], [np.zeros((0, 4))], [np.zeros((0, self.num_classes))]
        for i, (true, labels) in enumerate(self._true(output, targets)):
            one = values[i]
            scores = np.sqrt(sigmoid(one[:, 7:8]) * sigmoid(one[:, 8:]))
            match = sim_ota(one[:, :3], one[:, 3:7], scores, true, labels)
            places.append(i * count + match.places)
            boxes.append(true[match.truth])
            classes.append(np.eye(self.num_classes)[labels[match.truth]] * match.overlaps[:, None])
        found, dtype = np.concatenate(places), output.dtype
        something = np.zeros(len(rows), dtype)
        something[found] = 1
        bce = partial(F.binary_cross_entropy_with_logits, reduction="sum")
        loss = bce(rows[:, 7], something)
        if found.size:
            ours = rows[found]
            aim = as_tensor(np.concatenate(boxes).astype(dtype))
            overlap = paired_iou(ours[:, 3:7], aim, self.box_loss == "giou")
            loss = loss + 5 * (1 - (overlap if self.box_loss == "giou" else overlap * overlap)).sum()
            loss = loss + bce(ours[:, 8:], np.concatenate(classes).astype(dtype))
        return loss / max(found.size, 1)


for _name, _depth, _width in (
    ("pico", 0.33, 0.125),
    ("nano", 0.33, 0.25),
    ("tiny", 0.33, 0.375),
    ("s", 0.33, 0.5),
    ("m", 0.67, 0.75),
    ("l", 1.0, 1.0),
    ("x", 1.33, 1.25),
):
    register_variant(f"yolox_{_name}", YOLOX, task="detection", depth=_depth, width=_width, depthwise=_name == "nano")
