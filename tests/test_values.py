"""Values of every operation, direction and sample against the oracles, by the reference and on each instruction set.

Small integers must come out exactly; real numbers within the bound that the computation itself gives. Outputs start
full of NaN between guard zones, inputs are read-only.
"""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tests.engines import EVERY_NATIVE, engine
from tests.op_specs import SPECS
from tests.op_specs.running import (
    DTYPES,
    assert_within,
    directions,
    draw_for,
    expectation,
    make_call,
    run_guarded,
    samples,
)
from tests.op_specs.spec import Call, as_tuple

EVERY_ENGINE = ["reference", *EVERY_NATIVE]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("direction", "sample"), samples(lambda spec, direction, sample: direction.exact and not sample.big)
)
def test_integers_exactly(direction, sample, dtype):
    expected, errors = expectation(direction, sample, dtype, integers=True)
    for name in EVERY_ENGINE:
        with engine(name):
            results = run_guarded(direction, make_call(direction, sample, dtype, integers=True))
        assert_within(results, expected, errors, name)


@pytest.mark.parametrize("direction", directions(lambda spec, direction: direction.exact))
def test_integers_are_not_mostly_zeros(direction):
    """An implementation that writes zeros must not look right."""
    small = [one for one in direction.samples if not one.big]
    expected = [one for sample in small for one in expectation(direction, sample, "float64", integers=True)[0]]
    assert 10 * sum(map(np.count_nonzero, expected)) > sum(one.size for one in expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("direction", "sample"), samples())
def test_real_numbers_within_their_bound(direction, sample, dtype):
    """Every engine against the oracle, and against the reference: each may be off in its own direction."""
    expected, errors = expectation(direction, sample, dtype, integers=False)
    results = {}
    for name in EVERY_ENGINE:
        with engine(name):
            results[name] = run_guarded(direction, make_call(direction, sample, dtype, integers=False))
        assert_within(results[name], expected, errors, name)
        for one in results[name]:
            assert one.dtype == (direction.dtype or (dtype if one.dtype.kind == "f" else np.int64))
    for name in EVERY_NATIVE:
        both = tuple(2 * one for one in errors)
        assert_within(results[name], results["reference"], both, f"{name} and reference")


def in_double(direction):
    """The reference in float64: too large a sample for loops, and the small ones have proved it."""

    def run(*args, **kwargs):
        def widen(value):
            if isinstance(value, list):
                return [widen(one) for one in value]
            return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

        call = Call(tuple(map(widen, args)), {name: widen(value) for name, value in kwargs.items()})
        with tk.backend("reference"):
            return direction.run(call)

    return run


@pytest.mark.parametrize(
    ("direction", "sample"), samples(lambda spec, direction, sample: spec.kind == "kernel" and sample.big)
)
def test_big_samples(direction, sample):
    """float32 on each instruction set against the reference in float64, within the same bounds."""
    call = make_call(direction, sample, "float32", integers=False)
    oracle = direction.oracle if direction.dtype else in_double(direction)
    errors = direction.bound(oracle, call, "float32")
    # The reference's own error in float64 is 2**-29 of the bound, where results and bounds are of one size.
    errors = tuple(one * (1 + 2.0**-20) for one in errors)
    expected = as_tuple(oracle(*call.args, **call.kwargs))
    for name in EVERY_NATIVE:
        with engine(name):
            results = direction.run(call)
        assert_within(results, expected, errors, name)


@pytest.mark.parametrize("name", EVERY_ENGINE)
@pytest.mark.parametrize(
    "identity",
    [pytest.param(one, id=f"{spec.name}-{one.label}") for spec in SPECS for one in spec.identities],
)
def test_adjoint_identities(identity, name):
    """In float64, where sums of products of small integers are exact in any order."""
    with engine(name):
        pairs = list(identity.numbers(draw_for(identity.label, "float64", integers=True)))
    assert pairs
    for left, right in pairs:
        assert left == right
