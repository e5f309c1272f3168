"""Networks and Trainer: gradients, the lessons' arithmetic under one seed, what is printed, files of parameters."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from benchmarks.course_numpy import PlainNet

import tatamikomi as tk
from tatamikomi import course
from tatamikomi.course.multi_layer_net import MultiLayerNet
from tatamikomi.course.multi_layer_net_extend import MultiLayerNetExtend
from tatamikomi.course.networks import DeepConvNet, DoubleConvNet, SimpleConvNet, TwoLayerNet
from tatamikomi.course.trainer import Trainer

SMALL = {"filter_num": 2, "filter_size": 3, "pad": 1, "stride": 1}
DEEP = {f"conv_param_{number}": SMALL for number in range(1, 7)}
NETWORKS = {
    "two layers": lambda: TwoLayerNet(16, 5, 3, weight_init_std=0.5),
    "simple": lambda: SimpleConvNet((1, 4, 4), SMALL, 5, 3, weight_init_std=0.5),
    "double": lambda: DoubleConvNet((1, 4, 4), SMALL, SMALL, 5, 3, weight_init_std=0.5),
    "multi": lambda: MultiLayerNet(16, [5, 4], 3, activation="sigmoid", weight_init_std="he", weight_decay_lambda=0.3),
    "tanh": lambda: MultiLayerNet(16, [5], 3, activation="tanh", weight_init_std=0.4),
    "batch norm": lambda: MultiLayerNetExtend(16, [5, 4], 3, use_batchnorm=True, weight_decay_lambda=0.3),
    "deep": lambda: DeepConvNet((1, 8, 8), **DEEP, hidden_size=5, output_size=3),
}


def batch(net, n=6):
    draw = np.random.default_rng(2)
    side = 8 if isinstance(net, DeepConvNet) else 4
    shape = (n, 1, side, side) if hasattr(net, "_shape") else (n, 16)
    return 0.3 * draw.standard_normal(shape), draw.integers(0, 3, n)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_differences(name):
    np.random.seed(4)
    net = NETWORKS[name]()
    x, t = batch(net)
    for layer in net.layers if isinstance(net.layers, list) else ():
        if isinstance(layer, course.layers.Dropout):
            layer.dropout_ratio = 0.0  # it draws anew at each look
    for array in net.params.values():
        array += 0.05 * np.random.randn(*array.shape)  # biases too: no unit sits on the kink of ReLU
    computed, other = net.gradient(x, t), net.numerical_gradient(x, d=t)
    assert list(computed) == list(other) == list(net.params)
    for key in computed:
        assert np.any(computed[key] != 0), key
        np.testing.assert_allclose(computed[key], other[key], rtol=1e-4, atol=1e-6, err_msg=key)
    again = net.gradient(x, d=np.eye(3)[t])
    assert all(np.array_equal(again[key], computed[key]) for key in computed)


def test_sizes_of_the_lessons():
    deep = DeepConvNet()
    assert [type(layer).__name__ for layer in deep.layers[:5]] == [
        "Convolution",
        "Relu",
        "Convolution",
        "Relu",
        "Pooling",
    ]
    places = (0, 2, 5, 7, 10, 12, 15, 18)
    assert all(deep.layers[place].W is deep.params[f"W{i}"] for i, place in enumerate(places, 1))
    assert deep.params["W7"].shape == (64 * 4 * 4, 50)
    simple = SimpleConvNet()
    assert list(simple.layers) == ["Conv1", "Relu1", "Pool1", "Affine1", "Relu2", "Affine2"]
    assert simple.lastLayer is simple.last_layer
    assert simple.layers["Affine1"].W is simple.params["W2"]
    assert simple.params["W2"].shape == (30 * 12 * 12, 100)
    assert DoubleConvNet().predict(np.zeros((1, 1, 28, 28))).shape == (1, 10)
    extended = MultiLayerNetExtend(4, [3], 2, use_dropout=True, dropout_ration=0.2)
    assert extended.layers["Dropout1"].dropout_ratio == 0.2
    assert MultiLayerNetExtend(4, [3], 2, use_dropout=True, dropout_ratio=0.3).layers["Dropout1"].dropout_ratio == 0.3


def test_weights_and_draws_of_one_seed():
    """The lessons' own arithmetic, written out: spreads, the order of the draws, loss, gradient, Adam."""
    x, t = np.random.default_rng(3).random((6, 16)), np.array([0, 1, 2, 2, 1, 0])
    np.random.seed(9)
    W1, W2 = np.sqrt(2 / 16) * np.random.randn(16, 5), np.sqrt(2 / 5) * np.random.randn(5, 3)
    chosen = np.random.choice(6, 4)
    np.random.seed(9)
    net = MultiLayerNet(16, [5], 3, weight_decay_lambda=0.1)
    trainer = Trainer(net, x, t, x, t, 1, 4, "adam", {"lr": 0.01}, verbose=False)
    assert np.array_equal(net.params["W1"], W1)
    assert np.array_equal(net.params["W2"], W2)
    trainer.train_step()
    hidden = x[chosen] @ W1
    scores = np.maximum(hidden, 0) @ W2
    y = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores = (y - np.eye(3)[t[chosen]]) / 4
    dhidden = (dscores @ W2.T) * (hidden > 0)
    expected = {
        "W1": (W1, x[chosen].T @ dhidden + 0.1 * W1),
        "b1": (0, dhidden.sum(axis=0)),
        "W2": (W2, np.maximum(hidden, 0).T @ dscores + 0.1 * W2),
        "b2": (0, dscores.sum(axis=0)),
    }
    for key, (w, g) in expected.items():
        step = 0.01 * np.sqrt(0.001) / 0.1 * 0.1 * g / (np.sqrt(0.001 * g * g) + 1e-7)
        np.testing.assert_allclose(net.params[key], w - step, rtol=1e-12, err_msg=key)
    W1, b1, W2, b2 = (net.params[key] for key in expected)
    scores = np.maximum(x[chosen] @ W1 + b1, 0) @ W2 + b2
    y = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = -np.log(y[np.arange(4), t[chosen]] + 1e-7).mean() + 0.05 * (np.sum(W1**2) + np.sum(W2**2))
    assert trainer.train_loss_list == [pytest.approx(loss, rel=1e-12)]
    assert MultiLayerNet(400, [900], 3, weight_init_std="xavier").params["W1"].std() == pytest.approx(0.05, rel=0.01)
    with pytest.raises(ValueError, match="expected one of 'relu', 'he', 'sigmoid', 'xavier', got 'glo'"):
        MultiLayerNet(4, [3], 2, weight_init_std="glo")
    with pytest.raises(ValueError, match="activation: expected one of 'relu', 'sigmoid', 'tanh', got 'elu'"):
        MultiLayerNet(4, [3], 2, activation="elu")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_and_reference_train_alike(dtype):
    """A run of the deep network, dropout and all, ends with the same weights, up to rounding."""
    ends = []
    for backend in ("native", "reference"):
        with tk.backend(backend):
            course.set_default_dtype(dtype)
            np.random.seed(5)
            net = NETWORKS["deep"]()
            x, t = batch(net, 12)
            x = x.astype(dtype)
            trainer = Trainer(net, x, t, x, t, 2, 6, "Adam", {"lr": 0.01}, verbose=False)
            trainer.train()
            ends.append((net.params, trainer.train_loss_list))
    (params, losses), (plain, others) = ends
    assert all(array.dtype == dtype for array in params.values())
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(losses, others, rtol=tolerance)
    for key in params:
        np.testing.assert_allclose(params[key], plain[key], rtol=tolerance, atol=tolerance, err_msg=key)


