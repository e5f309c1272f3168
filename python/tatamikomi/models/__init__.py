"""Networks by name: `create("lenet5")`, `list()`; `register` adds one."""

from __future__ import annotations

from tatamikomi.models.convnets import deep_convnet, lenet5, simple_convnet
from tatamikomi.models.registry import create, register
from tatamikomi.models.registry import names as list

__all__ = ["create", "deep_convnet", "lenet5", "list", "register", "simple_convnet"]
