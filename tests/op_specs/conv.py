"""Convolution, its gradients, im2col and col2im: one list of geometries serves every direction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tatamikomi as tk
from tatamikomi.kernels.arrays import as_float, empty
from tests.op_specs.conv_cases import CASES, DEPTHWISE, FILLED, HOSTILE, SMALL, Case
from tests.op_specs.spec import (
    Call,
    Direction,
    Draw,
    ErrorCase,
    Gradient,
    Identity,
    OpSpec,
    Sample,
    copied,
    leading,
    multilinear,
)
from tests.oracles import conv as oracle


def _samples(make: Any, cases: list[Case] = CASES) -> list[Sample]:
    return [Sample(case.label, lambda draw, case=case: make(draw, case), case.big) for case in cases]


# Algorithms that add products of the factors themselves: the oracles' bounds hold for these. The others are tested one
# by one in tests/kernels/test_conv_algorithms.py, against the bounds that they publish.
EXACT = {"algorithm": "exact"}


def forward_call(draw: Draw, case: Case) -> Call:
    arrays = draw(*case.x), draw(*case.weight), draw(case.weight[0]) if case.bias else None
    return Call(arrays, {**case.options, **EXACT})


def backward_input_call(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.y), draw(*case.weight), case.x), {**case.options, **EXACT})


def backward_weight_call(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.y), draw(*case.x), case.weight), {**case.options, **EXACT})


def _backward_bias(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.y),))


def _packed(draw: Draw, case: Case) -> Call:
    """The reference packs nothing: what the pack is good for shows in a forward pass."""
    return forward_call(draw, case)


def _forward_with_pack(x: Any, weight: Any, bias: Any, algorithm: str, **options: Any) -> Any:
    packed = tk.kernels.conv_pack_weight(weight, np.shape(x), **options, algorithm=algorithm)
    return tk.kernels.conv_forward(x, packed, bias, **options)


def _activated(call: Call) -> Call:
    return Call(call.args, {**call.kwargs, "activation": "relu"})


def _masked(make: Any) -> Any:
    """With an output of ReLU beside dy, a half of it zeros."""

    def masked(draw: Draw, case: Case) -> Call:
        call = make(draw, case)
        return Call(call.args, {**call.kwargs, "y": np.maximum(draw(*case.y), 0)})

    return masked


def _with_bias(*args: Any, **options: Any) -> Any:
    """dweight and dbias of one call."""
    dy = as_float("test", "dy", args[0])
    dbias = empty("test", (dy.shape[1],), dy.dtype)
    return tk.kernels.conv_backward_weight(*args, **options, dbias=dbias), dbias


def _backward_weight_and_bias(dy: Any, *args: Any, **options: Any) -> Any:
    y = options.get("y")
    return oracle.backward_weight(dy, *args, **options), oracle.backward_bias(dy if y is None else dy * (y > 0))


def _im2col(draw: Draw, case: Case) -> Call:
    return Call((draw(*case.x), case.kernel), case.window)


def _col2im(draw: Draw, case: Case) -> Call:
    n, ic = case.x[:2]
    shape = n, ic * int(np.prod(case.kernel)), int(np.prod(case.y[2:]))
    return Call((draw(*shape), case.x, case.kernel), case.window)


# One case of a kind is enough where groups, bias or the number of output channels make no difference.
_CHANNELS = ("oc", "ic", "groups", "depthwise", "wide", "long", "tall", "big weights")
WINDOWS = [case for case in CASES if not case.label.startswith(_CHANNELS) and not case.label.endswith("filled")]


def _adjoints(case: Case) -> Identity:
    """<conv(x, w), g> = <x, dx> = <w, dw> and <bias, db> = <conv(0, w) + bias, g>, exactly, on integers."""

    def numbers(draw: Draw) -> Iterator[Any]:
        x, weight, g, bias = draw(*case.x), draw(*case.weight), draw(*case.y), draw(case.weight[0])
        kernels, options = tk.kernels, {**case.options, **EXACT}
        plain = np.vdot(kernels.conv_forward(x, weight, **options), g)
        biased = np.vdot(kernels.conv_forward(x, weight, bias, **options), g)
        yield plain, np.vdot(x, kernels.conv_backward_input(g, weight, case.x, **options))
        yield plain, np.vdot(weight, kernels.conv_backward_weight(g, x, case.weight, **options))
        yield biased - plain, np.vdot(bias, kernels.conv_backward_bias(g))

    return Identity(case.label, numbers)


def _unfold_adjoint(case: Case) -> Identity:
    """<im2col(x), c> = <x, col2im(c)>, exactly, on integers."""

    def numbers(draw: Draw) -> Iterator[Any]:
        x, cols = draw(*case.x), _col2im(draw, case).args[0]
        yield (
            np.vdot(tk.kernels.im2col(x, case.kernel, **case.window), cols),
            np.vdot(x, tk.kernels.col2im(cols, case.x, case.kernel, **case.window)),
        )

    return Identity(case.label, numbers)


def _gradient(case: Case) -> Gradient:
    def make(draw: Draw) -> Any:
        function = getattr(tk.functional, f"conv{len(case.kernel)}d")
        arrays = [draw(*case.x), draw(*case.weight)] + ([draw(case.weight[0])] if case.bias else [])
        return lambda x, w, b=None: function(x, w, b, **case.options), arrays

    return Gradient(case.label, make)


def _relu_gradient(case: Case) -> Gradient:
    """Every other channel far above 0, the rest far below: no kink of ReLU's is near."""

    def make(draw: Draw) -> Any:
        function = getattr(tk.functional, f"conv{len(case.kernel)}d")
        far = np.where(np.arange(case.weight[0]) % 2, -1e3, 1e3)
        arrays = [draw(*case.x), draw(*case.weight), draw(case.weight[0]) + far]
        return lambda x, w, b: function(x, w, b, **case.options, activation="relu"), arrays

    return Gradient(case.label, make)


