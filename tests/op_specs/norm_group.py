"""Group, layer, instance and RMS normalisation: one kernel, four public functions."""

from __future__ import annotations

from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, Gradient, OpSpec, Sample, analysed, leading
from tests.oracles.rounding import Rounded

F = tk.functional
SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    "images": ((2, 6, 4, 5), 3),
    "one group": ((2, 4, 3, 3), 1),
    "channels alone": ((2, 5, 7), 5),
    "volumes": ((1, 4, 2, 3, 4), 2),
    "six axes": ((2, 2, 1, 2, 1, 3), 2),
    "rows": ((9, 7), 1),
    "rows in groups": ((3, 12), 4),
    "one element": ((4, 3), 3),
    "many rows": ((70, 5), 1),
    "empty batch": ((0, 4, 3), 2),
    "empty images": ((2, 4, 0), 2),
    **{f"rows of {c}": ((5, c), 1) for c in (1, 8, 15, 16, 17, 33, 65)},
    **{f"length {s}": ((2, 4, s), 2) for s in (1, 7, 8, 15, 16, 17, 33, 65)},
}
BIG: dict[str, tuple[tuple[int, ...], int]] = {
    "big images": ((9, 12, 27, 29), 4),
    "big rows": ((130, 700), 1),
    "long rows": ((3, 40001), 1),
    "many long rows": ((17, 9000), 1),
    "long groups": ((2, 6, 61, 67), 2),
    "many long groups": ((17, 3, 60, 61), 1),
}


