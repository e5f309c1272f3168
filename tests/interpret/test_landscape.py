"""Paths and surfaces: steps by hand, planes through known points, weights that come back."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn

RNG = np.random.default_rng(5)


def bowl(p):
    return (p * p * np.array([1.0, 10.0])).sum() / 2.0


def test_descent_by_hand():
    path = interpret.descend(bowl, [4.0, 1.0], lambda p: tk.optim.SGD(p, lr=0.05, momentum=0.5), 6)
    point, speed, expected = np.array([4.0, 1.0]), np.zeros(2), [[4.0, 1.0]]
    for _ in range(6):
        speed = 0.5 * speed + point * [1, 10]
        point = point - 0.05 * speed
        expected.append(point.tolist())
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-15)


def test_surfaces_have_their_axes_the_right_way_round():
    found = interpret.surface(lambda p: p[0] * 10.0 + p[1], ((0, 2), (3, 4)), 3)
    assert found.x.tolist() == [0, 1, 2]
    assert found.y.tolist() == [3, 3.5, 4]
    assert found.values.tolist() == [[3, 13, 23], [3.5, 13.5, 23.5], [4, 14, 24]]


def test_the_plane_of_a_path_in_a_plane_shows_all_of_it():
    net = nn.Linear(3, 2, dtype="float64")
    path, points = interpret.WeightPath(net), []
    first, second = RNG.standard_normal((2, 8))
    for a, b in [(0, 0), (1, 3), (2, -1), (5, 5)]:
        flat = a * first + b * second
        net.weight.copy_(flat[:6].reshape(2, 3))
        net.bias.copy_(flat[6:])
        path.record()
        points.append(flat)
    plane = path.plane()
    assert plane.share == pytest.approx(1)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.path[-1], 0, atol=1e-12)
    np.testing.assert_allclose(plane.origin + plane.path @ plane.directions, points, atol=1e-12)


def test_the_surface_of_a_path_passes_its_losses():
    net, x, labels = nn.Linear(4, 3), RNG.standard_normal((9, 4)).astype(np.float32), RNG.integers(0, 3, 9)
    optimizer, path, losses = tk.optim.SGD(net.parameters(), lr=0.3), interpret.WeightPath(net), []
    for _ in range(4):
        loss = nn.CrossEntropyLoss()(net(x), labels)
        path.record()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    plane, before = path.plane(), net.state_dict()
    assert plane.share > 0.9
    ((left, right), (low, high)) = ((plane.path[0, 0], 0.0), (plane.path[0, 1], 0.0))
    (left, right), (low, high) = sorted((left, right)), sorted((low, high))
    found = interpret.loss_surface(net, x, labels, plane=plane, extent=((left, right), (low, high)), points=2)
    corner = found.values[int(high == plane.path[0, 1]), int(right == plane.path[0, 0])]
    origin = found.values[int(high == 0), int(right == 0)]
    assert corner == pytest.approx(losses[0], abs=0.02 * losses[0])
    assert origin == pytest.approx(losses[-1], rel=1e-6)
    assert all(np.array_equal(before[key], value) for key, value in net.state_dict().items())
    wide = interpret.loss_surface(net, x, labels, plane=plane, points=3)
    assert wide.x[0] < plane.path[:, 0].min() < plane.path[:, 0].max() < wide.x[-1]


def test_random_directions_are_as_long_as_the_filters():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, dtype="float64"), nn.Flatten(), nn.Linear(8, 2, dtype="float64"))
    x, labels = RNG.standard_normal((3, 1, 4, 4)), [0, 1, 1]
    weights, seen = [one.numpy().copy() for one in net.parameters()], []

    def look(output, labels):
        seen.append([one.numpy().copy() for one in net.parameters()])
        return nn.CrossEntropyLoss()(output, labels)

    found = interpret.loss_surface(net, x, labels, look, extent=((0, 1), (0, 1)), points=2, seed=9)
    again = interpret.loss_surface(net, x, labels, extent=((0, 1), (0, 1)), points=2, seed=9)
    assert np.array_equal(found.values, again.values)
    assert len(seen) == 4
    origin, along = seen[:2]
    for start, moved, weight in zip(origin, along, weights, strict=True):
        assert np.array_equal(start, weight)
        step = (moved - weight).reshape(len(weight), -1)
        lengths = np.linalg.norm(weight.reshape(len(weight), -1), axis=1) if weight.ndim > 1 else 0
        np.testing.assert_allclose(np.linalg.norm(step, axis=1), lengths, rtol=1e-12)
    assert found.values[0, 0] == nn.CrossEntropyLoss()(net(x), labels).item()


def test_weights_come_back_after_an_error():
    net, x = nn.Linear(2, 2), np.ones((1, 2), np.float32)
    before, calls = net.state_dict(), []

    def fail(output, labels):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("enough")
        return output.sum()

    with pytest.raises(RuntimeError, match="enough"):
        interpret.loss_surface(net, x, None, fail, points=3)
    assert all(np.array_equal(before[key], value) for key, value in net.state_dict().items())


def test_errors():
    net, x = nn.Linear(2, 2), np.ones((1, 2), np.float32)
    sgd = lambda p: tk.optim.SGD(p, lr=0.1)  # noqa: E731
    with pytest.raises(ValueError, match=r"descend: start: expected shape \(D,\)"):
        interpret.descend(bowl, 1.0, sgd, 1)
    with pytest.raises(ValueError, match="descend: steps: expected an integer >= 0"):
        interpret.descend(bowl, [1.0, 1.0], sgd, -1)
    with pytest.raises(ValueError, match="surface: points: expected an integer >= 2"):
        interpret.surface(bowl, ((0, 1), (0, 1)), 1)
    with pytest.raises(ValueError, match="surface: extent: expected"):
        interpret.surface(bowl, ((0, 1), (1, 0)))
    with pytest.raises(ValueError, match="WeightPath: model: expected a model with parameters"):
        interpret.WeightPath(nn.ReLU())
    path = interpret.WeightPath(net)
    for _ in range(2):
        path.record()
    with pytest.raises(ValueError, match=r"WeightPath\.plane: records: expected at least 3, got 2"):
        path.plane()
    path.record()
    with pytest.raises(ValueError, match=r"WeightPath\.plane: records: expected weights that move"):
        path.plane()
    with pytest.raises(TypeError, match="loss_surface: plane: expected a Plane"):
        interpret.loss_surface(net, x, [0], plane=3)
    with pytest.raises(ValueError, match=r"loss_surface: plane: expected a plane through \(6,\) weights"):
        interpret.loss_surface(net, x, [0], plane=interpret.Plane(np.zeros(5), np.zeros((2, 5)), np.zeros((3, 2)), 1.0))
    with pytest.raises(ValueError, match="loss_surface: model: expected a model with parameters"):
        interpret.loss_surface(nn.ReLU(), x, [0])
