"""Models by name."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.models.weights import load_weights
from tatamikomi.nn import Module
from tatamikomi.nn.init.common import postponed
from tatamikomi.random import Generator

Builder = Callable[..., Module]
B = TypeVar("B", bound=Builder)

TASKS = ("classification", "segmentation", "sequence", "reconstruction", "detection")

_builders: dict[str, Builder] = {}
_tasks: dict[str, str] = {}


def register(name: str, task: str = "classification") -> Callable[[B], B]:
    """Decorator: make a function or class that builds a model known to `create` under `name`.

    It takes num_classes, in_channels and generator as keywords, each with a default of its own, and any options of its
    own. `task` is "classification" (images to logits), "segmentation" (logits for every place), "sequence" (logits for
    every step), "reconstruction" (x to x) or "detection" (boxes and classes: `tk.models.detection.Detector`).

    Raises:
        ValueError: the name is taken, or an unknown task.

    >>> import tatamikomi as tk
    >>> @tk.models.register("perceptron-example")
    ... def perceptron(num_classes=10, in_channels=1, generator=None):
    ...     layer = tk.nn.Linear(in_channels * 784, num_classes, generator=generator)
    ...     return tk.nn.Sequential(tk.nn.Flatten(), layer)
    >>> "perceptron-example" in tk.models.list()
    True
    """
    if task not in TASKS:
        raise unknown_name("register", "task", task, TASKS)

    def keep(builder: B) -> B:
        if name in _builders and _builders[name] is not builder:
            raise bad_value("register", "name", repr(name), "a name that is not taken")
        _builders[name] = builder
        _tasks[name] = task
        return builder

    return keep


def register_variant(name: str, family: Builder, *, task: str = "classification", **fixed: Any) -> None:
    """Make `family` with some of its options fixed known to `create` under `name`."""
    builder = partial(family, **fixed)
    builder.__doc__ = family.__doc__
    register(name, task)(builder)


def create(
    name: str,
    num_classes: int | None = None,
    in_channels: int | None = None,
    *,
    seed: int | None = None,
    generator: Generator | None = None,
    weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    **options: Any,
) -> Module:
    """Build a model.

    Args:
        name: see `tk.models.list()`.
        num_classes: size of the output; None is the model's own, 10 for networks on digits, 1000 for those on ImageNet.
        in_channels: channels of the input; None is the model's own, 1 for networks on digits, 3 for those on photos.
        seed: draw the initial values from `Generator(seed)`.
        generator: draw them from this Generator; the default one when neither is given.
        weights: load this in the place of initial values, which are not drawn then: a .safetensors, .npz, .pth or .pt
            file, or names to arrays, such as `tk.io.load_pth(path, "model")`; see `load_weights`.
        **options: the model's own, such as image_size; see `tk.models.options(name)`.

    Raises:
        ValueError: an unknown name (the message lists the valid ones), two of seed, generator and weights, what the
            model says, or weights that do not fit, each with its name and shape.
        TypeError: an argument of the wrong kind, or an option that the model does not have.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("lenet5", seed=1)
    >>> sum(parameter.numel() for parameter in net.parameters())
    61706
    """
    builder = _find("create", name)
    if weights is not None and (seed is not None or generator is not None):
        raise bad_value("create", "weights", "a seed or generator", "neither with weights")
    if seed is not None:
        if generator is not None:
            raise bad_value("create", "seed", seed, "None when a generator is given")
        generator = Generator(seed)
    if num_classes is not None:
        options["num_classes"] = num_classes
    if in_channels is not None:
        options["in_channels"] = in_channels
    if getattr(builder, "func", builder).__module__.startswith("tatamikomi."):
        with postponed() as waiting:  # what layers draw and the network draws anew is drawn once
            net = builder(generator=generator, **options)
            if weights is not None:
                for parameter in net.parameters():
                    waiting.pop(id(parameter), None)
    else:
        net = builder(generator=generator, **options)
    if weights is not None:
        load_weights(net, weights)
    return net


def names(task: str | None = None) -> list[str]:
    """The names that `create` knows, sorted, or those of one task; `tk.models.list()` is this function.

    Raises:
        ValueError: an unknown task; `register` tells them.

    >>> import tatamikomi as tk
    >>> "deep_convnet" in tk.models.list()
    True
    >>> "deep_convnet" in tk.models.list("segmentation")
    False
    """
    if task is not None and task not in TASKS:
        raise unknown_name("list", "task", task, TASKS)
    return sorted(name for name in _builders if task in (None, _tasks[name]))


def options(name: str) -> dict[str, Any]:
    """What `create(name, ...)` takes, and the defaults.

    Raises:
        TypeError, ValueError: as `create` for a name.

    >>> import tatamikomi as tk
    >>> tk.models.options("deep_convnet")
    {'num_classes': 10, 'in_channels': 1, 'generator': None, 'image_size': 28, 'dropout': 0.5}
    """
    parameters = inspect.signature(_find("options", name)).parameters.values()
    return {one.name: one.default for one in parameters}


def _find(op: str, name: object) -> Builder:
    if not isinstance(name, str):
        raise bad_type(op, "name", type(name).__name__, "a string")
    if name not in _builders:
        raise unknown_name(op, "name", name, names())
    return _builders[name]
