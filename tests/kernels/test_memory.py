"""Where memory ends within a kernel, the error names it and tells the bytes, on both backends."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tatamikomi.kernels import native

# The process may grow by less than a kernel's workspace and by less than the reference's temporary arrays.
CODE = """
import resource
import numpy as np
import tatamikomi as tk
from tatamikomi.kernels.backend import active
tk.set_num_threads(1)
tk.set_backend({backend!r})
x, weight = np.zeros((1, 512, 56, 56), np.float32), np.zeros((512, 512, 3, 3), np.float32)
dy, dweight = np.zeros((1, 512, 54, 54), np.float32), np.empty_like(weight)
small = x[:1, :1, :9, :9]
tk.kernels.conv_backward_weight(tk.kernels.conv_forward(small, weight[:1, :1]), small, (1, 1, 3, 3))
tk.empty_cache()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (4 << 20)   # what Python takes for itself comes in pieces of 1 MB
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
for call in (
    lambda: tk.kernels.conv_backward_weight(dy, x, weight.shape, out=dweight),
    lambda: tk.functional.conv2d(x, weight),
):
    try:
        call()
    except MemoryError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and /proc of Linux")
@pytest.mark.parametrize(("backend", "what"), [("native", "workspace"), ("reference", "temporary array")])
def test_memory_that_ends_within_a_kernel(backend, what):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(backend=backend)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    within, output = done.stdout.splitlines()
    beginning = f"MemoryError conv_backward_weight: {what}: no memory for "
    assert within.startswith(beginning)
    assert int(within.removeprefix(beginning).split()[0]) > 4 << 20
    assert output == "MemoryError conv2d: output: no memory for 5971968 bytes, shape (1, 512, 54, 54) of float32"


def test_kernels_that_are_given_no_workspace_are_called_without_what_tells_of_memory() -> None:
    listed = (Path(__file__).parents[2] / "cpp/kernels/kernels.def").read_text()
    kernels = re.findall(r"(?m)^(?:COMMON_)?KERNEL\([\w ]+, (\w+), \(([^)]*)\)\)", listed)
    given = {name for name, arguments in kernels if re.search(r"\* workspace$", arguments)}
    assert {"conv_forward", "batch_norm_backward", "warp"} <= given
    assert native.FRUGAL - {name for name, _ in kernels} == {"plain_activation", "plain_conv_forward", "plain_matmul"}
    assert {name for name, _ in kernels} - native.FRUGAL == given
