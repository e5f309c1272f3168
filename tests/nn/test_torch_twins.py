"""Every layer against torch's of that name: the same state_dict both ways, values, gradients, train and eval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.nn.torch_twins import CONTAINERS, TWINS, Twin

import tatamikomi as tk

torch = pytest.importorskip("torch")


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
            assert np.allclose(one.numpy(), other.detach().numpy(), rtol=twin.tolerance, atol=1e-12)
        dys = [random.standard_normal(one.shape) for one in y]
        for one, other, dy in zip(y, expected, dys, strict=True):
            if other.requires_grad:
                one.backward(dy, retain_graph=True)
                other.backward(torch.from_numpy(dy), retain_graph=True)
        for one, other in zip(mine, their, strict=True):
            if other.grad is not None:
                assert np.allclose(one.grad.numpy(), other.grad.numpy(), rtol=twin.tolerance, atol=1e-11)
        gradients = {name: one.grad for name, one in theirs.named_parameters()}
        for name, parameter in ours.named_parameters():
            assert np.allclose(parameter.grad.numpy(), gradients[name].numpy(), rtol=twin.tolerance, atol=1e-11), name
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
