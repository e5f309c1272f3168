"""Local connections, the turned convolution, and the bilinear form: sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample
from tests.oracles import conv as conv_oracle

F = tk.functional


def _ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


def _local_oracle(
    x: Array, weight: Array, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Array:
    sh, sw = conv_oracle.per_axis(stride, 2)
    ph, pw = conv_oracle.per_axis(padding, 2)
    dh, dw = conv_oracle.per_axis(dilation, 2)
    oc, oh, ow, _, kh, kw = weight.shape
    y = np.zeros((x.shape[0], oc, oh, ow), x.dtype)
    for i, j, r, s in np.ndindex(oh, ow, kh, kw):
        row, column = i * sh + r * dh - ph, j * sw + s * dw - pw
        if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
            y[:, :, i, j] += (x[:, None, :, row, column] * weight[None, :, i, j, :, r, s]).sum(2)
    return y if bias is None else y + bias


IMAGE = _ones(1, 1, 3, 3)

# label: x, weight, bias, options
LOCAL: dict[str, Any] = {
    "valid": ((2, 3, 5, 6), (4, 3, 5, 3, 3, 2), False, {}),
    "bias": ((2, 2, 4, 4), (3, 4, 4, 2, 3, 3), True, {"padding": 1}),
    "strided": ((1, 2, 7, 6), (3, 3, 3, 2, 3, 2), True, {"stride": (2, 2), "padding": (0, 0)}),
    "dilated": ((2, 1, 6, 7), (2, 4, 5, 1, 2, 2), False, {"dilation": 2}),
}


def _local_call(draw: Draw, label: str) -> Call:
    x, weight, bias, options = LOCAL[label]
    arrays = [draw(*x), draw(*weight)]
    return Call((*arrays, draw(*weight[:3])) if bias else tuple(arrays), options)


def _of(name: str, make: Any, label: str) -> Gradient:
    def prepared(draw: Draw) -> Any:
        call = make(draw, label)
        return (lambda *arrays: getattr(F, name)(*arrays, **call.kwargs)), list(call.args)

    return Gradient(f"{name} {label}", prepared)


def _error(name: str, label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: getattr(F, name)(*args, **options), exception, f"^{name}: {pattern}")


def _spec(name: str, cases: Any, make: Any, oracle: Any, errors: tuple[ErrorCase, ...], twin: Any = None) -> OpSpec:
    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                [Sample(label, lambda draw, label=label: make(draw, label)) for label in cases],
                oracle,
                function=lambda *args, **options: getattr(F, name)(*args, **options).numpy(),
                twin=twin,
            ),
        ),
        gradients=tuple(_of(name, make, label) for label in cases),
        errors=errors,
    )


# label: x, weight, bias, options
TURNED: dict[str, Any] = {
    "3x2": ((2, 3, 6, 5), (4, 3, 3, 2), False, {}),
    "strided, padded": ((1, 4, 7, 7), (6, 2, 3, 3), True, {"stride": 2, "padding": 1, "groups": 2}),
    "dilated": ((2, 2, 7, 8), (3, 2, 2, 3), True, {"dilation": (2, 1)}),
}


def _turned_call(draw: Draw, label: str) -> Call:
    x, weight, bias, options = TURNED[label]
    arrays = [draw(*x), draw(*weight)]
    return Call((*arrays, draw(weight[0])) if bias else tuple(arrays), options)


def _turned_oracle(x: Array, weight: Array, bias: Any = None, **options: Any) -> Array:
    turned = np.zeros_like(weight)
    rows, columns = weight.shape[2:]
    for r, s in np.ndindex(rows, columns):
        turned[:, :, r, s] = weight[:, :, rows - 1 - r, columns - 1 - s]
    return conv_oracle.forward(x, turned, bias, **options)


BILINEAR: dict[str, Any] = {
    "rows": ((4, 3), (4, 5), (2, 3, 5), True),
    "one": ((3,), (2,), (4, 3, 2), False),
    "images": ((2, 3, 4), (2, 3, 1), (3, 4, 1), True),
}


def _bilinear_call(draw: Draw, label: str) -> Call:
    a, b, weight, bias = BILINEAR[label]
    arrays = [draw(*a), draw(*b), draw(*weight)]
    return Call((*arrays, draw(weight[0])) if bias else tuple(arrays))


def _bilinear_oracle(a: Array, b: Array, weight: Array, bias: Any = None) -> Array:
    y = np.zeros((*a.shape[:-1], weight.shape[0]), a.dtype)
    for k, i, j in np.ndindex(*weight.shape):
        y[..., k] += a[..., i] * weight[k, i, j] * b[..., j]
    return y if bias is None else y + bias


SPECS = (
    _spec(
        "locally_connected2d",
        LOCAL,
        _local_call,
        _local_oracle,
        (
            _error("locally_connected2d", "rank", r"weight: expected \(OC, OH, OW", IMAGE, IMAGE),
            _error(
                "locally_connected2d",
                "channels",
                "input: expected 2 channels",
                IMAGE,
                _ones(1, 3, 3, 2, 1, 1),
            ),
            _error(
                "locally_connected2d",
                "positions",
                "weight: expected 9, one per window of the input, got 2 x 3 positions",
                IMAGE,
                _ones(1, 2, 3, 1, 1, 1),
            ),
            _error(
                "locally_connected2d",
                "bias",
                r"bias: expected shape \(1, 3, 3\)",
                IMAGE,
                _ones(1, 3, 3, 1, 1, 1),
                _ones(1),
            ),
            _error(
                "locally_connected2d",
                "dtypes",
                "weight: expected float32 as input, got float64",
                IMAGE,
                np.ones((1, 3, 3, 1, 1, 1)),
                exception=TypeError,
            ),
        ),
    ),
    _spec(
        "true_conv2d",
        TURNED,
        _turned_call,
        _turned_oracle,
        (
            _error("true_conv2d", "rank", "weight: expected .*KH, KW", IMAGE, _ones(1, 1, 3)),
            _error("true_conv2d", "kernel", "weight: expected .*at most", IMAGE, _ones(1, 1, 4, 1)),
        ),
    ),
    _spec(
        "bilinear",
        BILINEAR,
        _bilinear_call,
        _bilinear_oracle,
        (
            _error("bilinear", "rank", r"weight: expected \(out, in1, in2\)", _ones(3), _ones(2), _ones(3, 2)),
            _error("bilinear", "in2", r"input2: expected \(..., 2\)", _ones(3), _ones(3), _ones(1, 3, 2)),
            _error("bilinear", "rows", "input2: expected the leading sizes", _ones(4, 3), _ones(5, 2), _ones(1, 3, 2)),
            _error("bilinear", "bias", r"bias: expected \(1,\)", _ones(3), _ones(2), _ones(1, 3, 2), _ones(2)),
        ),
        lambda torch, call: torch.nn.functional.bilinear(*call.args),
    ),
)
