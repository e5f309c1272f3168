"""The samples reach what they are meant to reach: every algorithm of every list, with every option."""

from __future__ import annotations

import numpy as np
import pytest
from tests.op_specs import conv

from tatamikomi import _native, geometry
from tatamikomi.kernels.algorithm import POLICIES

DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def shape_of(case):
    return geometry.conv_shape("test", case.x, case.weight, **{**DEFAULTS, **case.options})


def can(direction, algorithm, case):
    """Whether it runs where it is preferred, as tests/kernels/test_conv_algorithms.py does with every case."""
    listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape_of(case), POLICIES[algorithm])
    return any(name == algorithm and not why for name, why, *_ in listed)


TRAITS = {
    "1 axis": lambda case: len(case.kernel) == 1,
    "2 axes": lambda case: len(case.kernel) == 2,
    "3 axes": lambda case: len(case.kernel) == 3,
    "stride": lambda case: case.options.get("stride", 1) != 1,
    "dilation": lambda case: case.options.get("dilation", 1) != 1,
    "groups": lambda case: case.options.get("groups", 1) > 1,
    "asymmetric padding": lambda case: (
        isinstance(case.options.get("padding", 0), tuple)
        and any(isinstance(one, tuple) and one[0] != one[1] for one in case.options["padding"])
    ),
    "same": lambda case: case.options.get("padding") == "same",
    "everything": lambda case: len(case.options) == 4,
}
# Traits that an algorithm cannot take; tests/kernels/test_conv_algorithms.py checks it, forced, on all the others.
BEYOND = {
    "matmul": {"groups", "everything"},
    "winograd_f2": {"1 axis"},
    "winograd_strided": {"1 axis", "dilation", "everything"},
    "fft": {"3 axes", "everything"},  # columns are laid along rows; a stride of other axes
}
DIRECTIONS = ["forward", "backward_input", "backward_weight"]
NAMES = {
    direction: [
        name for name, *_ in _native.conv_algorithms(direction, np.dtype(np.float32), shape_of(conv.CASES[0]), 0)
    ]
    for direction in DIRECTIONS
}


@pytest.mark.parametrize("trait", TRAITS)
@pytest.mark.parametrize(
    ("direction", "algorithm"), [(direction, name) for direction in DIRECTIONS for name in NAMES[direction]]
)
def test_every_algorithm_meets_every_option(direction, algorithm, trait):
    """In a sample whose values are checked."""
    checked = [case for case in conv.CASES if not case.big and TRAITS[trait](case)]
    assert any(can(direction, algorithm, case) for case in checked) == (trait not in BEYOND.get(algorithm, ()))
