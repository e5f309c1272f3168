"""The loaders that benchmarks.loader compares do the same to the same images."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import loader


@pytest.mark.parametrize("name", [name for name in loader.ENGINES if name != "torch, 2 workers"])
def test_every_engine_crops_turns_and_normalises(name):
    if name.startswith("torch"):
        pytest.importorskip("torch")
    x = np.random.default_rng(0).random((11, 2, 6, 6), np.float32) + 1
    batches = list(loader.ENGINES[name](x, np.arange(11), 4)())
    assert [len(labels) for _, labels in batches] == [4, 4, 3]
    labels = np.concatenate([np.asarray(labels) for _, labels in batches])
    assert sorted(labels.tolist()) == list(range(11))
    assert labels.tolist() != list(range(11))
    padded = np.pad(x, ((0, 0), (0, 0), (loader.PAD,) * 2, (loader.PAD,) * 2))
    places = np.lib.stride_tricks.sliding_window_view((padded - 0.5) / 0.25, (6, 6), (2, 3))
    turned = 0
    for image, label in zip(np.concatenate([np.asarray(images) for images, _ in batches]), labels, strict=True):
        plain, mirrored = (
            (places[label] == one[:, None, None]).all(axis=(0, 3, 4)).any() for one in (image, image[:, :, ::-1])
        )
        assert plain or mirrored
        turned += not plain
    assert 0 < turned < 11
