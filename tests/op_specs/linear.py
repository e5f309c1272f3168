"""The matrix product and the linear layer."""

from __future__ import annotations

import itertools
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
BIG = [(131, 67, 97), (100, 576, 50), (3, 257, 1031)]
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


def _sample(label: str, a: tuple[int, ...], b: tuple[int, ...], ta: bool, tb: bool, big: bool = False) -> Sample:
    def make(draw: Draw) -> Call:
        left = (*a[:-2], a[-1], a[-2]) if ta else a
        right = (*b[:-2], b[-1], b[-2]) if tb else b
        return Call((draw(*left), draw(*right)), {"transpose_a": ta, "transpose_b": tb})

    return Sample(f"{label}{' a^T' * ta}{' b^T' * tb}", make, big)


SAMPLES = [
    *(_sample(f"{m}x{k}x{n}", (m, k), (k, n), ta, tb) for m, k, n in SIZES for ta, tb in TRANSPOSES),
    *(_sample(label, a, b, ta, tb) for label, (a, b) in BATCHED.items() for ta, tb in TRANSPOSES),
    *(_sample(f"{m}x{k}x{n}", (m, k), (k, n), ta, tb, True) for m, k, n in BIG for ta, tb in TRANSPOSES),
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
    return torch.matmul(
        a.transpose(-1, -2) if call.kwargs["transpose_a"] else a,
        b.transpose(-1, -2) if call.kwargs["transpose_b"] else b,
    )


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


def _linear_call(shape: tuple[int, ...], outputs: int, bias: bool) -> Any:
    return lambda draw: Call((draw(*shape), draw(outputs, shape[-1]), draw(outputs) if bias else None))


LINEAR = {
    "rows": ((4, 7), 5, True),
    "no bias": ((3, 17), 9, False),
    "one row": ((6,), 3, True),
    "leading dimensions": ((2, 3, 5), 4, True),
    "empty batch": ((0, 4), 3, True),
}


def _linear(*args: Any) -> Array:
    return tk.functional.linear(*args).numpy()


def _linear_gradient(label: str) -> Gradient:
    call = _linear_call(*LINEAR[label])
    return Gradient(label, lambda draw: (tk.functional.linear, [one for one in call(draw).args if one is not None]))


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
                twin=lambda torch, call: torch.nn.functional.linear(*call.args),
            ),
        ),
        gradients=tuple(_linear_gradient(label) for label in LINEAR if label != "empty batch"),
    ),
)
