"""The small convolutional networks that the first lessons train on digits."""

from __future__ import annotations

from collections import OrderedDict

from tatamikomi.errors import bad_value
from tatamikomi.models.registry import register
from tatamikomi.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential, init
from tatamikomi.random import Generator


def _assemble(features: list[Module], classifier: list[Module]) -> Sequential:
    """Two named halves, as in torchvision: keys begin with "features." and "classifier."."""
    return Sequential(OrderedDict(features=Sequential(*features), classifier=Sequential(*classifier)))


def _start(net: Module, std: float | None, generator: Generator | None) -> None:
    """Normal weights (He's standard deviation when `std` is None) and zero biases."""
    for module in net.modules():
        if isinstance(module, (Conv2d, Linear)):
            if std is None:
                init.kaiming_normal_(module.weight, generator=generator)
            else:
                init.normal_(module.weight, 0.0, std, generator)
            if module.bias is not None:
                init.zeros_(module.bias)


def _pooled(op: str, image_size: int, size: int) -> int:
    """The side after a pooling, which has to be positive."""
    if size < 1:
        raise bad_value(op, "image_size", image_size, "an image that the layers do not shrink to nothing")
    return size


@register("simple_convnet")
def simple_convnet(
    num_classes: int = 10, in_channels: int = 1, generator: Generator | None = None, *, image_size: int = 28
) -> Sequential:
    """One convolution: conv 30 of 5x5 - ReLU - pool 2 - linear 100 - ReLU - linear num_classes.

    Weights are normal with standard deviation 0.01, biases zero. 433,890 parameters for 28x28 images.

    Shape: (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    >>> import tatamikomi as tk
    >>> net = tk.models.create("simple_convnet")
    >>> sum(parameter.numel() for parameter in net.parameters())
    433890
    """
    side = _pooled("simple_convnet", image_size, (image_size - 4) // 2)
    net = _assemble(
        [Conv2d(in_channels, 30, 5, generator=generator), ReLU(), MaxPool2d(2)],
        [
            Flatten(),
            Linear(30 * side * side, 100, generator=generator),
            ReLU(),
            Linear(100, num_classes, generator=generator),
        ],
    )
    _start(net, 0.01, generator)
    return net


@register("double_convnet")
def double_convnet(
    num_classes: int = 10, in_channels: int = 1, generator: Generator | None = None, *, image_size: int = 28
) -> Sequential:
    """Two convolutions: conv 30 of 5x5 - ReLU, twice - pool 2 - linear 100 - ReLU - linear num_classes.

    He's initialisation. 324,420 parameters for 28x28 images.

    Shape: (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    >>> import tatamikomi as tk
    >>> net = tk.models.create("double_convnet")
    >>> sum(parameter.numel() for parameter in net.parameters())
    324420
    """
    side = _pooled("double_convnet", image_size, (image_size - 8) // 2)
    net = _assemble(
        [
            Conv2d(in_channels, 30, 5, generator=generator),
            ReLU(),
            Conv2d(30, 30, 5, generator=generator),
            ReLU(),
            MaxPool2d(2),
        ],
        [
            Flatten(),
            Linear(30 * side * side, 100, generator=generator),
            ReLU(),
            Linear(100, num_classes, generator=generator),
        ],
    )
    _start(net, None, generator)
    return net


@register("keras_example")
def keras_example(
    num_classes: int = 10, in_channels: int = 1, generator: Generator | None = None, *, image_size: int = 28
) -> Sequential:
    """Keras' small network: conv 32 of 3x3 - pool 2 - conv 64 of 3x3 - pool 2 - linear 128 - linear num_classes.

    ReLU after every layer but the last. Keras' initialisation: Glorot's uniform weights, zero biases. 225,034
    parameters for 28x28 images: 320, 18,496, 204,928 and 1,290.

    Shape: (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    >>> import tatamikomi as tk
    >>> net = tk.models.create("keras_example")
    >>> [layer.weight.numel() + layer.bias.numel() for half in net for layer in half if hasattr(layer, "weight")]
    [320, 18496, 204928, 1290]
    """
    side = _pooled("keras_example", image_size, ((image_size - 2) // 2 - 2) // 2)
    net = _assemble(
        [
            Conv2d(in_channels, 32, 3, generator=generator),
            ReLU(),
            MaxPool2d(2),
            Conv2d(32, 64, 3, generator=generator),
            ReLU(),
            MaxPool2d(2),
        ],
        [
            Flatten(),
            Linear(64 * side * side, 128, generator=generator),
            ReLU(),
            Linear(128, num_classes, generator=generator),
        ],
    )
    for layer in net.modules():
        if isinstance(layer, (Conv2d, Linear)):
            init.glorot_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                init.zeros_(layer.bias)
    return net


@register("deep_convnet")
def deep_convnet(
    num_classes: int = 10,
    in_channels: int = 1,
    generator: Generator | None = None,
    *,
    image_size: int = 28,
    dropout: float = 0.5,
) -> Sequential:
    """Six 3x3 convolutions: 16-16-pool-32-32-pool-64-64-pool, linear 50, dropout, linear, dropout.

    ReLU after every layer but the last; padding 1, and 2 at the fourth convolution; He's initialisation. The
    second dropout works on the logits themselves. 123,552 parameters for 28x28 images.

    Shape: (N, in_channels, image_size, image_size) -> logits (N, num_classes).

    >>> import tatamikomi as tk
    >>> net = tk.models.create("deep_convnet")
    >>> sum(parameter.numel() for parameter in net.parameters())
    123552
    """
    features: list[Module] = []
    channels, side = in_channels, image_size
    for width, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
        for padding in paddings:
            features += [Conv2d(channels, width, 3, padding=padding, generator=generator), ReLU()]
            channels, side = width, side + 2 * (padding - 1)
        features.append(MaxPool2d(2))
        side = _pooled("deep_convnet", image_size, side // 2)
    classifier: list[Module] = [
        Flatten(),
        Linear(channels * side * side, 50, generator=generator),
        ReLU(),
        Dropout(dropout),
        Linear(50, num_classes, generator=generator),
        Dropout(dropout),
    ]
    net = _assemble(features, classifier)
    _start(net, None, generator)
    return net


@register("lenet5")
def lenet5(
    num_classes: int = 10, in_channels: int = 1, generator: Generator | None = None, *, image_size: int = 28
) -> Sequential:
    """LeNet-5: conv 6 of 5x5 - pool 2 - conv 16 of 5x5 - pool 2 - linear 120 - 84 - num_classes.

    The first convolution pads 28x28 images by 2, to the 32x32 of the paper; 32x32 images are not padded. ReLU
    and max pooling stand where the paper has tanh and a trained subsampling, and the second convolution sees
    all six maps. The layers' default initialisation. 61,706 parameters.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", 1998.

    Shape: (N, in_channels, 28, 28), or 32 by 32 with image_size=32 -> logits (N, num_classes).

    >>> import tatamikomi as tk
    >>> net = tk.models.create("lenet5")
    >>> sum(parameter.numel() for parameter in net.parameters())
    61706
    """
    if image_size not in (28, 32):
        raise bad_value("lenet5", "image_size", image_size, "28 or 32")
    padding = (32 - image_size) // 2
    return _assemble(
        [
            Conv2d(in_channels, 6, 5, padding=padding, generator=generator),
            ReLU(),
            MaxPool2d(2),
            Conv2d(6, 16, 5, generator=generator),
            ReLU(),
            MaxPool2d(2),
        ],
        [
            Flatten(),
            Linear(400, 120, generator=generator),
            ReLU(),
            Linear(120, 84, generator=generator),
            ReLU(),
            Linear(84, num_classes, generator=generator),
        ],
    )
