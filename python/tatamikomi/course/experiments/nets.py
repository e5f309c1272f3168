"""The small networks that several experiments vary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tatamikomi.autograd import Tensor
from tatamikomi.nn import (
    BatchNorm1d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)

Layer = Callable[[], Module]
WideLayer = Callable[[int], Module]  # of the number of channels

STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "Gaussian 0.01": partial(init.normal_, std=0.01),
    "Xavier": init.lecun_normal_,  # the course's 1 / sqrt(n_in)
    "He": partial(init.kaiming_normal_, nonlinearity="relu"),
}


def parameters(model: Module) -> int:
    """How many numbers a model learns.

    >>> import tatamikomi as tk
    >>> from tatamikomi.course.experiments.nets import parameters
    >>> parameters(tk.nn.Linear(3, 2))
    8
    """
    return sum(one.numel() for one in model.parameters())


def start(model: Module, how: str | float) -> Module:
    """Weights by one of `STARTS`, or normal with a standard deviation; zero biases.

    >>> import tatamikomi as tk
    >>> from tatamikomi.course.experiments.nets import start
    >>> start(tk.nn.Linear(2, 2), 0.0).weight.tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    fill: Callable[[Tensor], Tensor] = partial(init.normal_, std=how) if isinstance(how, float) else STARTS[how]
    for module in model.modules():
        if isinstance(module, (Linear, Conv2d)):
            fill(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
    return model


class CourseDropout(Dropout):
    """Dropout as the course writes it: a mask alone in training, x (1 - p) in evaluation; `Dropout` times 1 - p.

    >>> from tatamikomi.course.experiments.nets import CourseDropout
    >>> CourseDropout(0.25).eval()([4.0]).tolist()
    [3.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return super().forward(x) * (1 - self.p)


def perceptron(
    classes: int,
    hidden: Sequence[int] = (40, 20),
    activation: Layer = ReLU,
    how: str | float = "He",
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> Sequential:
    """Images of 28 x 28 through dense layers: each linear, [batch normalisation], activation, [the course's dropout].

    >>> from tatamikomi.course.experiments.nets import perceptron
    >>> [type(layer).__name__ for layer in perceptron(10, (40,), batch_norm=True)]
    ['Flatten', 'Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    """
    layers: list[Module] = [Flatten()]
    width = 784
    for size in hidden:
        layers.append(Linear(width, size))
        if batch_norm:
            layers.append(BatchNorm1d(size))
        layers.append(activation())
        if dropout:
            layers.append(CourseDropout(dropout))
        width = size
    net = Sequential(*layers, Linear(width, classes))
    start(net, how)
    return net


def convolutional(
    classes: int,
    widths: Sequence[int] = (8, 16),
    pool: WideLayer | None = None,
    *,
    norm: WideLayer | None = None,
    drop: Layer | None = None,
    head: Sequence[Module] | None = None,
) -> Sequential:
    """Blocks of 3 x 3 convolution, [norm], ReLU, [drop], pooling, and a head: means of the channels and linear.

    Args:
        classes: size of the output.
        widths: channels of the blocks.
        pool: makes what a block of so many channels ends with; max pooling of 2 x 2 when None.
        norm: makes a layer for so many channels.
        drop: makes a layer.
        head: other layers at the end.

    >>> from tatamikomi.course.experiments.nets import convolutional, parameters
    >>> parameters(convolutional(10, (4,)))
    90
    """
    layers: list[Module] = []
    before = 1
    for width in widths:
        layers.append(Conv2d(before, width, 3, padding=1))
        if norm is not None:
            layers.append(norm(width))
        layers.append(ReLU())
        if drop is not None:
            layers.append(drop())
        layers.append(MaxPool2d(2) if pool is None else pool(width))
        before = width
    tail = [GlobalAvgPool(), Flatten(), Linear(before, classes)] if head is None else list(head)
    net = Sequential(*layers, *tail)
    start(net, "He")
    return net
