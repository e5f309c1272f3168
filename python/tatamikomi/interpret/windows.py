"""What one output of a layer sees of the layer's input: a window that moves, one per spatial axis.

Output i sees the positions start + i * stride ... start + i * stride + width - 1 of the layer's input. For layers that
enlarge, stride is a fraction; the ends are then bounds between which whole positions are meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from tatamikomi import nn
from tatamikomi.errors import bad_value
from tatamikomi.geometry import per_axis, window
from tatamikomi.nn import Module


class Step(NamedTuple):
    """A window along one axis; see the module."""

    width: Fraction
    stride: Fraction
    start: Fraction


Sizes = Sequence[int] | None  # of the spatial axes; None: not known
Steps = tuple[Step, ...]

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVG_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
LP_POOLS = (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
ADAPTIVE = (
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
GLOBAL = (nn.GlobalAvgPool, nn.GlobalMaxPool)
ALONG = (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU)
PADS = tuple(
    getattr(nn, f"{kind}Pad{axes}d")
    for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
    for axes in (1, 2, 3)
)
#: Layers that map every position to itself. The statistics of group, instance and layer norm are left out of account.
POINTWISE: tuple[type[Module], ...] = (
    *(nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ReLU6, nn.Hardtanh, nn.Hardsigmoid),
    *(nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.Threshold, nn.Step, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU),
    *(nn.Mish, nn.Softplus, nn.LogSigmoid, nn.Softsign, nn.Tanhshrink, nn.Softmax2d, nn.Identity, nn.ChannelShuffle),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.SpatialDropout, nn.AlphaDropout),
    *(nn.FeatureAlphaDropout, nn.DropPath),
)
NORMS: tuple[type[Module], ...] = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LocalResponseNorm),
)


def whole(sizes: Sequence[int]) -> Steps:
    """One position that sees all of them, as a pool with a window of everything."""
    return tuple(Step(Fraction(size), Fraction(size), Fraction(0)) for size in sizes)


def windowed(kernel: int, stride: int, dilation: int, before: int) -> Step:
    """The window of a convolution or a pool."""
    return Step(Fraction(dilation * (kernel - 1) + 1), Fraction(stride), Fraction(-before))


def steps_of(op: str, module: Module, sizes: Sizes, outputs: Sizes, axes: int) -> Steps | None:
    """The windows of one layer; None where it is not known.

    Args:
        op: who asks, for messages.
        module: the layer.
        sizes, outputs: of the layer's input and output along the spatial axes, or None.
        axes: how many spatial axes the layer's input has.

    Raises:
        ValueError: the sizes are needed and not given.
    """
    if isinstance(module, nn.LocalResponseNorm) and module.within_channel:
        return (windowed(module.size, 1, 1, module.size // 2),) * axes
    if isinstance(module, (*POINTWISE, *NORMS)):
        return (Step(Fraction(1), Fraction(1), Fraction(0)),) * axes
    for kinds, rule in _RULES:
        if isinstance(module, kinds):
            return rule(op, module, sizes, outputs, axes)
    return None


def _known(op: str, module: Module, sizes: Sizes) -> Sequence[int]:
    if sizes is None:
        raise bad_value(op, "input_shape", "None", f"a shape: {type(module).__name__} depends on the size of its input")
    return sizes


def _sliding(op: str, module: Any, sizes: Sizes, kernel: Any, dilation: Any) -> Steps:
    axes, kind = module.axes, type(module).__name__
    kernel = per_axis(kind, "kernel_size", kernel, axes, 1)
    strided = max(per_axis(kind, "stride", module.stride, axes, 1)) > 1
    padding = getattr(module, "padding", 0)
    known = _known(op, module, sizes) if padding == "same" and strided else (sizes or (1 << 30,) * axes)
    w = window(kind, tuple(known), kernel, module.stride, padding, dilation)
    return tuple(windowed(*one) for one in zip(w.kernel, w.stride, w.dilation, w.before, strict=True))


def _conv(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    return _sliding(op, module, sizes, module.kernel_size, module.dilation)


def _pool(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    if module.stride is None:  # of LPPool
        kernel = per_axis(op, "kernel_size", module.kernel_size, module.axes, 1)
        return tuple(windowed(size, size, 1, 0) for size in kernel)
    return _sliding(op, module, sizes, module.kernel_size, getattr(module, "dilation", 1))


def _transposed(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    """Output i gets input o through tap r where o * stride + r * dilation - padding = i."""
    found = []
    for k, s, p, d in zip(module.kernel_size, module.stride, module.padding, module.dilation, strict=True):
        found.append(Step(Fraction(d * (k - 1), s) + 1, Fraction(1, s), Fraction(p - d * (k - 1), s)))
    return tuple(found)


def _local(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    options = module.kernel_size, module.stride, module.dilation, module.padding
    return tuple(windowed(*one) for one in zip(*options, strict=True))


def _adaptive(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    """Window i of O over I elements: floor(i I / O) to before ceil((i + 1) I / O)."""
    found = []
    for size, count in zip(_known(op, module, sizes), outputs or (), strict=True):
        share = Fraction(size, count)
        uneven = 1 - Fraction(1, share.denominator)  # by as much can either end be rounded
        found.append(Step(share + 2 * uneven, share, -uneven))
    return tuple(found)


def _everything(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    return whole(_known(op, module, sizes))


def _flatten(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps | None:
    if axes == 0:
        return ()
    to_the_end = module.start_dim == 1 and module.end_dim in (-1, axes + 1)
    return whole(_known(op, module, sizes)) if to_the_end else None


def _linear(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    """The last axis is mixed, every other position stays for itself."""
    if axes == 0:
        return ()
    same = (Step(Fraction(1), Fraction(1), Fraction(0)),) * (axes - 1)
    return (*same, *whole(_known(op, module, sizes)[-1:]))


def _pad(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    before = module.padding[::2][::-1]  # (left, right, top, bottom, ...): from the last axis on
    return tuple(Step(Fraction(1), Fraction(1), Fraction(-one)) for one in before)


def _along(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps | None:
    """Among the channels every position stays for itself."""
    if axes == 0:
        return ()
    return (Step(Fraction(1), Fraction(1), Fraction(0)),) * axes if module.dim in (1, -1 - axes) else None


def _shuffled(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    part = Fraction(1, module.upscale_factor)
    return (Step(2 - part, part, part - 1),) * axes


def _unshuffled(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps:
    return (windowed(module.downscale_factor, module.downscale_factor, 1, 0),) * axes


def _upsample(op: str, module: Any, sizes: Sizes, outputs: Sizes, axes: int) -> Steps | None:
    """Position i of the result lies at (i + 1/2) ratio - 1/2 of the source (nearest: at i ratio, rounded down)."""
    if module.align_corners or module.mode == "area":
        return None
    known = _known(op, module, sizes)
    scales = module.scale_factor if isinstance(module.scale_factor, tuple) else (module.scale_factor,) * axes
    found = []
    for size, count, scale in zip(known, outputs or (), scales, strict=True):
        given = scale is not None and not module.recompute_scale_factor
        ratio = 1 / Fraction(scale) if given else Fraction(size, count)
        middle = {"nearest": Fraction(0), "nearest-exact": ratio / 2}.get(module.mode, ratio / 2 - Fraction(1, 2))
        grain = Fraction(1, math.lcm(ratio.denominator, middle.denominator))  # between two places of the source
        if module.mode.startswith("nearest"):
            found.append(Step(2 - grain, ratio, middle - (1 - grain)))
        else:
            reach = (2 if module.mode == "bicubic" else 1) - grain
            found.append(Step(2 * reach + 1, ratio, middle - reach))
    return tuple(found)


_RULES: list[tuple[tuple[type[Module], ...], Callable[..., Steps | None]]] = [
    (CONVS, _conv),
    ((nn.LocallyConnected2d,), _local),
    (TRANSPOSED, _transposed),
    ((*MAX_POOLS, *AVG_POOLS, *LP_POOLS), _pool),
    (ADAPTIVE, _adaptive),
    (GLOBAL, _everything),
    ((nn.Flatten,), _flatten),
    ((nn.Linear,), _linear),
    (PADS, _pad),
    (ALONG, _along),
    ((nn.PixelShuffle,), _shuffled),
    ((nn.PixelUnshuffle,), _unshuffled),
    ((nn.Upsample,), _upsample),
]
