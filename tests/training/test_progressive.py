"""Images that grow in training: which sizes the model sees, that a resumed run sees the same, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, nn, optim, training
from tatamikomi.training import snapshot

X = np.random.default_rng(0).standard_normal((10, 1, 8, 6)).astype(np.float32)
Y = np.arange(10) % 2
SIZES = [(1, 4), (3, (5, 7))]


class Watch(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, x.shape[2:]))
        return x


def build(*callbacks):
    tk.manual_seed(1)
    model = nn.Sequential(Watch(), nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    return training.Trainer(model, optim.Adam(model.parameters(), lr=0.01), callbacks=callbacks)


def loader():
    return data.DataLoader(data.ArrayDataset(X, Y), 10, shuffle=True, seed=1)


def test_sizes_follow_the_epochs_and_validation_sees_the_whole():
    trainer = build(training.ProgressiveResize(SIZES))
    trainer.fit(loader(), loader(), epochs=5)
    seen = trainer.model[0].seen
    assert [shape for mode, shape in seen if mode] == [(8, 6), (4, 4), (4, 4), (5, 7), (5, 7)]
    assert [shape for mode, shape in seen if not mode] == [(8, 6)] * 5


def test_what_is_trained_on_is_what_resize_gives():
    small = [(data.resize(x, 4), y) for x, y in [(X, Y)]]
    one, other = build(training.ProgressiveResize([(0, 4)])), build()
    one.fit([(X, Y)], epochs=2)
    other.fit(small, epochs=2)
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_a_resumed_run_grows_on(tmp_path):
    straight = build(training.ProgressiveResize(SIZES))
    straight.fit(loader(), epochs=5)
    first = build(training.ProgressiveResize(SIZES))
    first.fit(loader(), epochs=2)
    first.save_checkpoint(tmp_path / "run.safetensors")
    assert snapshot.read_meta(tmp_path / "run.safetensors")["callbacks"]["ProgressiveResize"] == {
        "sizes": [[1, [4, 4]], [3, [5, 7]]]
    }
    second = build(training.ProgressiveResize(SIZES))
    second.load_checkpoint(tmp_path / "run.safetensors")
    second.fit(loader(), epochs=5)
    assert [shape for _, shape in second.model[0].seen] == [(4, 4), (5, 7), (5, 7)]
    ours, theirs = second.model.state_dict(), straight.model.state_dict()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    other = build(training.ProgressiveResize([(1, 4), (2, (5, 7))]))
    with pytest.raises(ValueError, match=r"ProgressiveResize.load_state_dict: sizes: expected .*\[2, \[5, 7\]\]"):
        other.load_checkpoint(tmp_path / "run.safetensors")
    assert other.epoch == 0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([], r"^ProgressiveResize: sizes: expected pairs \(epoch, size\), at least one, got \[\]"),
        ([3], r"^ProgressiveResize: sizes: expected pairs \(epoch, size\), got 3"),
        ([(0, 4), (0, 5)], r"^ProgressiveResize: sizes: expected epochs that grow, got \[0, 0\]"),
        ([(-1, 4)], "^ProgressiveResize: sizes: expected an integer >= 0, got -1"),
        ([(0.5, 4)], "^ProgressiveResize: sizes: expected an integer, got float"),
        ([(0, 0)], "^ProgressiveResize: sizes: expected an integer >= 1"),
    ],
)
def test_bad_sizes_are_named(sizes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        training.ProgressiveResize(sizes)


def test_batches_that_are_no_images_are_named():
    given = training.ProgressiveResize([(0, 4)])
    with pytest.raises(ValueError, match=r"resize: x: expected shape \(N, C, H, W\)"):
        build(given).fit([(X[:, 0], Y)], epochs=2)
