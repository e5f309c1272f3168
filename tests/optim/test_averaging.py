"""Averages of weights: values, exchange, state; the schedule beside them; batch statistics for them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim, training

STEPS = 20


def weights(step: int) -> list[np.ndarray]:
    draw = np.random.default_rng((3, step))
    return [draw.standard_normal(shape) for shape in ((3, 4), (5,), ())]


def build(kind, dtype=np.float64, **options):
    params = [nn.Parameter(one.astype(dtype)) for one in weights(0)]
    return kind(params, **options), params


def walk(average, params, begin=1, end=STEPS):
    for step in range(begin, end):
        for param, value in zip(params, weights(step), strict=True):
            param.copy_(value.astype(param.dtype))
        average.update()


@pytest.mark.parametrize("warmup", [False, True])
def test_ema_is_the_fading_mean(warmup):
    ema, params = build(optim.EMA, decay=0.9, warmup=warmup)
    walk(ema, params)
    expected = weights(0)
    for t, step in enumerate(range(1, STEPS)):
        decay = min(0.9, (1 + t) / (10 + t)) if warmup else 0.9
        expected = [decay * one + (1 - decay) * new for one, new in zip(expected, weights(step), strict=True)]
    for one, other in zip(ema.averages(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("start", [0, 4])
def test_swa_is_the_equal_mean(start):
    swa, params = build(optim.SWA, start=start)
    walk(swa, params)
    expected = [np.mean([weights(step)[i] for step in range(1 + start, STEPS)], axis=0) for i in range(3)]
    for one, other in zip(swa.averages(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    walk(early := build(optim.SWA, start=9)[0], early._params, end=4)
    for one, param in zip(early.averages(), early._params, strict=True):
        assert np.array_equal(one, param.numpy())


@pytest.mark.parametrize("kind", ["EMA", "SWA"])
def test_as_torch_averages(kind):
    torch = pytest.importorskip("torch")
    swa_utils = pytest.importorskip("torch.optim.swa_utils")
    decay = None if kind == "SWA" else swa_utils.get_ema_multi_avg_fn(0.9)
    average, params = build(getattr(optim, kind), **({"decay": 0.9} if kind == "EMA" else {}))
    theirs = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(one)) for one in weights(0)])
    model = swa_utils.AveragedModel(theirs, multi_avg_fn=decay)
    if kind == "EMA":
        model.update_parameters(theirs)  # torch's first update copies; ours has the weights from the beginning
    walk(average, params)
    for step in range(1, STEPS):
        with torch.no_grad():
            for one, value in zip(theirs, weights(step), strict=True):
                one.copy_(torch.tensor(value))
        model.update_parameters(theirs)
    for one, other in zip(average.averages(), model.module, strict=True):
        np.testing.assert_allclose(one, other.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [optim.EMA, optim.SWA])
def test_applied_inside_of_the_block_only(kind):
    average, params = build(kind, np.float32)
    walk(average, params)
    before, arrays = [param.numpy().copy() for param in params], [param.data for param in params]
    averages, versions = average.averages(), [param.version for param in params]

    def inside():
        with average.applied():
            for param, one, array in zip(params, averages, arrays, strict=True):
                assert param.numpy().tobytes() == one.tobytes()
                assert param.data is array  # in place: whoever holds the array sees it, too
            assert all(param.version > version for param, version in zip(params, versions, strict=True))
            for one, other in zip(average.averages(), averages, strict=True):
                assert one.tobytes() == other.tobytes()
            with pytest.raises(RuntimeError, match=r"update: the averages are applied"):
                average.update()
            with average.applied():  # already: nothing to exchange
                assert params[0].numpy().tobytes() == averages[0].tobytes()
            raise KeyError

    with pytest.raises(KeyError):
        inside()
    for param, one in zip(params, before, strict=True):
        assert param.numpy().tobytes() == one.tobytes()


@pytest.mark.parametrize("kind", [optim.EMA, optim.SWA])
@pytest.mark.parametrize("way", ["state_dict", "deepcopy"])
def test_going_on_gives_the_same_bits(kind, way):
    straight, expected = build(kind, np.float32)
    walk(straight, expected)
    first, params = build(kind, np.float32)
    walk(first, params, end=9)
    if way == "state_dict":
        second, others = build(kind, np.float32)
        state = first.state_dict()
        walk(first, params, 9, 12)  # the state is a copy
        second.load_state_dict(state)
    else:
        second, others = copy.deepcopy((first, params))
    walk(second, others, begin=9)
    for one, two in zip(straight.averages(), second.averages(), strict=True):
        assert one.tobytes() == two.tobytes()


def test_buffers_are_averaged_when_asked_for():
    for use in (False, True):
        model = nn.BatchNorm1d(2)
        ema = optim.EMA(model, decay=0.5, use_buffers=use)
        model.running_mean[...] = 8
        ema.update()
        with ema.applied():
            assert model.running_mean.tolist() == ([4, 4] if use else [8, 8])
        assert model.running_mean.tolist() == [8, 8]


def test_mixed_dtypes_and_one_call_per_dtype(monkeypatch):
    calls, step = [], tk.kernels.sgd_step

    def spy(params, *rest, **options):
        calls.append(len(params))
        step(params, *rest, **options)

    params = [nn.Parameter(np.zeros(2, dtype)) for dtype in ("f4", "f8", "f4")]
    ema = optim.EMA(params, 0.5)
    for param in params:
        param.data += 1
    monkeypatch.setattr(tk.kernels, "sgd_step", spy)
    ema.update()
    assert calls == [2, 1]
    assert [one.tolist() for one in ema.averages()] == [[0.5, 0.5]] * 3


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_swalr_as_torch(strategy, epochs):
    torch = pytest.importorskip("torch")
    swa_utils = pytest.importorskip("torch.optim.swa_utils")
    ours = optim.SGD([{"params": nn.Parameter([1.0])}, {"params": nn.Parameter([1.0]), "lr": 2.0}], lr=1.0)
    leaves = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    theirs = torch.optim.SGD([{"params": leaves[:1]}, {"params": leaves[1:], "lr": 2.0}], lr=1.0)
    first, other = optim.ExponentialLR(ours, 0.5), torch.optim.lr_scheduler.ExponentialLR(theirs, 0.5)
    for _ in range(2):
        first.step()
        theirs.step()
        other.step()
    schedule = optim.SWALR(ours, [0.5, 0.0625], epochs, strategy)
    twin = swa_utils.SWALR(theirs, [0.5, 0.0625], epochs, strategy)
    for _ in range(8):
        np.testing.assert_allclose(schedule.get_last_lr(), [group["lr"] for group in theirs.param_groups], rtol=1e-12)
        schedule.step()
        theirs.step()
        twin.step()


def test_swalr_begins_where_the_rates_are():
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=8.0)
    optim.ExponentialLR(optimizer, 0.5).step()
    schedule, seen = optim.SWALR(optimizer, 1.0, 2, "linear"), []
    for _ in range(4):
        seen += schedule.get_last_lr()
        schedule.step()
    assert seen == [4.0, 2.5, 1.0, 1.0]
    other = optim.SWALR(optim.SGD([nn.Parameter([1.0])], lr=7.0), 1.0, 2, "linear")
    schedule.last_epoch = 1
    other.load_state_dict(schedule.state_dict())
    assert other.get_last_lr() == [2.5]


def test_batch_statistics_are_the_means_over_all_batches():
    draw = np.random.default_rng(0)
    batches = [draw.standard_normal((6, 3, 4, 4)).astype(np.float32) for _ in range(5)]
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.BatchNorm2d(3, track_running_stats=False))
    model[0].running_mean[...] = 100
    model[0].num_batches_tracked[...] = 7
    model.eval()
    model[1].train()
    training.update_bn([(one, None) for one in batches], model)
    np.testing.assert_allclose(model[0].running_mean, np.mean([one.mean((0, 2, 3)) for one in batches], 0), atol=1e-6)
    variances = [one.var((0, 2, 3), ddof=1) for one in batches]
    np.testing.assert_allclose(model[0].running_var, np.mean(variances, 0), rtol=1e-5)
    assert model[0].num_batches_tracked == 5
    assert model[0].momentum == 0.1
    assert [module.training for module in model.modules()] == [False, False, True, False]


def test_batch_statistics_held_still_stay():
    model = nn.Sequential(nn.BatchNorm1d(1), nn.BatchNorm1d(1))
    nn.utils.freeze_bn(model[0])
    model[0].running_mean[...] = 7
    training.update_bn([np.array([[1.0], [3.0]], np.float32)], model)
    assert model[0].running_mean.tolist() == [7]
    assert model[1].running_mean.tolist() != [0]


P = nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.EMA([]), "^EMA: parameters: expected at least one Tensor, got none"),
        (lambda: optim.EMA(P), "^EMA: parameters: expected Tensors or a Module, got Parameter"),
        (lambda: optim.EMA([np.ones(2)]), "^EMA: parameters: expected Tensors, got ndarray"),
        (lambda: optim.SWA([P, P]), "^SWA: parameters: expected every Tensor once"),
        (lambda: optim.EMA([P], decay=1.5), "^EMA: decay: expected a number from 0 to 1"),
        (lambda: optim.EMA([P], warmup=1), "^EMA: warmup: expected True or False"),
        (lambda: optim.EMA([P], use_buffers=True), "^EMA: parameters: expected a Module, whose buffers"),
        (lambda: optim.SWA([P], start=-1), "^SWA: start: expected an integer >= 0"),
        (lambda: optim.EMA([P]).load_state_dict({}), "^EMA.load_state_dict: state_dict: expected a mapping with"),
        (
            lambda: optim.EMA([P]).load_state_dict({"updates": 1, "averages": [np.ones(2)]}),
            r"^EMA.load_state_dict: averages\[0\]: expected shape \(1,\), got shape \(2,\)",
        ),
        (
            lambda: optim.SWA([P]).load_state_dict({"updates": 1, "averages": []}),
            "^SWA.load_state_dict: averages: expected 1, got 0 arrays",
        ),
        (lambda: optim.SWALR(optim.SGD([P]), -1), "^SWALR: swa_lr: "),
        (lambda: optim.SWALR(optim.SGD([P]), 1, 2, "exp"), "^SWALR: anneal_strategy: "),
        (lambda: training.update_bn([], nn.BatchNorm1d(2)), "^update_bn: loader: expected at least one batch"),
        (lambda: training.update_bn([], P), "^update_bn: model: expected a Module, got Parameter"),
        (lambda: training.update_bn(3, nn.BatchNorm1d(2)), "^update_bn: loader: expected an iterable of batches"),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
