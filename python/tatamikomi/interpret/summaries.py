"""summary: what every layer of a model gives, costs and sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import DTypeLike

from tatamikomi.errors import bad_value
from tatamikomi.interpret.tables import as_html, as_text, by, in_bytes
from tatamikomi.interpret.trace import Call, trace, zeros_for
from tatamikomi.interpret.untouched import untouched
from tatamikomi.nn import Module

_COLUMNS = ("layer", "kind", "output", "parameters", "MACs", "memory", "field", "stride", "offset")


@dataclass(frozen=True)
class LayerSummary:
    """One call of a layer.

    Attributes:
        name: the path of the module, "" for the model itself.
        kind: its class.
        output_shape: of its result, the first of several.
        parameters: numbers in its parameters; 0 in a second call of the same layer.
        trainable: how many of them want a gradient.
        macs: multiply-adds, None for a kind of layer without a formula.
        memory: bytes of its results.
        field_size, field_stride, field_offset: of the receptive field, as in `receptive_field`; None where it is not
            known.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int
    macs: int | None
    memory: int
    field_size: tuple[int, ...] | None
    field_stride: tuple[int | float, ...] | None
    field_offset: tuple[int | float, ...] | None


@dataclass(frozen=True)
class Summary:
    """What `summary` returns; printed, it is a table.

    Attributes:
        model: the class of the model.
        input_shapes: of the arrays that it was called with.
        layers: one LayerSummary per call, in the order of the calls.
        parameters, trainable: numbers in all parameters of the model, each once, and those that want a gradient.
        macs: the sum over the layers that have a formula.
        not_counted: the names of those that have none.
        memory: bytes of all results, about what a forward pass keeps for the backward pass.
        parameter_memory, input_memory: bytes of the parameters and buffers, and of the input.
    """

    model: str
    input_shapes: tuple[tuple[int, ...], ...]
    layers: tuple[LayerSummary, ...]
    parameters: int
    trainable: int
    macs: int
    not_counted: tuple[str, ...]
    memory: int
    parameter_memory: int
    input_memory: int

    def to_dict(self) -> dict[str, Any]:
        """Everything in terms of JSON.

        >>> import tatamikomi as tk
        >>> tk.summary(tk.nn.Linear(3, 2), (1, 3)).to_dict()["layers"][0]["macs"]
        6
        """
        return asdict(self)

    def _rows(self) -> list[list[str]]:
        return [
            [
                one.name or "(model)",
                one.kind,
                str(one.output_shape),
                f"{one.parameters:,}",
                "?" if one.macs is None else f"{one.macs:,}",
                in_bytes(one.memory),
                *("?" if part is None else by(part) for part in (one.field_size, one.field_stride, one.field_offset)),
            ]
            for one in self.layers
        ]

    def _totals(self) -> list[str]:
        lines = [
            f"{self.parameters:,} parameters ({self.trainable:,} trainable), {self.macs:,} MACs",
            f"memory: parameters {in_bytes(self.parameter_memory)}, input {in_bytes(self.input_memory)}, "
            f"results {in_bytes(self.memory)}",
        ]
        return lines + ([f"not counted: {', '.join(self.not_counted)}"] if self.not_counted else [])

    def __str__(self) -> str:
        shapes = ", ".join(map(str, self.input_shapes))
        return "\n".join([f"{self.model} on {shapes}", as_text(_COLUMNS, self._rows()), *self._totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(_COLUMNS, self._rows(), "; ".join(self._totals()))


def summary(
    model: Module, input_shape: Sequence[Any], *, dtype: DTypeLike | None = None, training: bool = False
) -> Summary:
    """Tell of every layer of a model its output shape, parameters, multiply-adds, memory and receptive field.

    The model is called once with zeros. Afterwards it is as it was, also if the call raises: modes, running
    statistics, hooks, lazy layers, gradients and generators come back.

    Args:
        model: a Module. A layer is a module with none below it; what `forward` computes between layers by functions
            is in no row, and no MACs are counted for it.
        input_shape: (N, ...), or a list of such shapes for a model of several arguments.
        dtype: of the input; that of the model's first parameter when None. A model that begins with an Embedding takes
            np.int64.
        training: call it in training mode instead of evaluation mode.

    Returns:
        A Summary: `print` shows a table, notebooks an HTML table, `to_dict()` gives plain data. MACs follow the
        formulas of `tatamikomi.interpret.macs`, fields the recurrences of `receptive_field`.

    Raises:
        TypeError: model is no Module, or an argument is of the wrong kind.
        ValueError: a shape has no axes or a size below 1; and what the model raises on such an input.

    >>> import tatamikomi as tk
    >>> tk.summary(tk.nn.Sequential(tk.nn.Conv2d(1, 2, 3), tk.nn.ReLU(), tk.nn.MaxPool2d(2)), (1, 1, 8, 8))
    Sequential on (1, 1, 8, 8)
    layer  kind       output        parameters  MACs  memory  field  stride  offset
    -------------------------------------------------------------------------------
    0      Conv2d     (1, 2, 6, 6)          20   648   288 B      3       1       0
    1      ReLU       (1, 2, 6, 6)           0     0   288 B      3       1       0
    2      MaxPool2d  (1, 2, 3, 3)           0    72    72 B      4       2       0
    20 parameters (20 trainable), 720 MACs
    memory: parameters 80 B, input 256 B, results 648 B
    """
    op = "summary"
    if not isinstance(training, bool):
        raise bad_value(op, "training", training, "True or False")
    with untouched(op, model, training):  # in here a lazy layer has its parameters
        inputs = zeros_for(op, model, input_shape, dtype)
        calls = trace(op, model, inputs)
        seen: set[int] = set()
        rows = tuple(_row(call, seen) for call in calls)
        parameters = list(model.parameters())
        buffers = sum(array.nbytes for array in model.buffers())
    return Summary(
        model=type(model).__name__,
        input_shapes=tuple(one.shape for one in inputs),
        layers=rows,
        parameters=sum(one.numel() for one in parameters),
        trainable=sum(one.numel() for one in parameters if one.requires_grad),
        macs=sum(row.macs or 0 for row in rows),
        not_counted=tuple(dict.fromkeys(row.name or row.kind for row in rows if row.macs is None)),
        memory=sum(row.memory for row in rows),
        parameter_memory=sum(one.data.nbytes for one in parameters) + buffers,
        input_memory=sum(one.data.nbytes for one in inputs),
    )


def _row(call: Call, seen: set[int]) -> LayerSummary:
    own = [one for one in call.module.parameters() if id(one) not in seen]
    seen.update(map(id, own))
    field = call.field
    return LayerSummary(
        call.name,
        type(call.module).__name__,
        call.output,
        sum(one.numel() for one in own),
        sum(one.numel() for one in own if one.requires_grad),
        call.macs,
        call.nbytes,
        *((None, None, None) if field is None else (field.size, field.stride, field.offset)),
    )
