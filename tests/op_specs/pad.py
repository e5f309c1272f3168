"""Padding, and the shuffles of pixels and channels: elements are moved, none is computed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, copied, leading
from tests.oracles import pad as oracle

F = tk.functional


class Case(NamedTuple):
    x: tuple[int, ...]
    pad: tuple[int, ...]
    mode: str = "constant"
    value: float | None = None
    split: bool = True  # the first axis is a batch that nothing is added to

    @property
    def label(self) -> str:
        return f"{self.x} by {self.pad} {self.mode} {self.value}"


CASES = [
    Case((2, 3, 5), (1, 2)),
    Case((2, 3, 4, 5), (1, 0, 2, 3), "constant", 1.5),
    Case((2, 3, 4, 5), (-1, 2, 1, -2), "constant", -2.0),
    Case((2, 3, 4, 5), (0, -5, 1, 1)),
    Case((2, 3, 4, 5), (0, 0, -1, 0)),
    Case((2, 2, 3, 2, 4), (1, 2, 0, 1, 2, 0)),
    Case((7,), (2, 3), "constant", 4.0, split=False),
    Case((2, 3), (1, 0, 0, 2), "constant", 3.0, split=False),
    Case((2, 3, 2, 1, 2), (0, 1, 1, 0, 0, 0, 2, 1)),
    Case((2, 3), ()),
    Case((0, 3, 4), (1, 1), "constant", 2.0, split=False),
    *(
        case
        for mode in ("reflect", "replicate", "circular")
        for case in (
            Case((2, 3, 5), (4, 2), mode),
            Case((2, 5), (1, 3), mode, split=False),
            Case((2, 3, 4, 5), (1, 0, 3, 2), mode),
            Case((2, 4, 5), (2, 2, 1, 1), mode, split=False),
            Case((2, 2, 3, 2, 4), (1, 2, 0, 1, 2, 0), mode),
            Case((2, 3, 2, 4), (1, 2, 0, 1, 2, 1), mode, split=False)
            if mode != "circular"
            else Case((2, 3, 4), (4, 4), mode),
            Case((2, 3, 5, 6), (-1, 2, 1, -2), mode),
            Case((2, 3, 4, 19), (3, 5, 0, 0), mode),
            Case((0, 3, 4), (1, 1), mode, split=False),
        )
    ),
    Case((2, 3, 4, 2), (5, 7, 6, 0), "replicate"),
]


def _call(draw: Draw, case: Case) -> Call:
    options = {} if case.value is None else {"value": case.value}
    return Call((draw(*case.x), case.pad, case.mode), options)


def _function(name: str) -> Any:
    return lambda *args, **options: getattr(F, name)(*args, **options).numpy()


def _gradient(case: Case) -> Gradient:
    options = {} if case.value is None else {"value": case.value}
    return Gradient(
        f"pad {case.label}", lambda draw: (lambda x: F.pad(x, case.pad, case.mode, **options), [draw(*case.x)])
    )


X = np.zeros((1, 2, 4, 5), np.float32)


def _error(label: str, pattern: str, *args: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    return ErrorCase(label, lambda: F.pad(*args, **options), exception, f"^pad: {pattern}")


def _shuffle(name: str, shapes: dict[tuple[int, ...], int], errors: list[tuple[str, str, Any, Any, type]]) -> OpSpec:
    function = getattr(F, name)

    def make(shape: tuple[int, ...], number: int) -> Any:
        return lambda draw: Call((draw(*shape), number))

    def gradient(shape: tuple[int, ...], number: int) -> Gradient:
        return Gradient(f"{name} {shape}", lambda draw: (lambda x: function(x, number), [draw(*shape)]))

    return OpSpec(
        name=name,
        kind="composed",
        functional=(name,),
        directions=(
            Direction(
                name,
                [
                    Sample(f"{shape} {number}", make(shape, number), split=len(shape) > 3 or name == "channel_shuffle")
                    for shape, number in shapes.items()
                ],
                getattr(oracle, name),
                copied,
                split=leading(0),
                function=_function(name),
                twin=lambda torch, call: getattr(torch.nn.functional, name)(*call.args),
            ),
        ),
        gradients=tuple(gradient(shape, number) for shape, number in shapes.items()),
        errors=tuple(
            ErrorCase(label, lambda x=x, number=number: function(x, number), exception, f"^{name}: {pattern}")
            for label, pattern, x, number, exception in errors
        ),
    )


def _zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


SPECS = (
    OpSpec(
        name="pad",
        kind="composed",
        functional=("pad",),
        directions=(
            Direction(
                "pad",
                [Sample(case.label, lambda draw, case=case: _call(draw, case), split=case.split) for case in CASES],
                oracle.pad,
                copied,
                split=leading(0),
                function=_function("pad"),
                twin=lambda torch, call: torch.nn.functional.pad(*call.args, **call.kwargs),
            ),
        ),
        gradients=tuple(_gradient(case) for case in CASES if case.x[0]),
        errors=(
            _error("None", "input: expected an array, got None", None, (1, 1), exception=TypeError),
            _error("integers", "input: expected float32 or float64", np.zeros(3, int), (1, 1), exception=TypeError),
            _error("pad 1", "pad: expected pairs of integers .*got 1", X, 1, exception=TypeError),
            _error(
                "pad of floats", r"pad: expected pairs of integers .*got \(1.0, 1\)", X, (1.0, 1), exception=TypeError
            ),
            _error("odd", r"pad: expected pairs .*got \(1, 1, 1\)", X, (1, 1, 1)),
            _error("too many", "pad: expected pairs .*no more than input has: 4", X, (1, 1) * 5),
            _error("mode", "mode: expected one of 'constant', .*got 'mirror'", X, (1, 1), "mirror"),
            _error("mode None", "mode: expected the name of a mode, got None", X, (1, 1), None, exception=TypeError),
            _error("value", "value: expected a number or None, got a", X, (1, 1), value="a", exception=TypeError),
            _error("value beside a mode", "value: expected None for mode 'reflect'", X, (1, 1, 1, 1), "reflect", 2.0),
            _error("cut", "pad: expected no more cut off than there is", X, (-3, -3)),
            _error("cut before", "pad: expected no more cut off than there is", X, (-6, 3)),
            _error(
                "reflect too far",
                r"pad: expected fewer than .*\(4, 5\), got \(5, 0, 0, 0\)",
                X,
                (5, 0, 0, 0),
                "reflect",
            ),
            _error("circle too far", r"pad: expected at most .*\(4, 5\)", X, (0, 0, 0, 5), "circular"),
            _error("circle of what is left", r"pad: expected at most .*\(4, 5\)", X, (-3, 3, 0, 0), "circular"),
            _error("cut edges", "pad: expected any number of .*no more cut off", X, (-3, -3, 0, 0), "replicate"),
            _error("rank", "input: expected one or two dimensions and 1 more of positive size", X, (1, 1), "reflect"),
            _error("four axes", "input: expected .*1 to 3", X, (1, 1) * 4, "replicate"),
            _error("nothing to copy", "input: expected .*positive size", X[..., :0], (1, 1, 1, 1), "replicate"),
        ),
    ),
    _shuffle(
        "pixel_shuffle",
        {(2, 12, 3, 4): 2, (9, 2, 1): 3, (2, 2, 4, 2, 3): 2, (2, 3, 4, 5): 1},
        [
            ("rank", r"input: expected \(\*, C, H, W\), got shape \(4, 4\)", _zeros(4, 4), 2, ValueError),
            ("channels", "input: expected channels that .*4, divides", _zeros(6, 4, 4), 2, ValueError),
            ("factor 0", "upscale_factor: expected an integer", _zeros(4, 4, 4), 0, ValueError),
            ("factor 2.0", "upscale_factor: expected an integer.*got 2.0", _zeros(4, 4, 4), 2.0, TypeError),
        ],
    ),
    _shuffle(
        "pixel_unshuffle",
        {(2, 3, 6, 8): 2, (2, 6, 3): 3, (2, 2, 1, 4, 6): 2, (2, 3, 4, 5): 1},
        [
            ("rank", r"input: expected \(\*, C, H, W\), got shape \(4, 4\)", _zeros(4, 4), 2, ValueError),
            ("height", "input: expected a height and a width that downscale_factor, 2", _zeros(2, 3, 4), 2, ValueError),
            ("width", "input: expected a height and a width that downscale_factor, 2", _zeros(2, 4, 3), 2, ValueError),
            ("factor -1", "downscale_factor: expected an integer", _zeros(4, 4, 4), -1, ValueError),
        ],
    ),
    _shuffle(
        "channel_shuffle",
        {(2, 12, 3, 4): 3, (2, 6, 5): 2, (2, 4, 2, 3, 2): 4, (2, 3, 4): 1},
        [
            ("rank", r"input: expected \(N, C, \*sizes\), got shape \(4, 4\)", _zeros(4, 4), 2, ValueError),
            ("groups", "groups: expected a divisor of 6 channels, got 4", _zeros(1, 6, 4), 4, ValueError),
            ("groups 0", "groups: expected an integer", _zeros(1, 6, 4), 0, ValueError),
            ("groups None", "groups: expected an integer.*got None", _zeros(1, 6, 4), None, TypeError),
        ],
    ),
)
