"""What layers give, and where scores come from: identities and plain loops."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn
from tatamikomi.interpret.outputs import last_maps

RNG = np.random.default_rng(7)


def pooled(dtype="float64"):
    """Ends in a global average pool and one Linear."""
    g = tk.Generator(1)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, dtype=dtype, generator=g),
        nn.BatchNorm2d(5, dtype=dtype),
        nn.ReLU(),
        nn.Conv2d(5, 4, 3, dtype=dtype, generator=g),
        nn.GlobalAvgPool(),
        nn.Flatten(),
        nn.Linear(4, 3, dtype=dtype, generator=g),
    )


def images(n=3, side=9, dtype=np.float64):
    return RNG.standard_normal((n, 2, side, side)).astype(dtype)


class Smooth(nn.Module):
    """Not linear behind its maps: gradients differ from place to place and change their sign."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, dtype="float64", generator=tk.Generator(2))
        self.fc = nn.Linear(4 * 49, 3, dtype="float64", generator=tk.Generator(3))

    def forward(self, x):
        return self.fc(tk.functional.tanh(self.conv(x)).flatten(1))


# ------------------------------------------------------------------------------------------------ features


def test_features_are_those_of_the_layers():
    net, x = pooled(), images()
    net.eval()
    found = interpret.features(net, x, ["2", "0", "6"])
    assert list(found) == ["2", "0", "6"]
    np.testing.assert_array_equal(found["0"], net[0](x).numpy())
    np.testing.assert_array_equal(found["2"], net[:3](x).numpy())
    np.testing.assert_array_equal(found["6"], net(x).numpy())
    assert found["0"].flags.writeable


def test_features_are_those_of_evaluation_and_change_nothing():
    net, x = pooled().train(), images()
    mean = net[1].running_mean.copy()
    found = interpret.features(net, x, "1")["1"]
    assert net.training
    assert net[1].training
    assert not any(module.has_hooks() for module in net.modules())
    np.testing.assert_array_equal(net[1].running_mean, mean)
    np.testing.assert_array_equal(found, net.eval()[:2](x).numpy())


def test_features_errors():
    net = pooled()
    with pytest.raises(ValueError, match=r"features: names: expected one of '', '0', .*, got '9'"):
        interpret.features(net, images(), "9")
    with pytest.raises(TypeError, match=r"features: names: expected the path of a module, got int"):
        interpret.features(net, images(), [3])
    with pytest.raises(TypeError, match=r"features: model: expected a Module"):
        interpret.features(None, images(), "0")
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"features: names: expected a module that is called once.*2 times"):
        interpret.features(nn.Sequential(layer, layer), np.ones((1, 2), np.float32), "0")
    assert not layer.has_hooks()


# ------------------------------------------------------------------------------------------------ maps


@pytest.mark.parametrize("target", [None, 1, [0, 2, 1]])
def test_the_mean_of_a_cam_is_the_score_without_its_bias(target):
    net, x = pooled(), images()
    heat = interpret.cam(net, x, target, layer="3")
    scores = net.eval()(x).numpy()
    chosen = scores.argmax(1) if target is None else np.broadcast_to(target, 3)
    assert heat.shape == (3, 5, 5)
    expected = scores[np.arange(3), chosen] - net[6].bias.numpy()[chosen]
    np.testing.assert_allclose(heat.mean((1, 2)), expected, rtol=1e-12)


def test_grad_cam_under_a_global_pool_is_the_positive_part_of_cam():
    net, x = pooled(), images()
    heat, plain = (one(net, x, 2, layer="3") for one in (interpret.grad_cam, interpret.cam))
    assert (plain < 0).any()
    np.testing.assert_allclose(heat * 25, np.maximum(plain, 0), rtol=1e-11, atol=1e-15)


def numeric_gradient(net, maps, behind, target, n):
    """d score / d maps by central differences, through the part of the net behind the maps."""
    g = np.zeros(maps.shape[1:])
    for place in np.ndindex(g.shape):
        sides = []
        for step in (1e-5, -1e-5):
            moved = maps[n : n + 1].copy()
            moved[(0, *place)] += step
            sides.append(behind(moved)[0, target])
        g[place] = (sides[0] - sides[1]) / 2e-5
    return g


@pytest.mark.parametrize(
    ("name", "options", "size", "layer"),
    [
        ("lenet5", {}, (1, 28, 28), "features.4"),
        ("mobilenet_v2", {"width_mult": 0.1}, (3, 33, 33), "features"),
        ("resnet20_cifar", {}, (3, 8, 8), "layer3"),
        ("squeezenet1_1", {}, (3, 33, 33), "classifier.2"),
    ],
)
def test_the_default_layer_ends_what_the_last_convolution_began(name, options, size, layer):
    net, x = tk.models.create(name, 3, seed=0, **options), RNG.random((1, *size)).astype(np.float32)
    assert last_maps("grad_cam", net, x) == layer
    if name == "lenet5":
        assert np.array_equal(interpret.grad_cam(net, x, 1), interpret.grad_cam(net, x, 1, layer=layer))


