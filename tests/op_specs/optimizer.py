"""Steps of SGD, Adam and Adam's kin over many arrays in one call."""

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
    "maximize": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "maximize": True},
}
TURNED = {"decoupled": True, "maximize": True}
ADAM = {
    "first step": {"step": 1, "lr": 0.01},
    "later step": {"step": 7, "lr": 0.01, "betas": (0.8, 0.95)},
    "weight decay": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "eps": 1e-3},
    "decoupled": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "decoupled": True},
    "maximize": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "maximize": True},
}
NADAM = {
    "first step": {"step": 1, "lr": 0.01, "mu": 0.45, "mu_next": 0.46, "mu_product": 0.45},
    "no momentum": {"step": 2, "lr": 0.01, "mu": 0, "mu_next": 0, "mu_product": 0, "eps": 1e-3},
    "decoupled": {"step": 4, "lr": 0.01, "mu": 0.7, "mu_next": 0.8, "mu_product": 0.2, "weight_decay": 0.1, **TURNED},
    "weight decay": {"step": 4, "lr": 0.01, "mu": 0.7, "mu_next": 0.8, "mu_product": 0.2, "weight_decay": 0.1},
    "maximize": {"step": 4, "lr": 0.01, "mu": 0.7, "mu_next": 0.8, "mu_product": 0.2, "maximize": True},
}
RADAM = {
    "first step": {"step": 1, "lr": 0.01},
    "last plain step": {"step": 5, "lr": 0.01, "weight_decay": 0.1},
    "first divided step": {"step": 6, "lr": 0.01, "weight_decay": 0.1},
    "later step": {"step": 40, "lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3},
    "decoupled": {"step": 9, "lr": 0.01, "weight_decay": 0.1, **TURNED},
}
ADAMAX = {
    "first step": {"step": 1, "lr": 0.01},
    "later step": {"step": 7, "lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3},
    "weight decay": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "maximize": True},
}


def samples_of(options: dict[str, dict[str, Any]], states: int, positive: tuple[int, ...] = ()) -> list[Sample]:
    """Lists of params, grads and so many kinds of state; those at `positive` hold positive numbers."""

    def make(draw: Draw, shapes: list[tuple[int, ...]], given: dict[str, Any]) -> Call:
        kinds = range(2 + states)
        lists = [[draw.positive(*shape) if i in positive else draw(*shape) for shape in shapes] for i in kinds]
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


def each(update: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
    """A formula of lists from one of (w, grad, *states) that gives (w, *states) after the step."""

    def formula(params: Any, grads: Any, *states: Any, maximize: bool = False, **options: Any) -> Any:
        turned = [-grad if maximize else grad for grad in grads]
        results = [update(*one, **options) for one in zip(params, turned, *states, strict=True)]
        return tuple(one for kind in zip(*results, strict=True) for one in kind)

    return formula


def _sgd(w: Any, grad: Any, v: Any, lr: float, momentum: float = 0.0, **options: Any) -> tuple[Any, ...]:
    g = grad + w * float(options.get("weight_decay", 0.0))
    if momentum:
        v = g if options.get("first") else v * momentum + g * (1 - float(options.get("dampening", 0.0)))
        g = g + v * momentum if options.get("nesterov") else v
    return w - g * lr, v


def _moments(w: Any, grad: Any, m: Any, v: Any, **options: Any) -> tuple[Any, ...]:
    """(w shrunk by decoupled weight decay, g, m, v) of Adam and its kin, ready for the move."""
    beta1, beta2 = options.get("betas", (0.9, 0.999))
    decay = float(options.get("weight_decay", 0.0))
    g = grad if options.get("decoupled") else grad + w * decay
    if options.get("decoupled"):
        w = w * (1 - options["lr"] * decay)
    return w, g, m * beta1 + g * (1 - beta1), v * beta2 + g * g * (1 - beta2)


def _adam(w: Any, grad: Any, m: Any, v: Any, largest: Any = None, **options: Any) -> tuple[Any, ...]:
    (beta1, beta2), step = options.get("betas", (0.9, 0.999)), options["step"]
    w, _, m, v = _moments(w, grad, m, v, **options)
    largest = v if largest is None else largest.maximum(v)
    root = (largest / (1 - beta2**step)).sqrt() + float(options.get("eps", 1e-8))
    moved = w - m / (1 - beta1**step) / root * options["lr"]
    return (moved, m, v) if largest is v else (moved, m, v, largest)


def _nadam(w: Any, grad: Any, m: Any, v: Any, **options: Any) -> tuple[Any, ...]:
    (_, beta2), step = options.get("betas", (0.9, 0.999)), options["step"]
    mu, coming, product = (float(options[name]) for name in ("mu", "mu_next", "mu_product"))
    w, g, m, v = _moments(w, grad, m, v, **options)
    root = (v / (1 - beta2**step)).sqrt() + float(options.get("eps", 1e-8))
    move = m * (coming / (1 - product * coming)) + g * ((1 - mu) / (1 - product))
    return w - move / root * options["lr"], m, v


def _radam(w: Any, grad: Any, m: Any, v: Any, **options: Any) -> tuple[Any, ...]:
    (beta1, beta2), t = options.get("betas", (0.9, 0.999)), options["step"]
    w, _, m, v = _moments(w, grad, m, v, **options)
    most = 2 / (1 - beta2) - 1
    length = most - 2 * t * beta2**t / (1 - beta2**t)
    move = m / (1 - beta1**t)
    if length > 5:
        careful = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        root = v.sqrt() + float(options.get("eps", 1e-8))
        move = move * (careful**0.5 * (1 - beta2**t) ** 0.5) / root
    return w - move * options["lr"], m, v


def _adamax(w: Any, grad: Any, m: Any, u: Any, **options: Any) -> tuple[Any, ...]:
    (beta1, beta2), step = options.get("betas", (0.9, 0.999)), options["step"]
    g = grad + w * float(options.get("weight_decay", 0.0))
    m = m * beta1 + g * (1 - beta1)
    u = (u * beta2).maximum(g.absolute() + float(options.get("eps", 1e-8)))
    return w - m / u * (options["lr"] / (1 - beta1**step)), m, u


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


def step_error(
    name: str, label: str, pattern: str, states: int, exception: type = ValueError, **options: Any
) -> ErrorCase:
    """A step with good lists and bad options."""

    def call() -> None:
        lists = [[np.full(3, i, np.float32)] for i in range(2 + states)]
        getattr(tk.kernels, name)(*lists, **options)

    return ErrorCase(label, call, exception, f"^{name}: {pattern}")


def step_spec(name: str, samples: list[Sample], formula: Any, errors: tuple[ErrorCase, ...]) -> OpSpec:
    # A face that computes numbers for another one's kernel is composed.
    kind = "composed" if name in ("nadam_step", "radam_step") else "kernel"
    own = each(formula)
    direction = Direction(name, samples, **analysed(own), function=_stepped(name), any_layout=False, has_out=False)
    return OpSpec(name=name, kind=kind, functional=(), directions=(direction,), errors=errors)


NUMBERS = {"step": 1, "lr": 0.1}
MOMENTA = {"mu": 0.4, "mu_next": 0.5, "mu_product": 0.4}
KIN_ERRORS = {
    "nadam_step": (
        step_error("nadam_step", "mu 1", "mu: expected .* < 1", 2, **NUMBERS, **{**MOMENTA, "mu": 1.0}),
        step_error("nadam_step", "lr", "lr: expected", 2, **MOMENTA, step=1, lr=-1.0),
    ),
    "radam_step": (
        step_error("radam_step", "step 0", "step: expected", 2, step=0, lr=0.1),
        step_error("radam_step", "eps", "eps: expected", 2, **NUMBERS, eps=-1.0),
    ),
    "adamax_step": (
        step_error("adamax_step", "step None", "step: expected", 2, TypeError, step=None, lr=0.1),
        step_error(
            "adamax_step", "states too few", "exp_infs: expected a list", 1, TypeError, **NUMBERS, exp_infs=None
        ),
    ),
}

SPECS = (
    step_spec("sgd_step", samples_of(SGD, 1), _sgd, SGD_ERRORS),
    step_spec(
        "adam_step",
        [
            *samples_of(ADAM, 2, (3,)),
            *samples_of({f"amsgrad, {label}": options for label, options in ADAM.items()}, 3, (3, 4)),
        ],
        _adam,
        ADAM_ERRORS,
    ),
    step_spec("nadam_step", samples_of(NADAM, 2, (3,)), _nadam, KIN_ERRORS["nadam_step"]),
    step_spec("radam_step", samples_of(RADAM, 2, (3,)), _radam, KIN_ERRORS["radam_step"]),
    step_spec("adamax_step", samples_of(ADAMAX, 2, (3,)), _adamax, KIN_ERRORS["adamax_step"]),
)
