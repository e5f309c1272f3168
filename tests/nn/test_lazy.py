"""Lazy layers: at the first batch, from a state, and before either."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim

CASES = [
    (nn.LazyLinear, nn.Linear, (3,), {"bias": False}, (2, 5), 5),
    (nn.LazyConv1d, nn.Conv1d, (4, 3), {"padding": 1}, (2, 6, 7), 6),
    (nn.LazyConv2d, nn.Conv2d, (4, 3), {"groups": 2, "bias": False}, (2, 6, 7, 7), 6),
    (nn.LazyConv2d, nn.Conv2d, (4, 3), {"stride": 2, "dilation": 2}, (6, 7, 7), 6),
    (nn.LazyConv2d, nn.Conv2d, (4, 3), {"padding": 1, "padding_mode": "reflect"}, (2, 6, 7, 7), 6),
    (nn.LazyConv3d, nn.Conv3d, (4, 2), {}, (2, 6, 3, 3, 3), 6),
    (nn.LazyConvTranspose1d, nn.ConvTranspose1d, (4, 3), {"padding": 1}, (2, 6, 7), 6),
    (nn.LazyConvTranspose2d, nn.ConvTranspose2d, (4, 3), {"groups": 2, "stride": 2}, (2, 6, 7, 7), 6),
    (nn.LazyConvTranspose3d, nn.ConvTranspose3d, (4, 2), {"bias": False}, (6, 3, 3, 3), 6),
    (nn.LazyBatchNorm1d, nn.BatchNorm1d, (), {"eps": 0.1}, (4, 6), 6),
    (nn.LazyBatchNorm2d, nn.BatchNorm2d, (), {"momentum": None}, (4, 6, 2, 2), 6),
    (nn.LazyBatchNorm2d, nn.BatchNorm2d, (), {"affine": False}, (4, 6, 2, 2), 6),
    (nn.LazyBatchNorm3d, nn.BatchNorm3d, (), {}, (4, 6, 2, 2, 2), 6),
    (nn.LazyInstanceNorm1d, nn.InstanceNorm1d, (), {"affine": True, "track_running_stats": False}, (4, 6, 5), 6),
    (nn.LazyInstanceNorm2d, nn.InstanceNorm2d, (), {"affine": False, "track_running_stats": True}, (4, 6, 2, 3), 6),
    (nn.LazyInstanceNorm3d, nn.InstanceNorm3d, (), {"affine": True, "track_running_stats": True}, (4, 6, 2, 2, 2), 6),
]
EACH = pytest.mark.parametrize(("lazy", "kind", "args", "options", "shape", "channels"), CASES)


def drawn(kind, *args, **options):
    """Layers with parameters from the same seed."""
    if "Norm" not in kind.__name__:
        options = {**options, "generator": tk.Generator(3)}
    return kind(*args, dtype="f8", **options)


@EACH
def test_the_first_batch_makes_the_layer(lazy, kind, args, options, shape, channels):
    x = np.random.default_rng(0).standard_normal(shape)
    layer, expected = drawn(lazy, *args, **options), drawn(kind, channels, *args, **options)
    assert isinstance(layer, kind)
    assert repr(layer).startswith(lazy.__name__)
    held = layer
    y = layer(x)
    assert type(held) is kind
    assert repr(held) == repr(expected)
    assert y.numpy().tobytes() == expected(x).numpy().tobytes()
    assert list(held.state_dict()) == list(expected.state_dict())
    for name, value in expected.state_dict().items():
        assert held.state_dict()[name].tobytes() == value.tobytes()


@EACH
def test_a_state_makes_the_layer(lazy, kind, args, options, shape, channels):
    source = nn.Sequential(nn.Identity(), drawn(kind, channels, *args, **options))
    net = nn.Sequential(nn.Identity(), lazy(*args, dtype="f8", **options)).eval()
    result = net.load_state_dict(source.state_dict())
    assert result == ([], [])
    assert type(net[1]) is kind
    assert not net[1].training
    x = np.random.default_rng(0).standard_normal(shape)
    assert net(x).numpy().tobytes() == source.eval()(x).numpy().tobytes()


@EACH
def test_state_from_torch(lazy, kind, args, options, shape, channels):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, lazy.__name__)(*args, dtype=torch.double, **options)
    x = np.random.default_rng(0).standard_normal(shape)
    with torch.no_grad():
        theirs(torch.tensor(x))
        ours = lazy(*args, dtype="f8", **options)
        ours.load_state_dict(theirs.state_dict())
        np.testing.assert_allclose(ours.eval()(x).numpy(), theirs.eval()(torch.tensor(x)).numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.LazyInstanceNorm2d(), (2, 3, 4, 4)), (nn.LazyBatchNorm1d(affine=False, track_running_stats=False), (4, 3))],
)
def test_a_layer_without_a_state_waits_for_its_batch(layer, shape):
    net = nn.Sequential(nn.Linear(2, 2), layer)
    assert net.load_state_dict(nn.Sequential(nn.Linear(2, 2)).state_dict()) == ([], [])
    assert net[1](np.random.default_rng(0).standard_normal(shape).astype("f")).shape == shape
    assert net[1].num_features == 3


def test_instance_normalisation_without_a_batch():
    layer = nn.LazyInstanceNorm2d(affine=True)
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype("f")
    assert layer(x).numpy().tobytes() == layer(x[None]).numpy().tobytes()
    assert layer.num_features == 3
    with pytest.raises(ValueError, match=r"LazyInstanceNorm1d: .*x: expected 3 axes, or 2 without a batch, got shape"):
        nn.LazyInstanceNorm1d()(np.ones((1, 2, 3, 4), "f"))


def test_before_the_first_batch_there_is_nothing_to_train():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.LazyBatchNorm2d())
    for ask in (
        lambda: list(net.parameters()),
        lambda: optim.SGD(net.parameters()),
        lambda: list(net.named_buffers()),
        net.state_dict,
        net.zero_grad,
        net.double,
        lambda: net.get_parameter("0.weight"),
    ):
        with pytest.raises(RuntimeError, match="LazyConv2d: it has no parameters before its first batch"):
            ask()
    assert [type(one).__name__ for one in net.modules()] == ["Sequential", "LazyConv2d", "ReLU", "LazyBatchNorm2d"]
    net.train(False)
    net(np.ones((1, 2, 5, 5), np.float32))
    assert len(list(net.parameters())) == 4
    assert not net[0].training


def test_drawing_waits_for_the_first_batch():
    generator = tk.Generator(5)
    layer = nn.LazyLinear(3, generator=generator)
    assert generator.state() == tk.Generator(5).state()
    layer(np.ones((1, 2), np.float32))
    assert generator.state() != tk.Generator(5).state()


def test_hooks_stay():
    layer, seen = nn.LazyLinear(3), []
    layer.register_forward_pre_hook(lambda module, args: (args[0][:, :2],))
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    layer(np.ones((4, 9), np.float32))
    layer(np.ones((5, 9), np.float32))
    assert seen == [(4, 3), (5, 3)]
    assert layer.in_features == 2
    handle.remove()
    layer(np.ones((5, 9), np.float32))
    assert len(seen) == 2


def test_a_state_that_does_not_fit_leaves_the_layer_lazy():
    source = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 2))
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(7))
    with pytest.raises(ValueError, match=r"key '1.weight': expected shape \(7, 3\), got \(2, 3\)"):
        net.load_state_dict(source.state_dict())
    assert [type(one).__name__ for one in net] == ["LazyLinear", "LazyLinear"]
    state = source.state_dict()
    del state["0.weight"]
    with pytest.raises(ValueError, match=r"missing key '0.weight'"):
        nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2)).load_state_dict(state)
    with pytest.raises(ValueError, match=r"missing key '1.weight'"):
        nn.Sequential(nn.Linear(5, 3), nn.LazyBatchNorm1d()).load_state_dict(
            nn.Sequential(nn.Linear(5, 3)).state_dict()
        )
    result = (part := nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2))).load_state_dict(state, strict=False)
    assert result == (["0.weight"], ["0.bias"])
    assert [type(one).__name__ for one in part] == ["LazyLinear", "Linear"]


def test_copies_before_and_after():
    layer = nn.LazyConv2d(2, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        other(np.ones((1, 4, 3, 3), np.float32))
        assert other.in_channels == 4
    assert type(layer) is nn.LazyConv2d
    layer(np.ones((1, 5, 3, 3), np.float32))
    assert copy.deepcopy(layer).in_channels == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.LazyLinear(0), r"Linear: out_features: "),
        (lambda: nn.LazyConv2d(3, 3, groups=2), r"Conv2d: groups: expected a divisor of out_channels=3"),
        (lambda: nn.LazyConv2d(4, 3, groups=0), r"Conv2d: .*: "),
        (lambda: nn.LazyConv2d(4, 3, generator=3), r"[Gg]enerator"),
        (lambda: nn.LazyBatchNorm1d(eps=-1), "BatchNorm1d: eps: "),
        (
            lambda: nn.LazyConv2d(4, 3)(np.ones(3, np.float32)),
            r"LazyConv2d: .*x: expected 4 axes, or 3 without a batch",
        ),
        (
            lambda: nn.LazyConv2d(4, 3, groups=4)(np.ones((1, 3, 3, 3), "f")),
            "groups: expected a divisor of in_channels=3",
        ),
        (
            lambda: nn.LazyBatchNorm2d()(np.ones((1, 3), "f")),
            r"LazyBatchNorm2d: .*x: expected 4 axes, got shape \(1, 3\)",
        ),
        (lambda: nn.LazyLinear(3)(np.float32(1)), "LazyLinear: .*x: expected at least one axis"),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
