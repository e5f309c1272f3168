"""What is wrong raises, and says so: operation, argument, what was expected, what was given."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tatamikomi as tk
from tests.op_specs import SPECS
from tests.op_specs.running import BACKENDS, directions, make_call
from tests.op_specs.spec import Call

CASES = [pytest.param(one, id=f"{spec.name}-{one.label}") for spec in SPECS for one in spec.errors]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_messages(case, backend):
    with tk.backend(backend), pytest.raises(case.exception, match=case.pattern) as caught:
        case.call()
    assert type(caught.value) is case.exception
    assert len(caught.value.args) == 1
    assert isinstance(caught.value.args[0], str), "a message that is no text"


def array_arguments(direction):
    """A call, and (position, name) of its arrays."""
    sample = next(one for one in direction.samples if not one.big)
    call = make_call(direction, sample, "float32", True)
    names = list(inspect.signature(getattr(tk.kernels, direction.name)).parameters)
    return call, [(i, names[i]) for i, value in enumerate(call.args) if isinstance(value, np.ndarray)]


# What no array argument takes: (what, how it is made of a right one, exception, what the message says it got)
WRONG = {
    "None": (lambda array: None, TypeError, "None"),
    "complex": (lambda array: array.astype(np.complex64), TypeError, "complex64"),
    "objects": (lambda array: array.astype(object), TypeError, "object"),
    "half precision": (lambda array: array.astype(np.float16), TypeError, "float16"),
    "bool": (lambda array: array.astype(bool), TypeError, "bool"),
    "text": (lambda array: "text", TypeError, ""),
    "a ragged list": (lambda array: [[1.0], [1.0, 2.0]], ValueError, "ragged"),
    "integers": (lambda array: array.astype(np.int32), TypeError, "int32"),
    "another precision": (lambda array: array.astype(np.float64), TypeError, "float"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize(
    "direction", directions(lambda spec, direction: spec.kind == "kernel" and direction.function is None)
)
def test_every_array_argument_is_checked(direction, what):
    change, exception, given = WRONG[what]
    call, arguments = array_arguments(direction)
    assert arguments
    for position, name in arguments:
        right = call.args[position]
        if what == "None" and inspect_default(direction, name) is None:
            continue  # it may be left out
        if right.dtype.kind != "f" and what in ("integers", "another precision"):
            continue
        if what == "half precision" and right.dtype == np.float16:
            continue  # which is what it takes
        if what == "another precision" and sum(call.args[i].dtype.kind == "f" for i, _ in arguments) == 1:
            continue
        args = list(call.args)
        args[position] = change(right)
        named = "[a-z_]+" if what == "another precision" else name  # of two precisions either may be the wrong one
        pattern = rf"^{direction.name}: {named}: expected .*got .*{given}"
        with pytest.raises(exception, match=pattern):
            direction.run(Call(tuple(args), call.kwargs))


def inspect_default(direction, name):
    return inspect.signature(getattr(tk.kernels, direction.name)).parameters[name].default
