"""The walk back along the tape.

Nodes are numbered as they are made, so every node has a higher number than those it depends on: taking the
highest number first visits each node after all that use it, without recursion and whatever the depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.autograd.arrays import as_array
from tatamikomi.autograd.function import Edge, Function
from tatamikomi.autograd.grad_mode import set_grad_enabled
from tatamikomi.autograd.tensor import Tensor, as_tensor, wrap
from tatamikomi.errors import bad_type, bad_value


class _Walk:
    """Gradients on their way: of nodes not visited yet, and of leaves."""

    def __init__(self) -> None:
        self.nodes: dict[Function, Tensor] = {}
        self.leaves: dict[Tensor, tuple[Tensor, bool]] = {}  # bool: nobody else holds the array
        self.queue: list[tuple[int, Function]] = []

    def send(self, edge: Edge, gradient: Tensor, fresh: bool) -> None:
        if isinstance(edge, Function):
            if edge in self.nodes:
                self.nodes[edge] = self.nodes[edge] + gradient
            else:
                self.nodes[edge] = gradient
                heappush(self.queue, (-edge._order, edge))
        elif edge in self.leaves:
            self.leaves[edge] = (self.leaves[edge][0] + gradient, True)
        else:
            self.leaves[edge] = (gradient, fresh)

    def visit(self, node: Function, dy: Tensor, retain_graph: bool) -> None:
        edges = node._edges
        if edges is None:
            raise _freed(node)
        answer = node.backward(dy)
        gradients = answer if isinstance(answer, tuple) else (answer,)
        if len(gradients) != len(edges):
            raise RuntimeError(f"{type(node).__name__}: {len(edges)} inputs, but {len(gradients)} gradients")
        fresh = node.fresh
        if not retain_graph:
            node._free()
        for position, edge in enumerate(edges):
            gradient = gradients[position]
            if edge is None or gradient is None:
                continue
            if isinstance(edge, Function):
                if edge._edges is None:
                    raise _freed(edge)
                shape, dtype = edge._shape, edge._dtype
            else:
                shape, dtype = edge._data.shape, edge._data.dtype
            given = gradient._data
            if given.shape != shape or given.dtype != dtype:
                raise RuntimeError(
                    f"{type(node).__name__}: input {position} is {dtype} {shape}, "
                    f"its gradient is {given.dtype} {given.shape}"
                )
            self.send(edge, gradient, fresh)


def _freed(node: Function) -> RuntimeError:
    return RuntimeError(
        f"backward: the tape behind {type(node).__name__} was freed by an earlier backward pass; "
        "pass retain_graph=True to the first of them"
    )


def _edge(op: str, argument: str, tensor: Tensor) -> Edge:
    if not tensor.requires_grad:
        raise bad_value(op, argument, "a Tensor that requires none", "a Tensor that requires a gradient")
    if tensor._node is None:
        return tensor
    if tensor._node._edges is None:
        raise _freed(tensor._node)
    return tensor._node


def _cotangent(op: str, output: Tensor, gradient: ArrayLike | Tensor | None) -> Tensor:
    if gradient is None:
        if output._data.size != 1:
            raise bad_value(op, "gradient", "None", f"an array of shape {output.shape}")
        return wrap(np.array(1, output._data.dtype, ndmin=output._data.ndim))
    if not isinstance(gradient, (Tensor, np.ndarray)):
        gradient = as_array(op, "gradient", gradient, output.dtype)
    given = as_tensor(gradient)
    if given.dtype != output.dtype:
        raise bad_type(op, "gradient", given.dtype.name, output.dtype.name)
    if given.shape != output.shape:
        raise bad_value(op, "gradient", given.shape, f"shape {output.shape}")
    return given


def backward(
    output: Tensor,
    gradient: ArrayLike | Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradient of <output, gradient> to `.grad` of every leaf behind it; see `Tensor.backward`."""
    start = _edge("backward", "output", output)
    retain = create_graph if retain_graph is None else retain_graph
    with set_grad_enabled(create_graph):
        walk = _Walk()
        walk.send(start, _cotangent("backward", output, gradient), False)
        while walk.queue:
            node = heappop(walk.queue)[1]
            walk.visit(node, walk.nodes.pop(node), retain)
        for leaf, (total, fresh) in walk.leaves.items():
            if leaf._grad is not None:
                leaf._grad = leaf._grad + total
            else:
                leaf._grad = total if fresh else total.clone()


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: ArrayLike | Tensor | Sequence[ArrayLike | Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of sum <output, grad_output> with respect to `inputs`, without touching any `.grad`.

    Args:
        outputs: one Tensor or several.
        inputs: one Tensor or several, leaves or not, each requiring a gradient.
        grad_outputs: one array per output, of its shape; None for a scalar output means 1.
        retain_graph: keep the tape for another pass; by default the value of `create_graph`.
        create_graph: record the backward pass too, so that the gradients can be differentiated.
        allow_unused: return None for an input that no output depends on, instead of raising.

    Returns:
        One Tensor per input, of its shape and dtype.

    Raises:
        ValueError: an output or input requires no gradient, a cotangent has another shape, an input is
            unused.
        RuntimeError: the tape was freed, or a value that it needs was overwritten.

    >>> import tatamikomi as tk
    >>> x = tk.tensor([1.0, 2.0], requires_grad=True)
    >>> (dx,) = tk.autograd.grad((x * x * x).sum(), x, create_graph=True)
    >>> tk.autograd.grad(dx.sum(), x)
    (tensor([ 6., 12.]),)
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None:
        cotangents: list[ArrayLike | Tensor | None] = [None] * len(outputs)
    elif len(outputs) == 1 and not isinstance(grad_outputs, (list, tuple)):
        cotangents = [cast("ArrayLike | Tensor", grad_outputs)]
    else:
        cotangents = list(grad_outputs)  # type: ignore[arg-type]
    if len(cotangents) != len(outputs):
        raise bad_value("grad", "grad_outputs", f"{len(cotangents)} arrays", f"{len(outputs)}, one per output")
    starts = [_edge("grad", "outputs", output) for output in outputs]
    targets = [_edge("grad", "inputs", tensor) for tensor in inputs]
    wanted = set(targets)
    found: dict[Edge, Tensor] = {}
    with set_grad_enabled(create_graph):
        walk = _Walk()
        for start, output, cotangent in zip(starts, outputs, cotangents, strict=True):
            walk.send(start, _cotangent("grad", output, cotangent), False)
        retain = create_graph if retain_graph is None else retain_graph
        while walk.queue:
            node = heappop(walk.queue)[1]
            dy = walk.nodes.pop(node)
            if node in wanted:
                found[node] = dy
            walk.visit(node, dy, retain)
        found.update({leaf: total for leaf, (total, _) in walk.leaves.items()})
    if not allow_unused:
        for position, target in enumerate(targets):
            if target not in found:
                raise bad_value("grad", "inputs", f"input {position}", "an input that the outputs depend on")
    return tuple(found.get(target) for target in targets)
