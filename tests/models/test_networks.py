"""What single networks promise beside shapes: shortcuts, causality, connections, scaling, costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import models, nn
from tatamikomi.models.lenet import C3_TABLE, SomeMaps, codes
from tatamikomi.models.resnet_cifar import SmallBlock


def random(*shape):
    return np.random.default_rng(0).normal(size=shape)


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def multiplications(net, x):
    """Of convolutions and linear layers, for one image: outputs times what each is a sum of."""
    total = 0

    def add(layer, args, y):
        nonlocal total
        total += y.numel() * math.prod(layer.weight.shape[1:])

    handles = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with tk.no_grad():
        net.eval()(x)
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize(
    ("name", "size", "low", "high"),
    [
        ("mobilenet_v1", 224, 568_740_352, 568_740_352),
        ("mobilenet_v2", 224, 0.97 * 0.30e9, 1.03 * 0.30e9),
        ("efficientnet_b0", 224, 0.97 * 0.39e9, 1.03 * 0.39e9),
        ("resnet50", 224, 0.97 * 4.1e9, 1.03 * 4.1e9),
        # 105,415,200 + 223,948,800 + 149,520,384 + 112,140,288 + 74,760,192, and 58,621,952 of the linear layers
        ("alexnet_2012", 224, 724_406_816, 724_406_816),
    ],
)
def test_costs_are_those_of_the_papers(name, size, low, high, bare):
    assert low <= multiplications(models.create(name), np.zeros((1, 3, size, size), np.float32)) <= high


# Residual networks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shortcuts", [True, False])
def test_a_small_block_whose_residual_is_nothing(shortcuts):
    """It hands on every other pixel with zeros as new channels, or nothing at all."""
    block = SmallBlock(2, 5, 2, shortcuts).double().eval()
    nn.init.zeros_(block.bn2.weight)
    x = random(1, 2, 5, 4)
    expected = np.zeros((1, 5, 3, 2))
    if shortcuts:
        expected[:, 1:3] = np.maximum(x[:, :, ::2, ::2], 0)
    assert np.array_equal(block(x).numpy(), expected)


def test_residuals_may_start_at_nothing():
    for name, last in (("resnet18", "bn2"), ("resnext50_32x4d", "bn3")):
        net = models.create(name, 2, layers=(1, 1, 1, 1), zero_init_residual=True)
        for path, parameter in net.named_parameters():
            if ".bn" in path and path.endswith(".weight"):
                assert parameter.numpy().any() == (f".{last}." not in path), path


def test_dilated_stages_keep_the_size():
    net = models.create("resnet18", dilated=(False, True, True)).eval()
    assert net.features(np.zeros((1, 3, 65, 65), np.float32)).shape == (1, 512, 9, 9)
    rates = [layer.conv2.dilation for stage in (net.layer2, net.layer3, net.layer4) for layer in stage]
    assert rates == [(1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (4, 4)]


# AlexNet --------------------------------------------------------------------------------------------------


def test_small_images_keep_their_size_until_the_second_stage():
    net, x = models.create("resnet18", 10, small_images=True).eval(), np.zeros((2, 3, 32, 32), np.float32)
    assert net.conv1.weight.shape == (64, 3, 3, 3)
    assert net.layer1(net.maxpool(net.bn1(net.conv1(x)))).shape == (2, 64, 32, 32)
    assert net.features(x).shape == (2, 512, 4, 4)


def test_the_normalisation_of_2012(bare):
    """b = a / (2 + 1e-4 sum of a^2 over five channels)^0.75: section 3.3."""
    net = models.create("alexnet_2012", 2)
    layer = next(one for one in net.modules() if isinstance(one, nn.LocalResponseNorm))
    a = 100 * random(1, 9, 2, 2)
    expected = np.empty_like(a)
    for c in range(9):
        near = a[:, max(0, c - 2) : c + 3]
        expected[:, c] = a[:, c] / (2 + 1e-4 * (near**2).sum(axis=1)) ** 0.75
    np.testing.assert_allclose(layer(a).numpy(), expected, rtol=1e-13)


def test_the_first_biases_of_2012():
    net = models.create("alexnet_2012", 2)
    layers = [one for one in net.modules() if isinstance(one, (nn.Conv2d, nn.Linear))]
    assert [set(one.bias.numpy().tolist()) for one in layers] == [{0}, {1}, {0}, {1}, {1}, {1}, {1}, {0}]
    assert [one.groups for one in layers[:5]] == [1, 2, 1, 2, 2]


# EfficientNet ---------------------------------------------------------------------------------------------


def test_compound_scale():
    assert models.compound_scale(0) == (1, 1, 1, 1)
    depth, width, resolution, cost = models.compound_scale(2.0)
    assert (depth, width, resolution) == pytest.approx((1.44, 1.21, 1.3225))
    assert cost == pytest.approx((1.2 * 1.1**2 * 1.15**2) ** 2)
    assert models.compound_scale(1, 2, 3, 5) == pytest.approx((2, 3, 5, 2 * 9 * 25))
    with pytest.raises(TypeError, match="compound_scale: phi: expected a number"):
        models.compound_scale("b0")


def test_later_blocks_are_passed_by_more_often(bare):
    net = models.create("efficientnet_b0", drop_path=0.32)
    rates = [layer.p for layer in net.modules() if isinstance(layer, nn.DropPath)]
    assert rates == pytest.approx([0.02 * i for i in range(16)])


# LeNet-5 of 1998 ------------------------------------------------------------------------------------------


def test_parameters_of_1998():
    net = models.create("lenet5_1998")
    layers = [count(layer) for layer in (net.c1, net.s2, net.c3, net.s4, net.c5, net.f6)]
    assert layers == [156, 12, 1516, 32, 48120, 10164]
    assert sum(map(len, C3_TABLE)) * 25 + 16 == 1516


CROSSES = [
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
]  # table 1 of the paper: a row for each map of S2, a column for each of C3


def test_some_maps_are_a_convolution_with_holes():
    """16 x 6 filters, zero where table 1 has no cross."""
    assert [set(seen) for seen in C3_TABLE] == [{i for i in range(6) if CROSSES[i][out] == "X"} for out in range(16)]
    layer = SomeMaps().double()
    weight = np.zeros((16, 6, 5, 5))
    filters = [one for conv in layer.convs for one in conv.weight.numpy()]
    for out, (channels, rows) in enumerate(zip(C3_TABLE, filters, strict=True)):
        assert len(channels) == len(rows)
        for channel, row in zip(channels, rows, strict=True):
            weight[out, channel] = row
    bias = np.concatenate([conv.bias.numpy() for conv in layer.convs])
    x = random(2, 6, 9, 8)
    expected = tk.functional.conv2d(x, weight, bias).numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_codes_and_penalties():
    net = models.create("lenet5_1998").double()
    assert "codes" in net.state_dict()
    assert set(np.unique(net.codes)) == {-1, 1}
    apart = (net.codes[:, None] != net.codes[None]).sum(axis=2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 4
    seen = []
    net.f6.register_forward_hook(lambda layer, args, y: seen.append(y.numpy()))
    logits = net(random(2, 1, 28, 28)).numpy()
    features = 1.7159 * np.tanh(seen[0] * 2 / 3)
    expected = -((features[:, None] - net.codes) ** 2).sum(axis=2)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    drawn = codes(12, tk.Generator(1))
    assert drawn.shape == (12, 84)
    assert set(np.unique(drawn)) == {-1, 1}
    assert np.array_equal(drawn, codes(12, tk.Generator(1)))
    assert not np.array_equal(drawn, codes(12, tk.Generator(2)))


# WaveNet --------------------------------------------------------------------------------------------------


def test_wavenet_sees_the_past_alone_and_as_far_as_it_says():
    net = models.create("wavenet", 3, seed=1, kernel_size=3, dilations=(1, 2, 4)).double()
    assert net.receptive_field == 17
    x = tk.tensor(random(1, 1, 40), requires_grad=True)
    net(x)[0, :, 30].sum().backward()
    assert np.flatnonzero(x.grad.numpy()[0, 0]).tolist() == list(range(14, 31))


# U-Net ----------------------------------------------------------------------------------------------------


def test_parameters_of_the_volumetric_paper(bare):
    """Its 19,069,955 are three channels and classes, a bias per convolution, and none for the transposed ones."""
    net = models.create("unet3d", 3, 3, batch_norm=False)
    assert count(net) - sum(up.bias.numel() for up in net.up) == 19_069_955


def test_valid_convolutions_crop_as_in_the_paper(bare):
    net = models.create("unet", widths=((1, 1), (2, 2), (2, 2), (2, 2), (2, 2)), padding="valid", batch_norm=False)
    with tk.no_grad():
        assert net(np.zeros((1, 1, 572, 572), np.float32)).shape == (1, 2, 388, 388)


def test_what_joins_is_the_middle_beside_what_rises():
    net = models.create("unet", 1, 1, widths=((1, 1), (2, 2)), padding="valid", batch_norm=False).double()
    joined = []
    net.join[0].register_forward_pre_hook(lambda layer, args: joined.append(args[0].numpy()))
    x = np.abs(random(1, 1, 20, 24))
    beside = net.down[0](x).numpy()  # 16 x 20
    net(x)
    assert joined[0].shape == (1, 2, 8, 12)
    assert np.array_equal(joined[0][:, :1], beside[:, :, 4:12, 4:16])


# What they refuse -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet8_cifar", {"width": 0}, "SmallResNet: width: expected .*>= 1, got 0"),
        ("resnet20_cifar", {"depth": 21}, "SmallResNet: depth: expected 6 n \\+ 2, got 21"),
        ("resnet6_small", {"stages": ((64, 0),)}, "SmallResNet: stages: expected pairs .*>= 1, got "),
        ("resnet18", {"layers": (1, 1)}, "ResNet: layers: expected four integers"),
        ("resnet18", {"dilated": (True,)}, "ResNet: dilated: expected three flags"),
        ("resnet18", {"groups": 2}, "BasicBlock: groups, base_width: "),
        ("vgg11", {"layers": (1,)}, "VGG: layers: expected five integers"),
        ("shufflenet_v2", {"widths": (1, 2, 3, 4, 5)}, "ShuffleNetV2: widths: expected five even integers"),
        ("shufflenet_v2", {"repeats": (1,)}, "ShuffleNetV2: repeats: expected three integers"),
        ("deeplabv3", {"backbone": "resnet20_cifar"}, "DeepLabV3: backbone: expected one of 'resnet101', "),
        ("fcn", {"backbone": "alexnet"}, "FCN: backbone: expected one of 'resnet101', .* got 'alexnet'"),
        ("unet", {"axes": 1}, "UNet: axes: expected 2 or 3, got 1"),
        ("unet", {"widths": ()}, "UNet: widths: expected a pair of widths per level"),
        ("unet", {"padding": "full"}, "UNet: padding: expected 'same' or 'valid', got 'full'"),
        ("wavenet", {"dilations": ()}, "WaveNet: dilations: expected at least one"),
        ("autoencoder", {"axes": 3}, "Autoencoder: axes: expected 1 or 2, got 3"),
        ("autoencoder", {"widths": ()}, "Autoencoder: widths: expected at least one"),
        ("vit_tiny", {"image_size": 20}, "VisionTransformer: image_size: expected a multiple of patch_size=16, got 20"),
        ("vit_tiny", {"width": 100}, "VisionTransformer: width: expected a multiple of heads=3, got 100"),
        ("lenet5_1998", {"image_size": 30}, "lenet5_1998: image_size: expected 28 or 32, got 30"),
        ("double_convnet", {"image_size": 9}, "double_convnet: image_size: "),
        ("keras_example", {"image_size": 9}, "keras_example: image_size: "),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        models.create(name, **options)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("unet", (1, 1, 16, 24), "UNet: x: expected sizes that 16 divides, got shape \\(1, 1, 16, 24\\)"),
        ("autoencoder", (1, 1, 8, 6), "Autoencoder: x: expected sizes that 4 divides"),
        ("vit_tiny", (1, 3, 32, 32), "VisionTransformer: x: expected images of 224 x 224"),
    ],
)
def test_bad_sizes_are_named(name, shape, message, bare):
    with pytest.raises(ValueError, match=message):
        models.create(name)(np.zeros(shape, np.float32))


def test_options_and_tasks():
    assert models.options("resnet20_cifar")["shortcuts"] is True
    assert models.options("efficientnet_b3")["width_mult"] == 1.2
    assert models.options("vgg16_bn")["batch_norm"] is True
    with pytest.raises(ValueError, match=r"list: task: expected one of 'classification', .* got 'tracking'"):
        models.list("tracking")
    with pytest.raises(ValueError, match=r"register: task: expected one of 'classification', .* got 'tracking'"):
        models.register("other-name", "tracking")
    with pytest.raises(ValueError, match="options: name: expected one of "):
        models.options("resnet")
