"""nn.utils.fusion: a batch norm in evaluation folded into the layer before it."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn
from tatamikomi.nn import utils


def settle(module, seed=5):
    """Statistics and parameters as after some training, in evaluation."""
    random = np.random.default_rng(seed)
    for one in module.modules():
        if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            if one.running_mean is not None:
                one.running_mean[...] = random.normal(size=one.num_features)
                one.running_var[...] = random.uniform(0.3, 3, one.num_features)
            for parameter in one.parameters():
                parameter.copy_(random.uniform(0.3, 2, one.num_features))
    return module.eval()


def draw(*shape, dtype=np.float32):
    return np.random.default_rng(3).standard_normal(shape).astype(dtype)


def state(module):
    return {name: value.copy() for name, value in module.state_dict().items()}


LAYERS = {
    "conv1d": (lambda **o: nn.Conv1d(4, 6, 3, groups=2, **o), nn.BatchNorm1d, (2, 4, 9)),
    "conv2d": (lambda **o: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect", **o), nn.BatchNorm2d, (2, 4, 9, 8)),
    "conv3d": (lambda **o: nn.Conv3d(4, 6, 3, stride=2, **o), nn.BatchNorm3d, (2, 4, 5, 6, 7)),
    "transposed1d": (lambda **o: nn.ConvTranspose1d(4, 6, 3, **o), nn.BatchNorm1d, (2, 4, 9)),
    "transposed2d": (lambda **o: nn.ConvTranspose2d(4, 6, 3, 2, groups=2, **o), nn.BatchNorm2d, (2, 4, 5, 6)),
    "transposed3d": (lambda **o: nn.ConvTranspose3d(4, 6, 2, 2, **o), nn.BatchNorm3d, (2, 4, 3, 4, 5)),
    "linear": (lambda **o: nn.Linear(4, 6, **o), nn.BatchNorm1d, (5, 4)),
}


def fused(name, layer, norm):
    if name == "linear":
        return utils.fuse_linear_bn_eval(layer, norm)
    return utils.fuse_conv_bn_eval(layer, norm, transpose=name.startswith("transposed"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_one_layer_gives_what_two_gave(name, bias, dtype):
    make, kind, shape = LAYERS[name]
    layer, norm = make(bias=bias, dtype=dtype).eval(), settle(kind(6, eps=1e-3, dtype=dtype))
    before = state(layer), state(norm)
    x = draw(*shape, dtype=dtype)
    one = fused(name, layer, norm)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(one(x).numpy(), norm(layer(x)).numpy(), rtol=100 * eps, atol=100 * eps)
    for now, then in zip((state(layer), state(norm)), before, strict=True):
        assert list(now) == list(then)
        assert all(np.array_equal(now[key], then[key]) for key in then)
    assert type(one) is type(layer)
    assert one is not layer
    assert one.weight.dtype == one.bias.dtype == dtype
    assert one.weight.requires_grad


@pytest.mark.parametrize("name", ["conv2d", "linear"])
def test_the_activation_of_the_norm_is_taken_over(name):
    make, kind, shape = LAYERS[name]
    layer, norm = make().eval(), settle(kind(6, activation="relu"))
    x = draw(*shape)
    one = fused(name, layer, norm)
    assert one.activation == "relu"
    np.testing.assert_allclose(one(x).numpy(), norm(layer(x)).numpy(), rtol=1e-5, atol=1e-5)


def test_a_norm_without_parameters_is_one_and_zero():
    conv, norm = nn.Conv2d(2, 3, 1).eval(), settle(nn.BatchNorm2d(3, affine=False))
    x = draw(2, 2, 4, 4)
    one = utils.fuse_conv_bn_eval(conv, norm)
    np.testing.assert_allclose(one(x).numpy(), norm(conv(x)).numpy(), rtol=1e-5, atol=1e-5)


def test_weights_stored_in_16_bits_stay_so():
    conv, norm = nn.Conv2d(2, 3, 1).half().eval(), settle(nn.BatchNorm2d(3)).half()
    one = utils.fuse_conv_bn_eval(conv, norm)
    assert one.weight.dtype == one.bias.dtype == np.float16
    assert not one.weight.requires_grad


def test_a_variance_below_minus_eps_gives_nan_as_the_norm_does():
    weight, bias = utils.fuse_conv_bn_weights(np.ones((1, 1, 1)), None, np.zeros(1), -np.ones(1), 0.0, None, None)
    assert np.isnan(weight.numpy()).all()
    assert np.isnan(bias.numpy()).all()


@pytest.mark.parametrize("name", ["conv2d", "transposed1d", "linear"])
def test_weights_as_torch_folds_them(name):
    torch = pytest.importorskip("torch")
    from torch.nn.utils import fusion

    make, kind, _ = LAYERS[name]
    layer, norm = make(dtype=np.float64), settle(kind(6, dtype=np.float64))
    given = [layer.weight, layer.bias, norm.running_mean, norm.running_var, 1e-3, norm.weight, norm.bias]
    ours, theirs = (
        (utils.fuse_linear_bn_weights, fusion.fuse_linear_bn_weights)
        if name == "linear"
        else (utils.fuse_conv_bn_weights, fusion.fuse_conv_bn_weights)
    )
    more = () if name == "linear" else (name.startswith("transposed"),)
    tensors = [one if isinstance(one, float) else torch.tensor(np.array(one)) for one in given]
    for mine, other in zip(ours(*given, *more), theirs(*tensors, *more), strict=True):
        np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=1e-12)


def test_what_cannot_be_folded_says_so():
    conv, norm = nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3).eval()
    fuse = utils.fuse_conv_bn_eval
    with pytest.raises(ValueError, match=r"fuse_conv_bn_eval: conv: expected one in evaluation mode: call eval\(\)"):
        fuse(nn.Conv2d(2, 3, 1), norm)
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: bn: expected one in evaluation mode"):
        fuse(conv, nn.BatchNorm2d(3))
    with pytest.raises(ValueError, match="fuse_linear_bn_eval: bn: expected one in evaluation mode"):
        utils.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3))
    with pytest.raises(TypeError, match=r"fuse_conv_bn_eval: conv: expected one of Conv1d, .*, got Linear"):
        fuse(nn.Linear(2, 3).eval(), norm)
    with pytest.raises(TypeError, match=r"fuse_conv_bn_eval: conv: expected one of ConvTranspose1d, .*, got Conv2d"):
        fuse(conv, norm, transpose=True)
    with pytest.raises(TypeError, match=r"fuse_conv_bn_eval: bn: expected a BatchNorm1d, .*, got GroupNorm"):
        fuse(conv, nn.GroupNorm(1, 3).eval())
    with pytest.raises(ValueError, match="bn: expected one with track_running_stats=True, got a batch norm without"):
        fuse(conv, nn.BatchNorm2d(3, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="conv: expected no activation before the batch norm, got activation='relu'"):
        fuse(nn.Conv2d(2, 3, 1, activation="relu").eval(), norm)
    with pytest.raises(ValueError, match="bn: expected none: a transposed convolution has no activation"):
        fuse(nn.ConvTranspose2d(2, 3, 1).eval(), nn.BatchNorm2d(3, activation="relu").eval(), transpose=True)
    with pytest.raises(ValueError, match="conv: expected a plain one: call remove_parametrizations first"):
        fuse(utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 1)).eval(), norm)
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: bn: expected 3, as conv gives, got 4 features"):
        fuse(conv, nn.BatchNorm2d(4).eval())
    four = np.ones(4)
    with pytest.raises(ValueError, match=r"fuse_conv_bn_weights: conv_w: expected 4 output channels, as in bn_rm"):
        utils.fuse_conv_bn_weights(np.ones((3, 1, 1)), None, four, four, 0.0, None, None)
    with pytest.raises(ValueError, match=r"fuse_conv_bn_weights: bn_rv: expected shape \(4,\), one per channel"):
        utils.fuse_conv_bn_weights(np.ones((4, 1, 1)), None, four, np.ones(3), 0.0, None, None)
    with pytest.raises(TypeError, match="fuse_linear_bn_weights: linear_w: expected a float dtype, got int64"):
        utils.fuse_linear_bn_weights(np.ones((4, 1), np.int64), None, four, four, 0.0, None, None)


def test_packs_of_another_parameter_are_not_taken_for_its_own():
    conv, x = nn.Conv2d(4, 8, 3), draw(1, 4, 8, 8)
    weights = [nn.Parameter(draw(8, 4, 3, 3) * i) for i in (1, 2)]
    assert weights[0].version == weights[1].version
    with tk.no_grad():
        for weight in weights:
            conv.weight = weight
            np.testing.assert_array_equal(conv(x).numpy(), tk.functional.conv2d(x, weight, conv.bias).numpy())
