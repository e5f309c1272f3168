"""Several models as one: what each member is given, how they vote, and the same bits for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import ensemble, nn, optim
from tatamikomi.random import bootstrap, child_seed, default_generator
from tatamikomi.training import Learner, Trained, cross_validate, kfold

DRAW = np.random.default_rng(3)
Y = np.arange(60) % 3
X = (np.eye(3)[Y] @ DRAW.standard_normal((3, 4)) * 2 + DRAW.standard_normal((60, 4))).astype(np.float32)


def linear(shape, outputs):
    return nn.Sequential(nn.Linear(shape[0], outputs), nn.Dropout(0.1))


LEARNER = Learner(linear, epochs=4, batch_size=10)


class Scripted:
    """Predicts what it is told, one script after the other, and remembers what it was given."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.fits = []

    def fit(self, x, y, *, weights=None, classes=None, seed=0):
        self.fits.append({"x": x, "y": y, "weights": None if weights is None else weights.copy(), "seed": seed})
        return Fixed(self.scripts[(len(self.fits) - 1) % len(self.scripts)], classes)


class Fixed:
    def __init__(self, script, classes=3):
        self.script, self.classes = script, classes

    def predict(self, x):
        return self.script(x)

    def predict_proba(self, x):
        return np.eye(self.classes)[self.script(x)]


def test_probabilities_are_averaged():
    draw = np.random.default_rng(0)
    models = [nn.Linear(4, 3, generator=tk.Generator(seed)) for seed in range(3)]
    models[0].train()
    probs = []
    for model in models:
        z = X.astype("f8") @ model.weight.numpy().T.astype("f8") + model.bias.numpy()
        probs.append(np.exp(z) / np.exp(z).sum(1, keepdims=True))
    share = draw.random(3)
    soft = ensemble.Averaging(models, share)
    expected = np.tensordot(share / share.sum(), probs, 1)
    np.testing.assert_allclose(soft.predict_proba(X), expected, rtol=1e-5)
    assert soft.predict_proba(X).dtype == np.float32
    assert np.array_equal(soft.predict(X), soft.predict_proba(X).argmax(1))
    hard = ensemble.Averaging(models, share, voting="hard")
    votes = sum(w * np.eye(3)[p.argmax(1)] for w, p in zip(share / share.sum(), probs, strict=True))
    np.testing.assert_allclose(hard.predict_proba(X), votes, rtol=1e-6)
    assert models[0].training


def test_values_are_averaged():
    models = [Trained(nn.Linear(4, 1, generator=tk.Generator(seed)), regression=True) for seed in (1, 2)]
    both = ensemble.Averaging(models, [3, 1])
    expected = 0.75 * models[0].predict(X).astype("f8") + 0.25 * models[1].predict(X)
    np.testing.assert_allclose(both.predict(X), expected, rtol=1e-6, atol=1e-6)
    with pytest.raises(TypeError, match="predict_proba: model: expected one of classes"):
        both.predict_proba(X)


