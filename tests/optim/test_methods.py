"""Every optimizer and option after 100 steps: as plain loops and as torch have it; state that goes both ways."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.optim import plain

import tatamikomi as tk
from tatamikomi import optim

STEPS = 100
SHAPES = ((3, 4), (5,), (), (2, 17))
CASES = {
    "SGD": [
        {"lr": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.05, "amsgrad": True},
        {"lr": 0.05, "amsgrad": True, "weight_decay": 0.3, "betas": (0.5, 0.9), "eps": 1e-3},
        {"lr": 0.05, "maximize": True, "weight_decay": 0.3},
        {"lr": 0.05, "maximize": True, "amsgrad": True},
    ],
    "AdamW": [
        {"lr": 0.05, "amsgrad": True},
        {"lr": 0.05, "maximize": True, "weight_decay": 0.3},
    ],
    "Adamax": [{"lr": 0.05}, {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3, "maximize": True}],
    "NAdam": [
        {"lr": 0.05},
        {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3, "momentum_decay": 0.1},
        {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {"lr": 0.05},
        {"lr": 0.05, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3},
        {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.1},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        {"lr": 0.1, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}],
    "RMSprop": [
        {},
        {"lr": 0.05, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
    ],
    "Lion": [{"lr": 0.01}, {"lr": 0.01, "betas": (0.5, 0.8), "weight_decay": 0.3, "maximize": True}],
    "LAMB": [{"lr": 0.01}, {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3, "maximize": True}],
}
ALL = [
    pytest.param(name, options, id=f"{name}-{i}") for name, cases in CASES.items() for i, options in enumerate(cases)
]
NOT_IN_TORCH = ("LAMB", "Lion")
IN_TORCH = [one for one in ALL if one.values[0] not in NOT_IN_TORCH]


def starts() -> list[np.ndarray]:
    draw = np.random.default_rng(7)
    return [draw.standard_normal(shape) for shape in SHAPES]


def gradients(step: int) -> list[np.ndarray]:
    draw = np.random.default_rng((11, step))
    return [draw.standard_normal(shape) for shape in SHAPES]


def run(optimizer, params, begin, end, tensor=np.asarray) -> None:
    for step in range(begin, end):
        for param, grad in zip(params, gradients(step), strict=True):
            param.grad = tensor(grad.astype(param.dtype) if isinstance(param, tk.Tensor) else grad)
        optimizer.step()


def build(name, options, dtype=np.float64):
    params = [tk.nn.Parameter(start.astype(dtype)) for start in starts()]
    return getattr(optim, name)(params, **options), params


def assert_close(ours, theirs, limit=1e-9) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=limit, atol=limit)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(("name", "options"), ALL)
def test_as_plain_loops(name, options, backend):
    with tk.backend(backend):
        optimizer, params = build(name, options)
        run(optimizer, params, 0, STEPS)
    for i, (param, start) in enumerate(zip(params, starts(), strict=True)):
        grads = [gradients(step)[i] for step in range(STEPS)]
        expected = getattr(plain, name.lower())(start, grads, **options)
        assert np.abs(expected - start).max() > 1e-3
        assert_close([param.numpy()], [expected])


@pytest.mark.parametrize(("name", "options"), ALL)
def test_every_option_matters(name, options):
    """The plain loops change when one option falls back to its default: agreement above says something of each."""
    grads = [gradients(step)[3] for step in range(STEPS)]
    with_all = getattr(plain, name.lower())(starts()[3], grads, **options)
    for left_out in options:
        others = {key: value for key, value in options.items() if key != left_out}
        if left_out == "momentum":
            others.pop("nesterov", None)
        without = getattr(plain, name.lower())(starts()[3], grads, **others)
        assert np.abs(with_all - without).max() > 1e-6, left_out


@pytest.mark.parametrize(("name", "options"), IN_TORCH)
def test_as_torch(name, options):
    torch = pytest.importorskip("torch")
    optimizer, params = build(name, options)
    theirs = [torch.nn.Parameter(torch.tensor(start)) for start in starts()]
    other = getattr(torch.optim, name)(theirs, **options)
    run(optimizer, params, 0, STEPS)
    run(other, theirs, 0, STEPS, torch.tensor)
    # torch keeps NAdam's product of momenta in float32
    limit = 1e-6 if name == "NAdam" else 1e-9
    assert_close([param.numpy() for param in params], [one.detach().numpy() for one in theirs], limit)


@pytest.mark.parametrize(("name", "options"), IN_TORCH)
def test_state_goes_both_ways_between_torch_and_here(name, options):
    torch = pytest.importorskip("torch")
    optimizer, params = build(name, options)
    run(optimizer, params, 0, 10)
    theirs = [torch.nn.Parameter(torch.tensor(param.numpy())) for param in params]
    other = getattr(torch.optim, name)(theirs, lr=123.0)
    state = optimizer.state_dict()
    for memory in state["state"].values():
        for key, value in memory.items():
            memory[key] = torch.as_tensor(value, dtype=torch.float32 if np.ndim(value) == 0 and key == "step" else None)
    other.load_state_dict(state)
    run(other, theirs, 10, 20, torch.tensor)
    run(optimizer, params, 10, 20)
    limit = 1e-6 if name == "NAdam" else 1e-9
    assert_close([param.numpy() for param in params], [one.detach().numpy() for one in theirs], limit)

    back = [tk.nn.Parameter(one.detach().numpy()) for one in theirs]
    third = getattr(optim, name)(back, lr=123.0)
    third.load_state_dict(other.state_dict())
    run(third, back, 20, 30)
    run(other, theirs, 20, 30, torch.tensor)
    assert_close([param.numpy() for param in back], [one.detach().numpy() for one in theirs], limit)


@pytest.mark.parametrize(("name", "options"), ALL)
@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_going_on_gives_the_same_bits(name, options, way):
    straight, expected = build(name, options, np.float32)
    run(straight, expected, 0, 8)
    first, params = build(name, options, np.float32)
    run(first, params, 0, 5)
    if way == "state_dict":
        second = [tk.nn.Parameter(param.numpy()) for param in params]
        resumed = getattr(optim, name)(second, lr=123.0)
        resumed.load_state_dict(first.state_dict())
    else:
        resumed, second = (
            copy.deepcopy((first, params)) if way == "deepcopy" else pickle.loads(pickle.dumps((first, params)))
        )
        run(first, params, 5, 7)  # the copy is one: this does not reach it
    run(resumed, second, 5, 8)
    for one, two in zip(expected, second, strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()


def spy(calls, name, kernel):
    """The same function, noting its name and how many parameters each call is given."""

    def call(params, *rest, **options):
        calls.append((name, len(params)))
        kernel(params, *rest, **options)

    return call


@pytest.mark.parametrize("name", CASES)
def test_one_call_of_a_kernel_updates_a_group(name, monkeypatch):
    calls = []
    for kernel in [one for one in tk.kernels.__all__ if one.endswith("_step")]:
        monkeypatch.setattr(tk.kernels, kernel, spy(calls, kernel, getattr(tk.kernels, kernel)))
    optimizer, params = build(name, {})
    run(optimizer, params, 0, 2)
    kernel = {"AdamW": "adam_step"}.get(name, f"{name.lower()}_step")
    assert calls == [(kernel, len(SHAPES))] * 2


@pytest.mark.parametrize("name", CASES)
def test_infinite_and_missing_gradients(name):
    """A NaN stays in its place; a parameter without a gradient stays as it is and remembers nothing."""
    one, two = tk.nn.Parameter(np.ones(37)), tk.nn.Parameter(np.ones(3))
    optimizer = getattr(optim, name)([one, two])
    one.grad = np.where(np.arange(37) == 20, np.nan, 1.0)
    optimizer.step()
    if name != "LAMB":  # whose rate comes from the norm of all
        assert np.isnan(one.numpy()).nonzero()[0].tolist() == [20]
    assert two.version == 0
    assert 1 not in optimizer.state_dict()["state"]


def test_centered_rmsprop_of_a_constant_gradient_stays_finite():
    """The variance is 0 then, and rounding may leave it below."""
    for backend in ("native", "reference"):
        with tk.backend(backend):
            w = tk.nn.Parameter(np.full(64, 1.0, np.float32))
            optimizer = optim.RMSprop([w], alpha=0.5, centered=True, eps=1.0)
            for _ in range(200):
                w.grad = np.linspace(0.1, 3, 64, dtype=np.float32)
                optimizer.step()
            assert np.isfinite(w.numpy()).all()


def test_amsgrad_switched_on_later_begins_with_zeros():
    w = tk.nn.Parameter(np.ones(3))
    optimizer = optim.Adam([w])
    w.grad = np.ones(3)
    optimizer.step()
    optimizer.param_groups[0]["amsgrad"] = True
    optimizer.step()
    memory = optimizer.state_dict()["state"][0]
    assert np.array_equal(memory["max_exp_avg_sq"], memory["exp_avg_sq"])


def test_lamb_scales_each_parameter_by_its_norms():
    """Norms of arrays longer than a chunk, and bits that do not depend on threads or company."""
    draw = np.random.default_rng(0)
    shapes = [(3,), (20_000,), (0,), (8192,), (9000, 3)]
    w, m, g = ([draw.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(3))
    v = [draw.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes]
    results = []
    for threads in (1, 3):
        with tk.threads(threads):
            lists = [[one.copy() for one in arrays] for arrays in (w, m, v)]
            tk.kernels.lamb_step(lists[0], g, lists[1], lists[2], step=2, lr=0.1, weight_decay=0.1)
            results.append(lists[0])
    alone = [one.copy() for one in w]
    for i in range(len(shapes)):
        tk.kernels.lamb_step([alone[i]], [g[i]], [m[i].copy()], [v[i].copy()], step=2, lr=0.1, weight_decay=0.1)
    for one, two, three in zip(*results, alone, strict=True):
        assert one.tobytes() == two.tobytes() == three.tobytes()
    for before, after in zip(w, alone, strict=True):
        # |w - w'| = lr |w|: the sums of at most 30,000 squares are off by 2**-9 at the very most
        np.testing.assert_allclose(np.linalg.norm(before - after), 0.1 * np.linalg.norm(before), rtol=2**-9)


def test_state_of_older_versions_has_no_maximize():
    optimizer, params = build("Adam", {"lr": 0.5})
    run(optimizer, params, 0, 1)
    state = optimizer.state_dict()
    for name in ("amsgrad", "maximize"):
        del state["param_groups"][0][name]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["amsgrad"] is False
