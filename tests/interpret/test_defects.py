"""Defects planted in a texture, told from whole pieces by a net that never saw where they are: CAM finds them."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn

SIDE, DENT = 32, 7


def textures(count, seed):
    """Woven stripes of any phase under noise, x (N, 1, SIDE, SIDE); every second has a dent in which the threads lie
    across; where it is, (N, SIDE, SIDE)."""
    draw = np.random.default_rng(seed)
    row, column = np.mgrid[:SIDE, :SIDE]
    phase = draw.uniform(0, 2 * np.pi, (2, count, 1, 1))
    threads, across = np.sin(column * 1.6 + phase[0]), np.sin(row * 1.6 + phase[1])
    where = np.zeros((count, SIDE, SIDE), bool)
    for i in range(1, count, 2):
        top, left = draw.integers(0, SIDE - DENT, 2)
        where[i, top : top + DENT, left : left + DENT] = True
    x = np.where(where, across, threads) + 0.3 * draw.standard_normal(where.shape)
    return x[:, None].astype(np.float32), np.arange(count) % 2, where


@pytest.fixture(autouse=True)
def one_thread():
    """Maps this small are not worth a second one."""
    with tk.threads(1):
        yield


def test_cam_points_at_the_defect():
    tk.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.GlobalAvgPool(),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    x, labels, _ = textures(128, seed=1)
    trainer = tk.Trainer(net, tk.optim.Adam(net.parameters(), lr=0.01))
    loader = tk.data.DataLoader(tk.data.ArrayDataset(x, labels), 16, shuffle=True, seed=1)
    trainer.fit(loader, epochs=8)

    x, labels, where = textures(100, seed=2)
    assert trainer.evaluate([(x, labels)])["accuracy"] >= 0.9
    broken = labels == 1
    heat = interpret.cam(net, x[broken], 1, layer="5")
    peaks = heat.reshape(len(heat), -1).argmax(1)
    hits = where[broken].reshape(len(heat), -1)[np.arange(len(heat)), peaks]
    assert hits.mean() >= 0.9  # the pointing game; a peak anywhere would hit 49 of 1,024 positions
    inside = np.array([heat[i][where[broken][i]].mean() for i in range(len(heat))])
    assert (inside > heat.mean((1, 2))).mean() >= 0.9