def test_the_deep_network_is_what_scripts_write_in_numpy():
    """Rows of windows, masks and argmax, written out in benchmarks/course_numpy.py; dropout drawn alike."""
    np.random.seed(8)
    net = NETWORKS["deep"]()
    for array in net.params.values():
        array += 0.1 * np.random.randn(*array.shape)
    x, t = batch(net)
    np.random.seed(9)
    expected = PlainNet(net).gradient(x, t)
    np.random.seed(9)
    grads = net.gradient(x, t)
    assert set(grads) == set(expected)
    for key, grad in grads.items():
        assert np.any(grad != 0), key
        np.testing.assert_allclose(grad, expected[key], rtol=1e-10, atol=1e-13, err_msg=key)


def test_trainer_prints_the_lessons_lines(capsys):
    np.random.seed(6)
    x, t = np.eye(5), np.array([0, 1, 0, 1, 1])
    trainer = Trainer(
        TwoLayerNet(5, 4, 2),
        x,
        t,
        x,
        t,
        epochs=2,
        mini_batch_size=2,
        optimizer="rmsprpo",
        evaluate_sample_num_per_epoch=3,
    )
    trainer.train()
    lines = capsys.readouterr().out.splitlines()
    assert trainer.max_iter == trainer.current_iter == 5
    assert trainer.iter_per_epoch == 2
    assert lines[0] == f"train loss:{trainer.train_loss_list[0]!s}"
    epochs = [line for line in lines if line.startswith("===") and "epoch" in line]
    pairs = zip(trainer.train_acc_list, trainer.test_acc_list, strict=True)
    assert epochs == [f"=== epoch:{i}, train acc:{a!s}, test acc:{b!s} ===" for i, (a, b) in enumerate(pairs, 1)]
    assert len(epochs) == trainer.current_epoch == 3
    assert set(trainer.train_acc_list) <= {0, 1 / 3, 2 / 3, 1}
    assert lines[-2:] == [f"{'=' * 15} Final Test Accuracy {'=' * 15}", f"test acc:{trainer.network.accuracy(x, t)}"]
    with pytest.raises(ValueError, match=r"optimizer: expected one of 'sgd', .*'rmsprop', 'adam', got 'lbfgs'"):
        Trainer(None, x, t, x, t, optimizer="lbfgs")
    with pytest.raises(ValueError, match="at least one sample"):
        Trainer(None, x[:0], t[:0], x, t)


