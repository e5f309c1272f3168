"""Every layer against torch's of that name: the same state_dict both ways, values, gradients, train and eval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tatamikomi as tk

torch = pytest.importorskip("torch")

Array = np.ndarray


class Twin(NamedTuple):
    """A layer of both libraries: its arguments, and what it is called with."""

    name: str
    args: tuple[Any, ...]
    inputs: Callable[[np.random.Generator], tuple[Any, ...]]
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    random: bool = False  # in training; only eval is compared
    wanted: int = 3  # so many of the first inputs get a gradient, if they are floats


def normal(*shape: int) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: (random.standard_normal(shape),)


def normals(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[Array, ...]]:
    return lambda random: tuple(random.standard_normal(shape) for shape in shapes)


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
    Twin("CTCLoss", (), spelt),
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


def flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [one for part in value for one in flat(part)]
    return [value]


def both(twin: Twin) -> tuple[Any, Any]:
    """A layer of each, with torch's parameters."""
    theirs = getattr(torch.nn, twin.name)(*twin.args, **twin.options).double()
    ours = getattr(tk.nn, twin.name)(*twin.args, **twin.options)
    wide = {name: value.numpy() for name, value in theirs.state_dict().items()}
    layer = ours.to(np.float64) if hasattr(ours, "to") else ours
    if not hasattr(ours, "to") and any(value.dtype == np.float64 for value in wide.values()):
        layer = getattr(tk.nn, twin.name)(*twin.args, **twin.options, dtype=np.float64)
    layer.load_state_dict(wide)
    return layer, theirs


@pytest.mark.parametrize("twin", [pytest.param(one, id=f"{one.name} {i}") for i, one in enumerate(TWINS)])
def test_layer_is_torchs(twin):
    ours, theirs = both(twin)
    random = np.random.default_rng(0)
    for training in (False,) if twin.random else (True, False):
        ours.train(training)
        theirs.train(training)
        arrays = twin.inputs(random)
        leaves = [one.dtype.kind == "f" and i < twin.wanted for i, one in enumerate(arrays)]
        mine = [tk.tensor(one, requires_grad=True) if leaf else one for one, leaf in zip(arrays, leaves, strict=True)]
        their = [torch.from_numpy(one).requires_grad_(leaf) for one, leaf in zip(arrays, leaves, strict=True)]
        y, expected = flat(ours(*mine)), flat(theirs(*their))
        for one, other in zip(y, expected, strict=True):
            assert np.allclose(one.numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-12)
        dys = [random.standard_normal(one.shape) for one in y]
        for one, other, dy in zip(y, expected, dys, strict=True):
            if other.requires_grad:
                one.backward(dy, retain_graph=True)
                other.backward(torch.from_numpy(dy), retain_graph=True)
        for one, other in zip(mine, their, strict=True):
            if other.grad is not None:
                assert np.allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-9, atol=1e-11)
        gradients = {name: one.grad for name, one in theirs.named_parameters()}
        for name, parameter in ours.named_parameters():
            assert np.allclose(parameter.grad.numpy(), gradients[name].numpy(), rtol=1e-9, atol=1e-11), name
        ours.zero_grad()
        theirs.zero_grad()
    after, expected = ours.state_dict(), theirs.state_dict()
    assert list(after) == list(expected)
    for name, value in after.items():
        assert np.allclose(value, expected[name].numpy()), name
    theirs.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in after.items()})


@pytest.mark.parametrize("name", [name for name in tk.nn.__all__ if hasattr(torch.nn, name)])
def test_every_layer_that_torch_has_is_compared(name):
    assert name in CONTAINERS or name in {twin.name for twin in TWINS}
