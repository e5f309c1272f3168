"""Transposed convolution, in one, two and three dimensions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, leading
from tests.oracles import conv as oracle

F = tk.functional


class Case(NamedTuple):
    label: str
    x: tuple[int, ...]
    weight: tuple[int, ...]
    options: dict[str, Any] = {}  # noqa: RUF012 (never written to)
    bias: bool = True
    torch: bool = True


EVERYTHING = {"stride": (2, 3), "padding": (2, 1), "output_padding": (1, 2), "groups": 2, "dilation": (2, 1)}
CASES = {
    1: [
        Case("1d", (2, 3, 5), (3, 4, 3)),
        Case("1d everything", (2, 4, 6), (4, 3, 3), {"stride": 3, "padding": 2, "output_padding": 2, "groups": 2}),
        Case("1d dilated", (2, 2, 6), (2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 3}),
    ],
    2: [
        Case("2d", (2, 3, 4, 5), (3, 4, 3, 2), bias=False),
        Case("doubled", (2, 5, 4, 5), (5, 3, 2, 2), {"stride": 2}),
        Case("doubled, 4x4", (2, 5, 4, 5), (5, 3, 4, 4), {"stride": 2, "padding": 1}),
        Case("doubled, 3x3", (1, 5, 4, 5), (5, 3, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        Case("everything", (2, 4, 4, 3), (4, 3, 3, 4), EVERYTHING),
        Case("depthwise", (2, 3, 4, 5), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
        Case("depthwise multiplied", (2, 3, 4, 5), (3, 2, 2, 3), {"groups": 3, "stride": 2}),
        Case("padding > kernel", (1, 2, 6, 7), (2, 3, 2, 2), {"padding": (3, 2)}),
        Case("stride > kernel", (1, 2, 3, 4), (2, 3, 2, 2), {"stride": (3, 4), "output_padding": (2, 3)}),
        # Rows behind the last kernel, which the bias alone fills.
        Case("beyond reach", (2, 2, 3, 4), (2, 3, 2, 2), {"dilation": (3, 4), "output_padding": (2, 3)}),
        Case(
            "beyond reach, padded",
            (2, 2, 3, 4),
            (2, 3, 2, 2),
            {"dilation": (5, 1), "output_padding": (4, 0), "padding": (2, 0)},
            bias=False,
        ),
        Case("one element", (1, 1, 1, 1), (1, 1, 1, 1)),
        Case("empty batch", (0, 2, 3, 3), (2, 4, 3, 3), {"stride": 2}, torch=False),
    ],
    3: [
        Case("3d", (1, 2, 2, 3, 3), (2, 3, 2, 3, 2), {"stride": (1, 2, 2), "output_padding": (0, 1, 0)}),
        Case("3d groups", (2, 4, 2, 2, 3), (4, 1, 2, 2, 2), {"groups": 2, "padding": (1, 0, 1), "stride": 2}),
    ],
}


def _transposed(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """The input gradient of a convolution without padding, whose y is cut and widened to size."""
    axes = x.ndim - 2
    strides, cut, extra, steps = (oracle.per_axis(one, axes) for one in (stride, padding, output_padding, dilation))
    whole = [
        (size - 1) * s + d * (k - 1) + 1
        for size, s, d, k in zip(x.shape[2:], strides, steps, weight.shape[2:], strict=True)
    ]
    shape = (x.shape[0], weight.shape[1] * groups, *whole)
    y = oracle.backward_input(x, weight, shape, stride, 0, dilation, groups)
    for axis, (size, p, e) in enumerate(zip(whole, cut, extra, strict=True), start=2):
        behind = np.zeros((*y.shape[:axis], e, *y.shape[axis + 1 :]), y.dtype)
        y = np.concatenate([y, behind], axis)
        y = y[(slice(None),) * axis + (slice(p, size + e - p),)]
    return y if bias is None else y + bias.reshape(-1, *(1,) * axes)


def _function(axes: int) -> Any:
    def run(*args: Any, **options: Any) -> Array:
        with tk.set_conv_algorithm("exact"):
            return getattr(F, f"conv_transpose{axes}d")(*args, **options).numpy()

    return run


def _call(draw: Draw, case: Case) -> Call:
    channels = case.weight[1] * case.options.get("groups", 1)
    return Call((draw(*case.x), draw(*case.weight), draw(channels) if case.bias else None), case.options)


def _gradient(axes: int, case: Case) -> Gradient:
    def make(draw: Draw) -> Any:
        arrays = [one for one in _call(draw, case).args if one is not None]
        function = getattr(F, f"conv_transpose{axes}d")
        return lambda x, w, b=None: function(x, w, b, **case.options), arrays

    return Gradient(f"transposed {case.label}", make)


def _direction(axes: int, cases: list[Case]) -> Direction:
    name = f"conv_transpose{axes}d"
    return Direction(
        name,
        [Sample(case.label, lambda draw, case=case: _call(draw, case), torch=case.torch) for case in cases],
        _transposed,
        split=leading(0),
        function=_function(axes),
        twin=lambda torch, call: getattr(torch.nn.functional, name)(*call.args, **call.kwargs),
    )


X, WEIGHT = np.zeros((1, 4, 5, 5), np.float32), np.zeros((4, 3, 3, 3), np.float32)


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: F.conv_transpose2d(*args, **options), exception, f"^conv_transpose2d: {pattern}")


SPECS = (
    OpSpec(
        name="conv_transpose",
        kind="composed",
        functional=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        directions=tuple(_direction(axes, cases) for axes, cases in CASES.items()),
        gradients=tuple(_gradient(axes, case) for axes, cases in CASES.items() for case in cases if case.x[0]),
        errors=(
            _error("rank", r"input: expected .*got shape \(5, 5\)", X[0, 0], WEIGHT),
            _error("None", "input: expected an array, got None", None, WEIGHT, exception=TypeError),
            _error("weight rank", r"weight: expected \(in_channels, .*got shape \(3, 3, 3\)", X, WEIGHT[0]),
            _error("channels", "weight: expected .*for 4 input channels", X, WEIGHT[:3]),
            _error("empty kernel", "weight: expected .*2 kernel sizes", X, WEIGHT[..., :0]),
            _error("dtypes", "weight: expected float32 as input", X, WEIGHT.astype(float), exception=TypeError),
            _error("bias", r"bias: expected shape \(3,\), one per output channel", X, WEIGHT, X[0, 0, 0]),
            _error("bias dtype", "bias: expected float32 as input", X, WEIGHT, np.zeros(3), exception=TypeError),
            _error("groups", "groups: expected a divisor of 4 input channels, got 3", X, WEIGHT, groups=3),
            _error("groups 0", "groups: expected an integer", X, WEIGHT, groups=0),
            _error("stride 0", "stride: expected .*>= 1, got 0", X, WEIGHT, stride=0),
            _error("padding name", "padding: expected .*got same", X, WEIGHT, padding="same", exception=TypeError),
            _error("padding -1", "padding: expected .*>= 0, got -1", X, WEIGHT, padding=-1),
            _error("dilation 0", "dilation: expected .*>= 1, got 0", X, WEIGHT, dilation=0),
            _error("output_padding", "output_padding: expected less than the stride", X, WEIGHT, output_padding=1),
            _error(
                *("output_padding 2", r"output_padding: expected less .*got \(0, 2\)", X, WEIGHT),
                stride=2,
                output_padding=(0, 2),
            ),
            _error("nothing left", r"input: expected .*positive sizes, not \(-1, -1\)", X, WEIGHT, padding=4),
            _error("no input", "input: expected .*positive sizes", X[..., :0], WEIGHT),
        ),
    ),
)
