"""What happens between a batch's loss and the next: accumulation, clipping, penalties, limits, averages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim, training
from tatamikomi.training.update import Update

DRAW = np.random.default_rng(5)
X, Y = DRAW.standard_normal((24, 6)), DRAW.integers(0, 3, 24)


def model() -> nn.Module:
    draw = tk.Generator(4)
    return nn.Sequential(
        nn.Linear(6, 5, dtype="f8", generator=draw), nn.Tanh(), nn.Linear(5, 3, dtype="f8", generator=draw)
    )


def batches(*sizes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    edges = np.cumsum([0, *sizes])
    return [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(edges)]


def trained(parts, epochs: int = 3, kind=optim.SGD, lr: float = 0.5, **options) -> tuple[training.Trainer, list]:
    net = model()
    options = {name: given(net) if callable(given) else given for name, given in options.items()}
    trainer = training.Trainer(net, kind(net.parameters(), lr=lr), **options)
    trainer.fit(parts, epochs=epochs)
    return trainer, [param.numpy() for param in net.parameters()]


def by_hand(change, lr: float = 0.5, steps: int = 3, after=None, penalty=None) -> list:
    """Steps of SGD on all of X; `change` sees the parameters with their gradients, `after` after the step."""
    net = model()
    params = list(net.parameters())
    for _ in range(steps):
        net.zero_grad()
        loss = nn.CrossEntropyLoss()(net(X), Y)
        if penalty is not None:
            loss = loss + penalty(params)
        loss.backward()
        change(params)
        for param in params:
            param.data = param.numpy() - lr * param.grad.numpy()
        if after is not None:
            after(params)
    return [param.numpy() for param in params]


def assert_close(ours, expected, limit: float = 1e-13) -> None:
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=limit, atol=limit)


def nothing(params) -> None:
    pass


@pytest.mark.parametrize(
    ("sizes", "accumulate"), [((8, 8, 8), 3), ((12, 12), 2), ((5, 16, 3), 3), ((1,) * 24, 24), ((20, 4), 7)]
)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_k_batches_are_one(sizes, accumulate, kind):
    """To rounding, and batches of different sizes, too."""
    whole, expected = trained(batches(24), kind=kind, lr=0.05)
    parts, ours = trained(batches(*sizes), kind=kind, lr=0.05, accumulate=accumulate)
    assert_close(ours, expected, 1e-10)
    assert parts.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-10)
    _, other = trained(batches(*sizes), kind=kind, lr=0.05)
    assert np.abs(other[0] - expected[0]).max() > 1e-6


def test_an_epoch_ends_with_a_step_on_what_is_left():
    _, ours = trained(batches(6, 6, 6, 6), epochs=1, accumulate=3)
    _, expected = trained(batches(18, 6), epochs=1)
    assert_close(ours, expected)


def test_the_schedule_and_the_average_count_steps_not_batches():
    net = model()
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    schedule, ema = optim.ExponentialLR(optimizer, 0.5), optim.EMA(net, 0.5)
    trainer = training.Trainer(
        net, optimizer, scheduler=schedule, schedule="step", accumulate=3, average=ema, metrics={}
    )
    trainer.fit(batches(6, 6, 6, 6), epochs=2)
    assert schedule.last_epoch == ema.updates == 4


def test_an_epoch_that_broke_leaves_no_batch_behind():
    class Break(training.Callback):
        broke = False

        def on_batch_end(self, trainer, samples, measures):
            if not self.broke:
                self.broke = True
                raise KeyboardInterrupt

    net = model()
    trainer = training.Trainer(net, optim.SGD(net.parameters(), lr=0.5), callbacks=[Break()], accumulate=2)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches(12, 12), epochs=1)
    trainer.fit(batches(12, 12), epochs=3)
    assert_close([param.numpy() for param in net.parameters()], trained(batches(24))[1], 1e-10)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"clip_grad_norm": 0.1}, lambda params: nn.utils.clip_grad_norm_(params, 0.1)),
        ({"clip_grad_value": 0.01}, lambda params: nn.utils.clip_grad_value_(params, 0.01)),
        ({"agc": 0.02}, lambda params: nn.utils.adaptive_clip_grad_(params, 0.02)),
        (
            {"clip_grad_norm": 0.02, "clip_grad_value": 0.01},
            lambda params: (nn.utils.clip_grad_value_(params, 0.01), nn.utils.clip_grad_norm_(params, 0.02)),
        ),
    ],
)
def test_gradients_are_clipped(options, change):
    _, ours = trained(batches(24), **options)
    assert_close(ours, by_hand(change))
    assert np.abs(ours[0] - by_hand(nothing)[0]).max() > 1e-4


def test_clipping_sees_the_average_of_all_batches():
    _, ours = trained(batches(8, 8, 8), accumulate=3, clip_grad_norm=0.1)
    _, expected = trained(batches(24), clip_grad_norm=0.1)
    assert_close(ours, expected, 1e-12)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_penalty_is_added_once_per_step(accumulate):
    penalty = optim.ElasticNet(0.03, 0.02)
    parts = batches(24) if accumulate == 1 else batches(8, 8, 8)
    trainer, ours = trained(parts, regularizer=penalty, accumulate=accumulate)
    expected = by_hand(nothing, penalty=lambda params: penalty.penalty([one for one in params if one.ndim > 1]))
    assert_close(ours, expected, 1e-12)
    plain, weights = trained(batches(24))
    assert trainer.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=1e-12)  # that of the data alone
    assert np.abs(ours[0] - weights[0]).max() > 1e-3


def test_the_proximal_step_makes_exact_zeros():
    penalty = optim.L1(0.05, proximal=True)
    _, ours = trained(batches(24), epochs=30, regularizer=penalty)

    def after(params):
        penalty.prox_([one for one in params if one.ndim > 1], 0.5)

    assert_close(ours, by_hand(nothing, steps=30, after=after))
    assert 0 < (ours[0] == 0).sum() < ours[0].size
    assert (trained(batches(24), epochs=30, regularizer=optim.L1(0.05))[1][0] != 0).all()


def test_the_proximal_step_has_the_rate_of_its_group():
    net = model()
    groups = [{"params": [net[0].weight]}, {"params": [net[2].weight], "lr": 0.0}]
    before = net[2].weight.numpy().copy()
    trainer = training.Trainer(net, optim.SGD(groups, lr=0.5), regularizer=optim.L1(0.3, proximal=True))
    trainer.fit(batches(24), epochs=3)
    assert np.array_equal(net[2].weight.numpy(), before)
    assert (net[0].weight.numpy() == 0).any()


def test_units_stay_within_the_limit():
    _, ours = trained(batches(24), epochs=10, constraint=optim.MaxNorm(0.7))
    norms = [np.linalg.norm(one, axis=1) for one in ours if one.ndim > 1]
    assert max(norm.max() for norm in norms) <= 0.7 * (1 + 1e-12)
    expected = by_hand(
        nothing, steps=10, after=lambda params: optim.MaxNorm(0.7).apply_([one for one in params if one.ndim > 1])
    )
    assert_close(ours, expected)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averages_are_measured_and_the_weights_come_back(kind):
    average = {"ema": lambda net: optim.EMA(net, 0.9), "swa": lambda net: optim.SWA(net)}[kind]
    trainer, ours = trained(batches(12, 12), epochs=4, average=average)
    plain, weights = trained(batches(12, 12), epochs=4)
    weights = [one.copy() for one in weights]
    assert_close(ours, weights, 0)
    assert trainer.average.updates == {"ema": 8, "swa": 4}[kind]
    measured = trainer.evaluate(batches(24))["loss"]
    output = trainer.predict(X)
    for param, mean in zip(plain.model.parameters(), trainer.average.averages(), strict=True):
        param.copy_(mean)
    assert measured == plain.evaluate(batches(24))["loss"]
    assert np.array_equal(output, plain.predict(X))
    assert_close([param.numpy() for param in trainer.model.parameters()], weights, 0)


def test_validation_measures_the_averages():
    net = model()
    ema = optim.EMA(net, 1.0)  # the weights of the beginning for ever
    begin = training.Trainer(model(), optim.SGD(model().parameters())).evaluate(batches(24))["loss"]
    trainer = training.Trainer(net, optim.SGD(net.parameters(), lr=0.5), average=ema)
    history = trainer.fit(batches(24), batches(24), epochs=3)
    assert [entry["validation_loss"] for entry in history] == [begin] * 3


P = nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "^Trainer: accumulate: expected an integer >= 1, got 0"),
        ({"accumulate": 1.5}, "^Trainer: accumulate: expected an integer, got float"),
        ({"clip_grad_norm": 0}, "^Trainer: clip_grad_norm: expected a finite number > 0, got 0"),
        ({"clip_grad_value": "1"}, "^Trainer: clip_grad_value: expected a number or None, got str"),
        ({"agc": -1}, "^Trainer: agc: expected a finite number > 0, got -1"),
        ({"regularizer": 0.1}, "^Trainer: regularizer: expected an instance of ElasticNet, got float"),
        ({"constraint": 0.1}, "^Trainer: constraint: expected an instance of MaxNorm, got float"),
        ({"average": 0.1}, "^Trainer: average: expected an EMA or a SWA, got float"),
    ],
)
def test_bad_options_are_named(options, message):
    net = model()
    with pytest.raises((TypeError, ValueError), match=message):
        training.Trainer(net, optim.SGD(net.parameters()), **options)


def test_nothing_to_step_with():
    assert not Update(optim.SGD([P])).flush()
