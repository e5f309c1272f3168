"""One forward pass, watched: every layer that was called, in its order, with shapes and receptive fields.

A layer is a module without modules below it, or one of a kind that has a formula (a convolution with a parametrized
weight has modules below it too). What happens between layers, in the `forward` of a module, is followed on the tape as
far as positions stay where they are: sums, products, concatenations of channels, activations. Beyond that the field is
not known, and None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tatamikomi.autograd import Function, Tensor, enable_grad, tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import as_shape
from tatamikomi.interpret.fields import Field, handed_out, itself, joined, through
from tatamikomi.interpret.macs import is_counted, macs_of
from tatamikomi.interpret.windows import steps_of, whole
from tatamikomi.kernels.half import is_half
from tatamikomi.nn import Module

# Nodes of the tape that keep every position where it is, by the module that has them, and by name.
_STAY = ("autograd.arithmetic", "autograd.elementwise", "nn.hooks", "functional.activation", "functional.dropout")
_AMONG_CHANNELS = ("_Cat", "_Softmax", "_LogSoftmax")  # along axis 1
_STAY_TOO = ("_BatchNorm", "_BatchNormInference", "_GroupNorm", "_BroadcastTo")


@dataclass
class Call:
    """One call of a layer.

    Attributes:
        name: the path of the module.
        module: the layer itself.
        inputs: shapes of the arguments that are arrays.
        output: shape of the result, the first of several.
        nbytes: of all results.
        macs: multiply-adds, None where there is no formula.
        field: the receptive field of the result, None where it is not known.
    """

    name: str
    module: Module
    inputs: list[tuple[int, ...]]
    output: tuple[int, ...]
    nbytes: int
    macs: int | None
    field: Field | None


def layers(model: Module) -> Iterator[tuple[str, Module]]:
    """(path, module) of the layers; the model itself where it is one."""
    covered: list[str] = []
    for path, module in model.named_modules():
        if any(path == above or path.startswith(f"{above}.") for above in covered if above):
            continue
        if is_counted(module) or not any(True for _ in module.children()):
            covered.append(path)
            yield path, module
            if not path:
                return


def arrays_in(value: Any) -> list[Tensor]:
    """The Tensors of a result: itself, or those within tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in arrays_in(part)] if isinstance(value, (tuple, list)) else []


def zeros_for(op: str, model: Module, input_shape: Any, dtype: DTypeLike | None) -> list[Tensor]:
    """Zeros of one shape, or of several; floats want a gradient, so that the tape knows where they go, unless weights
    are 16-bit floats, which have none."""
    several = isinstance(input_shape, (tuple, list)) and any(isinstance(one, (tuple, list)) for one in input_shape)
    shapes = [as_shape(op, "input_shape", one, 1) for one in (input_shape if several else [input_shape])]
    for shape in shapes:
        if not shape:
            raise bad_value(op, "input_shape", input_shape, "(N, ...)")
    kinds = [p.dtype for module in model.modules() for p in vars(module)["_parameters"].values()]
    if dtype is None:
        dtype = next((kind for kind in kinds if kind.kind == "f" or is_half(kind)), np.dtype(np.float32))
    kind = np.dtype(dtype)
    if kind.kind not in "fiub" and not is_half(kind):
        raise bad_type(op, "dtype", str(kind), "a dtype of numbers")
    taped = kind.kind == "f" and not any(map(is_half, [kind, *kinds]))
    return [tensor(np.zeros(shape, kind), requires_grad=taped) for shape in shapes]


def trace(op: str, model: Module, inputs: Sequence[Tensor]) -> list[Call]:
    """Call the model once and tell what was called; within `untouched`, which takes the hooks away."""
    watch = _Watch(op, inputs)
    for path, module in layers(model):
        watch.look_at(path, module)
    with enable_grad():
        model(*inputs)
    return watch.calls


class _Watch:
    """Hooks that write down calls, and what is known of the tape: the field of every Tensor that a layer gave."""

    def __init__(self, op: str, inputs: Sequence[Tensor]) -> None:
        self.op = op
        self.calls: list[Call] = []
        self.kept: list[Any] = list(inputs)  # while we ask who they are, nobody else may get their places
        self.known: dict[int, Field | None] = {id(one): itself(_axes(one.shape)) for one in inputs}

    def look_at(self, path: str, module: Module) -> None:
        def see(layer: Module, args: tuple[Any, ...], result: Any) -> None:
            given, found = arrays_in(args), arrays_in(result)
            field = self.field_behind(layer, given, found)
            for one in found:
                self.kept.append(one)
                self.known[id(one)] = field
                if one._node is not None:
                    self.kept.append(one._node)
                    self.known[id(one._node)] = field
            shapes = [one.shape for one in given]
            output = found[0].shape if found else ()
            nbytes = sum(one.data.nbytes for one in found)
            self.calls.append(Call(path, layer, shapes, output, nbytes, macs_of(layer, shapes, output), field))

        module.register_forward_hook(see)

    def field_behind(self, layer: Module, given: list[Tensor], found: list[Tensor]) -> Field | None:
        if not given or not found:
            return None
        x, y = given[0], found[0]
        if x.ndim == getattr(layer, "axes", x.ndim) + 1:
            raise bad_value(self.op, "input_shape", f"an input {x.shape} of {type(layer).__name__}", "a batch in front")
        steps = steps_of(self.op, layer, x.shape[2:], y.shape[2:], _axes(x.shape))
        if steps is not None:
            return through(self.of(x), steps)
        return None if is_counted(layer) else self.of(y)

    def of(self, tensor: Tensor) -> Field | None:
        """The field of a Tensor: known, or from those of what it was computed from."""
        if id(tensor) in self.known:
            return self.known[id(tensor)]
        waiting: list[Function] = [tensor._node] if tensor._node is not None else []
        if not waiting:
            return None
        start = waiting[0]
        while waiting:  # deeper ones first
            node = waiting[-1]
            if id(node) in self.known:
                waiting.pop()
                continue
            behind = [edge for edge in node._edges or () if isinstance(edge, Function) and id(edge) not in self.known]
            if behind:
                waiting.extend(behind)
                continue
            self.kept.append(node)
            self.known[id(node)] = self._after(node)
            waiting.pop()
        return self.known[id(start)]

    def _after(self, node: Function) -> Field | None:
        """The field behind one node; edges that lead to constants and parameters are passed by."""
        sources = [edge for edge in node._edges or () if edge is not None and id(edge) in self.known]
        fields = [one for one in (self.known[id(edge)] for edge in sources) if one is not None]
        if not fields or len(fields) < len(sources):
            return None
        shapes = [edge._shape if isinstance(edge, Function) else edge.shape for edge in sources]
        kind, sizes = type(node).__name__, node._shape[2:]
        if kind in ("_Sum", "_Extreme", "_Reshape"):
            gone = all(size == 1 for size in sizes) and node._shape[:1] == shapes[0][:1]
            return through(fields[0], whole(shapes[0][2:])) if gone else None
        place = type(node).__module__.removeprefix("tatamikomi.")
        if kind in _AMONG_CHANNELS:
            stays = getattr(node, "dim", 0) in (1, 1 - len(node._shape))
        else:
            stays = kind in _STAY_TOO or place.startswith(_STAY)
        if not stays:
            return None
        for i, shape in enumerate(shapes):
            if shape[2:] != sizes:
                if any(size != 1 for size in shape[2:]) or len(shape) != len(node._shape):
                    return None
                fields[i] = handed_out(fields[i])
        return joined(fields, sizes)


def _axes(shape: Sequence[int]) -> int:
    return max(len(shape) - 2, 0)
