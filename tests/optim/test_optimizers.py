"""SGD, Adam, AdamW: their arithmetic against plain loops and against torch, groups, state, bad arguments."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import optim

EPS = np.finfo(np.float64).eps
STEPS = 40


def parameters(dtype=np.float64) -> list[tk.nn.Parameter]:
    draw = np.random.default_rng(7)
    return [tk.nn.Parameter(draw.standard_normal(shape).astype(dtype)) for shape in ((3, 4), (5,), ())]


def gradients(step: int) -> list[np.ndarray]:
    draw = np.random.default_rng((11, step))
    return [draw.standard_normal(shape) for shape in ((3, 4), (5,), ())]


def plain_sgd(w, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    velocity = None
    for grad in grads:
        g = grad + weight_decay * w
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        w = w - lr * g
    return w


def plain_adam(w, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = np.zeros_like(w)
    for t, grad in enumerate(grads, 1):
        g = grad if decoupled else grad + weight_decay * w
        w = w * (1 - lr * weight_decay) if decoupled else w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return w


SGD_OPTIONS = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.2},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
]
ADAM_OPTIONS = [
    {"lr": 0.05},
    {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3},
    {"lr": 0.05, "weight_decay": 0.3},
]
CASES = [
    *[(optim.SGD, "SGD", plain_sgd, options) for options in SGD_OPTIONS],
    *[(optim.Adam, "Adam", plain_adam, options) for options in ADAM_OPTIONS],
    *[(optim.AdamW, "AdamW", plain_adam, {"weight_decay": 0.01, **options}) for options in ADAM_OPTIONS],
]


def run(optimizer: optim.Optimizer, params: list[tk.nn.Parameter], start: int, stop: int) -> None:
    for step in range(start, stop):
        for param, grad in zip(params, gradients(step), strict=True):
            param.grad = grad.astype(param.dtype)
        optimizer.step()


def bound(options) -> float:
    """Roundings of float64 after STEPS steps.

    One step makes fewer than 32 roundings of numbers below `size`; an error in w comes back through weight
    decay and through the velocity, whose sum over all later steps is at most lr / (1 - momentum) of it per
    step. Adam's division by sqrt(v) amplifies by no more than 1 / sqrt(1 - beta2), v never being below (1 -
    beta2) g^2.
    """
    size = 16.0
    momentum = options.get("momentum", 0.0)
    beta = options.get("betas", (0.9, 0.999))[1]
    amplify = 1 / (1 - momentum) if "momentum" in options else 1 / math.sqrt(1 - beta)
    return 32 * EPS * size * STEPS * amplify


@pytest.mark.parametrize(("kind", "name", "plain", "options"), CASES)
def test_against_plain_loops(kind, name, plain, options):
    params = parameters()
    starts = [param.numpy().copy() for param in params]
    run(kind(params, **options), params, 0, STEPS)
    if name == "AdamW":
        options = {**options, "decoupled": True}
    for index, (param, start) in enumerate(zip(params, starts, strict=True)):
        expected = plain(start, [gradients(step)[index] for step in range(STEPS)], **options)
        assert np.abs(expected - start).max() > 0.01
        assert np.abs(param.numpy() - expected).max() <= bound(options)


@pytest.mark.parametrize(("kind", "name", "plain", "options"), CASES)
def test_against_torch(kind, name, plain, options):
    torch = pytest.importorskip("torch")
    params = parameters()
    theirs = [torch.nn.Parameter(torch.tensor(param.numpy().copy())) for param in params]
    other = getattr(torch.optim, name)(theirs, **options)
    run(kind(params, **options), params, 0, STEPS)
    for step in range(STEPS):
        for param, grad in zip(theirs, gradients(step), strict=True):
            param.grad = torch.tensor(grad)
        other.step()
    for ours, peer in zip(params, theirs, strict=True):
        assert np.abs(ours.numpy() - peer.detach().numpy()).max() <= bound(options)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_steps_count_as_writes_and_keep_dtype(kind):
    params = parameters(np.float32)
    arrays = [param.data for param in params]
    run(kind(params, lr=0.1), params, 0, 2)
    for param, array in zip(params, arrays, strict=True):
        assert param.data is array
        assert param.dtype == np.float32
        assert param.version == 2


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.5}])
def test_sgd_starts_each_parameter_with_its_first_gradient(options):
    early, late = tk.nn.Parameter(np.array([1.0])), tk.nn.Parameter(np.array([1.0]))
    optimizer = optim.SGD([early, late], lr=1.0, **options)
    early.grad = np.array([1.0])
    optimizer.step()
    late.grad = np.array([1.0])
    optimizer.step()
    grow = 1 - options.get("dampening", 0.0)
    assert late.item() == 0.0  # the first velocity is the gradient itself, undampened
    assert early.item() == 1.0 - 1.0 - (0.9 + grow)


def test_adam_counts_steps_per_parameter():
    early, late = tk.nn.Parameter(np.array([0.0])), tk.nn.Parameter(np.array([0.0]))
    optimizer = optim.Adam([early, late], lr=1.0, eps=0.0)
    early.grad = np.array([2.0])
    optimizer.step()
    late.grad = np.array([4.0])
    optimizer.step()
    # the bias-corrected first step is lr * g / |g|, up to the roundings of a handful of operations
    assert abs(late.item() + 1.0) <= 16 * EPS
    assert abs(early.item() + 2.0) <= 64 * EPS


def test_a_parameter_without_gradient_is_left_alone():
    one, two = tk.nn.Parameter([1.0]), tk.nn.Parameter([1.0])
    optimizer = optim.SGD([one, two], lr=0.5)
    one.grad = [1.0]
    optimizer.step()
    assert (one.item(), two.item(), two.version) == (0.5, 1.0, 0)
    optimizer.zero_grad()
    assert one.grad is None
    optimizer.step()
    assert one.item() == 0.5


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_dtypes_may_be_mixed(kind):
    one, two = tk.nn.Parameter(np.ones(2, np.float32)), tk.nn.Parameter(np.ones(2, np.float64))
    optimizer = kind([one, two], lr=0.5)
    one.grad, two.grad = np.ones(2, np.float32), np.ones(2)
    optimizer.step()
    assert (one.dtype, two.dtype) == (np.float32, np.float64)
    assert (one.numpy() < 1).all()
    assert (two.numpy() < 1).all()


def spy(calls: list[int], step):
    """The same function, noting how many parameters each call is given."""

    def call(params, *rest, **options):
        calls.append(len(params))
        step(params, *rest, **options)

    return call


def test_one_kernel_call_updates_a_group(monkeypatch):
    calls = []
    for name in ("sgd_step", "adam_step"):
        step = getattr(tk.kernels, name)
        monkeypatch.setattr(tk.kernels, name, spy(calls, step))
    for kind in (optim.SGD, optim.Adam, optim.AdamW):
        params = parameters()
        run(kind([{"params": params[:1]}, {"params": params[1:]}], lr=0.1), params, 0, 2)
    assert calls == [1, 2] * 6


def test_groups_have_options_of_their_own():
    one, two = tk.nn.Parameter([1.0]), tk.nn.Parameter([1.0])
    optimizer = optim.SGD([{"params": one}, {"params": [two], "lr": 0.25}], lr=0.5)
    one.grad, two.grad = [1.0], [1.0]
    optimizer.step()
    assert (one.item(), two.item()) == (0.5, 0.75)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert repr(optimizer).startswith("SGD(\n  group 0: 1 parameters, lr=0.5, momentum=0.0")


@pytest.mark.parametrize(("kind", "name", "plain", "options"), CASES)
def test_resuming_gives_the_same_bits(kind, name, plain, options):
    straight = parameters()
    run(kind(straight, **options), straight, 0, 8)
    first = parameters()
    optimizer = kind(first, **options)
    run(optimizer, first, 0, 3)
    state = optimizer.state_dict()
    second = [tk.nn.Parameter(param.numpy()) for param in first]
    run(optimizer, first, 3, 5)  # the state is a copy: this does not reach it
    resumed = kind(second, lr=123.0)
    resumed.load_state_dict(state)
    run(resumed, second, 3, 8)
    for one, two in zip(straight, second, strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()


def test_state_has_torchs_form():
    params = parameters()
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    run(optimizer, params, 0, 2)
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    assert sorted(state["state"]) == [0, 1, 2]
    assert sorted(state["state"][0]) == ["exp_avg", "exp_avg_sq", "step"]
    assert state["state"][2]["step"] == 2


def test_loading_what_does_not_fit_changes_nothing():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.25)
    run(optimizer, params, 0, 1)
    good = optimizer.state_dict()

    def broken(change):
        state = optimizer.state_dict()
        change(state)
        return state

    faults = [
        (lambda s: s["param_groups"].append(s["param_groups"][0]), "param_groups: expected"),
        (lambda s: s["param_groups"][0].pop("eps"), "param_groups: expected all options, got no eps"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "Adam: lr: expected a finite number >= 0"),
        (lambda s: s["state"].update({9: s["state"][0]}), "state: expected numbers below 3, got parameter 9"),
        (lambda s: s["state"][1].update(exp_avg=np.zeros(4)), r"state\[1\].exp_avg: expected shape \(5,\)"),
        (lambda s: s["state"][1].pop("step"), r"state\[1\]: expected exp_avg, exp_avg_sq, step, got"),
        (lambda s: s.pop("state"), "state_dict: expected a mapping"),
    ]
    for change, message in faults:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(broken(change))
        now = optimizer.state_dict()
        assert now["param_groups"] == good["param_groups"]
        assert np.array_equal(now["state"][1]["exp_avg"], good["state"][1]["exp_avg"])


P = tk.nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: optim.SGD([], lr=0.1), "SGD: params: expected at least one Tensor, got none"),
        (lambda: optim.SGD(P, lr=0.1), "SGD: params: expected an iterable of Tensors or of dicts, got Parameter"),
        (lambda: optim.SGD([np.ones(3)], lr=0.1), "SGD: params: expected Tensors, got ndarray"),
        (lambda: optim.SGD([P, P], lr=0.1), "SGD: params: expected every Tensor once, got a Tensor twice"),
        (lambda: optim.SGD([P * 2], lr=0.1), "SGD: params: expected leaves"),
        (lambda: optim.SGD([tk.tensor([1])], lr=0.1), "SGD: params: expected leaves of float32 or float64, got int64"),
        (lambda: optim.SGD([{"lr": 1}], lr=0.1), 'SGD: params: expected a group with the key "params"'),
        (lambda: optim.SGD([{"params": P, "beta": 1}]), "SGD: params: .* got the option 'beta'"),
        (lambda: optim.SGD([P], lr=-0.1), "SGD: lr: expected a finite number >= 0, got -0.1"),
        (lambda: optim.SGD([P], lr=math.nan), "SGD: lr: expected a finite number >= 0, got nan"),
        (lambda: optim.SGD([P], lr="fast"), "SGD: lr: expected a number, got str"),
        (lambda: optim.SGD([P], momentum=-1), "SGD: momentum: "),
        (lambda: optim.SGD([P], nesterov=True), "SGD: nesterov: expected momentum > 0 and dampening = 0"),
        (lambda: optim.SGD([P], momentum=0.9, dampening=0.1, nesterov=True), "SGD: nesterov: "),
        (lambda: optim.SGD([P], nesterov=1), "SGD: nesterov: expected True or False, got int"),
        (lambda: optim.Adam([P], betas=(0.9, 1.0)), "Adam: betas: expected a finite number >= 0 and < 1, got 1.0"),
        (lambda: optim.Adam([P], betas=0.9), "Adam: betas: expected two numbers"),
        (lambda: optim.Adam([P], eps=-1), "Adam: eps: "),
        (lambda: optim.AdamW([P], weight_decay=-1), "AdamW: weight_decay: "),
        (lambda: optim.AdamW([{"params": P, "lr": -1}]), "AdamW: lr: "),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()