def test_a_default_layer_needs_a_convolution_with_positions():
    x = np.ones((1, 1, 3, 3), np.float32)
    twice = nn.Conv2d(1, 1, 3, padding=1)
    for layers in ([nn.Conv2d(1, 2, 3)], [twice, twice], [nn.ReLU()]):
        net = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2))
        with pytest.raises(ValueError, match=r"grad_cam: layer: .* no convolution in the model gives more than one"):
            interpret.grad_cam(net, x)


def test_grad_cam_and_its_plus_plus_by_plain_loops():
    net, x = Smooth(), images(2)
    maps = net.conv(x).numpy()

    def behind(given):
        return net.fc(tk.functional.tanh(given).flatten(1)).numpy()

    for n, target in enumerate([2, 0]):
        g = numeric_gradient(net, maps, behind, target, n)
        assert (g > 0).any()
        assert (g < 0).any()
        once, plus = np.zeros((7, 7)), np.zeros((7, 7))
        for k in range(4):
            once += g[k].mean() * maps[n, k]
            total = 0.0
            for i in range(7):
                for j in range(7):
                    below = 2 * g[k, i, j] ** 2 + sum(
                        maps[n, k, a, b] * g[k, a, b] ** 3 for a in range(7) for b in range(7)
                    )
                    total += g[k, i, j] ** 2 / below * max(g[k, i, j], 0)
            plus += total * maps[n, k]
        heat = interpret.grad_cam(net, x, [2, 0], layer="conv")[n]
        np.testing.assert_allclose(heat, np.maximum(once, 0), rtol=1e-5, atol=1e-8)
        heat = interpret.grad_cam_plus_plus(net, x, [2, 0], layer="conv")[n]
        np.testing.assert_allclose(heat, np.maximum(plus, 0), rtol=1e-4, atol=1e-7)


def test_plus_plus_without_any_gradient_is_nothing():
    net = nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(98, 3))
    net[0].bias.copy_(np.full(2, -1e3))
    heat = interpret.grad_cam_plus_plus(net, images(dtype=np.float32), 0, layer="0")
    assert np.array_equal(heat, np.zeros((3, 7, 7)))


def test_saliency_by_hand_and_by_differences():
    net = nn.Linear(3, 2, dtype="float64")
    np.testing.assert_array_equal(interpret.saliency(net, np.ones((2, 3)), [1, 0]), np.abs(net.weight.numpy()[::-1]))
    net, x = Smooth(), images(1)
    found = interpret.saliency(net, x, 1)
    assert found.shape == (1, 9, 9)
    for place in [(0, 0), (4, 5), (8, 2)]:
        slopes = []
        for channel in range(2):
            sides = []
            for step in (1e-6, -1e-6):
                moved = x.copy()
                moved[(0, channel, *place)] += step
                sides.append(net(moved).numpy()[0, 1])
            slopes.append(abs(sides[0] - sides[1]) / 2e-6)
        assert found[(0, *place)] == pytest.approx(max(slopes), rel=1e-6)


def test_occlusion_by_plain_loops():
    net, x = Smooth(), images(2)
    heat = interpret.occlusion(net, x, [0, 2], size=(4, 3), stride=(3, 2), value=0.5, batch_size=5)
    for n, target in enumerate([0, 2]):
        whole, total, count = net(x[n : n + 1]).numpy()[0, target], np.zeros((9, 9)), np.zeros((9, 9))
        for top in [0, 3, 5]:
            for left in [0, 2, 4, 6]:
                covered = x[n : n + 1].copy()
                covered[:, :, top : top + 4, left : left + 3] = 0.5
                total[top : top + 4, left : left + 3] += whole - net(covered).numpy()[0, target]
                count[top : top + 4, left : left + 3] += 1
        np.testing.assert_allclose(heat[n], total / count, rtol=1e-9, atol=1e-12)


def test_occlusion_of_a_sum_is_what_is_covered():
    class Total(nn.Module):
        def forward(self, x):
            return tk.autograd.stack([x.sum((1, 2)), x.sum((1, 2)) * 2.0], 1)

    x = RNG.standard_normal((1, 1, 6))
    np.testing.assert_allclose(interpret.occlusion(Total(), x, 1, size=1)[0], 2 * x[0, 0], rtol=1e-12)


