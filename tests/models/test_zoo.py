"""Every network of the zoo: parameters counted, shapes, channels and classes, states, and one step of training."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.zoo import DIGITS, PRINTS, TORCHVISION, ZOO, filled, keys_of, numbers, print_of, state_of

import tatamikomi as tk
from tatamikomi import models, nn

NAMES = sorted(ZOO)
BIG = {name for name in NAMES if ZOO[name].parameters > 40_000_000}
SMALL = [name for name in NAMES if ZOO[name].parameters < 6_000_000]


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_zoo_is_whole():
    registered = {name for name in models.list() if "-" not in name}  # other tests have theirs
    assert registered == set(ZOO) | DIGITS | set(models.list("detection"))
    assert set(PRINTS) <= set(TORCHVISION) <= set(ZOO)
    for task in ("segmentation", "sequence", "reconstruction"):
        assert set(models.list(task)) == {
            name for name, known in ZOO.items() if len(known.y) > 1 and task == task_of(name)
        }


def task_of(name):
    return {"wavenet": "sequence", "autoencoder": "reconstruction"}.get(name, "segmentation")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_output(name, bare):
    known = ZOO[name]
    net = models.create(name).eval()
    assert count(net) == known.parameters
    if name not in BIG or name in ("alexnet", "alexnet_2012", "vgg11_bn"):  # their families' small ones are computed
        with tk.no_grad():
            assert net(np.zeros((2, *known.x), np.float32)).shape == (2, *known.y)


FLATTENING = {"double_convnet", "keras_example", "lenet5_1998", "vit_tiny"}  # their heads know the size of the maps


@pytest.mark.parametrize("name", sorted({*SMALL, "densenet121", "inception_v3", "resnet18", "fcn"} | FLATTENING))
def test_other_sizes(name, bare):
    """Whatever pools over all places, or keeps them, takes any size: wide images, and 224 x 224 as papers have it."""
    known = ZOO[name]
    net, rank = models.create(name).eval(), len(known.x) - 1
    sizes = [(80, 96), (224, 224)] if name in SMALL and known.x[0] == 3 else [(80, 96)]
    for size in [(8, 24, 32)] if rank == 3 else sizes:
        x = np.zeros((1, known.x[0], *size[:rank]), np.float32)
        with tk.no_grad():
            if name in FLATTENING:
                with pytest.raises(ValueError, match="expected"):
                    net(x if size != known.x[1:] else x[..., 1:])
            else:
                assert net(x).shape == (1, *(known.y if len(known.y) == 1 else (known.y[0], *x.shape[2:])))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"autoencoder"}))
def test_classes_and_channels(name, bare):
    """Five classes and two channels; beside the first layer and those that know the classes, all keep their shapes."""
    known = ZOO[name]
    before = {key: value.shape for key, value in state_of(models.create(name)).items()}
    net = models.create(name, 5, 2).eval()
    if name in SMALL:
        with tk.no_grad():
            assert net(np.zeros((1, 2, *known.x[1:]), np.float32)).shape == (1, 5, *known.y[1:])
    after = {key: value.shape for key, value in state_of(net).items()}
    changed = [(before[key], after[key]) for key in before if before[key] != after[key]]
    first = next(pair for pair in changed if pair[0][1:2] == (known.x[0],))
    assert first[1] == (first[0][0], 2, *first[0][2:])
    heads = [pair for pair in changed if pair is not first]
    assert heads
    for one, other in heads:
        assert other == (5, *one[1:])
        assert one[0] == known.y[0]


def test_an_autoencoder_has_channels_and_no_classes():
    assert models.create("autoencoder", in_channels=3)(np.zeros((2, 3, 8, 4), np.float32)).shape == (2, 3, 8, 4)
    with pytest.raises(TypeError, match="num_classes"):
        models.create("autoencoder", 10)


@pytest.mark.parametrize("name", sorted(TORCHVISION))
def test_keys_are_those_of_torchvision(name, bare):
    assert keys_of(state_of(models.create(name))) == TORCHVISION[name]


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_outputs_are_those_of_torchvision(name, bare):
    """In float64, where rounding is some 1e-16 a step; a wrong padding, epsilon or order shows in the first digits."""
    net = models.create(name).double().eval()
    net.load_state_dict(filled(state_of(net)))
    with tk.no_grad():
        y = net(numbers("input", (1, *ZOO[name].x))).numpy()
    assert print_of(y) == pytest.approx(PRINTS[name], rel=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_state_and_seed(name):
    """A seed decides all initial values, and a state makes another network the same, bit for bit."""
    before = tk.default_generator().state()
    net, same, other = (models.create(name, seed=seed).eval() for seed in (3, 3, 4))
    assert tk.default_generator().state() == before
    state = net.state_dict()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(state.values(), same.state_dict().values(), strict=True))
    x = np.random.default_rng(0).normal(size=(1, *ZOO[name].x)).astype(np.float32)
    with tk.no_grad():
        y, z = net(x).numpy(), other(x).numpy()
        assert np.isfinite(y).all()
        assert y.std() > 0
        assert not np.array_equal(y, z)
        other.load_state_dict(state)
        assert other(x).numpy().tobytes() == y.tobytes()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(state.values(), other.state_dict().values(), strict=True))


STEPS = {
    "autoencoder": {},
    "deeplabv3": {"backbone": "resnet18", "atrous_rates": (1, 2)},
    "densenet121": {"layers": (2, 2), "growth_rate": 8, "first": 16},
    "double_convnet": {},
    "efficientnet_b0": {},
    "efficientnet_v2_s": {"depth_mult": 0.2, "width_mult": 0.5},
    "fcn": {"backbone": "resnet18"},
    "fcn1d": {"width": 8},
    "googlenet": {},
    "inception_v2": {},
    "keras_example": {},
    "lenet5_1998": {},
    "mobilenet_v1": {"width_mult": 0.25},
    "mobilenet_v2": {},
    "mobilenet_v3_small": {},
    "nin": {},
    "resnet18": {},
    "resnet20_cifar": {},
    "resnet3d18": {"layers": (1, 1)},
    "resnext50_32x4d": {"layers": (1, 1, 1, 1)},
    "shufflenet_v2_x0_5": {},
    "squeezenet1_1": {},
    "unet": {"widths": ((4, 4), (8, 8), (16, 16))},
    "unet3d": {"widths": ((4, 8), (8, 16))},
    "vit_tiny": {"layers": 2},
    "wavenet": {"dilations": (1, 2, 4)},
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_downhill(name):
    """Every parameter has a gradient; a small step along all of them lowers the loss by rate * |gradient|^2."""
    known = ZOO[name]
    net = models.create(name, seed=1, **STEPS[name]).double()
    for layer in net.modules():
        if isinstance(layer, (nn.Dropout, nn.DropPath)):
            layer.p = 0.0  # the same function before and after
    random = np.random.default_rng(0)
    x = random.normal(size=(4, *known.x))
    target = random.integers(0, known.y[0], (4, *known.y[1:]))

    def loss():
        y = net(x)
        return tk.functional.mse_loss(y, x) if name == "autoencoder" else tk.functional.cross_entropy(y, target)

    before = loss()
    before.backward()
    parts = [float((parameter.grad.numpy() ** 2).sum()) for parameter in net.parameters()]
    rate = 1e-5 * before.item() / sum(parts)
    tk.optim.SGD(net.parameters(), lr=rate).step()
    fall = before.item() - loss().item()
    assert 0.9 * rate * sum(parts) < fall < 1.1 * rate * sum(parts)