def test_accuracy_counts_the_last_short_batch():
    net = TwoLayerNet(4, 3, 2)
    x = np.random.default_rng(0).standard_normal((7, 4))
    t = net.predict(x).argmax(axis=1)
    assert net.accuracy(x, t, batch_size=3) == net.accuracy(x, d=np.eye(2)[t]) == 1
    t[6] = 1 - t[6]
    assert net.accuracy(x, t, batch_size=3) == 6 / 7
    with pytest.raises(TypeError, match=r"TwoLayerNet\.accuracy: t: expected the teacher signal"):
        net.accuracy(x)


@pytest.mark.parametrize("name", ["params.pkl", "params.npz"])
def test_files_of_parameters(name, tmp_path):
    net, other = DeepConvNet((1, 8, 8), **DEEP), DeepConvNet((1, 8, 8), **DEEP)
    net.save_params(tmp_path / name)
    if name.endswith("pkl"):  # the lessons' own line reads it
        assert np.array_equal(pickle.loads((tmp_path / name).read_bytes())["W1"], net.params["W1"])
    held = other.params["W8"]
    other.load_params(tmp_path / name)
    assert other.params["W8"] is held is other.layers[18].W
    assert all(np.array_equal(other.params[key], net.params[key]) for key in net.params)
    smaller = DeepConvNet((1, 8, 8), **DEEP, hidden_size=4)
    before = {key: array.copy() for key, array in smaller.params.items()}
    with pytest.raises(ValueError, match=rf"{name}: arrays of another network: W7 \(2, 50\) for \(2, 4\), b7"):
        smaller.load_params(tmp_path / name)
    assert all(np.array_equal(smaller.params[key], before[key]) for key in before)


def test_an_unknown_dtype():
    with pytest.raises(ValueError, match="set_default_dtype: dtype: expected float32 or float64, got float16"):
        course.set_default_dtype("float16")
    for wrong in ("single precision", None):
        with pytest.raises(ValueError, match=f"got {wrong}"):
            course.set_default_dtype(wrong)
