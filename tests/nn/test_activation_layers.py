"""Activation and dropout layers: options arrive, texts are torch's, faults are told when built."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import functional as F
from tatamikomi import nn

X = np.array([-5.0, -0.75, 0.0, 0.25, 4.0], np.float32)

# layer, its arguments, the same of the function
OPTIONS = [
    (nn.ReLU6, (), F.relu6, {}),
    (nn.LeakyReLU, (0.25,), F.leaky_relu, {"negative_slope": 0.25}),
    (nn.ELU, (0.5,), F.elu, {"alpha": 0.5}),
    (nn.CELU, (0.5,), F.celu, {"alpha": 0.5}),
    (nn.SELU, (), F.selu, {}),
    (nn.GELU, (), F.gelu, {}),
    (nn.GELU, ("tanh",), F.gelu, {"approximate": "tanh"}),
    (nn.SiLU, (), F.silu, {}),
    (nn.Mish, (), F.mish, {}),
    (nn.Hardtanh, (-2.0, 0.125), F.hardtanh, {"min_val": -2, "max_val": 0.125}),
    (nn.Hardswish, (), F.hardswish, {}),
    (nn.Hardsigmoid, (), F.hardsigmoid, {}),
    (nn.Softplus, (2.0, 0.25), F.softplus, {"beta": 2, "threshold": 0.25}),
    (nn.Softsign, (), F.softsign, {}),
    (nn.Tanhshrink, (), F.tanhshrink, {}),
    (nn.Hardshrink, (0.125,), F.hardshrink, {"lambd": 0.125}),
    (nn.Softshrink, (0.125,), F.softshrink, {"lambd": 0.125}),
    (nn.Threshold, (0.125, -3.0), F.threshold, {"threshold": 0.125, "value": -3}),
    (nn.LogSigmoid, (), F.logsigmoid, {}),
    (nn.Step, (0.5,), F.step, {"at_zero": 0.5}),
    (nn.Softmin, (0,), F.softmin, {"dim": 0}),
]


@pytest.mark.parametrize(("layer", "arguments", "function", "options"), OPTIONS)
def test_layers_pass_their_options_on(layer, arguments, function, options):
    assert np.array_equal(layer(*arguments)(X).numpy(), function(X, **options).numpy())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((layer.__name__, arguments) for layer, arguments, _, _ in OPTIONS if layer is not nn.Step),
        *((name, (True,)) for name in ("ReLU6", "SELU", "SiLU", "Mish")),
        *((name, (0.5, True)) for name in ("LeakyReLU", "ELU", "CELU", "Dropout1d", "AlphaDropout")),
        *((name, (0.25,)) for name in ("Dropout2d", "Dropout3d", "FeatureAlphaDropout")),
        *(("Hardtanh", (-1.0, 2.0, True)), ("Threshold", (1.0, 2.0, True)), ("RReLU", (0.1, 0.2, True)), ("RReLU", ())),
        *(("PReLU", (3,)), ("GLU", (1,)), ("Softmax2d", ())),
    ],
)
def test_texts_are_torchs(name, arguments):
    torch = pytest.importorskip("torch")
    assert repr(getattr(nn, name)(*arguments)) == repr(getattr(torch.nn, name)(*arguments))


def test_names_that_torch_lacks():
    assert nn.SpatialDropout is nn.Dropout2d
    assert repr(nn.Step(0.5)) == "Step(at_zero=0.5)"
    assert repr(nn.DropPath(0.25, False)) == "DropPath(p=0.25, scale_by_keep=False)"
    wrapped = "DropConnect(p=0.5, name='weight'\n  (module): Linear(in_features=3, out_features=2, bias=True)\n)"
    assert repr(nn.DropConnect(nn.Linear(3, 2))) == wrapped


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.LeakyReLU("steep"), "LeakyReLU: negative_slope: expected a number, got steep"),
        (lambda: nn.CELU(0), "CELU: alpha: expected a number > 0, got 0"),
        (lambda: nn.GELU("erf"), "GELU: approximate: expected one of 'none', 'tanh', got 'erf'"),
        (lambda: nn.Hardtanh(1, -1), "Hardtanh: min_val: expected a number <= max_val = -1, got 1"),
        (lambda: nn.Softplus(0), "Softplus: beta: expected a number other than 0"),
        (lambda: nn.Softshrink(-1), "Softshrink: lambd: expected a finite number >= 0"),
        (lambda: nn.Mish(1), "Mish: inplace: expected True or False, got 1"),
        (lambda: nn.RReLU(0.5, 0.25), "RReLU: lower: expected a number <= upper = 0.25, got 0.5"),
        (lambda: nn.RReLU(generator=3), "RReLU: generator: expected a tatamikomi Generator or None, got int"),
        (lambda: nn.PReLU(0), "PReLU: num_parameters: expected an integer >= 1, got 0"),
        (lambda: nn.PReLU(dtype=int), "PReLU: dtype: expected float32 or float64"),
        (lambda: nn.Softmax2d()(X), r"Softmax2d: x: expected \(N, C, H, W\) or \(C, H, W\), got shape \(5,\)"),
        (lambda: nn.GLU(0.5), "GLU: dim: expected an integer"),
        (lambda: nn.Dropout2d(1.5), "Dropout2d: p: expected a number from 0 to 1, got 1.5"),
        (lambda: nn.DropPath(scale_by_keep=1), "DropPath: scale_by_keep: expected True or False"),
        (lambda: nn.DropConnect(X), "DropConnect: module: expected a Module, got ndarray"),
        (lambda: nn.DropConnect(nn.Linear(1, 1), name=3), "DropConnect: name: expected the name of a parameter"),
        (lambda: nn.DropConnect(nn.Linear(1, 1), name="gain"), "DropConnect: name: expected a parameter of Linear"),
        (lambda: nn.DropConnect(nn.Linear(1, 1), 2.0), "DropConnect: p: expected a number from 0 to 1"),
    ],
)
def test_faults_are_told_when_built(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


def test_prelu_learns_its_weights():
    layer = nn.PReLU(2, 0.5, dtype=np.float64)
    assert list(layer.state_dict()) == ["weight"]
    layer(np.array([[-2.0, 3.0], [-4.0, -1.0]])).sum().backward()
    assert layer.weight.grad.tolist() == [-6.0, -1.0]
    layer.weight.copy_([1.0, 2.0])
    layer.reset_parameters()
    assert layer.weight.tolist() == [0.5, 0.5]


def test_rrelu_draws_in_training_alone():
    layer = nn.RReLU(0.25, 0.75, generator=tk.Generator(2))
    assert layer.training
    first, second = layer(X).numpy(), layer(X).numpy()
    assert not np.array_equal(first, second)
    assert np.array_equal(first, F.rrelu(X, 0.25, 0.75, True, False, tk.Generator(2)).numpy())
    assert np.array_equal(layer.eval()(X).numpy(), F.leaky_relu(X, 0.5).numpy())


def test_softmax2d_runs_over_channels():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    assert np.array_equal(nn.Softmax2d()(x).numpy(), F.softmax(x, 1).numpy())
    assert np.array_equal(nn.Softmax2d()(x[0]).numpy(), F.softmax(x[0], 0).numpy())
    assert np.array_equal(nn.GLU(2)(x).numpy(), F.glu(x, 2).numpy())


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [
        (nn.Dropout1d, F.dropout1d, (4, 8, 3)),
        (nn.Dropout2d, F.dropout2d, (4, 8, 3, 2)),
        (nn.Dropout3d, F.dropout3d, (4, 8, 3, 2, 2)),
        (nn.AlphaDropout, F.alpha_dropout, (64,)),
        (nn.FeatureAlphaDropout, F.feature_alpha_dropout, (4, 8, 3)),
        (nn.DropPath, F.drop_path, (32, 3)),
    ],
)
def test_dropouts_follow_mode_and_generator(layer, function, shape):
    x = np.random.default_rng(1).standard_normal(shape)
    built = layer(0.25, generator=tk.Generator(4))
    expected = function(x, 0.25, training=True, generator=tk.Generator(4)).numpy()
    assert np.array_equal(built(x).numpy(), expected)
    assert not np.array_equal(built(x).numpy(), expected)
    assert np.array_equal(built.eval()(x).numpy(), x)


@pytest.mark.parametrize(
    ("module", "shape"), [(nn.Linear(5, 4), (3, 5)), (nn.Conv2d(2, 4, 3, padding=1), (3, 2, 6, 6))]
)
def test_drop_connect_drops_weights_and_trains_them(module, shape):
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    layer = nn.DropConnect(module, 0.5, generator=tk.Generator(3))
    weight = module.weight
    assert list(layer.state_dict()) == ["module.weight", "module.bias"]
    y = layer(x)
    y.sum().backward()
    dropped = F.drop_connect(weight, 0.5, generator=tk.Generator(3)).numpy()
    assert module.weight is weight
    assert np.array_equal(weight.grad.numpy() == 0, dropped == 0)
    other = type(module)(5, 4) if isinstance(module, nn.Linear) else nn.Conv2d(2, 4, 3, padding=1)
    other.weight.copy_(dropped)
    other.bias.copy_(module.bias.numpy())
    assert np.array_equal(y.numpy(), other(x).numpy())
    with tk.no_grad():  # where layers keep packed weights
        first, second = layer(x).numpy(), layer(x).numpy()
    assert not np.array_equal(first, second)
    assert np.array_equal(layer.eval()(x).numpy(), module(x).numpy())


def test_drop_connect_puts_the_parameter_back_after_a_fault():
    layer = nn.DropConnect(nn.Linear(5, 4))
    with pytest.raises(ValueError, match=r"module \(Linear\): linear: input"):
        layer(np.ones((2, 6), np.float32))
    assert isinstance(layer.module.weight, tk.autograd.Parameter)
