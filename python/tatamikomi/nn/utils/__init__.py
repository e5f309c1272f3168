"""What works on modules and their gradients from outside, named as in torch.nn.utils."""

from __future__ import annotations

from tatamikomi.nn.utils import parametrizations, parametrize
from tatamikomi.nn.utils.clip import adaptive_clip_grad_, clip_grad_norm_, clip_grad_value_
from tatamikomi.nn.utils.freeze import freeze_bn
from tatamikomi.nn.utils.fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from tatamikomi.nn.utils.optimize import optimize_for_inference

__all__ = [
    "adaptive_clip_grad_",
    "clip_grad_norm_",
    "clip_grad_value_",
    "freeze_bn",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "optimize_for_inference",
    "parametrizations",
    "parametrize",
]
