"""Recurrent layers over sequences, and their single steps: RNN, LSTM, GRU and the cells."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor, as_tensor, cat, stack, tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.functional.rnn import GATES, State, Weights, recur
from tatamikomi.nn import checks, init
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator

_NONLINEARITIES = ("tanh", "relu")


class _Recurrent(Module):
    """What layers and cells share: sizes, the kind of cell, and weights of one direction of one layer."""

    kind: str

    def __init__(self, kind: str, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        name = type(self).__name__
        self.kind = kind
        self.input_size = checks.integer(name, "input_size", input_size)
        self.hidden_size = checks.integer(name, "hidden_size", hidden_size)
        self.bias = checks.flag(name, "bias", bias)

    def _add(self, suffix: str, features: int, state: int, dtype: np.dtype[Any]) -> None:
        """weight_ih, weight_hh and perhaps the biases, named with `suffix`."""
        rows = GATES[self.kind] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, state)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(checks.zeros(type(self).__name__, name, shape, dtype)))

    def _weights(self, suffix: str) -> Weights:
        biases = (getattr(self, f"bias_{which}{suffix}") if self.bias else None for which in ("ih", "hh"))
        return getattr(self, f"weight_ih{suffix}"), getattr(self, f"weight_hh{suffix}"), *biases

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew: uniform in [-b, b) with b = 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)


class _Layers(_Recurrent):
    """Layers of cells over whole sequences, in one direction or both."""

    states: ClassVar[int] = 1  # arrays in a state: h, or h and c

    def __init__(
        self,
        kind: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        dtype: Any,
        generator: Generator | None,
        proj_size: int = 0,
    ) -> None:
        super().__init__(kind, input_size, hidden_size, bias)
        name = type(self).__name__
        floats = checks.floating(name, dtype)
        self.num_layers = checks.integer(name, "num_layers", num_layers)
        self.batch_first = checks.flag(name, "batch_first", batch_first)
        self.dropout = checks.probability(name, "dropout", dropout)
        self.bidirectional = checks.flag(name, "bidirectional", bidirectional)
        self.proj_size = checks.integer(name, "proj_size", proj_size, low=0)
        if self.proj_size >= self.hidden_size:
            raise bad_value(name, "proj_size", proj_size, f"less than hidden_size = {hidden_size}")
        state, directions = self.proj_size or self.hidden_size, 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                self._add(suffix, self.input_size if layer == 0 else directions * state, state, floats)
                if self.proj_size:
                    shape = (self.proj_size, self.hidden_size)
                    setattr(self, f"weight_hr{suffix}", Parameter(np.zeros(shape, floats)))
        self.reset_parameters(generator)

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"_l{layer}", f"_l{layer}_reverse") if self.bidirectional else (f"_l{layer}",)

    def _initial(self, hx: Any, x: Tensor, single: bool) -> list[Tensor]:
        """The states of all layers and directions, (layers * directions, N, size) each; None means zeros."""
        name = type(self).__name__
        count = self.num_layers * (2 if self.bidirectional else 1)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]
        if hx is None:
            return [tensor(np.zeros((count, x.shape[1], size), x.dtype)) for size in sizes]
        if self.states == 2 and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise bad_type(name, "hx", type(hx).__name__, "the pair (h_0, c_0)")
        given = list(hx) if self.states == 2 else [hx]
        found = []
        for one, size in zip(given, sizes, strict=True):
            state = as_tensor(one, name, "hx")
            wanted = (count, size) if single else (count, x.shape[1], size)
            if state.shape != wanted:
                raise bad_value(name, "hx", f"shape {state.shape}", f"shape {wanted}")
            found.append(state.unsqueeze(1) if single else state)
        return found

    def _run(self, input: Any, hx: Any) -> tuple[Tensor, list[Tensor]]:
        """The outputs of the last layer and the last states of all, shaped as the input was."""
        x = as_tensor(input, type(self).__name__, "input")
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            rule = f"(N, T, {self.input_size})" if self.batch_first else f"(T, N, {self.input_size})"
            raise bad_value(type(self).__name__, "input", f"shape {x.shape}", f"{rule} or (T, {self.input_size})")
        single = x.ndim == 2
        turned = self.batch_first and not single
        x = x.unsqueeze(1) if single else x.transpose(0, 1) if turned else x
        if x.shape[0] == 0:
            raise bad_value(type(self).__name__, "input", "no time steps", "at least one")
        before = self._initial(hx, x, single)
        after: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._suffixes(layer):
                state = tuple(one[len(after)] for one in before)
                w_hr = getattr(self, f"weight_hr{suffix}") if self.proj_size else None
                y, last = recur(self.kind, x, state, self._weights(suffix), w_hr, suffix.endswith("reverse"))
                outputs.append(y)
                after.append(last)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, 2)
            if self.dropout and self.training and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout)
        states = [stack([state[i] for state in after]) for i in range(self.states)]
        if single:
            return x.squeeze(1), [state.squeeze(1) for state in states]
        return (x.transpose(0, 1) if turned else x), states

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults, as torch writes them."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        for name, default in (("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0.0)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(_Layers):
    """Simple recurrent layers: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or ReLU for tanh.

    Args:
        input_size, hidden_size: features of x_t and of h_t.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: sequences come as (N, T, features) instead of (T, N, features).
        dropout: the share dropped between layers in training.
        bidirectional: a second set of cells walks from the end; both outputs are joined.
        dtype, generator: of the parameters and where they come from.

    Shape: x (T, N, input_size) or (T, input_size), and h_0 (layers * directions, N, hidden_size), zeros when left out
    -> outputs (T, N, directions * hidden_size) and h_n, shaped as h_0.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or size; shapes that do not fit.

    >>> import numpy as np, tatamikomi as tk
    >>> y, h = tk.nn.RNN(3, 5)(np.ones((7, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((7, 2, 5), (1, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in _NONLINEARITIES:
            raise unknown_name("RNN", "nonlinearity", nonlinearity, _NONLINEARITIES)
        kind, sizes = f"rnn_{nonlinearity}", (input_size, hidden_size, num_layers)
        super().__init__(kind, *sizes, bias, batch_first, dropout, bidirectional, dtype, generator)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The outputs of the last layer at every step, and every layer's last state."""
        y, (h,) = self._run(input, hx)
        return y, h


class GRU(_Layers):
    """Layers of gated recurrent units; see `functional.gru_cell` for the formula and `RNN` for the arguments.

    >>> import numpy as np, tatamikomi as tk
    >>> y, h = tk.nn.GRU(3, 5, bidirectional=True)(np.ones((7, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((7, 2, 10), (2, 2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        sizes = (input_size, hidden_size, num_layers)
        super().__init__("gru", *sizes, bias, batch_first, dropout, bidirectional, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The outputs of the last layer at every step, and every layer's last state."""
        y, (h,) = self._run(input, hx)
        return y, h


class LSTM(_Layers):
    """Layers of long short-term memory; see `functional.lstm_cell` for the formula and `RNN` for the arguments.

    Args:
        proj_size: if positive, h is projected to that many features by a weight without bias.

    Shape: x as in `RNN`, and the pair (h_0, c_0) -> outputs and the pair (h_n, c_n).

    >>> import numpy as np, tatamikomi as tk
    >>> y, (h, c) = tk.nn.LSTM(3, 5, batch_first=True)(np.ones((2, 7, 3), np.float32))
    >>> y.shape, c.shape
    ((2, 7, 5), (1, 2, 5))
    """

    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        sizes = (input_size, hidden_size, num_layers)
        super().__init__("lstm", *sizes, bias, batch_first, dropout, bidirectional, dtype, generator, proj_size)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The outputs of the last layer at every step, and every layer's last (h, c)."""
        y, (h, c) = self._run(input, hx)
        return y, (h, c)


class _Cell(_Recurrent):
    """One step of one layer."""

    def __init__(
        self, kind: str, input_size: int, hidden_size: int, bias: bool, dtype: Any, generator: Generator | None
    ) -> None:
        super().__init__(kind, input_size, hidden_size, bias)
        self._add("", self.input_size, self.hidden_size, checks.floating(type(self).__name__, dtype))
        self.reset_parameters(generator)

    def _zeros(self, input: Tensor) -> Tensor:
        shape = np.shape(input)[:-1]
        weight: Tensor = self.weight_ih
        return tensor(np.zeros((*shape, self.hidden_size), weight.dtype))

    def extra_repr(self) -> str:
        """The sizes, as torch writes them."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of a simple recurrent unit, (x, h) -> h'; see `functional.rnn_tanh_cell`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.RNNCell(3, 5)(np.ones((2, 3), np.float32)).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        if nonlinearity not in _NONLINEARITIES:
            raise unknown_name("RNNCell", "nonlinearity", nonlinearity, _NONLINEARITIES)
        super().__init__(f"rnn_{nonlinearity}", input_size, hidden_size, bias, dtype, generator)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """h' from x and h, zeros when left out."""
        cell = F.rnn_tanh_cell if self.nonlinearity == "tanh" else F.rnn_relu_cell
        return cell(input, self._zeros(input) if hx is None else hx, *self._weights(""))


class GRUCell(_Cell):
    """One step of a gated recurrent unit, (x, h) -> h'; see `functional.gru_cell`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.GRUCell(3, 5)(np.ones((2, 3), np.float32)).shape
    (2, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__("gru", input_size, hidden_size, bias, dtype, generator)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """h' from x and h, zeros when left out."""
        return F.gru_cell(input, self._zeros(input) if hx is None else hx, *self._weights(""))


class LSTMCell(_Cell):
    """One step of long short-term memory, (x, (h, c)) -> (h', c'); see `functional.lstm_cell`.

    >>> import numpy as np, tatamikomi as tk
    >>> h, c = tk.nn.LSTMCell(3, 5)(np.ones((2, 3), np.float32))
    >>> h.shape, c.shape
    ((2, 5), (2, 5))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__("lstm", input_size, hidden_size, bias, dtype, generator)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(h', c') from x and (h, c), zeros when left out."""
        if hx is None:
            hx = (self._zeros(input), self._zeros(input))
        return F.lstm_cell(input, hx, *self._weights(""))
