"""Receptive fields against the plainest oracle: which input elements get a gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn


def positive(model):
    """Weights that no gradient cancels, and nothing that switches off."""
    for parameter in model.parameters():
        parameter.copy_(np.full(parameter.shape, 0.5))
    return model.eval()


def reached(model, shape, position):
    """Per axis, the first and last input element whose gradient at one output position is not 0; None: nowhere."""
    x = tk.tensor(np.random.default_rng(0).random(shape) + 0.5, requires_grad=True)
    y = model(x)
    start = np.zeros(y.shape)
    start[(0, slice(None), *position)] = 1
    (dx,) = tk.autograd.grad(y, x, start)
    hit = np.abs(dx.numpy()).sum((0, 1)) > 0
    if not hit.any():
        return None
    axes = range(hit.ndim)
    found = [np.flatnonzero(hit.any(tuple(other for other in axes if other != axis))) for axis in axes]
    return [(int(one[0]), int(one[-1])) for one in found]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.near, self.far = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 5, padding=2)

    def forward(self, x):
        return tk.functional.relu(self.near(x) + self.far(x) * 2.0)


class Joined(Residual):
    def forward(self, x):
        return tk.autograd.cat([self.near(x), self.far(x), x], 1)


# Average pools: all of a window gets a gradient.
EXACT = {
    "conv": (nn.Conv2d(1, 2, (3, 5), (2, 1), (1, 2)), (1, 1, 15, 16)),
    "dilated": (nn.Sequential(nn.Conv1d(1, 1, 3, dilation=3), nn.Conv1d(1, 1, 2, 2)), (1, 1, 30)),
    "same": (nn.Sequential(nn.Conv2d(1, 1, 3, 2, "same"), nn.Conv2d(1, 1, 4, 1, "same")), (1, 1, 14, 13)),
    "pairs": (nn.Conv2d(1, 1, 3, padding=((2, 0), (0, 1))), (1, 1, 9, 9)),
    "pools": (nn.Sequential(nn.Conv2d(1, 1, 3), nn.AvgPool2d(3, 2, 1), nn.Conv2d(1, 1, 2)), (1, 1, 20, 20)),
    "lp": (nn.Sequential(nn.LPPool2d(2, 3), nn.LPPool2d(2, 2, 1)), (1, 1, 18, 18)),
    "pad": (nn.Sequential(nn.ZeroPad2d((3, 0, 1, 2)), nn.Conv2d(1, 1, 3)), (1, 1, 9, 9)),
    "volume": (nn.Conv3d(1, 1, (1, 2, 3), (1, 1, 2)), (1, 1, 4, 5, 7)),
    "adaptive": (nn.Sequential(nn.Conv1d(1, 1, 3, padding=1), nn.AdaptiveAvgPool1d(4)), (1, 1, 12)),
    "global": (nn.Sequential(nn.Conv2d(1, 1, 3), nn.GlobalAvgPool()), (1, 1, 9, 8)),
    "norms": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sigmoid(), nn.Conv2d(4, 1, 3)), (1, 1, 9, 9)),
    "residual": (nn.Sequential(nn.Conv2d(1, 1, 2, 2), Residual(), nn.Conv2d(1, 1, 3)), (1, 1, 20, 20)),
    "joined": (Joined(), (1, 1, 9, 9)),
    "unshuffle": (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, 1, 3, padding=1)), (1, 1, 8, 8)),
    "local": (nn.LocallyConnected2d(1, 1, 9, 3, 2, 1), (1, 1, 9, 9)),
    "lrn": (nn.Sequential(nn.Conv2d(1, 3, 3), nn.LocalResponseNorm(3, within_channel=True, alpha=1.0)), (1, 1, 9, 9)),
}
# What enlarges, or pools unevenly: the field is a bound, reached at some position.
BOUNDS = {
    "strided": (nn.Sequential(nn.Conv1d(1, 1, 3, 2), nn.ConvTranspose1d(1, 1, 4, 2, 1)), (1, 1, 31)),
    "transposed": (nn.ConvTranspose2d(1, 1, (4, 3), 2, 1), (1, 1, 6, 7)),
    "dilated": (nn.ConvTranspose1d(1, 1, 3, 2, 1, dilation=2), (1, 1, 9)),
    "patches": (nn.Sequential(nn.ConvTranspose1d(1, 1, 2, 2), nn.Conv1d(1, 1, 2)), (1, 1, 9)),
    "shuffle": (nn.Sequential(nn.Conv2d(1, 9, 1), nn.PixelShuffle(3), nn.Conv2d(1, 1, 3)), (1, 1, 6, 6)),
    "nearest": (nn.Sequential(nn.Upsample(scale_factor=3), nn.Conv1d(1, 1, 3, padding=1)), (1, 1, 9)),
    "exact": (nn.Upsample(size=10, mode="nearest-exact"), (1, 1, 7)),
    "linear": (nn.Upsample(scale_factor=2, mode="linear"), (1, 1, 9)),
    "cubic": (nn.Upsample(size=(14, 20), mode="bicubic"), (1, 1, 7, 9)),
    "uneven": (nn.AdaptiveAvgPool1d(5), (1, 1, 13)),
}


def clipped(field, position, sizes):
    spans = zip(field.span(position), sizes, strict=True)
    found = [(max(first, 0), min(last, size - 1)) for (first, last), size in spans]
    return found if all(first <= last for first, last in found) else None


def positions(model, shape):
    return itertools.product(*map(range, model(np.zeros(shape)).shape[2:]))


@pytest.mark.parametrize("name", EXACT)
def test_every_position_sees_its_span_and_nothing_else(name):
    model, shape = EXACT[name]
    model = positive(model.double())
    field = tk.receptive_field(model, shape)
    count = 0
    for position in positions(model, shape):
        assert reached(model, shape, position) == clipped(field, position, shape[2:]), position
        count += 1
    assert count > (0 if name == "global" else 3)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_hold_and_are_reached(name):
    model, shape = BOUNDS[name]
    model = positive(model.double())
    field = tk.receptive_field(model, shape)
    most = [0] * (len(shape) - 2)
    for position in positions(model, shape):
        found = reached(model, shape, position)
        if found is None:
            continue
        for (first, last), (low, high) in zip(found, clipped(field, position, shape[2:]), strict=True):
            assert low <= first <= last <= high, (position, field)
        most = [max(size, last - first + 1) for size, (first, last) in zip(most, found, strict=True)]
    assert tuple(most) == field.size or name == "strided"


@pytest.mark.parametrize(
    "name", [name for name in EXACT if name in ("conv", "dilated", "pools", "pad", "lp", "volume")]
)
def test_layers_in_a_row_need_no_shape(name):
    model, shape = EXACT[name]
    assert tk.receptive_field(model) == tk.receptive_field(model, shape)
    layers = list(model) if isinstance(model, nn.Sequential) else [model]
    assert tk.receptive_field(layers) == tk.receptive_field(layers, shape) == tk.receptive_field(model)


def test_fields_by_hand():
    # AlexNet's features: 195 at conv5 with pools of 3, stride 2 (Araujo et al. 2019).
    rows = [(11, 4, 2), (3, 2), (5, 1, 2), (3, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2)]
    field = tk.receptive_field(rows)
    assert (field.size, field.stride) == ((195,), (32,))
    assert tk.receptive_field(tk.models.create("lenet5"), (1, 1, 28, 28), "features.0").size == (5, 5)
    assert tk.receptive_field(nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 3), nn.ReLU())).size == (3, 3)


def test_a_mean_and_a_flattening_see_everything_before_them():
    class Mean(nn.Module):
        def __init__(self, end):
            super().__init__()
            self.conv, self.end, self.fc = nn.Conv2d(1, 2, 3, 2), end, nn.LazyLinear(1)

        def forward(self, x):
            return self.fc(self.end(self.conv(x)))

    for end in (lambda x: x.mean((2, 3)), lambda x: x.flatten(1), lambda x: x.amax((2, 3)), nn.Flatten()):
        assert tk.receptive_field(Mean(end), (1, 1, 9, 7)).size == (9, 7)


def test_squeezing_sees_everything_from_everywhere():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.squeeze, self.conv = nn.SqueezeExcitation(4, 2), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.conv(self.squeeze(x))

    field = tk.receptive_field(Gate(), (1, 4, 6, 5))
    for position in itertools.product(range(6), range(5)):
        assert clipped(field, position, (6, 5)) == [(0, 5), (0, 4)]


def test_what_is_not_known_is_not_told():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(tk.functional.conv2d(x, np.ones((1, 1, 3, 3), np.float32)))

    assert tk.summary(Turned(), (1, 1, 9, 9)).layers[0].field_size is None
    with pytest.raises(ValueError, match=r"receptive_field: layer: .*'conv'"):
        tk.receptive_field(Turned(), (1, 1, 9, 9))

    class Along(Residual):
        def __init__(self, dim):
            super().__init__()
            self.dim = dim

        def forward(self, x):
            return self.far(tk.functional.softmax(self.near(x), self.dim))

    assert tk.receptive_field([nn.Conv1d(1, 3, 3), nn.Softmax(1), nn.Conv1d(3, 1, 2)]).size == (4,)
    assert tk.summary(Along(1), (1, 1, 9, 9)).layers[1].field_size == (5, 5)
    for model in (Along(2), Along(-1), nn.Softmax(2), nn.GLU(-2)):
        assert tk.summary(model, (1, 1, 8, 8)).layers[-1].field_size is None
    uneven = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))
    with pytest.raises(ValueError, match="receptive_field"):
        tk.receptive_field(uneven, (1, 1, 9, 9))


def test_errors():
    op = "receptive_field"
    with pytest.raises(TypeError, match=rf"{op}: model: expected a Module, or layers in a row, got int"):
        tk.receptive_field(3)
    with pytest.raises(TypeError, match=rf"{op}: model: expected a Module, or a list of Modules"):
        tk.receptive_field([(3,)], (1, 1, 9))
    with pytest.raises(TypeError, match=rf"{op}: model\[0\]: expected a Module or \(kernel_size"):
        tk.receptive_field(["conv"])
    with pytest.raises(ValueError, match=rf"{op}: model: expected at least one layer"):
        tk.receptive_field([])
    with pytest.raises(ValueError, match=rf"{op}: kernel_size: expected"):
        tk.receptive_field([(0,)])
    with pytest.raises(ValueError, match=rf"{op}: input_shape: expected a shape: GlobalAvgPool depends"):
        tk.receptive_field([nn.Conv2d(1, 1, 3), nn.GlobalAvgPool()])
    with pytest.raises(ValueError, match=rf"{op}: input_shape: expected a shape: 0 \(Residual\)"):
        tk.receptive_field([Residual(), nn.Conv2d(1, 1, 3)])
    with pytest.raises(ValueError, match=rf"{op}: input_shape: expected a shape: 1 \(Residual\)"):
        tk.receptive_field([nn.Conv2d(1, 1, 3), Residual()])
    with pytest.raises(ValueError, match=rf"{op}: input_shape: expected a shape: no layer"):
        tk.receptive_field([nn.ReLU(), nn.ReLU()])
    with pytest.raises(ValueError, match=rf"{op}: input_shape: expected a shape: Conv2d depends"):
        tk.receptive_field(nn.Conv2d(1, 1, 3, 2, "same"))
    with pytest.raises(ValueError, match=rf"{op}: model: expected layers of 2 axes"):
        tk.receptive_field([nn.Conv2d(1, 1, 3), nn.Conv1d(1, 1, 3)])
    for shape in (None, (1, 1, 9, 9)):
        with pytest.raises(ValueError, match=rf"{op}: layer: expected one of '0', '1', got '7'"):
            tk.receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), shape, "7")
    with pytest.raises(ValueError, match=r"Field.span: position: expected 1 integers"):
        tk.receptive_field([(3,)]).span((1, 2))


# ------------------------------------------------------------------------------------------------ coverage


def plain_coverage(kernel_sizes, dilations):
    counts = [0] * (1 + sum((k - 1) * d for k, d in zip(kernel_sizes, dilations, strict=True)))
    for taps in itertools.product(*map(range, kernel_sizes)):
        counts[sum(tap * d for tap, d in zip(taps, dilations, strict=True))] += 1
    return counts


@pytest.mark.parametrize(
    ("kernel_sizes", "dilations", "holes"),
    [
        ([3, 3, 3], [2, 2, 2], True),
        ([3, 3, 3], [1, 2, 5], False),
        ([3, 2, 5], [4, 1, 3], True),
        ([3, 5], [1, 3], False),
    ],
)
def test_coverage_counts_paths(kernel_sizes, dilations, holes):
    found = interpret.coverage(kernel_sizes, dilations)
    assert found.tolist() == plain_coverage(kernel_sizes, dilations)
    assert (found == 0).any() == holes
    layers = [nn.Conv1d(1, 1, k, dilation=d) for k, d in zip(kernel_sizes, dilations, strict=True)]
    net = positive(nn.Sequential(*layers).double())
    x = tk.tensor(np.ones((1, 1, len(found))), requires_grad=True)
    net(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0, 0] * 2 ** len(layers), found, rtol=1e-12)


def test_coverage_errors():
    with pytest.raises(ValueError, match=r"coverage: dilations: expected one per layer, 2, got 1"):
        interpret.coverage([3, 3], [1])
    with pytest.raises(ValueError, match=r"coverage: kernel_sizes"):
        interpret.coverage([0], [1])
    with pytest.raises(TypeError, match=r"coverage: dilations"):
        interpret.coverage([3], [1.5])


# ------------------------------------------------------------------------------------------------ gradients


def linear_stack(depth):
    return positive(nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(depth))))


def test_effective_field_of_a_linear_net_by_hand():
    """Equal weights: the gradient is the kernel of ones convolved with itself."""
    found = interpret.effective_receptive_field(linear_stack(3), (2, 1, 11, 11), samples=2)
    line = np.convolve(np.convolve([1, 1, 1], [1, 1, 1]), [1, 1, 1])
    expected = np.zeros((11, 11))
    expected[2:9, 2:9] = np.outer(line, line) / line.max() ** 2
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-6, atol=1e-12)
    assert found.size == np.sqrt((expected > 1 - 0.9545).sum())


def test_effective_field_is_smaller_than_the_field_and_grows_as_the_root_of_the_depth():
    sizes = [interpret.effective_receptive_field(linear_stack(n), (1, 1, 81, 81), samples=1).size for n in (4, 16)]
    assert sizes[1] < 33 / 1.5
    assert 1.6 < sizes[1] / sizes[0] < 2.4


def test_effective_field_of_a_layer_leaves_the_model_as_it_was():
    net = tk.models.create("deep_convnet", seed=0).train()
    before = tk.default_generator().state()
    found = interpret.effective_receptive_field(net, (2, 1, 28, 28), "features.2", samples=3)
    field = tk.receptive_field(net, (2, 1, 28, 28), "features.2")
    rows, columns = field.span((14, 14))
    outside = found.gradient.copy()
    outside[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = 0
    assert outside.max() < 1e-5  # Winograd rounds
    assert found.gradient.max() == 1
    assert net.training
    assert not net[0][2].has_hooks()
    assert tk.default_generator().state() == before


def test_effective_field_errors():
    op, net = "effective_receptive_field", nn.Sequential(nn.Conv2d(1, 1, 3))
    with pytest.raises(ValueError, match=rf"{op}: samples: expected an integer >= 1"):
        interpret.effective_receptive_field(net, (1, 1, 9, 9), samples=0)
    with pytest.raises(ValueError, match=rf"{op}: layer: expected one of"):
        interpret.effective_receptive_field(net, (1, 1, 9, 9), "1")
    with pytest.raises(TypeError, match=rf"{op}: dtype: expected float32 or float64"):
        interpret.effective_receptive_field(net, (1, 1, 9, 9), dtype=np.int64)
    net[0].weight.copy_(np.zeros((1, 1, 3, 3)))
    with pytest.raises(ValueError, match=rf"{op}: model: expected a model whose gradients"):
        interpret.effective_receptive_field(net, (1, 1, 9, 9))
