"""profile: where the time of a pass goes, layer by layer, there and back."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import io
from tatamikomi.autograd import Tensor, as_tensor, grad, set_grad_enabled
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import window
from tatamikomi.interpret.macs import macs_of
from tatamikomi.interpret.stopwatch import Call, Hooks, Watch
from tatamikomi.interpret.tables import as_html, as_text, in_bytes
from tatamikomi.interpret.trace import arrays_in, layers
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.interpret.windows import CONVS
from tatamikomi.kernels import AlgorithmNote, explain_conv
from tatamikomi.kernels.half import is_half
from tatamikomi.nn import Module

_COLUMNS = (
    *("layer", "kind", "output", "memory", "forward ms", "share", "GFLOP/s"),
    *("of peak", "backward ms", "workspace", "algorithm"),
)


@dataclass(frozen=True)
class LayerProfile:
    """One call of a layer.

    Attributes:
        name, kind: the path of the layer and its class.
        output_shape: of its result, the first of several.
        macs: multiply-adds of its forward pass, None where there is no formula.
        forward, backward: seconds, medians over the repeats; backward is None where none was asked for, or no gradient
            comes by.
        gflops: 2 * macs / forward / 1e9; None without macs.
        memory: bytes of its results.
        algorithms: of a convolution, direction -> name, as `tk.explain_conv` tells it; else empty.
        workspace: bytes that they lease, the largest of the directions.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: int | None
    forward: float
    backward: float | None
    gflops: float | None
    memory: int
    algorithms: dict[str, str]
    workspace: int


