"""The neocognitron: one cell's arithmetic, and patterns told apart wherever they stand, without labels."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import models
from tatamikomi.models.neocognitron import CLayer, SLayer


def pattern(kind, down=0, across=0):
    x, r, c = np.zeros((16, 16), np.float32), np.arange(-4, 5), 8
    for rows, columns in {
        "T": [(c - 4, c + r), (c + r, c)],
        "L": [(c + r, c - 4), (c + 4, c + r)],
        "X": [(c + r, c + r), (c + r, c - r)],
        "O": [(c + r, c - 4), (c + r, c + 4), (c - 4, c + r), (c + 4, c + r)],
        "+": [(c + r, c), (c, c + r)],
    }[kind]:
        x[rows, columns] = 1
    return np.roll(x, (down, across), (0, 1))[None]


def test_shifted_patterns_are_the_same_patterns():
    net = models.Neocognitron(generator=tk.Generator(0))
    images = [pattern(kind) for kind in "TLXO+"]
    assert (net(np.stack(images)).numpy() < 0.05).all()
    net.learn(np.stack(images))
    y = net(np.stack(images)).numpy()
    planes = y.argmax(1)
    assert len(set(planes)) == 5
    assert (y.max(1) > 0.2).all()
    assert (np.sort(y, 1)[:, -2] < 0.05).all()
    for shift in ((1, 0), (0, -1), (1, 1), (2, 0)):
        moved = net(np.stack([pattern(kind, *shift) for kind in "TLXO+"])).numpy()
        assert np.array_equal(moved.argmax(1), planes), shift
        assert (moved.max(1) > 0.1).all()


def test_an_s_cell_knows_its_feature():
    """1 for it, whatever its strength; r ((1 + r) / r s - 1) for a pattern whose correlation with it is s."""
    random = np.random.default_rng(0)
    feature, other = random.random((2, 2, 3, 3)).astype(np.float32)
    layer = SLayer(2, 1, 3, 3.0, feature[None])
    c = layer.c[0].astype(np.float64)

    def at_the_middle(patch):
        return layer(np.pad(patch, ((0, 0), (2, 2), (2, 2)))[None]).numpy()[0, 0, 3, 3]

    s = (c * feature * other).sum() / math.sqrt((c * feature**2).sum() * (c * other**2).sum())
    assert 0.76 < s < 0.99
    assert at_the_middle(feature) == pytest.approx(1, abs=2e-3)
    assert at_the_middle(3 * feature) == pytest.approx(1, abs=2e-3)
    assert at_the_middle(other) == pytest.approx(4 * s - 3, abs=2e-3)
    assert at_the_middle(np.eye(3, dtype=np.float32) * np.array([1, 0])[:, None, None].astype(np.float32)) == 0


def test_a_c_cell_looks_around_and_compares_planes():
    layer = CLayer(3, 2)
    s = np.zeros((1, 2, 5, 5), np.float32)
    s[0, 0, 1, 2] = 1
    u = layer(tk.tensor(s)).numpy()[0]
    assert u.shape == (2, 3, 3)
    assert not u[1].any()
    assert u[0, 0, 1] == u[0, 1, 1] > 0
    assert np.count_nonzero(u[0]) == 2
    line = np.exp(-(np.arange(-1, 2) ** 2) / 2)
    seen = 3 * np.outer(line, line)[0, 1] / line.sum() ** 2
    x = (1 + seen) / (1 + seen / 2) - 1
    assert u[0, 0, 1] == pytest.approx(x / (x + 0.5), rel=1e-5)


def test_the_strongest_teach_first_and_no_neighbours():
    layer = SLayer(1, 4, 3, 2.0, generator=tk.Generator(1))
    x = np.zeros((1, 12, 12), np.float32)
    x[0, 2, 1:4] = 2
    x[0, 7:10, 8] = 1
    before = layer.b.copy()
    taught = layer.teach(x)
    assert taught == np.count_nonzero(layer.b != before) >= 2
    u = layer(x[None]).numpy()[0]
    first, second = u[:, 2, 2].argmax(), u[:, 8, 8].argmax()
    assert first != second
    assert u[first, 2, 2] == pytest.approx(1, abs=2e-3)
    assert u[second, 8, 8] == pytest.approx(1, abs=2e-3)


def test_bad_arguments():
    with pytest.raises(ValueError, match="Neocognitron: r: expected 3 numbers, one per layer"):
        models.Neocognitron(r=(1, 2))
    with pytest.raises(ValueError, match=r"Neocognitron: x: expected \(N, 1, 16, 16\), got shape \(1, 16, 16\)"):
        models.Neocognitron()(np.zeros((1, 16, 16)))
