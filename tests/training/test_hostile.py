"""Data that are not as they should be, from the data set to the end of a run: named, or gone through without harm."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, ensemble, metrics, nn, optim, training

DRAW = np.random.default_rng(2)
Y = np.arange(24) % 3
X = DRAW.random((24, 1, 8, 8), dtype=np.float32) + Y[:, None, None, None].astype(np.float32)


def net(shape=(1, 8, 8), outputs=3):
    return nn.Sequential(
        nn.Conv2d(shape[0], 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
    )


def trainer(*callbacks, outputs=3):
    tk.manual_seed(3)
    model = net(outputs=outputs)
    return tk.Trainer(model, optim.SGD(model.parameters(), lr=0.1), callbacks=callbacks)


def loader(x=X, y=Y, **options):
    return data.DataLoader(data.ArrayDataset(x, y), 8, shuffle=True, seed=1, **options)


def spoilt():
    x = X.copy()
    x[5, 0, 2, 3] = np.nan
    return x


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_nan_pixel_ends_the_run_and_leaves_the_last_good_epoch(tmp_path, workers):
    first = trainer(training.Checkpoint(tmp_path))
    first.fit(loader(), epochs=1)
    good = {name: value.copy() for name, value in first.model.state_dict().items()}
    with pytest.raises(FloatingPointError, match="fit: loss: expected a finite number, got nan in epoch 2, batch "):
        first.fit(loader(spoilt(), workers=workers), epochs=2)
    resumed = trainer(training.Checkpoint(tmp_path))
    resumed.load_checkpoint(tmp_path / "last.safetensors")
    assert resumed.epoch == 1
    assert all(np.array_equal(value, good[name]) for name, value in resumed.model.state_dict().items())
    assert all(np.isfinite(value).all() for value in first.model.state_dict().values())  # no step was taken with it
    with pytest.raises(FloatingPointError, match=r"^0 \(Conv2d\): NaNGuard: .*its input is not finite"):
        trainer(training.NaNGuard()).fit(loader(spoilt()), epochs=1)


def test_nan_pixels_in_what_is_measured_count_as_wrong():
    one = trainer()
    one.fit(loader(), epochs=1)
    measured = one.evaluate(data.DataLoader(data.ArrayDataset(spoilt(), Y), 8))
    assert np.isnan(measured["loss"])
    expected = (one.predict(X).argmax(1) == Y) & (np.arange(24) != 5)
    assert measured["accuracy"] == expected.mean()
    history = one.fit(loader(), [(spoilt(), Y)], epochs=2)
    assert np.isnan(history[-1]["validation_loss"])


@pytest.mark.parametrize("wrong", [3, -1, 2**40])
def test_labels_out_of_range_are_named_before_a_step(wrong):
    y = Y.copy()
    y[7] = wrong
    with pytest.raises(ValueError, match=f"ArrayDataset: y: expected 0 <= label < 3, got {wrong} at position 7"):
        data.ArrayDataset(X, y, classes=3)
    one = trainer()
    before = {name: value.copy() for name, value in one.model.state_dict().items()}
    with pytest.raises(ValueError, match=rf"cross_entropy: target\[7\]: .*got {wrong}$"):
        one.fit([(X, y)], epochs=1)
    with pytest.raises(ValueError, match=rf"cross_entropy: target\[7\]: .*got {wrong}$"):
        one.fit([(X, y, np.ones(24))], epochs=1)
    assert all(np.array_equal(value, before[name]) for name, value in one.model.state_dict().items())


def test_classes_without_samples_are_learnt_around():
    y = np.where(Y == 1, 0, Y)  # of 4 classes 1 and 3 are empty
    weights = training.class_weights(y, 4)
    assert weights[1] == weights[3] == 0
    tk.manual_seed(3)
    model = net(outputs=4)
    one = tk.Trainer(model, optim.Adam(model.parameters(), lr=0.05), nn.CrossEntropyLoss(weights))
    history = one.fit(loader(y=y), [(X, y)], epochs=6)
    assert history[-1]["loss"] < history[0]["loss"]
    scores = metrics.class_scores(one.predict(X).argmax(1), y, classes=4)
    assert len(scores.support) == 4
    learner = training.Learner(net, epochs=1, batch_size=8)
    for fitter in (learner, ensemble.Bagging(learner, 2), ensemble.Stacking([learner], folds=2)):
        assert fitter.fit(X, y, classes=4).predict_proba(X).shape == (24, 4)
    rare = y.copy()
    rare[4] = 3  # in one fold alone
    assert training.cross_validate(learner, X, rare, folds=3).scores.shape == (3,)


def test_a_mapped_set_trains_to_the_bits_of_one_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = data.load_npy(tmp_path / "x.npy")
    one, other = trainer(), trainer()
    one.fit(loader(), epochs=2)
    other.fit(loader(mapped, workers=4), epochs=2)
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    learner = training.Learner(net, epochs=1, batch_size=8)
    assert learner.fit(mapped, Y).outputs(mapped).tobytes() == learner.fit(X, Y).outputs(X).tobytes()
    late = loader(mapped)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"x\.npy: it has changed since it was mapped"):
        other.fit(late, epochs=3)
