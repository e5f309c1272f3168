"""Networks that find boxes, and what they share: overlaps, suppression, ways to write a box down, assignment."""

from __future__ import annotations

from tatamikomi.data.boxes import pad_targets
from tatamikomi.models.detection.boxes import batched_nms, decode, encode, nms, paired_iou
from tatamikomi.models.detection.common import Detector
from tatamikomi.models.detection.efficientdet import BiFPN, EfficientDet
from tatamikomi.models.detection.yolox import YOLOX

__all__ = [
    "YOLOX",
    "BiFPN",
    "Detector",
    "EfficientDet",
    "batched_nms",
    "decode",
    "encode",
    "nms",
    "pad_targets",
    "paired_iou",
]
