"""Which part of an input a score comes from: CAM, Grad-CAM, Grad-CAM++, saliency, occlusion."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.autograd import Tensor, enable_grad, no_grad, tensor
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import Size, per_axis
from tatamikomi.interpret.outputs import (
    Kept,
    float_input,
    gradient_of_scores,
    maps_and_gradients,
    submodule,
    targets,
)
from tatamikomi.interpret.untouched import expect_model, untouched
from tatamikomi.nn import Linear, Module


def weighted(weight: NDArray[Any], maps: NDArray[Any]) -> NDArray[Any]:
    """Maps (N, K, *sizes) added up with weights (N, K)."""
    return np.asarray(np.einsum("nk,nk...->n...", weight, maps))


def positive(maps: NDArray[Any]) -> NDArray[Any]:
    """What speaks for the class alone."""
    return np.asarray(np.maximum(maps, 0))


def cam(
    model: Module, x: ArrayLike | Tensor, target: Any = None, *, layer: str, classifier: str | None = None
) -> NDArray[Any]:
    """Class activation maps, of models that end in a global average pool and one linear layer.

        map[n, p] = sum over k of weight[target, k] * maps[n, k, p]

    The score of the target is the mean of its map plus the bias.

    Args:
        model: a Module that gives (N, classes), in evaluation mode here.
        x: its input, (N, ...).
        target: a class, or one per sample; that of the largest score when None.
        layer: the path of the module whose maps are averaged.
        classifier: the path of the Linear; the model's last one when None.

    Returns:
        (N, *sizes) in the size of the layer's maps, negative where something speaks against the class.

    Source: B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, "Learning deep features for discriminative
    localization", CVPR 2016.

    Raises:
        TypeError: an argument of the wrong kind.
        ValueError: no such module; or the classifier does not take the layer's means.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Sequential(tk.nn.Conv2d(1, 4, 3), tk.nn.GlobalAvgPool(), tk.nn.Flatten(), tk.nn.Linear(4, 2))
    >>> x = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
    >>> heat = interpret.cam(net, x, 1, layer="0")
    >>> heat.shape, bool(abs(heat.mean() + net[3].bias.numpy()[1] - net(x).numpy()[0, 1]) < 1e-5)
    ((1, 6, 6), True)
    """
    op = "cam"
    expect_model(op, model)
    if classifier is None:
        linear = [name for name, module in model.named_modules() if isinstance(module, Linear)]
        if not linear:
            raise bad_value(op, "classifier", "no Linear in the model", "a model with a Linear at its end")
        classifier = linear[-1]
    head = submodule(op, model, classifier, "classifier")
    if not isinstance(head, Linear):
        raise bad_type(op, "classifier", f"{classifier!r}, a {type(head).__name__}", "the path of a Linear")
    with untouched(op, model), no_grad():
        features, scores = Kept(op, model, layer), Kept(op, model, classifier, "classifier")
        model(float_input(op, x))
        maps, given = features.output().numpy(), scores.output().numpy()
        means = maps.mean(tuple(range(2, maps.ndim))) if maps.ndim > 2 else maps
        pooled = scores.inputs[-1].numpy()
        close = 1e-3 if maps.dtype == np.float32 else 1e-9
        scale = np.abs(maps).max(initial=0)
        if maps.ndim < 3 or pooled.shape != means.shape or np.abs(pooled - means).max(initial=0) > close * scale:
            raise bad_value(op, "layer", repr(layer), f"a layer whose means over all positions {classifier!r} takes")
        weight = head.weight.numpy()[targets(op, given, target)]
    return weighted(weight, maps)


def grad_cam(model: Module, x: ArrayLike | Tensor, target: Any = None, *, layer: str | None = None) -> NDArray[Any]:
    """Maps of a layer, weighted by the mean gradient of the target's score.

        weight[n, k] = mean over p of d score / d maps[n, k, p]
        map[n, p] = max(sum over k of weight[n, k] * maps[n, k, p], 0)

    Args:
        model, x, target: as in `cam`, with any layers between `layer` and the scores.
        layer: the path of the module whose maps are looked at; when None the last one whose maps are as large as those
            of the last convolution, such as the activation behind it or the block that ends with it.

    Returns:
        (N, *sizes) in the size of the layer's maps, >= 0. Under a global average pool and one Linear it is the positive
        part of the class activation map, divided by the number of positions.

    Source: R. R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization",
    ICCV 2017.

    Raises:
        TypeError, ValueError: as `cam`; a layer without positions, or one that the scores do not depend on.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.models.create("lenet5")
    >>> interpret.grad_cam(net, np.ones((2, 1, 28, 28), np.float32), [3, 8], layer="features.3").shape
    (2, 10, 10)
    """
    maps, gradient = maps_and_gradients("grad_cam", model, x, target, layer)
    weight = gradient.mean(tuple(range(2, maps.ndim)))
    return positive(weighted(weight, maps))


def grad_cam_plus_plus(
    model: Module, x: ArrayLike | Tensor, target: Any = None, *, layer: str | None = None
) -> NDArray[Any]:
    """Grad-CAM whose weights let every position count for what it adds, so that several objects of a class show.

        g = d score / d maps      alpha = g^2 / (2 g^2 + sum over p of maps * g^3), 0 where g is
        weight[n, k] = sum over p of alpha * max(g, 0)
        map[n, p] = max(sum over k of weight[n, k] * maps[n, k, p], 0)

    The paper differentiates exp(score); the factor exp(score) that this brings to every g of a sample is left out.

    Args, Returns, Raises: as in `grad_cam`.

    Source: A. Chattopadhay, A. Sarkar, P. Howlader, V. N. Balasubramanian, "Grad-CAM++: generalized gradient-based
    visual explanations for deep convolutional networks", WACV 2018.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.models.create("lenet5")
    >>> interpret.grad_cam_plus_plus(net, np.ones((2, 1, 28, 28), np.float32), layer="features.3").shape
    (2, 10, 10)
    """
    maps, g = maps_and_gradients("grad_cam_plus_plus", model, x, target, layer)
    positions = tuple(range(2, maps.ndim))
    below = 2 * g**2 + (maps * g**3).sum(positions, keepdims=True)
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
    weight = (alpha * np.maximum(g, 0)).sum(positions)
    return positive(weighted(weight, maps))


def saliency(model: Module, x: ArrayLike | Tensor, target: Any = None) -> NDArray[Any]:
    """How much each element of the input moves the target's score: the largest |d score / dx| over the channels.

    Args:
        model, x, target: as in `cam`.

    Returns:
        (N, *sizes) for x (N, C, *sizes); (N, C) for x (N, C).

    Source: K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", ICLR 2014 workshop.

    Raises:
        TypeError, ValueError: as `cam`; scores that do not depend on the input.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Linear(3, 2, bias=False)
    >>> bool((interpret.saliency(net, np.ones((1, 3), np.float32), 1) == abs(net.weight.numpy()[1])).all())
    True
    """
    op = "saliency"
    with untouched(op, model), enable_grad():
        given = float_input(op, x)
        magnitude = np.abs(gradient_of_scores(op, model(given), target, given, "x"))
    return magnitude if magnitude.ndim == 2 else np.asarray(magnitude.max(1))


def occlusion(
    model: Module,
    x: ArrayLike | Tensor,
    target: Any = None,
    *,
    size: Size = 8,
    stride: Size | None = None,
    value: float = 0.0,
    batch_size: int = 64,
) -> NDArray[np.float64]:
    """How far the target's score falls when a window of the input is covered, in all channels.

    The window begins at every multiple of the stride, and once more at the far border where that leaves a rest. Each
    position gets the mean over all windows that cover it.

    Args:
        model, x, target: as in `cam`, x (N, C, *sizes); the class of the largest score is that of the whole input.
        size: of the window, an integer or one per axis, at most the input's.
        stride: between windows, at most the size; half the size, at least 1, when None.
        value: what covers.
        batch_size: inputs that go through the model at a time.

    Returns:
        (N, *sizes) float64, positive where the input speaks for the class.

    Source: M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    Raises:
        TypeError, ValueError: as `cam`; a size or a stride out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> net = tk.nn.Sequential(tk.nn.Flatten(), tk.nn.Linear(16, 2))
    >>> interpret.occlusion(net, np.ones((3, 1, 4, 4), np.float32), 0, size=2).shape
    (3, 4, 4)
    """
    op = "occlusion"
    given = float_input(op, x).numpy()
    sizes = given.shape[2:]
    if not sizes:
        raise bad_value(op, "x", f"shape {given.shape}", "(N, C, *sizes)")
    window = per_axis(op, "size", size, len(sizes), 1)
    steps = tuple(max(one // 2, 1) for one in window)
    steps = steps if stride is None else per_axis(op, "stride", stride, len(sizes), 1)
    if any(one > whole for one, whole in zip(window, sizes, strict=True)):
        raise bad_value(op, "size", window, f"at most the input's {sizes}")
    if any(step > one for step, one in zip(steps, window, strict=True)):
        raise bad_value(op, "stride", steps, f"at most the size, {window}: nothing is left out")
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise bad_value(op, "batch_size", batch_size, "an integer >= 1")
    begins = [
        sorted({*range(0, whole - one + 1, step), whole - one})
        for whole, one, step in zip(sizes, window, steps, strict=True)
    ]
    places = [
        tuple(slice(begin, begin + one) for begin, one in zip(corner, window, strict=True))
        for corner in itertools.product(*begins)
    ]
    total, count = np.zeros((len(given), *sizes)), np.zeros(sizes)
    with untouched(op, model), no_grad():
        for n, image in enumerate(given):
            whole_scores = model(tensor(image[None])).numpy()
            chosen = target if target is None or np.ndim(target) == 0 else np.asarray(target)[n : n + 1]
            (label,) = targets(op, whole_scores, chosen)
            for at in range(0, len(places), int(batch_size)):
                some = places[at : at + int(batch_size)]
                covered = np.repeat(image[None], len(some), 0)
                for one, place in zip(covered, some, strict=True):
                    one[(slice(None), *place)] = value
                drops = whole_scores[0, label] - model(tensor(covered)).numpy()[:, label].astype(np.float64)
                for drop, place in zip(drops, some, strict=True):
                    total[n][place] += drop
                    if n == 0:
                        count[place] += 1
    return total / count
