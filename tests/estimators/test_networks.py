"""The estimators under scikit-learn's own checks, and in what its users do with estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tatamikomi as tk
from tatamikomi import nn
from tatamikomi.estimators import TatamikomiClassifier, TatamikomiRegressor

# A sample of weight 2 is met once per epoch, one that is there twice in two batches.
SHUFFLED = {"check_sample_weight_equivalence_on_dense_data": "batches are shuffled"}


CHECKS = parametrize_with_checks(
    [TatamikomiClassifier(epochs=30), TatamikomiRegressor(epochs=60)],
    expected_failed_checks=lambda estimator: SHUFFLED,
).mark


# scikit-learn 1.7, the last for Python 3.10, hands pytest a generator, which pytest 9 warns of.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def test_cross_validation_of_digits():
    X, y = digits()
    assert cross_val_score(TatamikomiClassifier(epochs=30), X[:600], y[:600], cv=3).mean() > 0.87


def test_search_and_pipeline():
    X, y = digits()
    pipeline = make_pipeline(StandardScaler(), TatamikomiClassifier(epochs=3))
    search = GridSearchCV(pipeline, {"tatamikomiclassifier__lr": [1e-5, 0.01]}, cv=2).fit(X[:300], y[:300])
    assert search.best_params_ == {"tatamikomiclassifier__lr": 0.01}


def small_cnn(shape, outputs):
    return nn.Sequential(nn.Conv2d(shape[0], 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, outputs))


def test_images_and_models_of_ones_own():
    X, y = digits()
    images = X.reshape(-1, 1, 8, 8)
    model = TatamikomiClassifier(small_cnn, epochs=5).fit(images[:500], y[:500])
    assert model.score(images[500:700], y[500:700]) > 0.85
    assert isinstance(model.network_[0], nn.Conv2d)
    assert model.predict_proba(images[:7]).sum(1) == pytest.approx(np.ones(7), abs=1e-5)
    halves = np.zeros((4, 1, 28, 28)) + np.arange(4)[:, None, None, None]
    named = TatamikomiClassifier("lenet5", epochs=1).fit(halves, [0, 1, 0, 1])
    assert type(named.network_) is type(tk.models.create("lenet5"))


def test_the_same_state_gives_the_same_network_and_disturbs_nobody():
    X, y = digits()
    state = tk.default_generator().state()
    one, other = (TatamikomiClassifier(epochs=2, random_state=3).fit(X[:200], y[:200]) for _ in range(2))
    assert np.array_equal(one.predict_proba(X[:50]), other.predict_proba(X[:50]))
    different = TatamikomiClassifier(epochs=2, random_state=4).fit(X[:200], y[:200])
    assert not np.array_equal(one.predict_proba(X[:50]), different.predict_proba(X[:50]))
    assert tk.default_generator().state() == state


def test_pickle_and_clone():
    X, y = digits()
    model = TatamikomiClassifier(epochs=2).fit(X[:200], y[:200])
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X[:50]), model.predict_proba(X[:50]))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "network_")


def test_partial_fit_goes_on():
    X, y = digits()
    model = TatamikomiClassifier()
    for _ in range(8):
        model.partial_fit(X[:400], y[:400], classes=np.arange(10))
    assert model.n_iter_ == 8
    assert model.score(X[400:600], y[400:600]) > 0.8
    with pytest.raises(ValueError, match="TatamikomiClassifier: y: expected labels among classes"):
        model.partial_fit(X[:2], [10, 11])
    with pytest.raises(ValueError, match="TatamikomiClassifier: classes: expected all labels"):
        TatamikomiClassifier().partial_fit(X, y)


def test_several_targets():
    X, y = make_regression(200, 6, n_targets=3, random_state=0)
    model = TatamikomiRegressor(epochs=80).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"optimizer": "adagram"}, ValueError, "optimizer: expected one of 'adam', 'adamw', 'sgd', got 'adagram'"),
        ({"model": "lenet5"}, ValueError, r"X: expected \(N, C, H, W\), got shape \(N, 64\)"),
        ({"model": 3}, TypeError, "model: expected a name, a function or None, got 3"),
    ],
)
def test_refused(options, error, message):
    X, y = digits()
    with pytest.raises(error, match=f"^TatamikomiClassifier: {message}"):
        TatamikomiClassifier(**options).fit(X[:20], y[:20])


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_a_whole_weight_is_as_many_copies_where_a_batch_holds_all(kind):
    X, y = make_regression(20, 3, random_state=1)
    estimator = TatamikomiRegressor(epochs=8, batch_size=99)
    if kind == "classes":
        y, estimator = np.digitize(y, [-20, 20]), TatamikomiClassifier(epochs=8, batch_size=99, label_smoothing=0.1)
    counts = np.r_[np.zeros(3, int), np.arange(17) % 3 + 1]
    weighted = clone(estimator).fit(X, y, sample_weight=counts)
    copied = clone(estimator).fit(np.repeat(X, counts, 0), np.repeat(y, counts))
    plain = clone(estimator).fit(X, y)
    outputs = [one.network_(tk.tensor(X.astype(np.float32))).numpy() for one in (weighted, copied, plain)]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-4)
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-2
    np.testing.assert_allclose(weighted.predict(X), copied.predict(X), rtol=1e-4, atol=1e-3)


def test_weights_of_classes_and_smoothing():
    X = np.random.default_rng(0).standard_normal((200, 2)) + [[1, 0]]
    y = (X[:, 0] + np.random.default_rng(1).standard_normal(200) > 3).astype(int)  # few ones
    shares = []
    for weight in (None, "balanced", {1: 50.0}):
        model = TatamikomiClassifier(epochs=5, class_weight=weight).fit(X, y)
        shares.append(model.predict(X).mean())
    assert shares[0] < shares[1] < shares[2]
    balanced = 200 / (2 * np.bincount(y))
    given = TatamikomiClassifier(epochs=5).fit(X, y, sample_weight=balanced[y])
    same = TatamikomiClassifier(epochs=5, class_weight="balanced").fit(X, y)
    assert np.array_equal(same.predict_proba(X), given.predict_proba(X))
    sure, soft = (TatamikomiClassifier(epochs=20, label_smoothing=s).fit(X, y).predict_proba(X) for s in (0.0, 0.4))
    assert soft.max() < 0.95 < sure.max()
    with pytest.raises(ValueError, match="TatamikomiClassifier: class_weight: expected a dict or None for partial_fit"):
        same.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"TatamikomiRegressor: sample_weight: expected finite numbers >= 0, got -1.0"):
        TatamikomiRegressor().fit(X, X[:, 0], sample_weight=[-1.0] * 200)
    with pytest.raises(ValueError, match=r"Classifier: sample_weight: expected .*, got every weight zero"):
        TatamikomiClassifier().fit(X, y, sample_weight=y * 0)


def test_scikit_learns_adaboost_takes_them():
    from sklearn.ensemble import AdaBoostClassifier

    X, y = digits()
    boosted = AdaBoostClassifier(TatamikomiClassifier(epochs=2), n_estimators=2).fit(X[:200], y[:200])
    assert boosted.score(X[:200], y[:200]) > 0.5
