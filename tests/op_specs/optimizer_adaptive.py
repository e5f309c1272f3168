"""Steps of Adagrad, Adadelta, RMSprop, Lion and LAMB over many arrays in one call."""

from __future__ import annotations

from typing import Any

from tests.op_specs.optimizer import samples_of, step_error, step_spec
from tests.op_specs.spec import Call, Draw, Sample

ADAGRAD = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "weight_decay": 0.1, "eps": 1e-3},
    "maximize": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
}
ADADELTA = {
    "plain": {},
    "weight decay": {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1, "eps": 1e-3},
    "maximize": {"rho": 1, "weight_decay": 0.1, "maximize": True},
}
RMSPROP = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "alpha": 0.8, "weight_decay": 0.1, "eps": 1e-3},
    "momentum": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
    "maximize": {"lr": 0.1, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
}
LION = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1},
    "maximize": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
}
LAMB = {
    "first step": {"step": 1, "lr": 0.01},
    "later step": {"step": 7, "lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3},
    "weight decay": {"step": 3, "lr": 0.01, "weight_decay": 0.1},
    "maximize": {"step": 3, "lr": 0.01, "weight_decay": 0.1, "maximize": True},
}


def _slope(w: Any, grad: Any, options: dict[str, Any]) -> Any:
    return grad + w * float(options.get("weight_decay", 0.0))


def _adagrad(w: Any, grad: Any, s: Any, **options: Any) -> tuple[Any, ...]:
    g = _slope(w, grad, options)
    s = s + g * g
    return w - g / (s.sqrt() + float(options.get("eps", 1e-10))) * options["lr"], s


def _adadelta(w: Any, grad: Any, s: Any, a: Any, **options: Any) -> tuple[Any, ...]:
    g, rho, eps = _slope(w, grad, options), float(options.get("rho", 0.9)), float(options.get("eps", 1e-6))
    s = s * rho + g * g * (1 - rho)
    move = g * (a + eps).sqrt() / (s + eps).sqrt()
    return w - move * float(options.get("lr", 1.0)), s, a * rho + move * move * (1 - rho)


def _rmsprop(w: Any, grad: Any, s: Any, b: Any, m: Any = None, **options: Any) -> tuple[Any, ...]:
    g, alpha, momentum = _slope(w, grad, options), float(options.get("alpha", 0.99)), options.get("momentum", 0.0)
    s = s * alpha + g * g * (1 - alpha)
    spread = s
    if m is not None:
        m = m * alpha + g * (1 - alpha)
        spread = (s - m * m).maximum(0)
    move = g / (spread.sqrt() + float(options.get("eps", 1e-8)))
    b = b * momentum + move if momentum else b
    moved = w - (b if momentum else move) * options["lr"]
    return (moved, s, b) if m is None else (moved, s, b, m)


def _lion(w: Any, grad: Any, m: Any, **options: Any) -> tuple[Any, ...]:
    (beta1, beta2), lr = options.get("betas", (0.9, 0.99)), options["lr"]
    ahead = (m * beta1 + grad * (1 - beta1)).sign()
    return w * (1 - lr * options.get("weight_decay", 0.0)) - ahead * lr, m * beta2 + grad * (1 - beta2)


def _lamb(w: Any, grad: Any, m: Any, v: Any, **options: Any) -> tuple[Any, ...]:
    (beta1, beta2), step = options.get("betas", (0.9, 0.999)), options["step"]
    m, v = m * beta1 + grad * (1 - beta1), v * beta2 + grad * grad * (1 - beta2)
    root = (v / (1 - beta2**step)).sqrt() + float(options.get("eps", 1e-6))
    u = m / (1 - beta1**step) / root + w * float(options.get("weight_decay", 0.0))
    if not w.value.size:
        return w, m, v
    size, length = ((one * one).reshape(one.value.size).sum(0).sqrt() for one in (w, u))
    return w - u * (size / length) * options["lr"], m, v


def _small_means(options: dict[str, dict[str, Any]]) -> list[Sample]:
    """Centered RMSprop: means whose square stays below the mean square, so that nothing cancels."""

    def shrunk(sample: Sample) -> Sample:
        def make(draw: Draw) -> Call:
            call = sample.make(draw)
            *lists, means = call.args
            return Call((*lists, [mean / 16 for mean in means]), call.kwargs)

        return Sample(f"centered, {sample.label}", make, sample.big)

    return [shrunk(sample) for sample in samples_of(options, 3, (2,))]


SPECS = (
    step_spec(
        "adagrad_step",
        samples_of(ADAGRAD, 1, (2,)),
        _adagrad,
        (
            step_error("adagrad_step", "sums None", "sums: expected a list", 0, TypeError, sums=None, lr=0.1),
            step_error("adagrad_step", "eps", "eps: expected", 1, lr=0.1, eps=-1.0),
        ),
    ),
    step_spec(
        "adadelta_step",
        samples_of(ADADELTA, 2, (2, 3)),
        _adadelta,
        (step_error("adadelta_step", "rho", "rho: expected .* <= 1", 2, rho=1.5),),
    ),
    step_spec(
        "rmsprop_step",
        [*samples_of(RMSPROP, 2, (2,)), *_small_means(RMSPROP)],
        _rmsprop,
        (
            step_error("rmsprop_step", "alpha", "alpha: expected .* <= 1", 1, lr=0.1, alpha=-0.5),
            step_error("rmsprop_step", "no buffers", "momentum_buffers: .* a list", 1, TypeError, lr=1, momentum=0.9),
        ),
    ),
    step_spec(
        "lion_step",
        samples_of(LION, 1),
        _lion,
        (step_error("lion_step", "betas", "betas: expected two numbers", 1, TypeError, lr=0.1, betas=(0.9,)),),
    ),
    step_spec(
        "lamb_step",
        samples_of(LAMB, 2, (3,)),
        _lamb,
        (step_error("lamb_step", "weight_decay", "weight_decay: expected", 2, step=1, lr=0.1, weight_decay=-1.0),),
    ),
)
