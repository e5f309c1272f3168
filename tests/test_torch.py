"""torch as a second opinion, where it is installed: both are within their error bounds of the same truth."""

from __future__ import annotations

import numpy as np
import pytest

from tests.op_specs.running import assert_within, make_call, samples
from tests.op_specs.spec import Call, as_tuple

torch = pytest.importorskip("torch")


def as_tensors(call):
    def each(value):
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    return Call(tuple(map(each, call.args)), {name: each(value) for name, value in call.kwargs.items()})


@pytest.mark.parametrize(
    ("direction", "sample"),
    samples(lambda spec, direction, sample: direction.twin is not None and not sample.big and sample.torch),
)
def test_torch_agrees(direction, sample):
    call = make_call(direction, sample, "float64", False)
    theirs = tuple(one.numpy() for one in as_tuple(direction.twin(torch, as_tensors(call))))
    ours = direction.run(call)[: len(theirs)]
    assert_within(ours, theirs, tuple(2 * one for one in direction.errors(call, "float64")[: len(theirs)]), "torch")
