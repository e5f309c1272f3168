"""A network made ready for nothing but inference; named as torch.jit.optimize_for_inference."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar

from tatamikomi.autograd import no_grad
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.half import is_half
from tatamikomi.nn.activation import ReLU
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.module import Module
from tatamikomi.nn.shape import Identity
from tatamikomi.nn.utils.fusion import CONVS, NORMS, TRANSPOSED, fold, is_foldable
from tatamikomi.nn.utils.watch import Watch

M = TypeVar("M", bound=Module)

_LINEAR = (*CONVS, *TRANSPOSED, Linear)  # layers that a batch norm is folded into
_TAKES_RELU = (*CONVS, *NORMS, Linear)  # layers with an `activation`


def optimize_for_inference(model: M, example: Any) -> M:
    """A copy of an evaluated model that does the same in fewer passes over memory.

    - A batch norm after a convolution, transposed convolution or linear layer is folded into it (`fuse_conv_bn_eval`).
    - A ReLU after a convolution, a linear layer or a batch norm that stays runs inside of it (`activation="relu"`).
    - Convolutions hold their weights packed for the sizes of `example` (`kernels.conv_pack_weight`).

    What comes after what is seen in one run on `example`, never told by names: an output has to be the very input of
    the next layer, read by nothing else and kept by nobody. So a layer stays as it is where its output goes two ways,
    is returned or kept; where it serves several places with different successors; where it has hooks, is parametrized
    or of a class of its own; where the batch norm normalises by the batch (track_running_stats=False), or weights are
    stored in 16 bits. The run has to go the way that all later ones go. Results differ from the model's by rounding, as
    the factors of the batch norms are rounded into the weights; the promises on threads and batches hold as ever.

    What was folded or taken over is an Identity in the copy; the other modules keep their paths. Its `state_dict()` has
    the folded weights, and no batch norms where these were: the state of the model does not fit, so that
    `load_state_dict` raises, as do `train()` and `requires_grad_()`, on every part of it. Train and load the model, and
    optimise it anew; keep a copy by `pickle`. Writes to its parameters are noticed: packs are made anew.

    Memory, beside the parameters: a convolution keeps a copy of its weight, and the pack. All packs together are 0.7 to
    2.1 times the convolutions' weights in ResNet-18 (of 32 x 32), ResNet-50, MobileNetV2 and EfficientNet-B0, and 4
    times in VGG-16, all of which goes to Winograd; so ResNet-50 takes 97 MB for its parameters and 278 MB more. Without
    this function convolutions keep the same, under `no_grad`, for each of the last four sizes that they met.

    Args:
        model: all of it in evaluation mode; it is not changed.
        example: an input, or a tuple of inputs, of the sizes to come (the batch may differ; other sizes are packed when
            they come).

    Returns:
        The copy, in evaluation mode, whose parameters want no gradient.

    Source: torch.jit.optimize_for_inference.

    Raises:
        TypeError: model is not a Module.
        ValueError: a part of it is in training mode; what the model raises for the example.

    >>> import numpy as np, tatamikomi as tk
    >>> model = tk.nn.Sequential(tk.nn.Conv2d(3, 8, 3), tk.nn.BatchNorm2d(8), tk.nn.ReLU()).eval()
    >>> x = np.ones((1, 3, 16, 16), np.float32)
    >>> fast = tk.nn.utils.optimize_for_inference(model, x)
    >>> fast
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), activation='relu')
      (1): Identity()
      (2): Identity()
    )
    >>> bool(np.allclose(fast(x), model(x), atol=1e-6))
    True
    >>> fast.train()
    Traceback (most recent call last):
    RuntimeError: train: Sequential was optimised for inference: train the model that it was made of, and optimise anew
    """
    op = "optimize_for_inference"
    if not isinstance(model, Module):
        raise bad_type(op, "model", type(model).__name__, "a Module")
    for path, module in model.named_modules():
        if module.training:
            name = path or type(module).__name__
            raise bad_value(op, "model", f"{name} in training mode", "evaluation mode throughout: call eval() first")
    net = deepcopy(model).requires_grad_(False)
    inputs = example if isinstance(example, tuple) else (example,)
    watch = Watch(module for module in net.modules() if _is_plain(module))
    with no_grad():
        watch.run(net, inputs)
        _fold_norms(watch)
        _take_relus(watch)
        net(*inputs)
    for module in net.modules():
        module.inference_only = True
    return net


def _is_plain(module: Module) -> bool:
    """Whether it may be changed at all: a class of ours, and nobody looks at what goes in and out."""
    return type(module) in (*_LINEAR, *NORMS, ReLU) and not module.has_hooks()


def _fold_norms(watch: Watch) -> None:
    for layer in watch.called(_LINEAR):
        norm = watch.follower(layer)
        if norm is None or watch.sources(norm) != {layer} or not _folds(watch, layer, norm):
            continue
        fold(layer, norm, type(layer) in TRANSPOSED)
        layer.requires_grad_(False)
        relu = type(layer) in TRANSPOSED and norm.activation is not None
        watch.bridge(layer, norm)
        _become(norm, ReLU() if relu else Identity())


def _folds(watch: Watch, layer: Any, norm: Module) -> bool:
    batched = 2 if type(layer) is Linear else layer.weight.ndim  # otherwise channels are not on axis 1
    return (
        is_foldable(norm)
        and getattr(layer, "activation", None) is None
        and not is_half(layer.weight.dtype)
        and watch.ranks(layer) == {batched}
    )


def _take_relus(watch: Watch) -> None:
    """A ReLU that serves several layers is taken by all of them or by none."""
    for relu in watch.called((ReLU,)):
        sources = watch.sources(relu)
        takers: list[Any] = [one for one in sources if one is not None and _gives_only(watch, one, relu)]
        if len(takers) == len(sources):
            for taker in takers:
                taker.activation = "relu"
            _become(relu, Identity())


def _gives_only(watch: Watch, layer: Module, relu: Module) -> bool:
    return type(layer) in _TAKES_RELU and watch.follower(layer) is relu


def _become(module: Module, other: Module) -> None:
    """Wherever it is held, `module` is like `other` from here on."""
    module.__class__ = type(other)
    vars(module).clear()
    vars(module).update(vars(other.eval()))
