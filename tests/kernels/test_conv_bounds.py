"""Convolution reads nothing past the end of its inputs, which end where a page that may not be read begins."""

from __future__ import annotations

import subprocess
import sys

import pytest

GUARD = """
import ctypes, mmap, sys
import numpy as np
import tatamikomi as tk
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
page = mmap.PAGESIZE
whole = mmap.mmap(-1, 17 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(whole))
assert libc.mprotect(start + 16 * page, page, 0) == 0
def at_the_end(a):
    to = np.frombuffer(whole, a.dtype, a.size, 16 * page - a.nbytes).reshape(a.shape)
    to[...] = a
    return to
"""
AT_THE_END = (
    GUARD
    + """
rng = np.random.default_rng(5)
for n, channels, size, groups in ((1, 20, 7, 1), (2, 20, 7, 2), (2, 3, 1, 1), (1, 16, 13, 2), (3, 8, 16, 1),
                                  (1, 200, 6, 1)):
    a = rng.integers(-2, 3, (n, channels, size, size)).astype(sys.argv[2])
    weight = rng.integers(-2, 3, (12 * groups, channels // groups, 1, 1)).astype(a.dtype)
    back = rng.integers(-2, 3, (channels, 8 // groups, 1, 1)).astype(a.dtype)
    for call in (lambda a: tk.kernels.conv_forward(a, weight, groups=groups, algorithm=sys.argv[1]),
                 lambda a: tk.kernels.conv_backward_input(
                     a, back, (n, 8, size, size), groups=groups, algorithm=sys.argv[1])):
        np.testing.assert_array_equal(call(at_the_end(a)), call(a))
"""
)
DEPTHWISE_AT_THE_END = (
    GUARD
    + """
rng = np.random.default_rng(5)
for size, stride, kernel in (
    (7, 1, 3), (14, 1, 3), (14, 2, 3), (15, 2, 3), (31, 2, 3), (1, 1, 3), (7, 1, 5), (16, 1, 7), (33, 1, 5)
):
    x = rng.integers(-2, 3, (1, 3, size, size)).astype(sys.argv[1])
    weight = rng.integers(-2, 3, (3, 1, kernel, kernel)).astype(x.dtype)
    options = dict(groups=3, padding=kernel // 2, stride=stride, algorithm="depthwise")
    y = tk.kernels.conv_forward(x, weight, **options)
    np.testing.assert_array_equal(tk.kernels.conv_forward(at_the_end(x), weight, **options), y)
    np.testing.assert_array_equal(tk.kernels.conv_backward_weight(y, at_the_end(x), weight.shape, **options),
                                  tk.kernels.conv_backward_weight(y, x, weight.shape, **options))
    np.testing.assert_array_equal(tk.kernels.conv_backward_input(at_the_end(y), weight, x.shape, **options),
                                  tk.kernels.conv_backward_input(y, weight, x.shape, **options))
"""
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect of Linux")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("algorithm", ["direct", "direct_pixels"])
def test_what_is_read_in_place_is_not_read_past_its_end(algorithm: str, dtype: str) -> None:
    command = [sys.executable, "-c", AT_THE_END, algorithm, dtype]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect of Linux")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_depthwise_layers_are_not_read_past_their_end(dtype: str) -> None:
    command = [sys.executable, "-c", DEPTHWISE_AT_THE_END, dtype]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
