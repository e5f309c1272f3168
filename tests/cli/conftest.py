"""A tiny data set in IDX files, and the process-wide settings as they were afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A folder of IDX files: 26 training and 9 test images, three classes of bright bars."""
    folder = tmp_path_factory.mktemp("digits")
    draw = np.random.default_rng(0)
    for part, count in (("train", 26), ("t10k", 9)):
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = draw.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4:24, 5 + 7 * label : 9 + 7 * label] = 250
        data.write_idx(folder / f"{part}-images-idx3-ubyte", images)
        data.write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture(autouse=True)
def settings():
    """The command line sets backend, threads and seed for the whole process."""
    backend, threads, state = tk.get_backend(), tk.get_num_threads(), tk.default_generator().state()
    yield
    tk.set_backend(backend)
    tk.set_num_threads(threads)
    tk.default_generator().set_state(state)
