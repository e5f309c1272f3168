"""The buffer pool: reuse, statistics, and memory that does not grow with the number of shapes a process has seen."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import _native

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("shape", [(3, 500), (3, 1000, 1000)])  # of a class of sizes, and of pages
def test_a_block_that_comes_back_is_handed_out_again(shape):
    tk.empty_cache()
    before = tk.memory_stats()
    assert before["cached_bytes"] == 0
    first = _native.empty(shape, np.dtype(np.float32))
    address = first.ctypes.data
    held = tk.memory_stats()
    assert held["misses"] == before["misses"] + 1
    size = held["in_use_bytes"] - before["in_use_bytes"]
    assert first.nbytes <= size <= first.nbytes * 9 / 8
    assert held["peak_bytes"] >= held["in_use_bytes"]
    assert held["cached_bytes"] < 2 * MEBIBYTE  # pages come from the system in huge ones
    del first
    assert tk.memory_stats()["cached_bytes"] == held["cached_bytes"] + size
    again = _native.empty(shape[::-1], np.dtype(np.float32))
    assert again.ctypes.data == address
    after = tk.memory_stats()
    assert (after["hits"], after["misses"]) == (before["hits"] + 1, before["misses"] + 1)
    assert (after["cached_bytes"], after["in_use_bytes"]) == (held["cached_bytes"], held["in_use_bytes"])
    tk.empty_cache()
    assert tk.memory_stats()["cached_bytes"] == 0


def test_blocks_are_cut_side_by_side_and_become_one_again():
    tk.empty_cache()
    large = _native.empty((3 << 20,), np.dtype(np.float32))
    address, misses = large.ctypes.data, tk.memory_stats()["misses"]
    del large
    parts = [_native.empty((1 << 20,), np.dtype(np.float32)) for _ in range(3)]
    assert [part.ctypes.data for part in parts] == [address + 4 * MEBIBYTE * i for i in range(3)]
    del parts[1], parts[0], parts[0]  # joined with nothing, with what follows, with what lies before
    large = _native.empty((3 << 20,), np.dtype(np.float32))
    assert large.ctypes.data == address
    assert tk.memory_stats()["misses"] == misses


def test_the_lowest_free_memory_is_taken_first():
    tk.empty_cache()
    blocks = [_native.empty((1 << 18,), np.dtype(np.float32)) for _ in range(6)]
    blocks.sort(key=lambda block: block.ctypes.data)
    low, high = blocks[1].ctypes.data, blocks[4].ctypes.data
    del blocks[4], blocks[1]
    assert [_native.empty((1 << 18,), np.dtype(np.float32)).ctypes.data for _ in range(2)] == [low, low]
    held = [_native.empty((1 << 18,), np.dtype(np.float32)) for _ in range(2)]
    assert [block.ctypes.data for block in held] == [low, high]


@pytest.mark.parametrize("count", [1, 63, 1 << 16, (1 << 18) - 1, 1 << 18, (1 << 20) + 5, 5 << 20])
def test_blocks_are_aligned_and_whole(count):
    block = _native.empty((count,), np.dtype(np.float32))
    assert block.ctypes.data % 64 == 0
    block[...] = 1
    assert block.sum(dtype=np.float64) == count


GROWTH = """
import resource, sys
import numpy as np
import tatamikomi as tk

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

rng = np.random.default_rng(0)
weight = np.ones((8, 8, 3, 3), np.float32)
big = np.ones((1, 8, 320, 320), np.float32)
tk.kernels.conv_forward(big, weight, padding=1)
del big
marks = []
for i in range(1000):
    height, width = rng.integers(40, 300, 2)
    x = tk.kernels.relu_forward(np.ones((1, 8, height, width), np.float32))
    y = tk.kernels.conv_forward(x, weight, padding=1)
    tk.kernels.conv_backward_weight(y, x, weight.shape, padding=1)
    if i in (299, 999):
        marks.append(resident())
print(marks[1] - marks[0])
"""


def test_memory_stays_flat_over_a_thousand_shapes():
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, timeout=300)
    assert int(done.stdout) < 16 * MEBIBYTE


BOUND = """
import numpy as np
import tatamikomi as tk

for step in range(20):  # each too large for the blocks before it
    block = tk._native.empty((int(1e7 * 1.2**step),), np.dtype(np.uint8))
    del block
    stats = tk.memory_stats()
    assert stats["cached_bytes"] <= (32 << 20) + stats["peak_bytes"] * 9 // 8, (step, stats)
    assert step != 1 or stats["cached_bytes"] > stats["peak_bytes"], stats  # while there is room, blocks stay
"""


def test_the_pool_holds_hardly_more_than_its_peak():
    subprocess.run([sys.executable, "-c", BOUND], check=True, timeout=300)
