"""What layers give for an input, by their names, and the gradients that come back to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, as_tensor, enable_grad, grad, no_grad, tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.interpret.trace import arrays_in
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.interpret.windows import CONVS
from tatamikomi.nn import Module


def submodule(op: str, model: Module, layer: Any, argument: str = "layer") -> Module:
    """The module at a path; the message lists those there are."""
    if not isinstance(layer, str):
        raise bad_type(op, argument, type(layer).__name__, "the path of a module")
    modules = dict(model.named_modules(remove_duplicate=False))
    if layer not in modules:
        raise unknown_name(op, argument, layer, modules)
    return modules[layer]


class Kept:
    """A hook that keeps what a module gives, and what it got; within `untouched`, which takes it away again."""

    def __init__(self, op: str, model: Module, layer: Any, argument: str = "layer") -> None:
        self.op, self.layer, self.argument = op, layer, argument
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        submodule(op, model, layer, argument).register_forward_hook(self._see)

    def _see(self, module: Module, args: tuple[Any, ...], result: Any) -> None:
        self.inputs += arrays_in(args)[:1]
        self.outputs += arrays_in(result)[:1]

    def output(self) -> Tensor:
        """What the module gave in its only call; forgotten here, so that the next call may come."""
        if len(self.outputs) != 1:
            calls = f"{self.layer!r}, called {len(self.outputs)} times"
            raise bad_value(self.op, self.argument, calls, "a module that is called once and gives an array")
        found = self.outputs[0]
        self.outputs.clear()
        return found


def features(model: Module, x: ArrayLike | Tensor, names: str | Sequence[str]) -> dict[str, NDArray[Any]]:
    """What layers give for an input, in evaluation mode; the model stays as it was.

    Args:
        model: a Module.
        x: its input, (N, ...).
        names: paths of modules, such as "features.3"; or one.

    Returns:
        name -> the layer's output, an array of its own, in the order of `names`.

    Raises:
        TypeError: model is no Module, or a name no string.
        ValueError: no such module, or one that is not called exactly once.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.models.create("lenet5")
    >>> found = interpret.features(net, np.ones((2, 1, 28, 28), np.float32), ["features.2", "classifier.3"])
    >>> {name: maps.shape for name, maps in found.items()}
    {'features.2': (2, 6, 14, 14), 'classifier.3': (2, 84)}
    """
    op = "features"
    expect_model(op, model)
    wanted = [names] if isinstance(names, str) else list(names)
    with untouched(op, model), no_grad():
        kept = {name: Kept(op, model, name, "names") for name in wanted}
        model(as_tensor(x, op, "x"))
        return {name: one.output().numpy().copy() for name, one in kept.items()}


def float_input(op: str, x: ArrayLike | Tensor) -> Tensor:
    """A copy of the input that wants a gradient."""
    given = as_tensor(x, op, "x")
    if given.dtype.kind != "f":
        raise bad_type(op, "x", str(given.dtype), "float32 or float64")
    if given.ndim < 2:
        raise bad_value(op, "x", f"shape {given.shape}", "(N, ...)")
    return tensor(given.numpy(), requires_grad=True)


def targets(op: str, scores: NDArray[Any], target: Any) -> NDArray[np.int64]:
    """One class per sample: given for all, for each, or that of the largest score.

    Raises:
        TypeError: no integers.
        ValueError: the scores are not (N, classes), or target is out of range or not one per sample.
    """
    if scores.ndim != 2:
        raise bad_value(op, "model", f"an output of shape {scores.shape}", "a model that gives (N, classes)")
    if target is None:
        return np.asarray(scores.argmax(1), np.int64)
    chosen = np.asarray(target)
    if chosen.dtype.kind not in "iu":
        raise bad_type(op, "target", str(chosen.dtype), "integers")
    if chosen.shape not in ((), (len(scores),)):
        raise bad_value(op, "target", f"shape {chosen.shape}", f"an integer or one per sample, {len(scores)}")
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < scores.shape[1]):
        raise bad_value(op, "target", chosen.tolist(), f"0 <= class < {scores.shape[1]}")
    return np.broadcast_to(chosen, len(scores)).astype(np.int64)


def gradient_of_scores(op: str, y: Tensor, target: Any, behind: Tensor, what: str) -> NDArray[Any]:
    """The gradient of every sample's own score with respect to `behind`: samples do not meet in evaluation mode."""
    chosen = targets(op, y.numpy(), target)
    start = np.zeros(y.shape, y.dtype)
    start[np.arange(len(chosen)), chosen] = 1
    if not y.requires_grad or not behind.requires_grad:
        raise bad_value(op, what, "no gradient", "something that the scores depend on")
    (found,) = grad(y, behind, start, allow_unused=True)
    if found is None:
        raise bad_value(op, what, "no gradient", "something that the scores depend on")
    return found.numpy()


def last_maps(op: str, model: Module, x: ArrayLike | Tensor) -> str:
    """The path of the last module whose maps are as large as those of the last convolution that has several positions:
    what follows it, an activation or the end of a block, counts, pooling does not. Of modules in one another it is the
    outer one; one that is called twice is passed by.

    Raises:
        ValueError: there is no such convolution.
    """
    seen: list[tuple[str, Module, tuple[int, ...]]] = []

    def look_at(path: str, module: Module) -> None:
        def see(layer: Module, args: tuple[Any, ...], result: Any) -> None:
            seen.extend((path, layer, one.shape) for one in arrays_in(result)[:1])

        module.register_forward_hook(see)

    with untouched(op, model), no_grad():
        for path, module in model.named_modules():
            if path:
                look_at(path, module)
        model(float_input(op, x)[:1])
    paths = [path for path, _, _ in seen]
    once = [one for one in seen if paths.count(one[0]) == 1]
    sizes = [shape[2:] for _, layer, shape in once if isinstance(layer, CONVS) and math.prod(shape[2:]) > 1]
    if not sizes:
        raise bad_value(op, "layer", None, "a path: no convolution in the model gives more than one position")
    return [path for path, _, shape in once if shape[2:] == sizes[-1]][-1]


def maps_and_gradients(
    op: str, model: Module, x: ArrayLike | Tensor, target: Any, layer: str | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What a layer gives, (N, C, *sizes), and the gradient of the target's score with respect to it."""
    if layer is None:
        layer = last_maps(op, model, x)
    with untouched(op, model), enable_grad():
        kept = Kept(op, model, layer)
        y = model(float_input(op, x))
        maps = kept.output()
        if maps.ndim < 3:
            raise bad_value(op, "layer", f"{layer!r}, which gives {maps.shape}", "a layer that gives (N, C, *sizes)")
        return maps.numpy().copy(), gradient_of_scores(op, y, target, maps, "layer")
