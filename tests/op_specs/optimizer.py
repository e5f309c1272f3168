"""Steps of SGD and Adam over many arrays in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tatamikomi as tk
from tests.op_specs.spec import Array, Call, Direction, Draw, ErrorCase, OpSpec, Sample, analysed

SHAPES = [(1,), (7,), (16,), (3, 5), (2, 3, 4), (0, 4), (17,), (65,)]
MANY = [(size % 7 + 1, size % 5 + 1) for size in range(40)]
BIG = [(64, 257), (3,), (100003,), (1, 1)]

SGD = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "weight_decay": 0.01},
    "first momentum": {"lr": 0.1, "momentum": 0.9, "first": True},
    "momentum": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "dampening": {"lr": 0.05, "momentum": 0.9, "dampening": 0.3},
    "nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "everything": {"lr": 0.05, "momentum": 0.7, "weight_decay": 0.1, "nesterov": True, "first": True},
}
ADAM = {
    "first step": {"step": 1, "lr": 0.01},
    "later step": {"step": 7, "lr": 0.01, "betas": (0.8, 0.95)},
    "weight decay": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "eps": 1e-3},
    "decoupled": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "decoupled": True},
}


def _samples(options: dict[str, dict[str, Any]], positive: tuple[int, ...]) -> list[Sample]:
    """Lists of params, grads and two kinds of state at most; those at `positive` hold positive numbers."""

    def make(draw: Draw, shapes: list[tuple[int, ...]], given: dict[str, Any]) -> Call:
        count = 3 if 3 not in positive else 4
        lists = [[draw.positive(*shape) if i in positive else draw(*shape) for shape in shapes] for i in range(count)]
        return Call(tuple(lists), given)

    layouts = {"": SHAPES, "many ": MANY, "big ": BIG}
    return [
        Sample(f"{layout}{label}", lambda draw, shapes=shapes, given=given: make(draw, shapes, given), layout == "big ")
        for layout, shapes in layouts.items()
        for label, given in options.items()
    ]


def _stepped(name: str) -> Callable[..., tuple[Array, ...]]:
    """The step on copies; what it updated are the results."""

    def run(params: list[Array], grads: list[Array], *state: list[Array], **options: Any) -> tuple[Array, ...]:
        copies = [[np.array(one) for one in arrays] for arrays in (params, *state)]
        getattr(tk.kernels, name)(copies[0], grads, *copies[1:], **options)
        return tuple(one for arrays in copies for one in arrays)

    return run


def _sgd(params: Any, grads: Any, velocities: Any, lr: float, momentum: float = 0.0, **options: Any) -> Any:
    stepped, moved = [], []
    for w, grad, v in zip(params, grads, velocities, strict=True):
        g = grad + w * float(options.get("weight_decay", 0.0))
        if momentum:
            v = g if options.get("first") else v * momentum + g * (1 - float(options.get("dampening", 0.0)))
            g = g + v * momentum if options.get("nesterov") else v
        stepped.append(w - g * lr)
        moved.append(v)
    return *stepped, *moved


def _adam(
    params: Any,
    grads: Any,
    exp_avgs: Any,
    exp_avg_sqs: Any,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> Any:
    (beta1, beta2), results = betas, []
    for w, grad, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        g = grad if decoupled else grad + w * weight_decay
        if decoupled:
            w = w * (1 - lr * weight_decay)
        m = m * beta1 + g * (1 - beta1)
        v = v * beta2 + g * g * (1 - beta2)
        root = (v / (1 - beta2**step)).sqrt() + eps
        results.append((w - m / (1 - beta1**step) / root * lr, m, v))
    return tuple(one for kind in zip(*results, strict=True) for one in kind)


ONE, TWO = [np.ones(3, np.float32)], [np.ones(3, np.float32), np.ones(3, np.float32)]


def _read_only() -> Array:
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    return array


def _sgd_error(label: str, pattern: str, *lists: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    given = {"lr": 0.1, **options}
    return ErrorCase(label, lambda: tk.kernels.sgd_step(*lists, **given), exception, f"^sgd_step: {pattern}")


def _adam_error(label: str, pattern: str, *states: Any, exception: type = ValueError, **options: Any) -> ErrorCase:
    given = {"lr": 0.1, "step": 1, **options}
    lists = ONE, [np.zeros(3, np.float32)], *(states or ([np.ones(3, "f")], [np.ones(3, "f")]))
    return ErrorCase(label, lambda: tk.kernels.adam_step(*lists, **given), exception, f"^adam_step: {pattern}")


SGD_ERRORS = (
    _sgd_error("params no list", "params: expected a list of arrays, got ndarray", ONE[0], ONE, exception=TypeError),
    _sgd_error("grads too few", "grads: expected 2 arrays.*got 1 arrays", TWO, ONE),
    _sgd_error("grad of another shape", r"grads\[0\]: expected shape \(3,\)", ONE, [np.ones(2, "f")]),
    _sgd_error("grad of another dtype", r"grads\[0\]: expected float32", ONE, [np.ones(3)], exception=TypeError),
    _sgd_error("grad None", r"grads\[0\]: expected an array, got None", ONE, [None], exception=TypeError),
    _sgd_error("read-only", r"params\[0\]: expected a writable.*got a read-only", [_read_only()], TWO[:1]),
    _sgd_error("strided", r"params\[0\]: expected .*C-contiguous", [np.ones(6, "f")[::2]], ONE),
    _sgd_error("integers", r"params\[0\]: expected float32.*got int64", [np.ones(3, int)], ONE, exception=TypeError),
    _sgd_error("grads are params", r"params\[0\]: expected memory of its own.*grads\[0\]", ONE, ONE),
    _sgd_error("lr negative", "lr: expected .*got -1", ONE, TWO[:1], lr=-1.0),
    _sgd_error("lr None", "lr: expected .*got None", ONE, TWO[:1], lr=None, exception=TypeError),
    _sgd_error("nesterov alone", "nesterov: expected momentum > 0", ONE, TWO[:1], nesterov=True),
)
ADAM_ERRORS = (
    _adam_error("betas", "betas: expected two numbers", betas=0.9, exception=TypeError),
    _adam_error("beta 1", r"betas\[1\]: expected .*got 1.0", betas=(0.9, 1.0)),
    _adam_error("step 0", "step: expected .*got 0", step=0),
    _adam_error("states too many", "exp_avgs: expected 1 arrays.*got 2", TWO, TWO),
    _adam_error("states shared", r"exp_avgs\[0\]: expected memory of its own.*exp_avg_sqs", TWO[:1], TWO[:1]),
    _adam_error("eps", "eps: expected .*got -1", eps=-1.0),
)


def _spec(name: str, samples: list[Sample], formula: Any, errors: tuple[ErrorCase, ...]) -> OpSpec:
    direction = Direction(name, samples, **analysed(formula), function=_stepped(name), any_layout=False, has_out=False)
    return OpSpec(name=name, kind="kernel", functional=(), directions=(direction,), errors=errors)


SPECS = (
    _spec("sgd_step", _samples(SGD, ()), _sgd, SGD_ERRORS),
    _spec("adam_step", _samples(ADAM, (3,)), _adam, ADAM_ERRORS),
)
