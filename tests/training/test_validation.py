"""Folds, cross-validation, learning curves and the Learner that they fit."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi import nn, optim
from tatamikomi.random import child_seed, default_generator
from tatamikomi.training import Learner, Trained, cross_validate, kfold, learning_curve

DRAW = np.random.default_rng(3)
Y = np.arange(30) % 3
X = (np.eye(3)[Y] @ DRAW.standard_normal((3, 4)) * 2 + DRAW.standard_normal((30, 4))).astype(np.float32)
LEARNER = Learner(lambda shape, outputs: nn.Linear(shape[0], outputs), epochs=2, batch_size=10)


class Spy:
    """Remembers its fits; predicts how many samples it saw."""

    def __init__(self):
        self.fits = []

    def fit(self, x, y, *, weights=None, classes=None, seed=0):
        self.fits.append((x[:, 0].astype(int), classes, seed))
        return self

    def predict(self, x):
        return np.full(len(x), len(self.fits[-1][0]) + 0.0)


@pytest.mark.parametrize("labels", [None, Y])
@pytest.mark.parametrize("folds", [2, 4, 30])
def test_every_sample_is_held_out_once_per_repeat(folds, labels):
    cut = kfold(30, folds, labels=labels, repeats=2, seed=4)
    assert len(cut) == 2 * folds
    for repeat in (cut[:folds], cut[folds:]):
        assert sorted(np.concatenate([held for _, held in repeat])) == list(range(30))
        assert {len(held) for _, held in repeat} <= {30 // folds, -(-30 // folds)}
        for train, held in repeat:
            assert sorted([*train, *held]) == list(range(30))
    assert [held.tolist() for _, held in cut[:folds]] != [held.tolist() for _, held in cut[folds:]]
    again = kfold(30, folds, labels=labels, seed=4)
    assert all(
        np.array_equal(a, b) for one, two in zip(cut, again, strict=False) for a, b in zip(one, two, strict=True)
    )
    assert cut[0][0].tolist() != sorted(cut[0][0])


def test_classes_are_spread_over_the_folds():
    labels = np.repeat([0, 2, 5], [20, 7, 2])
    cut = kfold(29, 4, labels=labels, seed=1)
    for label, count in ((0, 20), (2, 7), (5, 2)):
        sizes = [(labels[held] == label).sum() for _, held in cut]
        assert sum(sizes) == count
        assert max(sizes) - min(sizes) <= 1
    assert {len(held) for _, held in cut} == {7, 8}


def test_each_fold_is_fitted_and_scored():
    x = np.arange(10.0)[:, None]
    spy = Spy()
    result = cross_validate(spy, x, x[:, 0], folds=3, repeats=2, seed=5, score=lambda p, y: p[0] * 100 + y.sum())
    cut = kfold(10, 3, repeats=2, seed=5)
    assert [fit[0].tolist() for fit in spy.fits] == [train.tolist() for train, _ in cut]
    assert [fit[2] for fit in spy.fits] == [child_seed(5, i) for i in range(6)]
    expected = [len(train) * 100 + held.sum() for train, held in cut]
    assert result.scores.tolist() == expected
    assert result.mean == np.mean(expected)
    assert result.std == pytest.approx(np.std(expected, ddof=1))
    plain = cross_validate(spy, x, x[:, 0], folds=2)
    assert plain.mean == pytest.approx(np.mean((x[:, 0] - 5) ** 2))


def test_labels_are_stratified_unless_told_otherwise():
    x = np.arange(30.0)[:, None]
    for stratified, labels in ((None, Y), (True, Y), (False, None)):
        spy = Spy()
        cross_validate(spy, x, Y, folds=3, stratified=stratified)
        cut = kfold(30, 3, labels=labels)
        assert [fit[0].tolist() for fit in spy.fits] == [train.tolist() for train, _ in cut]
        assert {fit[1] for fit in spy.fits} == {3}


def test_cross_validation_is_deterministic_and_sees_a_class_that_a_fold_lacks():
    y = Y.copy()
    y[:] = np.where(np.arange(30) == 7, 3, y)
    one, same, other = (cross_validate(LEARNER, X, y, folds=3, seed=seed) for seed in (1, 1, 2))
    assert one.scores.tobytes() == same.scores.tobytes() != other.scores.tobytes()


def test_training_sets_of_a_learning_curve_are_parts_of_each_other():
    x = np.arange(20.0)[:, None]
    spy = Spy()
    curve = learning_curve(spy, x, x[:, 0], [1, 0.5, 1.0], folds=3, score=lambda p, y: p[0] + 100 * len(y))
    assert curve.sizes.tolist() == [1, 6, 13]
    assert curve.train.tolist() == [[101.0] * 3, [606.0] * 3, [1313.0] * 3]
    assert sorted(curve.validation[0].tolist()) == [601.0, 701.0, 701.0]
    for fold in range(3):
        small, middle, large = (fit[0].tolist() for fit in spy.fits[3 * fold : 3 * fold + 3])
        assert middle[:1] == small
        assert large[:6] == middle


def test_a_learner_is_a_trainers_run():
    steps = []

    def build(shape, outputs):
        assert (shape, outputs) == ((4,), 5)
        return nn.Linear(4, outputs)

    def schedule(optimizer, total):
        steps.append(total)
        return optim.LinearLR(optimizer, 1.0, 0.0, total)

    learner = Learner(
        build,
        epochs=3,
        batch_size=8,
        optimizer=lambda p: optim.SGD(p, lr=0.1),
        schedule=schedule,
        transform=lambda x, *_: x,
    )
    before = default_generator().state()
    fitted = learner.fit(X, Y, classes=5, seed=3)
    assert default_generator().state() == before
    assert steps == [12]
    assert [entry["epoch"] for entry in fitted.history] == [1, 2, 3]
    assert fitted.history[-1]["lr"] == pytest.approx(0.1 * 4 / 12)
    assert fitted.predict_proba(X).shape == (30, 5)
    assert np.array_equal(Trained(fitted.model, batch_size=7).outputs(X), fitted.outputs(X))
    assert fitted.outputs(X[:0]).shape == (0, 5)


def test_a_learner_leaves_out_what_has_no_weight():
    kept = np.arange(30) % 4 > 0
    some = LEARNER.fit(X, Y, weights=kept.astype(float), seed=1).outputs(X)
    only = LEARNER.fit(X[kept], Y[kept], weights=np.ones(kept.sum()), seed=1).outputs(X)
    assert some.tobytes() == only.tobytes()
    shifted = LEARNER.fit(X, Y, weights=np.where(Y == 2, 9.0, 0.1), seed=1).predict(X)
    assert (shifted == 2).mean() > (LEARNER.fit(X, Y, seed=1).predict(X) == 2).mean()


def test_a_learner_of_values():
    learner = Learner(lambda shape, outputs: nn.Linear(4, outputs), loss=nn.MSELoss(), batch_size=5)
    for target in (X[:, 0], X[:, :2].astype(np.float64)):
        fitted = learner.fit(X, target)
        assert fitted.predict(X).shape == target.shape
        assert np.mean((fitted.predict(X) - target) ** 2) < 0.5 * target.var()
        assert cross_validate(learner, X, target, folds=2).mean < target.var()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kfold(5, 1), "^kfold: folds: expected an integer >= 2, got 1"),
        (lambda: kfold(5, 2.0), "^kfold: folds: expected an integer, got float"),
        (lambda: kfold(5, 6), "^kfold: folds: expected at most as many as samples, 5, got 6"),
        (lambda: kfold(5, 2, repeats=0), "^kfold: repeats: expected an integer >= 1, got 0"),
        (lambda: kfold(5, 2, labels=[0, 1]), "^kfold: labels: expected one per sample, 5, got 2"),
        (lambda: cross_validate(LEARNER, X, Y[:9]), "^cross_validate: x and y: expected shapes"),
        (lambda: learning_curve(LEARNER, X, Y, [1.5]), "^learning_curve: sizes: expected integers .* got 1.5"),
        (lambda: Learner(3), r"^Learner: build: expected a function \(shape, outputs\) -> Module, got int"),
        (lambda: Learner(nn.Linear, epochs=0), "^Learner: epochs: expected an integer >= 1, got 0"),
        (lambda: LEARNER.fit(X[:0], Y[:0]), r"^Learner.fit: x and y: expected shapes \(N, ...\), N >= 1"),
        (
            lambda: LEARNER.fit(X, Y, weights=Y * 0),
            "^Learner.fit: weights: expected at least one above",
        ),
        (lambda: LEARNER.fit(X, Y - 1), "^Learner.fit: y: expected 0 <= label < 2, got -1 at position 0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