def test_everything_leaves_the_model_as_it_was():
    net, x = pooled("float32").train(), images(dtype=np.float32)
    net(x)  # running statistics of its own
    state, offset = net.state_dict(), tk.default_generator().state()
    interpret.cam(net, x, layer="3")
    interpret.grad_cam(net, x, layer="0")
    interpret.saliency(net, x)
    interpret.occlusion(net, x)
    interpret.maximise_activation(net, (1, 2, 9, 9), 0, steps=2)
    assert all(np.array_equal(state[key], value) for key, value in net.state_dict().items())
    assert net[1].training
    assert not any(module.has_hooks() for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert tk.default_generator().state() == offset


def test_frozen_models_have_maps_too():
    net, x = pooled(), images()
    before = interpret.grad_cam(net, x, 0, layer="3")
    net.requires_grad_(False)
    with tk.no_grad():
        np.testing.assert_array_equal(interpret.grad_cam(net, x, 0, layer="3"), before)


def test_errors():
    net, x = pooled(), images()
    with pytest.raises(
        ValueError, match=r"cam: layer: expected a layer whose means over all positions '6' takes, got '0'"
    ):
        interpret.cam(net, x, layer="0")
    with pytest.raises(TypeError, match=r"cam: classifier: expected the path of a Linear, got '3', a Conv2d"):
        interpret.cam(net, x, layer="3", classifier="3")
    with pytest.raises(ValueError, match=r"cam: classifier: expected a model with a Linear"):
        interpret.cam(nn.Conv2d(2, 2, 3), x, layer="")
    with pytest.raises(ValueError, match=r"grad_cam: layer: expected a layer that gives \(N, C, \*sizes\), got '6'"):
        interpret.grad_cam(net, x, layer="6")
    with pytest.raises(ValueError, match=r"grad_cam: target: expected 0 <= class < 3, got 3"):
        interpret.grad_cam(net, x, 3, layer="3")
    with pytest.raises(ValueError, match=r"grad_cam_plus_plus: target: expected an integer or one per sample, 3"):
        interpret.grad_cam_plus_plus(net, x, [1, 2], layer="3")
    with pytest.raises(TypeError, match=r"saliency: target: expected integers, got float64"):
        interpret.saliency(net, x, 1.5)
    with pytest.raises(TypeError, match=r"saliency: x: expected float32 or float64, got int64"):
        interpret.saliency(net, np.ones((1, 2, 9, 9), np.int64))
    with pytest.raises(ValueError, match=r"saliency: model: expected a model that gives \(N, classes\)"):
        interpret.saliency(net[0], x)
    with pytest.raises(ValueError, match=r"occlusion: size: expected at most the input's \(9, 9\), got \(10, 10\)"):
        interpret.occlusion(net, x, size=10)
    with pytest.raises(ValueError, match=r"occlusion: stride: expected at most the size"):
        interpret.occlusion(net, x, size=2, stride=3)
    with pytest.raises(ValueError, match=r"occlusion: batch_size"):
        interpret.occlusion(net, x, batch_size=0)
    with pytest.raises(ValueError, match=r"occlusion: x: expected \(N, C, \*sizes\)"):
        interpret.occlusion(net, np.ones((2, 3)))


# ------------------------------------------------------------------------------------------------ maximise


def test_maximising_a_linear_score_goes_along_its_weights():
    net = nn.Linear(4, 3, dtype="float64")
    start = np.zeros((1, 4))
    found = interpret.maximise_activation(net, (1, 4), 2, steps=3, lr=0.5, start=start)
    row = net.weight.numpy()[2]
    np.testing.assert_allclose(found.x[0], 1.5 * row / np.sqrt((row**2).mean()), rtol=1e-12)
    expected = [net.bias.numpy()[2] + step * 0.5 * (row**2).sum() / np.sqrt((row**2).mean()) for step in range(4)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert not start.any()


def test_decay_shrinks_what_nothing_speaks_for():
    net = nn.Linear(2, 1, bias=False, dtype="float64")
    net.weight.copy_(np.array([[1.0, 0.0]]))
    found = interpret.maximise_activation(net, (1, 2), 0, steps=2, lr=1.0, decay=0.5, start=np.array([[0.0, 8.0]]))
    np.testing.assert_allclose(found.x, [[1.5 * np.sqrt(2), 2.0]], rtol=1e-12)


def test_maximising_a_layer_is_reproducible_and_climbs():
    net = tk.models.create("lenet5", seed=3)
    runs = [
        interpret.maximise_activation(net, (1, 1, 28, 28), 4, layer="features.3", steps=8, seed=5) for _ in range(2)
    ]
    assert np.array_equal(runs[0].x, runs[1].x)
    assert len(runs[0].values) == 9
    assert runs[0].values[-1] > runs[0].values[0]
    assert interpret.features(net, runs[0].x, "features.3")["features.3"][:, 4].mean() == pytest.approx(
        runs[0].values[-1], rel=1e-5
    )


def test_maximise_errors():
    op, net = "maximise_activation", nn.Linear(2, 3)
    for options, message in [
        ({"channel": 3}, r"channel: expected a channel of an output \(1, 3\), got 3"),
        ({"channel": -1}, "channel: expected an integer >= 0"),
        ({"channel": 0, "steps": -1}, "steps: expected an integer >= 0"),
        ({"channel": 0, "lr": 0.0}, "lr: expected a number > 0"),
        ({"channel": 0, "decay": 1.0}, "decay: expected 0 <= decay < 1"),
        ({"channel": 0, "start": np.ones((1, 3))}, r"start: expected shape \(1, 2\)"),
        ({"channel": 0, "layer": "x"}, "layer: expected one of"),
    ]:
        with pytest.raises(ValueError, match=f"{op}: {message}"):
            interpret.maximise_activation(net, (1, 2), **options)
    with pytest.raises(TypeError, match=f"{op}: channel: expected an integer, got float"):
        interpret.maximise_activation(net, (1, 2), 1.0)
    assert not net.has_hooks()
