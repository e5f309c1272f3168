"""Models by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.nn import Module
from tatamikomi.random import Generator

Builder = Callable[..., Module]
B = TypeVar("B", bound=Builder)

_builders: dict[str, Builder] = {}


def register(name: str) -> Callable[[B], B]:
    """Decorator: make a function that builds a model known to `create` under `name`.

    The function takes num_classes, in_channels and generator as keywords, and any options of its own.

    Raises:
        ValueError: the name is taken.

    >>> import tatamikomi as tk
    >>> @tk.models.register("perceptron-example")
    ... def perceptron(num_classes=10, in_channels=1, generator=None):
    ...     layer = tk.nn.Linear(in_channels * 784, num_classes, generator=generator)
    ...     return tk.nn.Sequential(tk.nn.Flatten(), layer)
    >>> "perceptron-example" in tk.models.list()
    True
    """

    def keep(builder: B) -> B:
        if name in _builders and _builders[name] is not builder:
            raise bad_value("register", "name", repr(name), "a name that is not taken")
        _builders[name] = builder
        return builder

    return keep


def create(
    name: str,
    num_classes: int = 10,
    in_channels: int = 1,
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    **options: Any,
) -> Module:
    """Build a model.

    Args:
        name: see `tk.models.list()`.
        num_classes: size of the output.
        in_channels: channels of the input.
        seed: draw the initial values from `Generator(seed)`.
        generator: draw them from this Generator; the default one when neither is given.
        **options: the model's own, such as image_size.

    Raises:
        ValueError: an unknown name (the message lists the valid ones), both seed and generator, or what the
            model says.
        TypeError: an argument of the wrong kind, or an option that the model does not have.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("lenet5", seed=1)
    >>> sum(parameter.numel() for parameter in net.parameters())
    61706
    """
    if not isinstance(name, str):
        raise bad_type("create", "name", type(name).__name__, "a string")
    if name not in _builders:
        raise unknown_name("create", "name", name, names())
    if seed is not None:
        if generator is not None:
            raise bad_value("create", "seed", seed, "None when a generator is given")
        generator = Generator(seed)
    return _builders[name](num_classes=num_classes, in_channels=in_channels, generator=generator, **options)


def names() -> list[str]:
    """The names that `create` knows, sorted; `tk.models.list()` is this function.

    >>> import tatamikomi as tk
    >>> "deep_convnet" in tk.models.list()
    True
    """
    return sorted(_builders)