@dataclass(frozen=True)
class Profile:
    """What `profile` returns; printed, it is a table.

    Attributes:
        layers: one LayerProfile per call, in the order of the calls.
        forward: seconds of the whole forward pass without anybody watching, the median: less than the layers together
            where a ReLU runs inside of the layer before it, more where `forward` computes between layers.
        backward: the same of the backward pass, or None.
        repeats: passes that were timed.
        events: of the last pass: (name, kind, phase, begin, seconds), begin from the start of the pass.
        peak: GFLOP/s that the layers are compared with, or None.
    """

    layers: tuple[LayerProfile, ...]
    forward: float
    backward: float | None
    repeats: int
    events: tuple[tuple[str, str, str, float, float], ...]
    peak: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)

    def to_chrome_trace(self) -> dict[str, Any]:
        """The last pass in the trace event format, which chrome://tracing and ui.perfetto.dev open; times in us.

        >>> import numpy as np, tatamikomi as tk
        >>> from tatamikomi import interpret
        >>> told = interpret.profile(tk.nn.Linear(2, 2), np.ones((1, 2), np.float32), 1).to_chrome_trace()
        >>> [event["name"] for event in told["traceEvents"]]
        ['Linear']
        """
        events = [
            {
                "name": name or kind,
                "cat": phase,
                "ph": "X",
                "ts": begin * 1e6,
                "dur": seconds * 1e6,
                "pid": 0,
                "tid": 0,
                "args": {"kind": kind, "phase": phase},
            }
            for name, kind, phase, begin, seconds in self.events
        ]
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def save_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write `to_chrome_trace()` to a JSON file, atomically."""
        io.write_json(path, self.to_chrome_trace())

    def _rows(self) -> list[list[str]]:
        total = sum(one.forward for one in self.layers) or 1.0
        return [
            [
                one.name or "(model)",
                one.kind,
                str(one.output_shape),
                in_bytes(one.memory),
                f"{one.forward * 1e3:.3f}",
                f"{one.forward / total:.1%}",
                "-" if one.gflops is None else f"{one.gflops:.1f}",
                "-" if one.gflops is None or self.peak is None else f"{one.gflops / self.peak:.0%}",
                "-" if one.backward is None else f"{one.backward * 1e3:.3f}",
                in_bytes(one.workspace) if one.algorithms else "-",
                ", ".join(dict.fromkeys(one.algorithms.values())) or "-",
            ]
            for one in self.layers
        ]

    def _foot(self) -> str:
        back = "" if self.backward is None else f", backward {self.backward * 1e3:.3f} ms"
        peak = "" if self.peak is None else f"; peak {self.peak:.1f} GFLOP/s"
        memory = in_bytes(sum(one.memory for one in self.layers))
        told = f"unwatched: forward {self.forward * 1e3:.3f} ms{back}; medians of {self.repeats}"
        return f"{told}; results {memory}{peak}"

    def __str__(self) -> str:
        return f"{as_text(_COLUMNS, self._rows())}\n{self._foot()}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(_COLUMNS, self._rows(), self._foot())


def profile(
    model: Module,
    x: ArrayLike | Tensor | tuple[Any, ...],
    repeats: int = 10,
    *,
    backward: bool = False,
    training: bool = False,
    warmup: int = 1,
    peak: float | None = None,
) -> Profile:
    """Time every layer of a model, forward and, on request, backward; the model stays as it was.

    A watched layer runs alone: a ReLU that would run inside of the layer before it is a row of its own. The backward
    time of a layer is that between the arrival of the gradient at its output and its departure at its input; where the
    input wants none, as in the first layer, it ends where the next layer's begins, or the pass ends.

    Args:
        model: a Module.
        x: its input; a tuple of several.
        repeats: passes to time, >= 1.
        backward: record the tape and walk back from ones at the output, to all parameters that want a gradient.
        training: the mode.
        warmup: passes before those that are timed, >= 0.
        peak: GFLOP/s to compare layers with, such as `machine_peak()`.

    Returns:
        A Profile: `print` shows a table, `to_chrome_trace()` and `save_chrome_trace(path)` a picture for a browser.

    Raises:
        TypeError: model is no Module, or an argument of the wrong kind.
        ValueError: repeats, warmup or peak out of range; backward without a parameter that wants a gradient; a model
            that calls other layers from pass to pass.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> told = interpret.profile(tk.models.create("lenet5"), np.ones((4, 1, 28, 28), np.float32), 2, backward=True)
    >>> [(one.name, one.macs) for one in told.layers if one.kind == "Conv2d"]
    [('features.0', 470400), ('features.3', 960000)]
    >>> all(one.forward > 0 and one.backward > 0 for one in told.layers if one.kind == "Conv2d")
    True
    """
    op = "profile"
    expect_model(op, model)
    for name, number, low in (("repeats", repeats, 1), ("warmup", warmup, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise bad_type(op, name, type(number).__name__, "an integer")
        if number < low:
            raise bad_value(op, name, number, f"an integer >= {low}")
    if peak is not None and not peak > 0:
        raise bad_value(op, "peak", peak, "GFLOP/s > 0 or None")
    inputs = [as_tensor(one, op, "x") for one in (x if isinstance(x, tuple) else (x,))]
    with untouched(op, model, training), set_grad_enabled(backward):
        passes = _Passes(op, model, inputs, backward)
        for _ in range(warmup):
            passes.run(None)
        plain = [passes.run(None) for _ in range(repeats)]
        watched: list[Watch] = []
        hooks = Hooks()
        for path, module in layers(model):
            hooks.look_at(path, module)
        for _ in range(repeats):
            watched.append(Watch())
            hooks.watch = watched[-1]
            passes.run(watched[-1])
        rows = tuple(_row(op, calls) for calls in _side_by_side(op, watched))
    there = float(np.median([one for one, _ in plain]))
    back = float(np.median([one for _, one in plain])) if backward else None
    return Profile(rows, there, back, int(repeats), tuple(watched[-1].events()), peak)


class _Passes:
    """Whole passes through a model: (seconds forward, seconds backward)."""

    def __init__(self, op: str, model: Module, inputs: list[Tensor], backward: bool) -> None:
        self.op, self.model, self.inputs, self.backward = op, model, inputs, backward

    def run(self, watch: Watch | None) -> tuple[float, float]:
        begin = time.perf_counter()
        if watch is not None:
            watch.begin = begin
        result = self.model(*self.inputs)
        middle = time.perf_counter()
        if not self.backward:
            return middle - begin, 0.0
        outputs = [one for one in arrays_in(result) if one.requires_grad]
        leaves = [one for one in (*self.model.parameters(), *self.inputs) if one.requires_grad]
        if not outputs or not leaves:
            raise bad_value(self.op, "model", "no gradient", "a model with parameters that want one")
        ones: list[Any] = [np.ones(one.shape, one.dtype) for one in outputs]
        middle, forward = time.perf_counter(), middle - begin
        grad(outputs, leaves, ones, allow_unused=True)
        end = time.perf_counter()
        if watch is not None:
            watch.close(end)
        return forward, end - middle


def _side_by_side(op: str, watched: list[Watch]) -> list[list[Call]]:
    """The calls of all passes, call by call."""
    names = [[(call.name, call.output) for call in watch.calls] for watch in watched]
    if any(one != names[0] for one in names):
        raise bad_value(op, "model", "other layers from pass to pass", "the same calls in every pass")
    return [list(calls) for calls in zip(*(watch.calls for watch in watched), strict=True)]


def _row(op: str, calls: list[Call]) -> LayerProfile:
    first = calls[0]
    forward = float(np.median([call.end - call.begin for call in calls]))
    backs = [
        call.back_end - call.back_begin for call in calls if call.back_begin is not None and call.back_end is not None
    ]
    macs = macs_of(first.module, first.inputs, first.output)
    notes = _algorithms(op, first, bool(backs))
    return LayerProfile(
        first.name,
        type(first.module).__name__,
        first.output,
        macs,
        forward,
        float(np.median(backs)) if backs else None,
        2 * macs / forward / 1e9 if macs and forward > 0 else None,
        first.nbytes,
        {direction: note.name for direction, note in notes.items()},
        max((note.workspace for note in notes.values()), default=0),
    )


def _algorithms(op: str, call: Call, backward: bool) -> dict[str, AlgorithmNote]:
    layer: Any = call.module
    if not isinstance(layer, CONVS) or not call.inputs:
        return {}
    shape = call.inputs[0]
    lead, sizes = shape[: -layer.axes], shape[-layer.axes :]
    padding = layer.padding
    if layer.padding_mode != "zeros":  # padded before
        around = window(op, sizes, layer.kernel_size, layer.stride, padding, layer.dilation)
        sizes = tuple(sum(three) for three in zip(sizes, around.before, around.after, strict=True))
        padding = 0
    whole = (*(lead if len(lead) == 2 else (1, *lead)), *sizes)
    options = layer.stride, padding, layer.dilation, layer.groups
    dtype = np.float32 if is_half(call.dtype) else call.dtype  # what 16-bit floats are computed with
    told = explain_conv(whole, layer.weight.shape, *options, dtype=dtype)
    directions = ("forward", "backward_input", "backward_weight") if backward else ("forward",)
    return {direction: told.chosen(direction) for direction in directions}
