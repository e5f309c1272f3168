"""The matrix product and the linear layer."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, Identity, OpSpec, Sample
from tests.oracles import linear as oracle

# (m, k, n): around the vector widths, primes, one row, one column, nothing at all.
SIZES = [
    (1, 1, 1), (2, 3, 5), (1, 7, 9), (9, 7, 1), (5, 1, 4), (3, 8, 8), (8, 16, 7), (7, 15, 16), (4, 17, 17),
    (13, 31, 33), (17, 64, 15), (6, 129, 65), (5, 300, 3), (0, 3, 4), (3, 0, 4), (3, 4, 0), (100, 11, 130),
]  # fmt: skip
BIG = [
    (131, 67, 97), (100, 576, 50), (3, 257, 1031), (1, 1030, 1031), (2, 700, 520), (4, 300, 900), (5, 520, 530),
    (16, 513, 260), (300, 20, 600), (70, 3, 260), (53, 1030, 35),
]  # fmt: skip
# With a bias and ReLU: dots, streamed rows and tiles, one run of k (256 is a whole one) and several, nothing to add up.
FUSED = [
    (3, 256, 5),
    (17, 256, 40),
    (1, 5, 7),
    (1, 300, 70),
    (3, 17, 33),
    (4, 270, 9),
    (6, 13, 40),
    (21, 300, 35),
    (5, 800, 9),
    (3, 0, 4),
    (9, 0, 4),
]
TRANSPOSES = list(itertools.product((False, True), repeat=2))
BATCHED = {
    "shared b": ((2, 3, 4, 5), (5, 7)),
    "shared a": ((4, 5), (3, 5, 7)),
    "one a for all": ((1, 4, 5), (3, 5, 7)),
    "one b for all": ((3, 4, 5), (1, 1, 5, 7)),
    "pairs": ((3, 4, 5), (3, 5, 7)),
    "broadcast both": ((2, 1, 4, 5), (3, 5, 7)),
    "empty batch": ((0, 4, 5), (0, 5, 7)),
    "empty batch, shared b": ((0, 4, 5), (5, 7)),
}


def _sample(
    label: str,
    a: tuple[int, ...],
    b: tuple[int, ...],
    ta: bool,
    tb: bool,
    big: bool = False,
    bias: bool = False,
    activation: str | None = None,
) -> Sample:
    def make(draw: Draw) -> Call:
        left = (*a[:-2], a[-1], a[-2]) if ta else a
        right = (*b[:-2], b[-1], b[-2]) if tb else b
        options = {"bias": draw(b[-1]) if bias else None, "activation": activation}
        return Call((draw(*left), draw(*right)), {"transpose_a": ta, "transpose_b": tb, **options})

    ending = f"{' a^T' * ta}{' b^T' * tb}{' bias' * bias}{' relu' if activation else ''}"
    return Sample(label + ending, make, big)


SAMPLES = [
    *(_sample(f"{m}x{k}x{n}", (m, k), (k, n), ta, tb) for m, k, n in SIZES for ta, tb in TRANSPOSES),
    *(_sample(label, a, b, ta, tb) for label, (a, b) in BATCHED.items() for ta, tb in TRANSPOSES),
    *(_sample(f"{m}x{k}x{n}", (m, k), (k, n), ta, tb, True) for m, k, n in BIG for ta, tb in TRANSPOSES),
    *(
        _sample(f"{m}x{k}x{n}", (m, k), (k, n), ta, tb, False, bias, activation)
        for m, k, n in FUSED
        for ta, tb in TRANSPOSES
        for bias, activation in ((True, None), (False, "relu"), (True, "relu"))
    ),
    _sample("stack", (3, 4, 5), (5, 7), False, False, False, True, "relu"),
    _sample("pairs", (3, 6, 5), (3, 5, 7), False, True, False, True, "relu"),
    _sample("many matrices", (37, 19, 23), (37, 23, 17), False, False, True),
]


def _split_rows(call: Call, part: slice) -> Call:
    """Rows of op(a) are the samples."""
    a, b = call.args
    return Call((a[..., part] if call.kwargs["transpose_a"] else a[..., part, :], b), call.kwargs)


def _joined_rows(_: Call, result: Array, part: slice) -> Array:
    return result[..., part, :]


def _adjoint(m: int, k: int, n: int) -> Identity:
    """<a b, g> = <a, g b^T> = <b, a^T g>, exactly, on integers."""

    def numbers(draw: Draw) -> Any:
        a, b, g = draw(m, k), draw(k, n), draw(m, n)
        product = np.vdot(tk.kernels.matmul(a, b), g)
        yield product, np.vdot(a, tk.kernels.matmul(g, b, transpose_b=True))
        yield product, np.vdot(b, tk.kernels.matmul(a, g, transpose_a=True))

    return Identity(f"{m}x{k}x{n}", numbers)


def _twin(torch: Any, call: Call) -> Any:
    a, b = call.args
    c = torch.matmul(
        a.transpose(-1, -2) if call.kwargs["transpose_a"] else a,
        b.transpose(-1, -2) if call.kwargs["transpose_b"] else b,
    )
    if call.kwargs["bias"] is not None:
        c = c + call.kwargs["bias"]
    return c.relu() if call.kwargs["activation"] else c


def _error(label: str, pattern: str, a: tuple[int, ...], b: tuple[int, ...], **options: Any) -> ErrorCase:
    return ErrorCase(
        label,
        lambda: tk.kernels.matmul(np.zeros(a, np.float32), np.zeros(b, np.float32), **options),
        ValueError,
        f"^matmul: {pattern}",
    )


ERRORS = (
    _error("rank of a", r"a: expected at least 2 dimensions, got shape \(3,\)", (3,), (3, 4)),
    _error("rank of b", r"b: expected at least 2 dimensions, got shape \(3,\)", (4, 3), (3,)),
    _error("inner sizes", r"b: expected 3 rows .*got shape \(4, 5\)", (2, 3), (4, 5)),
    _error("inner sizes, transposed", r"b: expected 2 rows .*got shape \(3, 5\)", (2, 3), (3, 5), transpose_a=True),
    _error("bias", r"bias: expected shape \(4,\).*got shape \(3,\)", (2, 3), (3, 4), bias=np.zeros(3, np.float32)),
    _error("activation", r"activation: expected one of 'relu', got 'gelu'", (2, 3), (3, 4), activation="gelu"),
    ErrorCase(
        "activation of another kind",
        lambda: tk.kernels.matmul(np.zeros((2, 3), np.float32), np.zeros((3, 4), np.float32), activation=True),
        TypeError,
        '^matmul: activation: expected "relu" or None, got True',
    ),
    ErrorCase(
        "mixed bias",
        lambda: tk.kernels.matmul(np.zeros((2, 3), np.float32), np.zeros((3, 4), np.float32), bias=np.zeros(4)),
        TypeError,
        "^matmul: bias: expected float32 as a, got float64",
    ),
    _error("leading sizes", r"b: expected leading dimensions that broadcast.*got", (2, 4, 3), (3, 3, 5)),
    ErrorCase(
        "past memory",
        lambda: tk.kernels.matmul(np.zeros((1 << 27, 1), np.float32), np.zeros((1, 1 << 27), np.float32)),
        MemoryError,
        rf"{(1 << 54) * 4} bytes",
    ),
    ErrorCase(
        "past 2**63",
        lambda: tk.kernels.matmul(
            np.broadcast_to(np.float32(0), (1 << 32, 0)), np.broadcast_to(np.float32(0), (0, 1 << 32))
        ),
        ValueError,
        rf"^matmul: output: expected fewer than 2\*\*63 bytes, not {(1 << 64) * 4} bytes",
    ),
)


def _linear_call(shape: tuple[int, ...], outputs: int, bias: bool, activation: str | None = None) -> Any:
    def make(draw: Draw) -> Call:
        args = draw(*shape), draw(outputs, shape[-1]), draw(outputs) if bias else None
        return Call(args, {"activation": activation})

    return make


LINEAR = {
    "rows": ((4, 7), 5, True),
    "no bias": ((3, 17), 9, False),
    "one row": ((6,), 3, True),
    "leading dimensions": ((2, 3, 5), 4, True),
    "empty batch": ((0, 4), 3, True),
    "relu": ((4, 7), 5, True, "relu"),
    "relu, no bias, leading dimensions": ((2, 3, 5), 4, False, "relu"),
}


def _linear(*args: Any, **options: Any) -> Array:
    return tk.functional.linear(*args, **options).numpy()


def _linear_twin(torch: Any, call: Call) -> Any:
    y = torch.nn.functional.linear(*call.args)
    return y.relu() if call.kwargs["activation"] else y


def _linear_gradient(label: str) -> Gradient:
    make = _linear_call(*LINEAR[label])

    def call(draw: Draw) -> tuple[Any, list[Array]]:
        args, options = make(draw)
        return partial(tk.functional.linear, **options), [one for one in args if one is not None]

    return Gradient(label, call)


def _matmul_gradient(label: str, a: tuple[int, ...], b: tuple[int, ...]) -> Gradient:
    return Gradient(f"matmul {label}", lambda draw: (tk.autograd.matmul, [draw(*a), draw(*b)]))


SPECS = (
    OpSpec(
        name="matmul",
        kind="kernel",
        functional=("matmul",),
        directions=(Direction("matmul", SAMPLES, oracle.matmul, split=_split_rows, joined=_joined_rows, twin=_twin),),
        identities=tuple(_adjoint(*sizes) for sizes in SIZES),
        gradients=tuple(_matmul_gradient(label, a, b) for label, (a, b) in BATCHED.items() if 0 not in a),
        errors=ERRORS,
    ),
    OpSpec(
        name="linear",
        kind="composed",
        functional=("linear",),
        directions=(
            Direction(
                "linear",
                [Sample(label, _linear_call(*args)) for label, args in LINEAR.items()],
                oracle.linear,
                function=_linear,
                twin=_linear_twin,
            ),
        ),
        gradients=tuple(_linear_gradient(label) for label in LINEAR if label != "empty batch"),
        errors=(
            ErrorCase(
                "activation",
                lambda: tk.functional.linear([[1.0]], [[1.0]], activation="gelu"),
                ValueError,
                "^linear: activation: expected one of 'relu', got 'gelu'",
            ),
            ErrorCase(
                "activation of another kind",
                lambda: tk.functional.linear([[1.0]], [[1.0]], activation=1),  # type: ignore[arg-type]
                TypeError,
                '^linear: activation: expected "relu" or None, got 1',
            ),
        ),
    ),
)