def _unfold_gradient(case: Case) -> Gradient:
    return Gradient(
        f"unfold {case.label}",
        lambda draw: (lambda x: tk.functional.unfold(x, case.kernel, **case.window), [draw(*case.x)]),
    )


def _fold_gradient(case: Case) -> Gradient:
    def make(draw: Draw) -> Any:
        return (
            lambda cols: tk.functional.fold(cols, case.x[2:], case.kernel, **case.window),
            [_col2im(draw, case).args[0]],
        )

    return Gradient(f"fold {case.label}", make)


def _twin(torch: Any, call: Call) -> Any:
    """torch pads on one side only through a pad of its own."""
    x, weight, bias = call.args
    options = {name: value for name, value in call.kwargs.items() if name != "algorithm"}
    axes = x.ndim - 2
    stride = oracle.per_axis(options.pop("stride", 1), axes)
    dilation = oracle.per_axis(options.get("dilation", 1), axes)
    flat = []
    for axis, pad in enumerate(oracle.pads(options.pop("padding", 0), axes)):
        size, kernel = x.shape[2 + axis], weight.shape[2 + axis]
        if pad == "same":
            total = max(0, (-(-size // stride[axis]) - 1) * stride[axis] + (kernel - 1) * dilation[axis] + 1 - size)
            pad = total // 2, total - total // 2
        flat = [*((0, 0) if pad == "valid" else pad), *flat]
    function = getattr(torch.nn.functional, f"conv{axes}d")
    return function(torch.nn.functional.pad(x, flat), weight, bias, stride=stride, **options)


def _zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _error(label: str, pattern: str, x: Any, weight: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    make = lambda shape: _zeros(*shape) if isinstance(shape, tuple) else shape  # noqa: E731
    return ErrorCase(
        label,
        lambda: tk.kernels.conv_forward(make(x), make(weight), **options),
        exception,
        f"^conv_forward: {pattern}",
    )


IMAGE, KERNEL = (2, 4, 6, 7), (6, 4, 3, 3)
ERRORS = (
    _error("rank of x", r"x: expected a shape .*got \(4, 6\)", (4, 6), (6, 4)),
    _error("too many axes", r"x: expected a shape .*1 to 3 axes.*got", (1, 1, 2, 2, 2, 2), (1, 1, 1, 1, 1, 1)),
    _error("rank of weight", r"weight: expected 4 dimensions.*got \(6, 4, 3\)", IMAGE, (6, 4, 3)),
    _error("channels", r"weight: expected .*4 input channels.*got \(6, 3, 3, 3\)", IMAGE, (6, 3, 3, 3)),
    _error("groups do not divide ic", "groups: expected .*divisor.*got 3", IMAGE, (6, 4, 3, 3), groups=3),
    _error("groups do not divide oc", "groups: expected .*divisor.*got 4", IMAGE, (6, 1, 3, 3), groups=4),
    _error("groups 0", "groups: expected .*got 0", IMAGE, KERNEL, groups=0),
    _error("groups negative", "groups: expected .*got -1", IMAGE, KERNEL, groups=-1),
    _error("groups 1.0", "groups: expected .*got 1.0", IMAGE, KERNEL, TypeError, groups=1.0),
    _error("kernel > input", "weight: expected .*at most.*6, got 8", IMAGE, (6, 4, 8, 3)),
    _error("dilated kernel > padded", "weight: expected .*8, got 9", IMAGE, KERNEL, dilation=(4, 1), padding=1),
    _error("empty kernel", "weight: expected .*positive.*got", IMAGE, (6, 4, 0, 3)),
    _error("stride 0", r"stride: expected .*>= 1, got 0", IMAGE, KERNEL, stride=0),
    _error("stride negative", r"stride: expected .*>= 1, got \(1, -1\)", IMAGE, KERNEL, stride=(1, -1)),
    _error("stride of three", r"stride: expected .*2 integers.*got \(1, 1, 1\)", IMAGE, KERNEL, stride=(1, 1, 1)),
    _error("stride 1.5", "stride: expected .*got 1.5", IMAGE, KERNEL, TypeError, stride=1.5),
    _error("stride None", "stride: expected .*got None", IMAGE, KERNEL, TypeError, stride=None),
    _error("stride text", "stride: expected .*got one", IMAGE, KERNEL, TypeError, stride="one"),
    _error("dilation 0", "dilation: expected .*>= 1, got 0", IMAGE, KERNEL, dilation=0),
    _error("padding negative", "padding: expected .*>= 0, got -1", IMAGE, KERNEL, padding=-1),
    _error("padding None", "padding: expected .*got None", IMAGE, KERNEL, TypeError, padding=None),
    _error("padding pairs", "padding: expected 2 pairs", IMAGE, KERNEL, padding=((1, 1), (1, 1), (1, 1))),
    _error("padding name", "padding: expected one of 'same', 'valid', got 'full'", IMAGE, KERNEL, padding="full"),
    _error("bias", r"bias: expected shape \(6,\).*got shape \(5,\)", IMAGE, KERNEL, bias=_zeros(5)),
    _error("output past 2**63", "output: expected fewer than .*bytes", (1, 1, 1), (1, 1, 1), padding=1 << 62),
    ErrorCase(
        "output past memory",
        lambda: tk.kernels.conv_forward(_zeros(1, 1, 1), _zeros(1, 1, 1), padding=1 << 55),
        MemoryError,
        rf"{((1 << 56) + 1) * 4}.*bytes",
    ),
    ErrorCase(
        "dy does not fit",
        lambda: tk.kernels.conv_backward_input(_zeros(2, 6, 4, 4), _zeros(*KERNEL), IMAGE),
        ValueError,
        r"^conv_backward_input: dy: expected .*\(2, 6, 4, 5\), got .*\(2, 6, 4, 4\)",
    ),
    ErrorCase(
        "dy of another rank",
        lambda: tk.kernels.conv_backward_weight(_zeros(2, 6, 5), _zeros(*IMAGE), KERNEL),
        ValueError,
        r"^conv_backward_weight: dy: expected .*got .*\(2, 6, 5\)",
    ),
    ErrorCase(
        "input_shape",
        lambda: tk.kernels.conv_backward_input(_zeros(2, 6, 4, 5), _zeros(*KERNEL), (2, 4, -6, 7)),
        ValueError,
        "^conv_backward_input: input_shape: expected .*got",
    ),
    ErrorCase(
        "rank of input_shape",
        lambda: tk.kernels.conv_backward_input(_zeros(2, 6, 4, 5), _zeros(*KERNEL), (4, 6)),
        ValueError,
        r"^conv_backward_input: input_shape: expected a shape .*got \(4, 6\)",
    ),
    ErrorCase(
        "a weight_shape larger than x",
        lambda: tk.kernels.conv_backward_weight(_zeros(2, 6, 4, 5), _zeros(*IMAGE), (6, 4, 8, 3)),
        ValueError,
        r"^conv_backward_weight: weight_shape: expected a dilated kernel .*6, got 8",
    ),
    ErrorCase(
        "rank of a pack's x_shape",
        lambda: tk.kernels.conv_pack_weight(_zeros(*KERNEL), (4, 6)),
        ValueError,
        r"^conv_pack_weight: x_shape: expected a shape .*got \(4, 6\)",
    ),
    ErrorCase(
        "weight_shape",
        lambda: tk.kernels.conv_backward_weight(_zeros(2, 6, 4, 5), _zeros(*IMAGE), (6, 4, 3, 3.0)),
        TypeError,
        "^conv_backward_weight: weight_shape: expected .*got",
    ),
    ErrorCase(
        "rank of dy",
        lambda: tk.kernels.conv_backward_bias(_zeros(2, 6)),
        ValueError,
        r"^conv_backward_bias: dy: expected .*got shape \(2, 6\)",
    ),
    ErrorCase(
        "out of another shape",
        lambda: tk.kernels.conv_forward(_zeros(*IMAGE), _zeros(*KERNEL), out=_zeros(2, 6, 4, 4)),
        ValueError,
        r"^conv_forward: out: expected shape \(2, 6, 4, 5\), got shape \(2, 6, 4, 4\)",
    ),
    ErrorCase(
        "out of another dtype",
        lambda: tk.kernels.conv_forward(_zeros(*IMAGE), _zeros(*KERNEL), out=np.zeros((2, 6, 4, 5))),
        TypeError,
        "^conv_forward: out: expected float32, got float64",
    ),
    ErrorCase(
        "out in Fortran order",
        lambda: tk.kernels.conv_forward(_zeros(*IMAGE), _zeros(*KERNEL), out=_zeros(5, 4, 6, 2).T),
        ValueError,
        "^conv_forward: out: expected .*C-contiguous",
    ),
    ErrorCase(
        "out no array",
        lambda: tk.kernels.conv_forward(_zeros(*IMAGE), _zeros(*KERNEL), out=[0.0]),
        TypeError,
        "^conv_forward: out: expected an ndarray, got list",
    ),
    ErrorCase(
        "out over x",
        lambda: tk.kernels.conv_forward(x := _zeros(1, 1, 4), _zeros(1, 1, 1), out=x),
        ValueError,
        "^conv_forward: out: expected memory of its own",
    ),
)
UNFOLD_ERRORS = (
    ErrorCase(
        "kernel > input",
        lambda: tk.kernels.im2col(_zeros(1, 1, 3), 4),
        ValueError,
        "^im2col: kernel_size: expected .*3, got 4",
    ),
    ErrorCase(
        "kernel_size 0", lambda: tk.kernels.im2col(_zeros(1, 1, 3), 0), ValueError, "^im2col: kernel_size: .*got 0"
    ),
    ErrorCase("rank", lambda: tk.kernels.im2col(_zeros(3, 3), 1), ValueError, r"^im2col: x: expected .*got \(3, 3\)"),
    ErrorCase(
        "cols do not fit",
        lambda: tk.kernels.col2im(_zeros(1, 2, 3), (1, 1, 3), 2),
        ValueError,
        r"^col2im: cols: expected shape \(1, 2, 2\), got shape \(1, 2, 3\)",
    ),
    ErrorCase(
        "input_shape",
        lambda: tk.kernels.col2im(_zeros(1, 2, 2), (1, 3), 2),
        ValueError,
        r"^col2im: input_shape: expected .*got \(1, 3\)",
    ),
)


def _relu_bound(_: Any, call: Call, dtype: Any) -> tuple[Any, ...]:
    """That of the sums: max(y, 0) rounds nothing."""
    options = {name: value for name, value in call.kwargs.items() if name != "activation"}
    return multilinear(oracle.forward, Call(call.args, options), dtype)


def _masked_bound(function: Any, call: Call, dtype: Any) -> tuple[Any, ...]:
    """That of the sums over dy as the mask leaves it: terms that are masked away are zeros."""
    dy, *others = call.args
    options = {name: value for name, value in call.kwargs.items() if name != "y"}
    return multilinear(function, Call((dy * (call.kwargs["y"] > 0), *others), options), dtype)


def _split_masked(call: Call, part: slice) -> Call:
    args, options = leading(0, 2)(call, part)
    return Call(args, {**options, "y": options["y"][part]})


SPECS = (
    OpSpec(
        name="conv",
        kind="kernel",
        functional=("conv1d", "conv2d", "conv3d"),
        directions=(
            Direction("conv_forward", _samples(forward_call), oracle.forward, split=leading(0), twin=_twin),
            Direction(
                "conv_backward_input",
                _samples(backward_input_call),
                oracle.backward_input,
                split=leading(0, 2),
            ),
            Direction("conv_backward_weight", _samples(backward_weight_call), oracle.backward_weight),
            Direction(
                "conv_pack_weight",
                _samples(_packed),
                oracle.forward,
                split=leading(0),
                function=_forward_with_pack,
                has_out=False,
            ),
            Direction("conv_backward_bias", _samples(_backward_bias, WINDOWS), oracle.backward_bias),
        ),
        identities=tuple(_adjoints(case) for case in SMALL + FILLED + HOSTILE + DEPTHWISE),
        gradients=tuple(_gradient(case) for case in SMALL),
        errors=ERRORS,
    ),
    OpSpec(
        name="conv and relu",
        kind="composed",
        functional=(),
        directions=(
            Direction(
                "forward",
                _samples(lambda draw, case: _activated(forward_call(draw, case))),
                oracle.forward,
                bound=_relu_bound,
                split=leading(0),
                function=tk.kernels.conv_forward,
            ),
            Direction(
                "backward_input",
                _samples(_masked(backward_input_call)),
                oracle.backward_input,
                bound=_masked_bound,
                split=_split_masked,
                function=tk.kernels.conv_backward_input,
            ),
            Direction(
                "backward_weight",
                _samples(_masked(backward_weight_call)),
                _backward_weight_and_bias,
                bound=_masked_bound,
                function=_with_bias,
                has_out=False,
            ),
        ),
        gradients=tuple(_relu_gradient(case) for case in SMALL),
    ),
    OpSpec(
        name="unfold",
        kind="kernel",
        functional=("unfold", "fold"),
        directions=(
            Direction("im2col", _samples(_im2col, WINDOWS), oracle.im2col, copied, split=leading(0)),
            Direction("col2im", _samples(_col2im, WINDOWS), oracle.col2im, split=leading(0, 1)),
        ),
        identities=tuple(_unfold_adjoint(case) for case in WINDOWS if not case.big),
        gradients=tuple(
            make(case) for case in SMALL if "group" not in case.label for make in (_unfold_gradient, _fold_gradient)
        ),
        errors=UNFOLD_ERRORS,
    ),
)
