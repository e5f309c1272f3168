"""SGD and Adam steps, both backends and every instruction set, against the formulas number by number."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines import ENGINES, NATIVE, engine
from tests.kernels.closeness import DTYPES, THREADS, assert_within, gamma
from tests.kernels.guarded import Guarded
from tests.oracles import optimizer as oracle

import tatamikomi as tk

Array = NDArray[Any]
K = tk.kernels
# Many small arrays beside each other in one chunk, tails of every length, empty ones and single numbers.
SHAPES: list[tuple[int, ...]] = [
    (),
    (0,),
    (1,),
    (3,),
    (7,),
    (2, 4),
    (3, 3),
    (15,),
    (16,),
    (17,),
    (0, 4),
    (31,),
    (33,),
]
SGD = [
    {
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": decay,
        "nesterov": nesterov,
        "first": first,
    }
    for momentum, dampening, decay, nesterov, first in product((0.0, 0.9), (0.0, 0.3), (0.0, 0.1), (0, 1), (0, 1))
    if not (nesterov and (momentum == 0 or dampening))
]
ADAM = [
    {"step": step, "weight_decay": decay, "decoupled": decoupled, "eps": eps}
    for step, decay, decoupled, eps in product((1, 2, 1000), (0.0, 0.1), (False, True), (1e-8, 0.1))
]


def guarded(shapes: list[tuple[int, ...]], dtype: Any, seed: int, positive: bool = False) -> list[Guarded]:
    rng = np.random.default_rng(seed)
    arrays = []
    for shape in shapes:
        arrays.append(Guarded(shape, dtype))
        values = rng.standard_normal(shape)
        arrays[-1].array[...] = np.abs(values) + 0.1 if positive else values
    return arrays


def arrays(guards: list[Guarded]) -> list[Array]:
    return [one.array for one in guards]


def scalars(lists: list[Array]) -> list[float]:
    return [float(v) for array in lists for v in array.ravel()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("options", SGD)
def test_sgd(name: str, dtype: Any, options: dict[str, Any]) -> None:
    w, v = guarded(SHAPES, dtype, 1), guarded(SHAPES, dtype, 2)
    g = arrays(guarded(SHAPES, dtype, 3))
    if options["first"]:
        for one in v:
            one.array[...] = np.nan  # nothing may be read from it
    before = list(zip(scalars(arrays(w)), scalars(g), scalars(arrays(v)), strict=True))
    kept = [grad.copy() for grad in g]
    with engine(name):
        K.sgd_step(arrays(w), g, arrays(v) if options["momentum"] else None, lr=0.05, **options)
    for guard in (*w, *v):
        guard.check()
    after = zip(scalars(arrays(w)), scalars(arrays(v)), before, strict=True)
    # The longest way of a term, weight_decay * w through v into w: three roundings into g; 1 - dampening twice,
    # product, sum; momentum, product, sum; lr, product, difference.
    bound = gamma(13, dtype)
    for new_w, new_v, (old_w, grad, old_v) in after:
        w_exact, v_exact = oracle.sgd(old_w, grad, old_v, 0.05, **options)
        assert abs(new_w - w_exact.value) <= bound * w_exact.size
        if v_exact is not None:
            assert abs(new_v - v_exact.value) <= bound * v_exact.size
    for grad, original in zip(g, kept, strict=True):
        np.testing.assert_array_equal(grad, original)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("options", ADAM)
def test_adam(name: str, dtype: Any, options: dict[str, Any]) -> None:
    w, m = guarded(SHAPES, dtype, 1), guarded(SHAPES, dtype, 2)
    v, g = guarded(SHAPES, dtype, 3, positive=True), arrays(guarded(SHAPES, dtype, 4))
    lists = arrays(w), g, arrays(m), arrays(v)
    before = list(zip(*map(scalars, lists), strict=True))
    betas = (0.9, 0.99)
    with engine(name):
        K.adam_step(*lists, lr=0.05, betas=betas, **options)
    for guard in (*w, *m, *v):
        guard.check()
    # g: 3 roundings; m: g - m, 1 - beta1 twice, product, sum: 8 on the longest way; v: g twice, 1 - beta2 twice,
    # two products, sum: 11. The move: m; half of v's and its root, the correction's root twice, the quotient,
    # eps, the sum; m / that; lr / correction1 twice; the product. The corrections 1 - beta**step are made in
    # float64 and lose what cancels there.
    step = options["step"]
    lost = sum(gamma(2, np.float64) / (1 - beta**step) for beta in betas)
    after = zip(scalars(lists[0]), scalars(lists[2]), scalars(lists[3]), before, strict=True)
    for new_w, new_m, new_v, old in after:
        w_exact, m_exact, v_exact, moved = oracle.adam(
            *old,
            lr=0.05,
            beta1=betas[0],
            beta2=betas[1],
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            decoupled=options["decoupled"],
            step=step,
        )
        assert abs(new_m - m_exact.value) <= gamma(8, dtype) * m_exact.size
        assert abs(new_v - v_exact.value) <= gamma(11, dtype) * v_exact.size
        limit = gamma(4, dtype) * w_exact.size + (gamma(8 + 11 + 12, dtype) + lost) * moved
        assert abs(new_w - w_exact.value) <= limit


@pytest.mark.parametrize("name", NATIVE)
def test_bits_for_any_number_of_threads_and_any_company(name: str) -> None:
    """One call for all parameters, one call each, 1 to 7 threads: the same bits."""
    shapes = [(5,), (40_001,), (3, 7), (0,), (123, 457), (17,), (8192,), (1,)]
    results = []
    with engine(name):
        for count in THREADS:
            w, m, v, g = (arrays(guarded(shapes, np.float32, seed, positive=seed == 3)) for seed in (1, 2, 3, 4))
            with tk.threads(count):
                K.sgd_step(w, g, m, lr=0.1, momentum=0.9, weight_decay=0.01)
                K.adam_step(w, g, m, v, step=3, lr=0.1, weight_decay=0.01)
            results.append([*w, *m, *v])
        w, m, v, g = (arrays(guarded(shapes, np.float32, seed, positive=seed == 3)) for seed in (1, 2, 3, 4))
        for one in zip(w, g, m, v, strict=True):
            a, b, c, d = ([array] for array in one)
            K.sgd_step(a, b, c, lr=0.1, momentum=0.9, weight_decay=0.01)
            K.adam_step(a, b, c, d, step=3, lr=0.1, weight_decay=0.01)
        results.append([*w, *m, *v])
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


def test_nothing_to_do() -> None:
    K.sgd_step([], [], lr=0.1)
    K.adam_step([], [], [], [], step=1, lr=0.1)


def test_gradients_of_any_layout_and_shared() -> None:
    g = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    expected = np.ones((4, 6), np.float32)
    K.sgd_step([expected], [g], lr=0.5)
    for grad in (np.asfortranarray(g), np.repeat(g, 2, axis=0)[::2], g.astype(">f4"), g.tolist()):
        w = np.ones((4, 6), np.float32)
        K.sgd_step([w], [grad], lr=0.5)
        np.testing.assert_array_equal(w, expected)
    first, second = np.ones((4, 6), np.float32), np.ones((4, 6), np.float32)
    K.sgd_step([first, second], [g, g], lr=0.5)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, expected)


W, G = np.ones(3), np.ones(3)
READ_ONLY = np.ones(3)
READ_ONLY.flags.writeable = False
LONG = np.ones(8)


def adam(w: Any = None, g: Any = None, m: Any = None, v: Any = None, **options: Any) -> None:
    lists = ([np.ones(3)] if given is None else given for given in (w, g, m, v))
    K.adam_step(*lists, **{"step": 1, "lr": 0.1, **options})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: K.sgd_step(W, [G], lr=0.1),
            TypeError,
            "sgd_step: params: expected a list of arrays, got ndarray",
        ),
        (
            lambda: K.sgd_step([W, [1.0]], [G, G], lr=0.1),
            TypeError,
            r"sgd_step: params\[1\]: .* in place, got list",
        ),
        (
            lambda: K.sgd_step([W, READ_ONLY], [G, G], lr=0.1),
            ValueError,
            r"sgd_step: params\[1\]: expected a writable, .*, got a read-only array",
        ),
        (
            lambda: K.sgd_step([LONG[::2]], [np.ones(4)], lr=0.1),
            ValueError,
            r"params\[0\]: .* got another layout",
        ),
        (
            lambda: K.sgd_step([W.astype(">f8")], [G], lr=0.1),
            ValueError,
            r"params\[0\]: .* native byte order",
        ),
        (
            lambda: K.sgd_step([np.arange(3)], [G], lr=0.1),
            TypeError,
            r"params\[0\]: expected float32 .* got int64",
        ),
        (
            lambda: K.sgd_step([W, np.ones(3, np.float32)], [G, G], lr=0.1),
            TypeError,
            r"sgd_step: params\[1\]: expected float64 as params\[0\], got float32",
        ),
        (
            lambda: K.sgd_step([W], [G, G], lr=0.1),
            ValueError,
            "grads: expected 1 arrays, one per .*, got 2 arrays",
        ),
        (
            lambda: K.sgd_step([W], [None], lr=0.1),
            TypeError,
            r"sgd_step: grads\[0\]: expected an array, got None",
        ),
        (
            lambda: K.sgd_step([W], [np.ones(4)], lr=0.1),
            ValueError,
            r"sgd_step: grads\[0\]: expected shape \(3,\) as its parameter, got shape \(4,\)",
        ),
        (lambda: K.sgd_step([W], [np.ones(3, np.float32)], lr=0.1), TypeError, r"grads\[0\]: .* got float32"),
        (
            lambda: K.sgd_step([W], [G], lr=0.1, momentum=0.9),
            TypeError,
            "sgd_step: velocities: expected a list of arrays, got NoneType",
        ),
        (
            lambda: K.sgd_step([W], [G], [READ_ONLY], lr=0.1, momentum=0.9),
            ValueError,
            r"sgd_step: velocities\[0\]: .* got a read-only array",
        ),
        (
            lambda: K.sgd_step([W], [G], lr=-1),
            ValueError,
            "sgd_step: lr: expected a finite number >= 0, got -1",
        ),
        (lambda: K.sgd_step([W], [G], lr=np.inf), ValueError, "sgd_step: lr: .*, got inf"),
        (lambda: K.sgd_step([W], [G], lr="fast"), TypeError, "sgd_step: lr: .*, got fast"),  # type: ignore[arg-type]
        (lambda: K.sgd_step([W], [G], lr=1, momentum=-0.5), ValueError, "sgd_step: momentum: .*, got -0.5"),
        (
            lambda: K.sgd_step([W], [G], lr=1, weight_decay=np.nan),
            ValueError,
            "sgd_step: weight_decay: .*, got nan",
        ),
        (
            lambda: K.sgd_step([W], [G], lr=1, nesterov=True),
            ValueError,
            r"sgd_step: nesterov: expected momentum > 0 and dampening = 0, got momentum=0.0, dampening=0.0",
        ),
        (
            lambda: K.sgd_step([LONG[:5], LONG[4:]], [np.ones(5), np.ones(4)], lr=1),
            ValueError,
            r"sgd_step: params\[0\]: expected memory of its own, got memory shared with params\[1\]",
        ),
        (lambda: K.sgd_step([W], [W], lr=1), ValueError, r"params\[0\]: .* memory shared with grads\[0\]"),
        (
            lambda: K.sgd_step([LONG[2:4]], [LONG[:2]], [LONG[3:5]], lr=1, momentum=0.9),
            ValueError,
            r"params\[0\]: .* memory shared with velocities\[0\]",
        ),
        (lambda: adam(v=[np.ones(4)]), ValueError, r"adam_step: exp_avg_sqs\[0\]: .*, got shape \(4,\)"),
        (
            lambda: adam(m=[]),
            ValueError,
            "adam_step: exp_avgs: expected 1 arrays, one per parameter, got 0 arrays",
        ),
        (
            lambda: adam(m=[W], v=[W]),
            ValueError,
            r"adam_step: exp_avgs\[0\]: .* shared with exp_avg_sqs\[0\]",
        ),
        (lambda: adam(step=0), ValueError, "adam_step: step: expected an integer, 1 <= step < 2.*, got 0"),
        (lambda: adam(step=1.5), TypeError, "adam_step: step: .*, got 1.5"),
        (lambda: adam(betas=(0.9, 1.0)), ValueError, r"adam_step: betas\[1\]: .* >= 0 and < 1, got 1.0"),
        (lambda: adam(betas=0.9), TypeError, r"adam_step: betas: expected two numbers .*, got 0.9"),
        (lambda: adam(eps=-1e-8), ValueError, "adam_step: eps: .*, got -1e-08"),
    ],
)
def test_messages(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("options", [o for o in SGD if not o["first"]] + [o for o in ADAM if o["step"] == 1])
def test_torch_agrees_after_a_hundred_steps(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    shapes = [(3, 4), (5,)]
    w = arrays(guarded(shapes, np.float64, 1))
    leaves = [torch.tensor(array, requires_grad=True) for array in w]
    states = [[np.zeros_like(array) for array in w] for _ in range(2)]
    ours = {k: o for k, o in options.items() if k not in ("first", "step", "decoupled")}
    if "step" in options:
        kind = torch.optim.AdamW if options["decoupled"] else torch.optim.Adam
        theirs = kind(leaves, lr=0.01, **ours)
    else:
        theirs = torch.optim.SGD(leaves, lr=0.01, **ours)
    rng = np.random.default_rng(2)
    with engine(name):
        for step in range(1, 101):
            grads = [rng.standard_normal(shape) for shape in shapes]
            for leaf, grad in zip(leaves, grads, strict=True):
                leaf.grad = torch.tensor(grad)
            theirs.step()
            if "step" in options:
                K.adam_step(w, grads, *states, step=step, lr=0.01, decoupled=options["decoupled"], **ours)
            else:
                K.sgd_step(w, grads, states[0], lr=0.01, first=step == 1, **ours)
    for array, leaf in zip(w, leaves, strict=True):
        assert_within(array, leaf.detach().numpy(), 1e-12)