KINDS = {
    "learner": LEARNER,
    "bagging": ensemble.Bagging(LEARNER, 3),
    "boosting": ensemble.AdaBoost(LEARNER, 3),
    "stacking": ensemble.Stacking([LEARNER, ensemble.Bagging(LEARNER, 2)], folds=2),
    "snapshots": ensemble.Snapshots(Learner(linear, epochs=4, batch_size=10), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits_and_disturbs_nobody(kind):
    before = default_generator().state()
    one, same, other = (KINDS[kind].fit(X, Y, seed=seed).predict_proba(X) for seed in (5, 5, 6))
    assert default_generator().state() == before
    assert one.tobytes() == same.tobytes()
    assert one.shape == (60, 3)
    np.testing.assert_allclose(one.sum(1), 1, rtol=1e-5)
    if kind != "boosting":  # whose few votes may agree
        assert one.tobytes() != other.tobytes()
    assert (one.argmax(1) == Y).mean() > 0.6
    wide = KINDS[kind].fit(X, Y, classes=4, seed=5)
    assert wide.predict_proba(X).shape == (60, 4)
    with pytest.raises(ValueError, match="expected 0 <= label < 2, got 2"):
        KINDS[kind].fit(X, Y, classes=2)


def test_bagging_draws_and_knows_what_was_not_drawn():
    learner = Scripted(lambda x: np.zeros(len(x), int), lambda x: np.ones(len(x), int))
    weights = np.arange(60.0)
    bagged = ensemble.Bagging(learner, 4).fit(X, Y, weights=weights, seed=7)
    for member, fit in enumerate(learner.fits):
        drawn = bootstrap(7, (member,), 60)
        assert np.array_equal(fit["x"], X[drawn])
        assert np.array_equal(fit["y"], Y[drawn])
        assert np.array_equal(fit["weights"], weights[drawn])
        assert fit["seed"] == child_seed(7, member)
        assert np.array_equal(bagged.unseen[member], ~np.isin(np.arange(60), drawn))
    out = bagged.out_of_bag(X)
    for row, unseen in zip(out, bagged.unseen.T, strict=True):
        if unseen.any():
            assert row[1] == np.mean([0, 1, 0, 1], where=unseen)
            assert row.sum() == pytest.approx(1)
        else:
            assert np.isnan(row).all()
    assert bagged.unseen.all(0).any() or np.isfinite(out).any()


def test_boosting_follows_the_formula():
    """Two scripted members, their errors, votes and the weights that the next one is given, by hand."""
    rights = [np.arange(60) >= 12, np.arange(60) < 45, np.arange(60) % 10 > 0]
    scripts = [lambda x, right=right: np.where(right, Y, (Y + 1) % 3) for right in rights]
    learner = Scripted(*scripts)
    boosted = ensemble.AdaBoost(learner, 3, rate=0.5).fit(X, Y, seed=1)
    w, votes = np.full(60, 1 / 60), []
    for right, fit in zip(rights, learner.fits, strict=True):
        np.testing.assert_allclose(fit["weights"], w * 60, rtol=1e-12)
        error = w[~right].sum()
        votes.append(0.5 * (math.log((1 - error) / error) + math.log(2)))
        w = w * np.where(right, 1, math.exp(votes[-1]))
        w /= w.sum()
    np.testing.assert_allclose(boosted.weights, np.array(votes) / sum(votes), rtol=1e-12)
    tally = sum(v * np.eye(3)[s(X)] for v, s in zip(votes, scripts, strict=True))
    assert np.array_equal(boosted.predict(X), tally.argmax(1))


def test_boosting_ends_with_what_is_perfect_or_no_better_than_chance():
    def half(x):
        return np.where(np.arange(60) < 30, Y, (Y + 1) % 3)

    def perfect(x):
        return Y

    def wrong(x):
        return (Y + 1) % 3

    assert len(ensemble.AdaBoost(Scripted(half, perfect)).fit(X, Y).models) == 1
    learner = Scripted(half, wrong)
    assert len(ensemble.AdaBoost(learner).fit(X, Y).models) == 1
    assert len(learner.fits) == 2
    with pytest.raises(
        ValueError, match=r"AdaBoost.fit: learner: expected less than 0.667, that of chance, got .* 1.0"
    ):
        ensemble.AdaBoost(Scripted(wrong)).fit(X, Y)


def test_boosting_lowers_the_training_error():
    """Axis-aligned weak members on a set that one line cannot cut: sgn(x0 x1)."""
    x = np.random.default_rng(1).uniform(-1, 1, (80, 2)).astype(np.float32)
    y = (np.abs(x[:, 0]) > 0.5).astype(int)
    weak = Learner(lambda shape, outputs: nn.Linear(2, outputs), epochs=8, batch_size=20)
    alone = weak.fit(x, y, seed=child_seed(0, 0)).predict(x)
    boosted = ensemble.AdaBoost(weak, 8).fit(x, y, seed=0)
    assert (boosted.predict(x) == y).mean() > (alone == y).mean() + 0.05


def test_stacking_never_shows_a_model_what_it_was_fitted_to():
    class Memory:
        """Knows what it has seen, and says class 0 of all else."""

        def fit(self, x, y, *, weights=None, classes=None, seed=0):
            known = {row.tobytes(): label for row, label in zip(x, y, strict=True)}
            return Fixed(lambda asked: np.array([known.get(row.tobytes(), 0) for row in asked]), classes)

    meta = Scripted(lambda x: x.argmax(1) % 3)
    stacked = ensemble.Stacking([Memory(), LEARNER], meta, folds=3).fit(X, Y, seed=2)
    assert np.array_equal(stacked.out_of_fold[:, :3], np.eye(3)[np.zeros(60, int)])
    cut = kfold(60, 3, labels=Y, seed=2)
    for fold, (train, held) in enumerate(cut):
        again = LEARNER.fit(X[train], Y[train], classes=3, seed=child_seed(2, 1, fold))
        assert np.array_equal(stacked.out_of_fold[held, 3:], again.predict_proba(X[held]))
    assert meta.fits[0]["x"] is stacked.out_of_fold
    assert np.array_equal(stacked.models[0].predict(X), Y)  # fitted to all in the end
    assert np.array_equal(stacked.predict(X), stacked.predict_proba(X).argmax(1))


def test_snapshots_are_kept_where_the_rate_is_lowest():
    rates = []

    class Watched(optim.SGD):
        def step(self):
            rates.append(self.param_groups[0]["lr"])
            super().step()

    learner = Learner(linear, epochs=6, batch_size=20, optimizer=lambda parameters: Watched(parameters, lr=0.4))
    shots = ensemble.Snapshots(learner, 2).fit(X, Y, seed=1)
    expected = [0.2 * (1 + math.cos(math.pi * (t % 9) / 9)) for t in range(18)]
    assert rates == pytest.approx(expected, rel=1e-12)
    assert learner.schedule is None
    half = Learner(linear, epochs=3, batch_size=20, optimizer=lambda parameters: optim.SGD(parameters, lr=0.4))
    half = ensemble.Snapshots(half, 1).fit(X, Y, seed=1)
    first, last = (one.model.state_dict() for one in shots.models)
    assert all(np.array_equal(first[key], value) for key, value in half.models[0].model.state_dict().items())
    assert any(not np.array_equal(first[key], last[key]) for key in first)


def test_an_ensemble_is_validated_as_a_learner_is():
    result = cross_validate(KINDS["bagging"], X, Y, folds=3, seed=1)
    assert result.scores.shape == (3,)
    assert result.mean > 0.6


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ensemble.Averaging([]), "^Averaging: models: expected at least one, got none"),
        (lambda: ensemble.Averaging([3]), "^Averaging: models: expected Modules, or what has predict"),
        (lambda: ensemble.Averaging([nn.Identity()], [0]), r"^Averaging: weights: expected finite numbers >= 0, one"),
        (lambda: ensemble.Averaging([nn.Identity()], [1, 1]), r"^Averaging: weights: expected shape \(1,\)"),
        (
            lambda: ensemble.Averaging([nn.Identity()], voting="loud"),
            "^Averaging: voting: expected one of 'soft', 'hard'",
        ),
        (
            lambda: ensemble.Averaging([nn.Linear(4, 2), nn.Linear(4, 3)]).predict(X),
            r"^Averaging: models: expected outputs of one shape, got \[\(60, 2\), \(60, 3\)\]",
        ),
        (lambda: ensemble.Bagging(LEARNER, 0), "^Bagging: members: expected an integer >= 1, got 0"),
        (lambda: ensemble.Bagging(nn.Identity()), "^Bagging: learner: expected a Learner or an ensemble"),
        (lambda: ensemble.Bagging(LEARNER).fit(X, Y[:3]), r"^Bagging.fit: x and y: expected shapes \(N, ...\), N >= 1"),
        (lambda: ensemble.AdaBoost(LEARNER, rate=0), "^AdaBoost: rate: expected a finite number > 0, got 0"),
        (lambda: ensemble.AdaBoost(LEARNER).fit(X, Y * 0), "^AdaBoost.fit: classes: expected at least two classes"),
        (lambda: ensemble.AdaBoost(LEARNER).fit(X, X[:, 0]), "^AdaBoost.fit: y: expected integers, got float32"),
        (lambda: ensemble.AdaBoost(LEARNER).fit(X, Y, weights=Y * 0), "^AdaBoost.fit: weights: expected a sum > 0"),
        (lambda: ensemble.Stacking([]), "^Stacking: learners: expected at least one, got none"),
        (lambda: ensemble.Stacking([LEARNER], folds=1), "^Stacking: folds: expected an integer >= 2, got 1"),
        (lambda: ensemble.Snapshots(LEARNER, 3), "^Snapshots: cycles: expected a divisor of the learner's epochs, 4"),
        (lambda: ensemble.Snapshots(nn.Identity()), "^Snapshots: learner: expected a Learner, got Identity"),
        (
            lambda: ensemble.Snapshots(Learner(linear, schedule=lambda o, n: optim.StepLR(o, 1))),
            "^Snapshots: learner: expected None, the cycles being its schedule, got a schedule",
        ),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()
