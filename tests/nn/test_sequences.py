"""Recurrent layers, embeddings and local connections: what their options do, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

X = np.random.default_rng(0).standard_normal((5, 2, 4)).astype(np.float32)


def test_a_layer_is_its_cell_step_by_step():
    layer, cell = nn.LSTM(4, 3), nn.LSTMCell(4, 3)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    state, outputs = None, []
    for x in X:
        state = cell(x, state)
        outputs.append(state[0].numpy())
    y, (h, c) = layer(X)
    assert np.allclose(y.numpy(), outputs, atol=1e-6)
    assert np.allclose(h.numpy()[0], state[0].numpy(), atol=1e-6)
    assert np.allclose(c.numpy()[0], state[1].numpy(), atol=1e-6)


def test_a_state_carries_over():
    """Two halves of a sequence, the second from the first's last state, are the whole."""
    layer = nn.GRU(4, 3, 2)
    whole, last = layer(X)
    first, state = layer(X[:2])
    second, state = layer(X[2:], state)
    assert np.array_equal(np.concatenate([first, second]), whole)
    assert np.array_equal(state, last)


def test_the_second_direction_walks_from_the_end():
    layer = nn.RNN(4, 3, bidirectional=True)
    mirrored = nn.RNN(4, 3)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    mirrored.load_state_dict({f"{name}_l0": layer.state_dict()[f"{name}_l0_reverse"] for name in names})
    assert np.array_equal(layer(X)[0].numpy()[..., 3:], mirrored(X[::-1])[0].numpy()[::-1])


def test_dropout_between_layers_is_for_training():
    tk.manual_seed(0)
    layer = nn.LSTM(4, 3, 2, dropout=0.5)
    assert not np.array_equal(layer(X)[0], layer(X)[0])
    layer.eval()
    assert np.array_equal(layer(X)[0], layer(X)[0])


@pytest.mark.parametrize(
    ("make", "exception", "message"),
    [
        (lambda: nn.RNN(4, 3)(X[0, 0]), ValueError, r"RNN: input: expected \(T, N, 4\) or \(T, 4\), got shape \(4,\)"),
        (lambda: nn.RNN(4, 3)(X[:0]), ValueError, "RNN: input: expected at least one, got no time steps"),
        (lambda: nn.GRU(4, 3)(X, np.zeros((1, 1, 3), "f")), ValueError, r"GRU: hx: expected shape \(1, 2, 3\)"),
        (lambda: nn.LSTM(4, 3)(X, np.zeros((1, 2, 3))), TypeError, r"LSTM: hx: expected the pair \(h_0, c_0\)"),
        (lambda: nn.RNN(4, 3, nonlinearity="gelu"), ValueError, "RNN: nonlinearity: expected one of 'tanh', 'relu'"),
        (lambda: nn.RNNCell(4, 3, nonlinearity="gelu"), ValueError, "RNNCell: nonlinearity: expected one of"),
        (lambda: nn.LSTM(4, 3, proj_size=3), ValueError, "LSTM: proj_size: expected less than hidden_size = 3"),
        (lambda: nn.GRU(4, 3, dropout=2), ValueError, "GRU: dropout: expected a number from 0 to 1"),
        (lambda: nn.GRU(0, 3), ValueError, "GRU: input_size: expected an integer >= 1"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "Embedding: padding_idx: expected -3 <= padding_idx"),
        (lambda: nn.LocallyConnected2d(1, 1, 3, 4), ValueError, "LocallyConnected2d: kernel_size: expected a dilated"),
    ],
)
def test_refused(make, exception, message):
    with pytest.raises(exception, match=message):
        make()


def test_padding_rows_stay():
    layer = nn.Embedding(4, 3, padding_idx=-1)
    assert not layer.weight.numpy()[3].any()
    layer([[3, 1], [1, 0]]).sum().backward()
    assert layer.weight.grad.tolist() == [[1] * 3, [2] * 3, [0] * 3, [0] * 3]


def test_gradients_over_how_often_a_row_was_taken():
    layer = nn.Embedding(3, 2, scale_grad_by_freq=True)
    layer([1, 1, 1, 2]).sum().backward()
    assert np.allclose(layer.weight.grad.numpy(), [[0, 0], [1, 1], [1, 1]])


def test_rows_that_are_taken_are_shortened_in_the_table():
    layer = nn.Embedding(3, 2, max_norm=1.0)
    layer.weight.copy_([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    version = layer.weight.version
    taken = layer([0, 1]).numpy()
    assert np.allclose(taken, [[0.6, 0.8], [0.3, 0.4]], atol=1e-6)
    assert np.allclose(layer.weight.numpy(), [[0.6, 0.8], [0.3, 0.4], [30, 40]], atol=1e-6)
    assert layer.weight.version > version


def test_one_hot_infers_the_number_of_classes():
    assert tk.functional.one_hot([[0, 2]]).tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert tk.functional.one_hot(1, 3).tolist() == [0, 1, 0]


def test_a_locally_connected_layer_with_one_kernel_is_a_convolution():
    local, conv = nn.LocallyConnected2d(2, 3, (5, 6), 3, padding=1), nn.Conv2d(2, 3, 3, padding=1)
    shared = conv.weight.numpy()[:, None, None]
    local.weight.copy_(np.broadcast_to(shared, local.weight.shape))
    local.bias.copy_(np.broadcast_to(conv.bias.numpy()[:, None, None], local.bias.shape))
    x = np.random.default_rng(1).standard_normal((2, 2, 5, 6)).astype(np.float32)
    assert np.allclose(local(x).numpy(), conv(x).numpy(), atol=1e-5)
