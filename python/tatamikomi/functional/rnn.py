"""Recurrent cells and the walk of a cell along a sequence: tanh and ReLU units, LSTM, GRU.

A step costs two small matrix products. The one with the input is done for all steps of a sequence at once; what is left
for each step is the product with the state and a few elementwise operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tatamikomi.autograd import Tensor, stack
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.functional.activation import relu, sigmoid, tanh
from tatamikomi.functional.inputs import TensorLike, as_input, own_names
from tatamikomi.functional.linear import linear

State: TypeAlias = tuple[Tensor, ...]  # (h,), an LSTM's (h, c); each (N, hidden)
Step: TypeAlias = Callable[[Tensor, State], State]  # from the input's share of the gates (N, gates * hidden)
Weights: TypeAlias = tuple[TensorLike, TensorLike, TensorLike | None, TensorLike | None]  # w_ih, w_hh, b_ih, b_hh


def _gates(x: Tensor, count: int) -> list[Tensor]:
    """(N, count * hidden) as its parts."""
    return list(x.split(x.shape[1] // count, 1))


def _simple_step(squash: Callable[[Tensor], Tensor], w_hh: TensorLike, b_hh: TensorLike | None) -> Step:
    def step(gates: Tensor, state: State) -> State:
        return (squash(gates + linear(state[0], w_hh, b_hh)),)

    return step


def _lstm_step(w_hh: TensorLike, b_hh: TensorLike | None, w_hr: TensorLike | None = None) -> Step:
    def step(gates: Tensor, state: State) -> State:
        i, f, g, o = _gates(gates + linear(state[0], w_hh, b_hh), 4)
        c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return step


def _gru_step(w_hh: TensorLike, b_hh: TensorLike | None) -> Step:
    def step(gates: Tensor, state: State) -> State:
        (h,) = state
        xr, xz, xn = _gates(gates, 3)
        hr, hz, hn = _gates(linear(h, w_hh, b_hh), 3)
        z = sigmoid(xz + hz)
        n = tanh(xn + sigmoid(xr + hr) * hn)
        return (n + z * (h - n),)

    return step


# What a kind of cell is: how many gates its weights hold, and its step.
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


def _step_of(kind: str, w_hh: TensorLike, b_hh: TensorLike | None, w_hr: TensorLike | None = None) -> Step:
    if kind == "lstm":
        return _lstm_step(w_hh, b_hh, w_hr)
    if kind == "gru":
        return _gru_step(w_hh, b_hh)
    return _simple_step(tanh if kind == "rnn_tanh" else relu, w_hh, b_hh)


def recur(
    kind: str, x: Tensor, state: State, weights: Weights, w_hr: TensorLike | None = None, reverse: bool = False
) -> tuple[Tensor, State]:
    """A cell along a sequence: x (T, N, features) and the first state to the outputs (T, N, hidden) and the last state.

    Args:
        kind: a key of GATES.
        x: the sequence, T positive.
        state: (h,) or (h, c), each (N, hidden).
        weights: w_ih (gates * hidden, features), w_hh (gates * hidden, hidden), and both biases or None.
        w_hr: (projected, hidden), an LSTM's projection of h.
        reverse: walk from the end.
    """
    w_ih, w_hh, b_ih, b_hh = weights
    step = _step_of(kind, w_hh, b_hh, w_hr)
    shares = linear(x, w_ih, b_ih)
    outputs = []
    for t in range(x.shape[0] - 1, -1, -1) if reverse else range(x.shape[0]):
        state = step(shares[t], state)
        outputs.append(state[0])
    return stack(outputs[::-1] if reverse else outputs), state


def _cell(op: str, kind: str, input: TensorLike, state: tuple[TensorLike, ...], weights: Weights) -> State:
    """One step from checked arguments, batched or not."""
    x = as_input(op, "input", input)
    names = ("hx",) if len(state) == 1 else ("hx[0]", "hx[1]")
    before = tuple(as_input(op, name, one) for name, one in zip(names, state, strict=True))
    if x.ndim not in (1, 2):
        raise bad_value(op, "input", f"shape {x.shape}", "(N, features) or (features,)")
    single = x.ndim == 1
    w_hh = as_input(op, "w_hh", weights[1])
    hidden = w_hh.shape[0] // GATES[kind]
    shape = (hidden,) if single else (x.shape[0], hidden)
    for name, one in zip(names, before, strict=True):
        if one.shape != shape:
            raise bad_value(op, name, f"shape {one.shape}", f"shape {shape}")
        if one.dtype != x.dtype:
            raise bad_type(op, name, one.dtype.name, x.dtype.name, as_other="input")
    if single:
        x, before = x.unsqueeze(0), tuple(one.unsqueeze(0) for one in before)
    after = _step_of(kind, w_hh, weights[3])(linear(x, weights[0], weights[2]), before)
    return tuple(one.squeeze(0) for one in after) if single else after


@own_names(weight="w_ih")
def rnn_tanh_cell(
    input: TensorLike,
    hx: TensorLike,
    w_ih: TensorLike,
    w_hh: TensorLike,
    b_ih: TensorLike | None = None,
    b_hh: TensorLike | None = None,
) -> Tensor:
    """One step of a simple recurrent unit: h' = tanh(w_ih x + b_ih + w_hh h + b_hh).

    Args:
        input: (N, features) or (features,), float32 or float64.
        hx: (N, hidden) or (hidden,).
        w_ih, w_hh: (hidden, features) and (hidden, hidden).
        b_ih, b_hh: (hidden,) or None.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit together.

    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).

    >>> import tatamikomi as tk
    >>> tk.functional.rnn_tanh_cell([1.0], [0.0], [[0.0]], [[1.0]])
    tensor([0.])
    """
    return _cell("rnn_tanh_cell", "rnn_tanh", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


@own_names(weight="w_ih")
def rnn_relu_cell(
    input: TensorLike,
    hx: TensorLike,
    w_ih: TensorLike,
    w_hh: TensorLike,
    b_ih: TensorLike | None = None,
    b_hh: TensorLike | None = None,
) -> Tensor:
    """One step with ReLU: h' = max(w_ih x + b_ih + w_hh h + b_hh, 0); arguments as `rnn_tanh_cell`.

    >>> import tatamikomi as tk
    >>> tk.functional.rnn_relu_cell([1.0], [2.0], [[3.0]], [[1.0]])
    tensor([5.])
    """
    return _cell("rnn_relu_cell", "rnn_relu", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


@own_names(weight="w_ih")
def lstm_cell(
    input: TensorLike,
    hx: tuple[TensorLike, TensorLike],
    w_ih: TensorLike,
    w_hh: TensorLike,
    b_ih: TensorLike | None = None,
    b_hh: TensorLike | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of long short-term memory, from (h, c) to (h', c').

    With i, f, g, o the four parts of w_ih x + b_ih + w_hh h + b_hh:
    c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c').

    Args:
        input: (N, features) or (features,), float32 or float64.
        hx: the pair (h, c), each (N, hidden) or (hidden,).
        w_ih, w_hh: (4 hidden, features) and (4 hidden, hidden), gates in the order i, f, g, o.
        b_ih, b_hh: (4 hidden,) or None.

    Raises:
        TypeError: other or mixed dtypes, or hx is no pair.
        ValueError: shapes that do not fit together.

    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); the forget gate
    from F. Gers et al. (2000).

    >>> import numpy as np, tatamikomi as tk
    >>> h, c = tk.functional.lstm_cell([0.0], ([0.0], [2.0]), np.zeros((4, 1), "float32"), np.zeros((4, 1), "float32"))
    >>> c
    tensor([1.])
    """
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise bad_type("lstm_cell", "hx", type(hx).__name__, "the pair (h, c)")
    h, c = _cell("lstm_cell", "lstm", input, tuple(hx), (w_ih, w_hh, b_ih, b_hh))
    return h, c


@own_names(weight="w_ih")
def gru_cell(
    input: TensorLike,
    hx: TensorLike,
    w_ih: TensorLike,
    w_hh: TensorLike,
    b_ih: TensorLike | None = None,
    b_hh: TensorLike | None = None,
) -> Tensor:
    """One step of a gated recurrent unit.

    With (xr, xz, xn) = w_ih x + b_ih and (hr, hz, hn) = w_hh h + b_hh: r = sigmoid(xr + hr), z = sigmoid(xz + hz),
    n = tanh(xn + r hn), h' = (1 - z) n + z h.

    Args:
        input: (N, features) or (features,), float32 or float64.
        hx: (N, hidden) or (hidden,).
        w_ih, w_hh: (3 hidden, features) and (3 hidden, hidden), gates in the order r, z, n.
        b_ih, b_hh: (3 hidden,) or None.

    Raises:
        TypeError: other or mixed dtypes.
        ValueError: shapes that do not fit together.

    Source: K. Cho et al., arXiv:1406.1078; r outside of the product as in torch and cuDNN.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.functional.gru_cell([0.0], [2.0], np.zeros((3, 1), "float32"), np.zeros((3, 1), "float32"))
    tensor([1.])
    """
    return _cell("gru_cell", "gru", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]
