"""The promise of each instruction set: the same bits for any number of threads, and for a sample in any batch."""

from __future__ import annotations

import pytest

import tatamikomi as tk
from tests.engines import EVERY_NATIVE, engine
from tests.op_specs.running import DTYPES, assert_same_bits, make_call, samples

THREADS = (1, 2, 3, 7)


@pytest.mark.parametrize(("direction", "sample"), samples(lambda spec, direction, sample: True))
def test_threads_do_not_change_bits(direction, sample):
    for dtype in DTYPES:
        call = make_call(direction, sample, dtype, integers=False)
        for name in EVERY_NATIVE:
            with engine(name):
                with tk.threads(1):
                    expected = direction.run(call)
                for count in THREADS:
                    with tk.threads(count):
                        assert_same_bits(direction.run(call), expected, f"{count} threads, {dtype}, {name}")


@pytest.mark.parametrize(
    ("direction", "sample"), samples(lambda spec, direction, sample: direction.split is not None and sample.split)
)
def test_batches_do_not_change_bits(direction, sample):
    """Each sample alone, and the rest of the batch, give what the whole batch gave."""
    for dtype in DTYPES:
        call = make_call(direction, sample, dtype, integers=False)
        for name in EVERY_NATIVE:
            with engine(name), tk.threads(2):
                whole = direction.run(call)
                for part in (slice(0, 1), slice(1, 2), slice(2, None), slice(-1, None)):
                    pieces = direction.run(direction.split(call, part))
                    expected = tuple(direction.joined(call, one, part) for one in whole)
                    assert_same_bits(pieces, expected, f"batch {part}, {dtype}, {name}")