def _axes(x: Rounded, groups: int) -> tuple[tuple[int, ...], int]:
    """[n][groups][c][s], and how many elements a group has."""
    n, channels = x.value.shape[:2]
    s = int(np.prod(x.value.shape[2:]))
    return (n, groups, channels // groups, s), max(channels // groups * s, 1)


def _beside(values: Rounded, groups: int) -> Rounded:
    """(c,) beside [n][groups][c][s]."""
    return values.reshape(groups, values.value.size // groups, 1)


def _forward(
    x: Rounded,
    groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    centred: bool = True,
) -> tuple[Rounded, ...]:
    rows, m = _axes(x, groups)
    blocks = x.reshape(*rows)
    mean = blocks.sum((2, 3), True) / m
    if not centred:
        mean = Rounded(np.zeros(mean.value.shape), 0, x.dtype)
    centres = blocks - mean
    invstd = 1 / ((centres * centres).sum((2, 3), True) / m + float(eps)).sqrt()
    y = centres * (invstd if weight is None else invstd * _beside(weight, groups))
    y = y if bias is None else y + _beside(bias, groups)
    return y.reshape(*x.value.shape), mean.reshape(*rows[:2]), invstd.reshape(*rows[:2])


def _backward(
    dy: Rounded, x: Rounded, mean: Rounded, invstd: Rounded, groups: int, weight: Any = None, centred: bool = True
) -> tuple[Rounded, ...]:
    rows, m = _axes(x, groups)
    centre, deviation = mean.reshape(*rows[:2], 1, 1), invstd.reshape(*rows[:2], 1, 1)
    gradient, centres = dy.reshape(*rows), x.reshape(*rows) - centre
    products = gradient * centres
    dbias, dweight = gradient.sum((0, 3)), (products * deviation).sum((0, 3))
    scaled = gradient if weight is None else gradient * _beside(weight, groups)
    slope = (scaled * centres).sum((2, 3), True) * deviation * deviation / m
    inner = scaled - centres * slope
    if centred:
        inner = inner - scaled.sum((2, 3), True) / m
    return (inner * deviation).reshape(*x.value.shape), dweight.reshape(-1), dbias.reshape(-1)


def _forward_call(draw: Draw, shape: tuple[int, ...], groups: int, weighted: bool, biased: bool, centred: bool) -> Call:
    c = shape[1]
    x = draw(*shape) + np.asarray(1.5, draw.dtype)
    options = {"eps": 1e-3} if biased else {}
    parameters = (draw(c) if weighted else None, draw(c) if biased else None)
    return Call((x, groups, *parameters), options if centred else {**options, "centred": False})


def _backward_call(draw: Draw, shape: tuple[int, ...], groups: int, weighted: bool, _: bool, centred: bool) -> Call:
    rows = shape[0], groups
    statistics = draw(*rows) if centred else np.zeros(rows, draw.dtype), draw.positive(*rows)
    arrays = draw(*shape), draw(*shape), *statistics
    return Call((*arrays, groups, draw(shape[1]) if weighted else None), {} if centred else {"centred": False})


def _samples(make: Any) -> list[Sample]:
    """Parameters come and go."""
    return [
        Sample(
            label + " not centred" * (not centred),
            lambda draw, shape=shape, groups=groups, i=i, centred=centred: make(
                draw, shape, groups, i % 3 != 2, i % 2 == 0, centred
            ),
            big=label in BIG,
            torch=centred and 0 not in shape,
        )
        for i, (label, (shape, groups)) in enumerate([*SHAPES.items(), *BIG.items()])
        for centred in (True, False)
    ]


def _twin(torch: Any, call: Call) -> Any:
    return (torch.nn.functional.group_norm(*call.args, **call.kwargs),)


def _gradient(label: str, function: Any, *shapes: tuple[int, ...]) -> Gradient:
    return Gradient(label, lambda draw: (function, [draw(*shape) for shape in shapes]))


IMAGES = (2, 6, 2, 3)
ROWS = (3, 2, 4)
RUNNING = np.array([0.5, -1, 2]), np.array([1, 0.5, 2])


def _instance(x: Any, weight: Any = None, bias: Any = None, use: bool = True) -> Any:
    running = (None, None) if use else RUNNING
    return F.instance_norm(x, *running, weight, bias, use)


GRADIENTS = (
    _gradient("group", lambda x, w, b: F.group_norm(x, 2, w, b), IMAGES, (6,), (6,)),
    _gradient("group plain", lambda x: F.group_norm(x, 3), IMAGES),
    _gradient("group weight", lambda x, w: F.group_norm(x, 1, w, eps=0.5), (2, 4), (4,)),
    _gradient("group bias", lambda x, b: F.group_norm(x, 2, None, b), IMAGES, (6,)),
    _gradient("layer", lambda x, w, b: F.layer_norm(x, (2, 4), w, b), ROWS, (2, 4), (2, 4)),
    _gradient("layer plain", lambda x: F.layer_norm(x, 4), ROWS),
    _gradient("layer bias", lambda x, b: F.layer_norm(x, (4,), None, b), ROWS, (4,)),
    _gradient("rms", lambda x, w: F.rms_norm(x, (4,), w, 0.5), ROWS, (4,)),
    _gradient("rms plain", lambda x: F.rms_norm(x, (2, 4)), ROWS),
    _gradient("instance", _instance, (2, 3, 5), (3,), (3,)),
    _gradient("instance plain", _instance, (2, 3, 2, 2)),
    _gradient("instance running", lambda x, w, b: _instance(x, w, b, False), (2, 3, 5), (3,), (3,)),
)

X, C4 = np.ones((2, 4, 3), np.float32), np.ones(4, np.float32)
G2 = np.ones((2, 2), np.float32)


def _error(label: str, call: Any, pattern: str, exception: type[Exception] = ValueError) -> ErrorCase:
    return ErrorCase(label, call, exception, f"^{pattern}")


def _read_only() -> Array:
    array = C4.copy()
    array.flags.writeable = False
    return array


K = tk.kernels
ERRORS = (
    _error("rank", lambda: K.group_norm_forward(C4, 2), r"group_norm_forward: x: expected .*got shape \(4,\)"),
    _error("groups", lambda: K.group_norm_forward(X, 3), "group_norm_forward: groups: expected a divisor of 4 .*got 3"),
    _error("groups 0", lambda: K.group_norm_forward(X, 0), "group_norm_forward: groups: expected .*got 0"),
    _error("weight", lambda: K.group_norm_forward(X, 2, C4[:2]), r"group_norm_forward: weight: expected shape \(4,\)"),
    _error("bias", lambda: K.group_norm_forward(X, 2, C4, G2), r"group_norm_forward: bias: expected shape \(4,\)"),
    _error("eps", lambda: K.group_norm_forward(X, 2, eps=np.nan), "group_norm_forward: eps: expected a finite number"),
    _error(
        "centred",
        lambda: K.group_norm_forward(X, 2, centred=1),
        "group_norm_forward: centred: expected True or False, got 1",
        TypeError,
    ),
    _error("dy", lambda: K.group_norm_backward(X[:1], X, G2, G2, 2), "group_norm_backward: dy: expected x's shape"),
    _error(
        "mean",
        lambda: K.group_norm_backward(X, X, C4, G2, 2),
        r"group_norm_backward: mean: expected shape \(2, 2\), one per image and group, got shape \(4,\)",
    ),
    _error("group rank", lambda: F.group_norm(C4, 2), r"group_norm: input: expected \(N, C, \*sizes\), got"),
    _error(
        "group divides", lambda: F.group_norm(X, 3), "group_norm: num_groups: expected a divisor of 4 channels, got 3"
    ),
    _error(
        "group kind", lambda: F.group_norm(X, 2.0), "group_norm: num_groups: expected an integer.*got 2.0", TypeError
    ),
    _error("group weight", lambda: F.group_norm(X, 2, C4[:3]), r"group_norm: weight: expected shape \(4,\), one per"),
    _error(
        "group dtype",
        lambda: F.group_norm(X, 2, C4, C4.astype(float)),
        "group_norm: bias: expected float32 as input, got float64",
        TypeError,
    ),
    _error("layer axes", lambda: F.layer_norm(X, ()), r"layer_norm: normalized_shape: expected one axis or more, got"),
    _error("layer shape", lambda: F.layer_norm(X, (4, 2)), r"layer_norm: input: expected a shape \(\*, 4, 2\), got"),
    _error(
        "layer too many axes",
        lambda: F.layer_norm(C4, (1, 4)),
        r"layer_norm: input: expected a shape \(\*, 1, 4\), got",
    ),
    _error("layer kind", lambda: F.layer_norm(X, 3.0), "layer_norm: normalized_shape: expected a shape", TypeError),
    _error("layer weight", lambda: F.layer_norm(X, (3,), C4), r"layer_norm: weight: expected shape \(3,\)"),
    _error("rms weight", lambda: F.rms_norm(X, (3,), C4), r"rms_norm: weight: expected shape \(3,\)"),
    _error("rms eps", lambda: F.rms_norm(X, (3,), eps=np.inf), "rms_norm: eps: expected a finite number, got inf"),
    _error("instance rank", lambda: F.instance_norm(G2), r"instance_norm: input: expected \(N, C, \*sizes\)"),
    _error("instance one", lambda: F.instance_norm(X[..., :1]), "instance_norm: input: expected more than one"),
    _error("instance half", lambda: F.instance_norm(X, C4), "instance_norm: running_var: expected both"),
    _error(
        "instance none",
        lambda: F.instance_norm(X, use_input_stats=False),
        "instance_norm: running_mean and running_var: expected both, or use_input_stats=True",
    ),
    _error(
        "instance list",
        lambda: F.instance_norm(X, [0.0] * 4, C4),
        "instance_norm: running_mean: expected an array .*in place, got list",
        TypeError,
    ),
    _error(
        "instance shape",
        lambda: F.instance_norm(X, C4[:3].copy(), C4.copy()),
        r"instance_norm: running_mean: expected shape \(4,\)",
    ),
    _error(
        "instance dtype",
        lambda: F.instance_norm(X, C4.copy(), C4.astype(float)),
        "instance_norm: running_var: expected float32 as input",
        TypeError,
    ),
    _error(
        "instance read-only",
        lambda: F.instance_norm(X, C4.copy(), _read_only()),
        "instance_norm: running_var: expected a writable array",
    ),
    _error(
        "instance memory",
        lambda: F.instance_norm(X, *[C4.copy()] * 2),
        "instance_norm: running_var: expected memory of its own",
    ),
    _error(
        "instance flag",
        lambda: F.instance_norm(X, use_input_stats=1),
        "instance_norm: use_input_stats: expected True or False",
        TypeError,
    ),
    _error("instance momentum", lambda: F.instance_norm(X, momentum=np.nan), "instance_norm: momentum: "),
)

SPECS = (
    OpSpec(
        name="group_norm",
        kind="kernel",
        functional=("group_norm", "layer_norm", "instance_norm", "rms_norm"),
        directions=(
            Direction(
                "group_norm_forward",
                _samples(_forward_call),
                **analysed(_forward),
                split=leading(0),
                twin=_twin,
                has_out=False,
            ),
            Direction("group_norm_backward", _samples(_backward_call), **analysed(_backward), has_out=False),
        ),
        gradients=GRADIENTS,
        errors=ERRORS,
    ),
)
