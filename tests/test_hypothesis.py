"""Shapes and options that nobody thought of: convolution and pooling on random geometries, exact on small integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamikomi as tk
from tests.op_specs.spec import Draw
from tests.oracles import conv as conv_oracle
from tests.oracles import pool as pool_oracle

hypothesis = pytest.importorskip("hypothesis")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies

# Time is what a shared machine makes of it; the same examples in every run.
CALM = settings(max_examples=60, deadline=None, derandomize=True, database=None)
DTYPES = st.sampled_from(["float32", "float64"])


@st.composite
def windows(draw: Any, dilated: bool = True, blind: bool = True) -> tuple[Any, ...]:
    """sizes, kernel, stride, padding pairs, dilation; the kernel fits, and unless blind every window sees something."""
    axes = draw(st.integers(1, 3))
    largest = {1: 40, 2: 19, 3: 7}[axes]
    rows = []
    for _ in range(axes):
        size, dilation = draw(st.integers(1, largest)), draw(st.integers(1, 3)) if dilated else 1
        kernel = draw(st.integers(1, 5))
        span = (kernel - 1) * dilation + 1
        most = 4 if blind else min(kernel // 2, 3)
        before, after = draw(st.integers(0, most)), draw(st.integers(0, most))
        if not blind and (dilation > 1 or span > size):
            kernel, dilation, before, after = draw(st.integers(1, size)), 1, 0, 0
            span = kernel
        if span > size + before + after:
            size = span
        rows.append((size, kernel, draw(st.integers(1, 4)), (before, after), dilation))
    return tuple(zip(*rows, strict=True))


def fits(results: Any, expected: Any) -> None:
    assert results.shape == expected.shape
    assert np.array_equal(results, expected)


@pytest.mark.parametrize("backend", ["native", "reference"])
@CALM
@given(
    window=windows(),
    n=st.integers(0, 3),
    groups=st.integers(1, 3),
    ic=st.integers(1, 5),
    oc=st.integers(1, 7),
    bias=st.booleans(),
    dtype=DTYPES,
    seed=st.integers(0, 1000),
)
def test_convolution(backend, window, n, groups, ic, oc, bias, dtype, seed):
    sizes, kernel, stride, padding, dilation = window
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    draw = Draw(seed, dtype, integers=True)
    x, weight = draw(n, groups * ic, *sizes), draw(groups * oc, ic, *kernel)
    b = draw(groups * oc) if bias else None
    expected = conv_oracle.forward(x, weight, b, **options)
    dy = draw(*expected.shape)
    with tk.backend(backend):
        fits(tk.kernels.conv_forward(x, weight, b, **options), expected)
        dx = tk.kernels.conv_backward_input(dy, weight, x.shape, **options)
        dweight = tk.kernels.conv_backward_weight(dy, x, weight.shape, **options)
    fits(dx, conv_oracle.backward_input(dy, weight, x.shape, **options))
    fits(dweight, conv_oracle.backward_weight(dy, x, weight.shape, **options))


@pytest.mark.parametrize("backend", ["native", "reference"])
@CALM
@given(
    size=st.integers(1, 33),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_same_padding_gives_ceil_of_size_over_stride(backend, size, kernel, stride, dilation, seed):
    draw = Draw(seed, "float32", integers=True)
    x, weight = draw(2, 2, size), draw(3, 2, kernel)
    with tk.backend(backend):
        y = tk.kernels.conv_forward(x, weight, None, stride, "same", dilation)
    assert y.shape == (2, 3, -(-size // stride))
    fits(y, conv_oracle.forward(x, weight, None, stride, "same", dilation))


@pytest.mark.parametrize("backend", ["native", "reference"])
@CALM
@given(window=windows(blind=False), ceil=st.booleans(), n=st.integers(0, 2), dtype=DTYPES, seed=st.integers(0, 1000))
def test_max_pooling(backend, window, ceil, n, dtype, seed):
    sizes, kernel, stride, padding, dilation = window
    draw = Draw(seed, dtype, integers=True)  # few values: many ties
    x = draw(n, 2, *sizes)
    expected, expected_indices = pool_oracle.max_pool_forward(x, kernel, stride, padding, dilation, ceil)
    dy = draw(*expected.shape)
    with tk.backend(backend):
        y, indices = tk.kernels.max_pool_forward(x, kernel, stride, padding, dilation, ceil)
        dx = tk.kernels.max_pool_backward(dy, indices, x.shape)
    fits(y, expected)
    fits(indices, expected_indices)
    fits(dx, pool_oracle.max_pool_backward(dy, expected_indices, x.shape))


@pytest.mark.parametrize("backend", ["native", "reference"])
@CALM
@given(
    window=windows(dilated=False, blind=False),
    ceil=st.booleans(),
    include=st.booleans(),
    n=st.integers(0, 2),
    dtype=DTYPES,
    seed=st.integers(0, 1000),
)
def test_average_pooling(backend, window, ceil, include, n, dtype, seed):
    """A sum of small integers is exact, so that one division rounds: correctly, through float64 as well."""
    sizes, kernel, stride, padding, _ = window
    x = Draw(seed, dtype, integers=True)(n, 2, *sizes)
    expected, _ = pool_oracle.avg_pool_forward(x, kernel, stride, padding, ceil, include, None)
    with tk.backend(backend):
        y = tk.kernels.avg_pool_forward(x, kernel, stride, padding, ceil, include)
    fits(y, expected.astype(dtype))
