"""Receptive fields: of networks by recurrence, of dilated convolutions tap by tap, and what gradients say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tatamikomi.autograd import Tensor, enable_grad, grad, tensor
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.geometry import per_axis
from tatamikomi.interpret.fields import Field, itself, through
from tatamikomi.interpret.outputs import submodule
from tatamikomi.interpret.trace import arrays_in, trace, zeros_for
from tatamikomi.interpret.untouched import untouched
from tatamikomi.interpret.windows import NORMS, POINTWISE, Steps, steps_of, windowed
from tatamikomi.nn import Module, Sequential


def receptive_field(
    model: Module | Sequence[Any],
    input_shape: Any = None,
    layer: str | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Field:
    """What one position of a layer sees of the network's input.

    With an input shape the model is called once, with zeros, in evaluation mode, and branches are followed: a sum or a
    concatenation sees what its parts see together. Without one, layers in a row are enough.

    Args:
        model: a Module; or layers in a row: Modules, and tuples (kernel_size, stride, padding, dilation) of one axis
            whose end may be left out (stride 1, padding 0, dilation 1).
        input_shape: (N, C, *sizes) of the model's input.
        layer: the path of a layer; the last one that is called when None.
        dtype: of the input, as in `summary`.

    Returns:
        A Field: size, stride and offset per spatial axis. Borders are not looked at, nor are the statistics of group,
        layer and instance norm. A layer without positions, behind a global pool, a flattening or a mean, sees what
        all positions before it saw.

    Source: V. Dumoulin, F. Visin, arXiv 1603.07285, 2016; A. Araujo, W. Norris, J. Sim, Distill, 2019.

    Raises:
        TypeError: model is neither a Module nor a row of layers.
        ValueError: no such layer, a field that is not known, or sizes that are needed and not given.

    >>> import tatamikomi as tk
    >>> net = tk.nn.Sequential(tk.nn.Conv2d(1, 4, 7, stride=2, padding=3), tk.nn.ReLU(), tk.nn.MaxPool2d(3, 2, 1))
    >>> tk.receptive_field(net)
    Field(size=(11, 11), stride=(4, 4), offset=(-5, -5))
    >>> tk.receptive_field(tk.models.create("lenet5"), (1, 1, 28, 28), "features.3").size
    (14, 14)
    >>> tk.receptive_field([(3,), (3, 1, 0, 2), (3, 1, 0, 4)]).size
    (15,)
    """
    op = "receptive_field"
    if input_shape is None:
        return _in_a_row(op, model, layer)
    if not isinstance(model, Module):
        model = Sequential(*_checked(op, model))
    with untouched(op, model):
        calls = trace(op, model, zeros_for(op, model, input_shape, dtype))
    if layer is not None:
        calls = [call for call in calls if call.name == layer] or _no_such(op, layer, [call.name for call in calls])
    found = calls[-1].field if calls else None
    if found is None:
        name = calls[-1].name if calls else "the model"
        raise bad_value(op, "layer", repr(name), "a layer behind layers with windows; effective_receptive_field asks")
    return found


def _no_such(op: str, layer: str, names: Iterable[str]) -> Any:
    raise unknown_name(op, "layer", layer, dict.fromkeys(names))


def _checked(op: str, rows: object) -> list[Module]:
    if not isinstance(rows, (tuple, list)) or not all(isinstance(one, Module) for one in rows):
        raise bad_type(op, "model", type(rows).__name__, "a Module, or a list of Modules")
    return list(rows)


def _in_a_row(op: str, model: Any, layer: str | None) -> Field:
    if not isinstance(model, (Module, tuple, list)):
        raise bad_type(op, "model", type(model).__name__, "a Module, or layers in a row")
    rows = list(_rows(model, "")) if isinstance(model, Module) else _named(model)
    if not rows:
        raise bad_value(op, "model", "no layers", "at least one layer")
    field: Field | None = None
    for name, one in rows:
        axes = len(field.steps) if field is not None else getattr(one, "axes", None)
        if axes is None and not isinstance(one, Module):
            axes = 1
        if axes is None:
            if isinstance(one, (*POINTWISE, *NORMS)) and name != layer:
                continue  # what follows knows the axes
            raise bad_value(
                op, "input_shape", "None", f"a shape: {name or 'the model'} ({type(one).__name__}) needs it"
            )
        steps = _steps(op, name, one, axes)
        field = through(itself(axes) if field is None else field, steps)
        if field is None:
            raise bad_value(op, "model", f"{name} of {len(steps)} axes", f"layers of {axes} axes")
        if name == layer:
            return field
    if layer is not None:
        _no_such(op, layer, [name for name, _ in rows])
    if field is None:
        raise bad_value(op, "input_shape", "None", "a shape: no layer tells the number of axes")
    return field


def _named(rows: Sequence[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for i, one in enumerate(rows):
        found += list(_rows(one, str(i))) if isinstance(one, Module) else [(str(i), one)]
    return found


def _rows(module: Module, path: str) -> Iterable[tuple[str, Module]]:
    if not isinstance(module, Sequential):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _rows(child, f"{path}.{name}" if path else name)


def _steps(op: str, name: str, one: Any, axes: int) -> Steps:
    if isinstance(one, Module):
        steps = steps_of(op, one, None, None, axes)
        if steps is None:
            raise bad_value(op, "input_shape", "None", f"a shape: {name} ({type(one).__name__}) is not one window")
        return steps
    if not isinstance(one, (tuple, list)) or not 1 <= len(one) <= 4:
        raise bad_type(op, f"model[{name}]", repr(one), "a Module or (kernel_size, stride, padding, dilation)")
    given = [*one, *(1, 0, 1)[len(one) - 1 :]]
    low = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
    k, s, p, d = (per_axis(op, key, value, 1, low[key])[0] for key, value in zip(low, given, strict=True))
    return (windowed(k, s, d, p),)


def coverage(kernel_sizes: Sequence[int], dilations: Sequence[int]) -> NDArray[np.int64]:
    """In how many ways one output of stacked convolutions (one axis, stride 1) reaches each input of its field.

    The count is the coefficient list of the product of the layers' combs, sum of z^(d r) for r = 0 .. k - 1: zeros are
    holes, inputs within the field that no path reaches. Dilations that share a factor leave a grid of them.

    Args:
        kernel_sizes: taps of each layer, >= 1.
        dilations: distance between the taps of each, >= 1; as many.

    Returns:
        (1 + sum of (k - 1) d,) int64.

    Source: P. Wang et al., "Understanding convolution for semantic segmentation", WACV 2018, on the gridding of dilated
    convolutions.

    Raises:
        TypeError, ValueError: no integers, out of range, or not as many.

    >>> from tatamikomi import interpret
    >>> interpret.coverage([3, 3, 3], [2, 2, 2])
    array([1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1])
    >>> bool(interpret.coverage([3, 3, 3], [1, 2, 5]).all())
    True
    """
    op = "coverage"
    if len(kernel_sizes) != len(dilations):
        raise bad_value(op, "dilations", f"{len(dilations)} of them", f"one per layer, {len(kernel_sizes)}")
    ways = np.ones(1, np.int64)
    for k, d in zip(kernel_sizes, dilations, strict=True):
        k, d = per_axis(op, "kernel_sizes", k, 1, 1)[0], per_axis(op, "dilations", d, 1, 1)[0]
        comb = np.zeros(d * (k - 1) + 1, np.int64)
        comb[::d] = 1
        ways = np.convolve(ways, comb)
    return ways


class EffectiveField(NamedTuple):
    """What `effective_receptive_field` measures.

    Attributes:
        gradient: (*sizes), the mean magnitude of the gradient at every input position, 1 where it is largest.
        size: the side of a cube (a square, a length) with as many elements as those above 1 - 95.45 % of the largest.
    """

    gradient: NDArray[np.float64]
    size: float


def effective_receptive_field(
    model: Module,
    input_shape: Sequence[int],
    layer: str | None = None,
    *,
    samples: int = 20,
    seed: int = 0,
    dtype: DTypeLike | None = None,
) -> EffectiveField:
    """How much each input position moves the middle position of a layer: mean of |dy / dx| over random inputs.

    The inputs are standard normal, the gradient that starts at the middle is 1 for every channel, and magnitudes are
    added up over the input's channels. Far from the middle they fall like a Gaussian; the field grows with the square
    root of the depth only.

    Args:
        model: a Module, in evaluation mode here, whose gradients reach the input.
        input_shape: (N, C, *sizes); N is how many inputs go through at a time.
        layer: the path of a module; the model's output when None.
        samples: how many inputs, >= 1; rounded up to whole batches.
        seed: of the inputs.
        dtype: of the input, as in `summary`; a float dtype.

    Source: W. Luo, Y. Li, R. Urtasun, R. Zemel, "Understanding the effective receptive field in deep convolutional
    neural networks", NIPS 2016.

    Raises:
        TypeError: model is no Module, or dtype no float dtype.
        ValueError: no such layer, or no gradient comes back.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Sequential(tk.nn.Conv2d(1, 1, 3, padding=1), tk.nn.Conv2d(1, 1, 3, padding=1)).double()
    >>> field = interpret.effective_receptive_field(net, (1, 1, 9, 9), samples=1)
    >>> int((field.gradient > 0).sum()), field.size <= 5
    (25, True)
    """
    op = "effective_receptive_field"
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
        raise bad_value(op, "samples", samples, "an integer >= 1")
    with untouched(op, model), enable_grad():
        (zeros,) = zeros_for(op, model, input_shape, dtype)
        if not zeros.requires_grad:
            raise bad_type(op, "dtype", str(zeros.dtype), "float32 or float64")
        random = np.random.default_rng(seed)
        seen: list[Tensor] = []  # what the layer gave
        watched = model if layer is None else submodule(op, model, layer)
        watched.register_forward_hook(lambda module, args, result: seen.extend(arrays_in(result)[:1]))
        total = np.zeros(zeros.shape[2:])
        for _ in range(-(-samples // zeros.shape[0])):
            seen.clear()
            x = tensor(random.standard_normal(zeros.shape).astype(zeros.dtype), requires_grad=True)
            model(x)
            if not seen:
                raise bad_value(op, "layer", repr(layer), "a module that is called")
            y = seen[-1]
            start = np.zeros(y.shape, y.dtype)
            middle: tuple[Any, ...] = tuple(size // 2 for size in y.shape[2:])
            start[(slice(None), slice(None), *middle)] = 1
            (dx,) = grad(y, x, start, allow_unused=True)
            if dx is None:
                raise bad_value(op, "layer", repr(layer), "a module that depends on the input")
            total += np.abs(dx.numpy()).astype(np.float64).sum((0, 1))
    largest = total.max(initial=0)
    if not largest > 0:
        raise bad_value(op, "model", "no gradient", "a model whose gradients reach the input")
    total /= largest
    count = int((total > 1 - 0.9545).sum())
    return EffectiveField(total, float(count ** (1 / max(total.ndim, 1))))
