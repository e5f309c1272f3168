"""The vision transformer: an image as a row of patches that look at each other."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, cat
from tatamikomi.errors import bad_value
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import GELU, Conv2d, Dropout, LayerNorm, Linear, Module, Sequential, checks, init
from tatamikomi.random import Generator


class SelfAttention(Module):
    """Every row of x becomes a mean of values of all rows, weighted by how well its query fits their keys.

        y = out_proj(softmax(q k^T / sqrt(size of a head)) v), head by head; q, k, v from one product with x

    Shape: x (N, T, width) -> the same.
    """

    def __init__(self, width: int, heads: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = Parameter(np.zeros((3 * width, width), np.float32))
        self.in_proj_bias = Parameter(np.zeros(3 * width, np.float32))
        self.out_proj = Linear(width, width, generator=generator)
        init.xavier_uniform_(self.in_proj_weight, generator=generator)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) -> the same."""
        n, t, width = x.shape
        size = width // self.heads
        every = F.linear(x, self.in_proj_weight, self.in_proj_bias).reshape(n, t, 3, self.heads, size)
        q, k, v = every.permute(2, 0, 3, 1, 4)  # (N, heads, T, size) each
        weights = F.softmax(q @ k.transpose(-2, -1) * (1 / math.sqrt(size)), -1)
        y: Tensor = self.out_proj((weights @ v).transpose(1, 2).reshape(n, t, width))
        return y


class EncoderBlock(Module):
    """x plus attention of its norm, then plus a network of one hidden layer of that one's norm.

    Shape: x (N, T, width) -> the same.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, generator: Generator | None = None) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(width, eps=1e-6)
        self.self_attention = SelfAttention(width, heads, generator)
        self.dropout = Dropout(dropout)
        self.ln_2 = LayerNorm(width, eps=1e-6)
        first, second = Linear(width, hidden, generator=generator), Linear(hidden, width, generator=generator)
        for layer in (first, second):
            init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                init.normal_(layer.bias, 0.0, 1e-6, generator)
        self.mlp = Sequential(first, GELU(), Dropout(dropout), second, Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) -> the same."""
        x = x + self.dropout(self.self_attention(self.ln_1(x)))
        y: Tensor = x + self.mlp(self.ln_2(x))
        return y


class _Encoder(Module):
    """Places added, then the blocks, then a norm."""

    def __init__(
        self, length: int, width: int, blocks: list[EncoderBlock], dropout: float, generator: Generator | None
    ):
        super().__init__()
        self.pos_embedding = Parameter(np.zeros((1, length, width), np.float32))
        init.normal_(self.pos_embedding, 0.0, 0.02, generator)
        self.dropout = Dropout(dropout)
        self.layers = Sequential(OrderedDict((f"encoder_layer_{i}", block) for i, block in enumerate(blocks)))
        self.ln = LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, length, width) -> the same."""
        y: Tensor = self.ln(self.layers(self.dropout(x + self.pos_embedding)))
        return y


class VisionTransformer(Module):
    """Patches by a convolution with its own size as stride, a class token before them, blocks of attention, linear.

    Names and initial values as torchvision's, except that the linear layer starts at zero there and as any other here.

    Args:
        num_classes, in_channels, generator: as `create`.
        image_size: side of the images; patch_size divides it.
        patch_size: side of a patch.
        layers: how many blocks.
        heads: of attention, a divisor of width.
        width: numbers per patch.
        hidden: of the network in each block.
        dropout: after attention and linear layers, in training.

    Shape: x (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    Source: A. Dosovitskiy et al., "An image is worth 16x16 words: transformers for image recognition at scale", ICLR
    2021; "vit_tiny" has the sizes of DeiT-Ti: H. Touvron et al., "Training data-efficient image transformers and
    distillation through attention", ICML 2021.

    >>> import numpy as np, tatamikomi as tk
    >>> net = tk.models.create("vit_tiny", 10, 1, image_size=28, patch_size=7, layers=2)
    >>> net(np.zeros((2, 1, 28, 28), np.float32)).shape
    (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        image_size: int = 224,
        patch_size: int = 16,
        layers: int = 12,
        heads: int = 3,
        width: int = 192,
        hidden: int = 768,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        op = "VisionTransformer"
        if checks.integer(op, "image_size", image_size) % checks.integer(op, "patch_size", patch_size):
            raise bad_value(op, "image_size", image_size, f"a multiple of patch_size={patch_size}")
        if checks.integer(op, "width", width) % checks.integer(op, "heads", heads):
            raise bad_value(op, "width", width, f"a multiple of heads={heads}")
        self.image_size = image_size
        self.class_token = Parameter(np.zeros((1, 1, width), np.float32))
        self.conv_proj = Conv2d(in_channels, width, patch_size, patch_size, generator=generator)
        deviation = math.sqrt(1 / (in_channels * patch_size**2))
        init.trunc_normal_(self.conv_proj.weight, std=deviation, generator=generator)
        if self.conv_proj.bias is not None:
            init.zeros_(self.conv_proj.bias)
        blocks = [
            EncoderBlock(width, heads, hidden, dropout, generator) for _ in range(checks.integer(op, "layers", layers))
        ]
        length = (image_size // patch_size) ** 2 + 1
        self.encoder = _Encoder(length, width, blocks, dropout, generator)
        self.heads = Sequential(OrderedDict(head=Linear(width, num_classes, generator=generator)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, image_size, image_size) -> logits (N, num_classes)."""
        if np.shape(x)[2:] != (self.image_size, self.image_size):
            expected = f"images of {self.image_size} x {self.image_size}"
            raise bad_value("VisionTransformer", "x", f"shape {np.shape(x)}", expected)
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)  # (N, T, width)
        token = self.class_token.expand(patches.shape[0], 1, patches.shape[2])
        y: Tensor = self.heads(self.encoder(cat([token, patches], 1))[:, 0])
        return y


register_variant("vit_tiny", VisionTransformer, layers=12, heads=3, width=192, hidden=768)
