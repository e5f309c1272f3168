"""Layers that torch has too: their arguments, and what they are called with (test_torch_twins.py runs them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk

Array = np.ndarray


class Twin(NamedTuple):
    """A layer of both libraries: its arguments, and what it is called with."""

    name: str
    args: tuple[Any, ...]
    inputs: Callable[[np.random.Generator], tuple[Any, ...]]
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    random: bool = False  # in training; only eval is compared
    tolerance: float = 1e-9  # 1e-7 where torch's gradient goes through constants in float32
    wanted: int = 3  # so many of the first inputs get a gradient, if they are floats


def normal(*shape: int) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: (random.standard_normal(shape),)


def normals(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: tuple(random.standard_normal(shape) for shape in shapes)


def signed(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    """Numbers, and for each (for each row, where two batches of rows are compared) 1 or -1."""
    signs = shapes[0][:1] if len(shapes) == 2 else shapes[0]
    return lambda random: (*(random.standard_normal(shape) for shape in shapes), random.choice([-1.0, 1.0], signs))


def labelled(shape: tuple[int, ...], classes: int, *labels: int) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: (random.standard_normal(shape), random.integers(0, classes, labels))


def probabilities(*shape: int) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: (random.uniform(0.1, 0.9, shape), random.uniform(0.1, 0.9, shape))


def log_probabilities(random: np.random.Generator) -> tuple[Array, ...]:
    x = random.standard_normal((3, 4))
    return x - np.log(np.exp(x).sum(1, keepdims=True)), random.uniform(0.1, 0.9, (3, 4))


def spelt(random: np.random.Generator) -> tuple[Any, ...]:
    x = random.standard_normal((6, 2, 4))
    x = x - np.log(np.exp(x).sum(2, keepdims=True))
    return x, random.integers(1, 4, (2, 2)), np.array([6, 5]), np.array([2, 1])


def pooled(*sizes: int) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    """Values, and where in a plane of twice the size they came from: one place in every window of two."""

    def make(random: np.random.Generator) -> tuple[Array, ...]:
        half = [size // 2 for size in sizes]
        places = np.meshgrid(*(2 * np.arange(size) + random.integers(0, 2) for size in half), indexing="ij")
        flat = np.ravel_multi_index(places, sizes)
        return random.standard_normal((2, 3, *half)), np.broadcast_to(flat, (2, 3, *half)).copy()

    return make


LINE, IMAGES, VOLUMES = normal(2, 4, 9), normal(2, 4, 7, 6), normal(2, 4, 5, 4, 6)
TWINS = [
    *(
        Twin(f"Conv{axes}d", (4, 6, 3), inputs, {"stride": 2, "padding": 1, "groups": 2, "dilation": 1})
        for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))
    ),
    Twin("Conv2d", (4, 5, (3, 2)), IMAGES, {"bias": False}),
    *(
        Twin(f"{kind}Pool{axes}d", (2,), inputs)
        for kind in ("Max", "Avg")
        for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))
    ),
    *(Twin(f"BatchNorm{axes}d", (4,), inputs) for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))),
    Twin("BatchNorm2d", (4, 1e-3, 0.3), IMAGES),
    Twin("BatchNorm2d", (4,), IMAGES, {"affine": False, "track_running_stats": False}),
    Twin("Linear", (4, 5), normal(3, 4)),
    Twin("Linear", (4, 5, False), normal(2, 3, 4)),
    Twin("Bilinear", (3, 4, 5), normals((2, 3), (2, 4))),
    Twin("Embedding", (7, 3), lambda random: (random.integers(0, 7, (2, 5)),)),
    Twin("Embedding", (7, 3, 2), lambda random: (random.integers(0, 7, (2, 5)),), {"scale_grad_by_freq": True}),
    *(Twin(name, (), IMAGES) for name in ("ReLU", "Sigmoid", "Tanh", "Flatten", "Identity")),
    *(Twin(name, (1,), IMAGES) for name in ("Softmax", "LogSoftmax")),
    Twin("Dropout", (0.5,), IMAGES, random=True),
    Twin("CosineSimilarity", (), normals((3, 4), (3, 4))),
    Twin("PairwiseDistance", (1.0, 0.0, True), normals((3, 4), (3, 4))),
    Twin("RNN", (4, 3, 2), normal(5, 2, 4), {"nonlinearity": "relu"}),
    Twin("RNN", (4, 3), normal(5, 4), {"bidirectional": True, "bias": False}),
    Twin("GRU", (4, 3, 2), normal(2, 5, 4), {"batch_first": True, "bidirectional": True}),
    Twin("GRU", (4, 3, 2), normals((5, 2, 4), (2, 2, 3)), {"dropout": 0.5}, random=True),
    Twin("LSTM", (4, 3, 2), normal(5, 2, 4), {"bidirectional": True}),
    Twin("LSTM", (4, 5, 2), normal(2, 5, 4), {"batch_first": True, "proj_size": 3}),
    Twin("RNNCell", (4, 3), normals((2, 4), (2, 3))),
    Twin("GRUCell", (4, 3), normal(2, 4)),
    Twin("LSTMCell", (4, 3), normal(2, 4)),
    Twin("CrossEntropyLoss", (), labelled((3, 4), 4, 3), {"label_smoothing": 0.1}),
    Twin("NLLLoss", (), labelled((3, 4), 4, 3)),
    Twin("KLDivLoss", (), log_probabilities, {"reduction": "batchmean"}),
    *(Twin(name, (), normals((3, 4), (3, 4))) for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")),
    *(Twin(name, (), probabilities(3, 4)) for name in ("BCELoss", "BCEWithLogitsLoss")),
    Twin("SoftMarginLoss", (), probabilities(3, 4), wanted=1),
    Twin("MarginRankingLoss", (0.25,), signed((5,), (5,)), wanted=2),
    Twin("HingeEmbeddingLoss", (0.5,), signed((3, 4)), {"reduction": "sum"}, wanted=1),
    Twin("CosineEmbeddingLoss", (0.1,), signed((5, 4), (5, 4)), {"reduction": "none"}, wanted=2),
    Twin("TripletMarginLoss", (2.0, 1.5, 1e-3, True), normals((5, 4), (5, 4), (5, 4)), {"reduction": "none"}),
    Twin("CTCLoss", (), spelt),
    # activations
    *(
        Twin(name, (), IMAGES)
        for name in (
            *("CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardswish", "Hardtanh", "LeakyReLU", "SELU"),
            *("LogSigmoid", "Mish", "PReLU", "ReLU6", "SiLU", "Softmax2d", "Softplus", "Softshrink", "Softsign"),
            "Tanhshrink",
        )
    ),
    Twin("CELU", (0.7,), IMAGES, tolerance=1e-7),
    Twin("Hardsigmoid", (), IMAGES, tolerance=1e-7),
    Twin("ELU", (0.7,), IMAGES),
    Twin("GELU", ("tanh",), IMAGES),
    Twin("GLU", (1,), IMAGES),
    Twin("Hardtanh", (-0.5, 0.25), IMAGES),
    Twin("Hardshrink", (0.25,), IMAGES),
    Twin("LeakyReLU", (0.3,), IMAGES),
    Twin("PReLU", (4, 0.1), IMAGES),
    Twin("RReLU", (0.1, 0.4), IMAGES, random=True),
    Twin("Softmin", (1,), IMAGES),
    Twin("Softplus", (2.0, 0.5), IMAGES),
    Twin("Softshrink", (0.25,), IMAGES),
    Twin("Threshold", (0.1, -3.0), IMAGES),
    # dropouts
    *(Twin(name, (0.5,), IMAGES, random=True) for name in ("AlphaDropout", "FeatureAlphaDropout", "Dropout2d")),
    Twin("Dropout1d", (0.5,), LINE, random=True),
    Twin("Dropout3d", (0.5,), VOLUMES, random=True),
    # normalisation
    Twin("GroupNorm", (2, 4), IMAGES),
    Twin("GroupNorm", (4, 4, 1e-3, False), VOLUMES),
    *(
        Twin(f"InstanceNorm{axes}d", (4,), inputs, {"affine": True})
        for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))
    ),
    Twin("LayerNorm", ((7, 6),), IMAGES),
    Twin("LayerNorm", (6,), IMAGES, {"bias": False}),
    Twin("RMSNorm", (6,), IMAGES, {"eps": 1e-3}),
    Twin("LocalResponseNorm", (3, 0.1, 0.6, 2.0), IMAGES),
    # pools
    *(
        Twin(f"{kind}{axes}d", args, inputs)
        for kind, args in (("AdaptiveAvgPool", (3,)), ("AdaptiveMaxPool", (3,)), ("LPPool", (2, 2)))
        for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))
    ),
    Twin("AdaptiveAvgPool2d", ((None, 4),), IMAGES),
    Twin("AdaptiveMaxPool2d", ((2, None), True), IMAGES),
    Twin("MaxUnpool1d", (2,), pooled(8)),
    Twin("MaxUnpool2d", (2,), pooled(8, 6)),
    Twin("MaxUnpool3d", (2,), pooled(4, 4, 6)),
    # padding and shapes
    *(
        Twin(f"{kind}{axes}d", (padding, *more), inputs)
        for kind, more in (
            *(("ConstantPad", (1.5,)), ("ZeroPad", ()), ("ReflectionPad", ())),
            *(("ReplicationPad", ()), ("CircularPad", ())),
        )
        for axes, inputs, padding in (
            *((1, LINE, (1, 2)), (2, IMAGES, (1, 2, 3, 0))),
            (3, VOLUMES, 2),
        )
    ),
    Twin("Conv2d", (4, 6, 3), IMAGES, {"padding": 2, "padding_mode": "reflect"}),
    Twin("Conv1d", (4, 6, 3), LINE, {"padding": 1, "padding_mode": "circular"}),
    Twin("Unfold", (3,), IMAGES, {"padding": 1, "stride": (2, 1)}),
    Twin("Fold", ((5, 6), (2, 3)), normal(2, 12, 12), {"padding": (0, 1), "stride": (2, 1), "dilation": (2, 1)}),
    Twin("Fold", (4, 2), normal(8, 9)),
    Twin("Unflatten", (1, (2, -1)), IMAGES),
    Twin("PixelShuffle", (2,), IMAGES),
    Twin("PixelUnshuffle", (2,), normal(2, 4, 6, 8)),
    Twin("ChannelShuffle", (2,), IMAGES),
    *(
        Twin(f"ConvTranspose{axes}d", (4, 6, 3), inputs, {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2})
        for axes, inputs in ((1, LINE), (2, IMAGES), (3, VOLUMES))
    ),
    Twin("Upsample", (None, 2.0, "bilinear"), IMAGES, {"align_corners": True}),
    Twin("Upsample", ((9, 8),), IMAGES, {"mode": "bicubic"}),
    Twin("UpsamplingNearest2d", (None, 2), IMAGES),
    Twin("UpsamplingBilinear2d", ((9, 11),), IMAGES),
]
# Names of torch.nn that are no layers to be called on arrays; they have tests of their own.
CONTAINERS = {
    *(
        "Module",
        "ModuleDict",
        "ModuleList",
        "Parameter",
        "ParameterDict",
        "ParameterList",
        "Sequential",
        "init",
        "utils",
    ),
    *(name for name in tk.nn.__all__ if name.startswith("Lazy")),  # compared in test_lazy.py
}
