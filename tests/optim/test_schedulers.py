"""Schedules: closed forms, groups, state, torch as a second opinion."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import optim

STEPS = 40


def optimizer(*rates: float) -> optim.SGD:
    return optim.SGD([{"params": tk.nn.Parameter([1.0]), "lr": rate} for rate in rates or (1.0,)])


class Plain(optim.Optimizer):
    """One without momentum."""

    def __init__(self):
        super().__init__([tk.nn.Parameter([1.0])], {"lr": 1.0})

    def check_options(self, options):
        pass


def rates(schedule: optim.LRScheduler, steps: int) -> list[float]:
    seen = [schedule.get_last_lr()[0]]
    for _ in range(steps):
        schedule.step()
        seen.append(schedule.get_last_lr()[0])
    return seen


def test_step():
    assert rates(optim.StepLR(optimizer(8.0), 2, gamma=0.5), 5) == [8, 8, 4, 4, 2, 2]


def test_cosine_goes_from_base_to_minimum():
    seen = rates(optim.CosineAnnealingLR(optimizer(3.0), 6, eta_min=1.0), 6)
    assert seen[0] == 3.0
    assert seen[-1] == 1.0
    # cos(pi/3) = 1/2, cos(pi/2) = 0, cos(2 pi/3) = -1/2; cosine and three operations round below 2 ulp each
    # of 3
    for step, value in ((2, 2.5), (3, 2.0), (4, 1.5)):
        assert abs(seen[step] - value) <= 8 * 3 * 2.0**-53


def test_cosine_warms_up():
    seen = rates(optim.CosineAnnealingLR(optimizer(4.0), 2, warmup=3), 5)
    assert seen[:4] == [1.0, 2.0, 3.0, 4.0]
    assert seen[5] == 0.0


def test_lambda_and_several_groups():
    schedule = optim.LambdaLR(optimizer(1.0, 10.0), lambda step: 2.0**-step)
    assert schedule.get_last_lr() == [1.0, 10.0]
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 5.0]
    assert [group["lr"] for group in schedule.optimizer.param_groups] == [0.5, 5.0]


def test_a_function_for_each_group():
    for kind, expected in ((optim.LambdaLR, [0.25, 30.0]), (optim.MultiplicativeLR, [0.125, 60.0])):
        schedule = kind(optimizer(1.0, 10.0), [lambda step: 2.0**-step, lambda step: step + 1.0])
        schedule.step()
        schedule.step()
        assert schedule.get_last_lr() == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda o: optim.MultiStepLR(o, [4, 1, 1], 0.5), [8, 2, 2, 2, 1, 1]),
        (lambda o: optim.MultiStepLR(o, iter([0]), 0.5), [4, 4]),
        (lambda o: optim.ExponentialLR(o, 0.5), [8, 4, 2, 1]),
        (lambda o: optim.PolynomialLR(o, 4), [8, 6, 4, 2, 0, 0]),
        (lambda o: optim.PolynomialLR(o, 4, 2.0), [8, 4.5, 2, 0.5, 0, 0]),
        (lambda o: optim.LinearLR(o, 0.25, total_iters=3), [2, 4, 6, 8, 8]),
        (lambda o: optim.LinearLR(o, 1.0, 0.0, 2), [8, 4, 0, 0]),
        (lambda o: optim.ConstantLR(o, 0.25, 2), [2, 2, 8, 8]),
        (lambda o: optim.ConstantLR(o, 0.25, 0), [8, 8]),
        (lambda o: optim.MultiplicativeLR(o, lambda step: step / 4), [8, 2, 1, 0.75, 0.75]),
        # runs of 2, 4 and 8 steps; cos(0) = 1 and cos(pi/2) = 0 up to a rounding that 4 + 4 swallows
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 2), [8, 4, 8, 4, 8]),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 2, 2), [8, 4, 8, None, 4, None, 8, None, None, None, 4]),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 2, eta_min=2.0), [8, 5, 8, 5]),
    ],
)
def test_rates_by_hand(build, expected):
    seen = rates(build(optimizer(8.0)), len(expected) - 1)
    for step, (value, exact) in enumerate(zip(seen, expected, strict=True)):
        assert exact is None or value == exact, step


def test_restarts_come_where_powers_say():
    """Runs of 5, 25, 125 and 625 steps: a logarithm would round log(125, 5) to more than 3."""
    seen = rates(optim.CosineAnnealingWarmRestarts(optimizer(1.0), 5, 5), 160)
    assert [step for step, rate in enumerate(seen) if rate == 1.0] == [0, 5, 30, 155]


def test_schedules_begin_where_the_first_did():
    sgd = optimizer(8.0)
    optim.LinearLR(sgd, 0.25)
    assert optim.ExponentialLR(sgd, 0.5).base_lrs == [8.0]


def test_one_after_another():
    sgd = optimizer(8.0, 16.0)
    parts = [optim.LinearLR(sgd, 0.25, total_iters=3), optim.ExponentialLR(sgd, 0.5), optim.ConstantLR(sgd, 0.125, 9)]
    schedule = optim.SequentialLR(sgd, parts, [3, 5])
    assert rates(schedule, 6) == [2, 4, 6, 8, 4, 1, 1]
    assert schedule.get_last_lr() == [1, 2]
    # two milestones at one step: the schedule between them has no turn
    assert rates(optim.SequentialLR(sgd, parts, [1, 1]), 2) == [2, 1, 1]


def test_sequences_in_sequences_move_momentum_too():
    sgd = optimizer(8.0)
    inner = optim.SequentialLR(sgd, [optim.ConstantLR(sgd, 0.5), optim.ExponentialLR(sgd, 0.5)], [1])
    cycle = optim.OneCycleLR(sgd, 4.0, 5, pct_start=0.6, anneal_strategy="linear", div_factor=2)
    schedule = optim.SequentialLR(sgd, [inner, cycle], [3])
    assert rates(schedule, 3) == [4, 8, 4, 2]
    assert sgd.param_groups[0]["momentum"] == 0.95


def test_one_cycle_by_hand():
    """Two steps up from 2 to 8, two down to 1; by lines, then by cosines, which halve the way in the middle."""
    for strategy in ("linear", "cos"):
        sgd = optimizer(1.0)
        options = {"base_momentum": 0.25, "max_momentum": 0.75, "div_factor": 4, "final_div_factor": 2}
        schedule = optim.OneCycleLR(sgd, 8.0, 5, pct_start=0.6, anneal_strategy=strategy, **options)
        seen = []
        for _ in range(6):
            seen.append((sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]))
            if len(seen) < 6:
                schedule.step()
        expected = [(2, 0.75), (5, 0.5), (8, 0.25), (4.5, 0.5), (1, 0.75), (1, 0.75)]
        for values, exact in zip(seen, expected, strict=True):
            for value, number in zip(values, exact, strict=True):
                assert abs(value - number) <= 8 * 8 * 2.0**-53  # at most 8 roundings of numbers up to 8
        with pytest.raises(ValueError, match=r"OneCycleLR: step: expected at most total_steps = 5, got 6"):
            schedule.step()
        assert schedule.last_epoch == 5


def test_one_cycle_in_three_phases():
    """Up in 2 steps, down in 2, and on down to the end in 2: end steps 0.375 * 8 - 1, 0.75 * 8 - 2 and 7."""
    schedule = optim.OneCycleLR(
        optimizer(1.0), 8.0, epochs=2, steps_per_epoch=4, pct_start=0.375, anneal_strategy="linear",
        cycle_momentum=False, div_factor=4, final_div_factor=1e9, three_phase=True,
    )  # fmt: skip
    seen = rates(schedule, 7)
    assert seen[:5] == [2, 5, 8, 5, 2]
    assert abs(seen[7] - 2e-9) <= 8 * 2 * 2.0**-53
    assert schedule.optimizer.param_groups[0]["momentum"] == 0


def test_one_cycle_moves_the_first_beta_alone():
    adam = optim.Adam([tk.nn.Parameter([1.0])], betas=(0.5, 0.875))
    schedule = optim.OneCycleLR(adam, 1.0, 4, pct_start=0.5)
    assert adam.param_groups[0]["betas"] == (0.95, 0.875)
    schedule.step()
    assert adam.param_groups[0]["betas"] == (0.85, 0.875)


def plateau(metrics, *bases, **options):
    """The first group's rate after each of the metrics."""
    schedule = optim.ReduceLROnPlateau(optimizer(*(bases or (8.0,))), **{"factor": 0.5, "patience": 0, **options})
    seen = []
    for value in metrics:
        schedule.step(value)
        seen.append(schedule.get_last_lr()[0])
    return seen


@pytest.mark.parametrize(
    ("metrics", "options", "expected"),
    [
        ([4, 4, 3, 3, 3], {}, [8, 4, 4, 2, 1]),
        ([4, 4, 4, 3, 3, 3], {"patience": 1}, [8, 8, 4, 4, 4, 2]),
        ([4, 5, 5], {"mode": "max"}, [8, 8, 4]),
        ([4, 3.5, 2, 1], {"threshold": 0.25}, [8, 4, 4, 4]),  # 3.5 > 4 * 0.75, 2 < 3, 1 < 1.5
        ([4, 3.5, 2, 1], {"threshold": 1, "threshold_mode": "abs"}, [8, 4, 4, 2]),
        ([4, 4.5, 6, 7], {"mode": "max", "threshold": 0.25}, [8, 4, 4, 2]),
        ([-4, -4, -6], {"mode": "max", "threshold": 0.25}, [8, 8, 4]),  # -4 > -4 * 1.25, as in torch; -6 < -5
        ([1, 1, 1, 1, 1], {"cooldown": 2}, [8, 4, 4, 4, 2]),
        ([1, 1, 1, 1], {"min_lr": 3.0}, [8, 4, 3, 3]),
        ([1, 1, 1], {"eps": 4}, [8, 8, 8]),
        ([math.nan, 1, math.inf], {}, [4, 4, 2]),
    ],
)
def test_plateaus(metrics, options, expected):
    assert plateau(metrics, **options) == expected


def test_plateaus_of_several_groups():
    schedule = optim.ReduceLROnPlateau(optimizer(8.0, 4.0), factor=0.5, patience=0, min_lr=[0.0, 3.0])
    for _ in range(3):
        schedule.step(1.0)
    assert schedule.get_last_lr() == [2.0, 3.0]


def test_a_plateau_resumes():
    def build():
        return optim.ReduceLROnPlateau(optimizer(8.0), factor=0.5, patience=2, cooldown=1)

    metrics = [3, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    for cut in range(len(metrics)):
        straight, first, again = build(), build(), build()
        for value in metrics[:cut]:
            straight.step(value)
            first.step(value)
        again.load_state_dict(json.loads(json.dumps(first.state_dict())))
        for value in metrics[cut:]:
            straight.step(value)
            again.step(value)
        assert again.state_dict() == straight.state_dict()
    for broken in ({"lrs": [1.0, 2.0]}, {"num_bad_epochs": -1}, {"best": "good"}, {"last_epoch": None}):
        before = again.state_dict()
        key = next(iter(broken))
        with pytest.raises((TypeError, ValueError), match=rf"ReduceLROnPlateau.load_state_dict: {key}: "):
            again.load_state_dict({**before, "lrs": [99.0], **broken})
        assert again.state_dict() == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("StepLR", (3, 0.5)),
        ("CosineAnnealingLR", (40, 0.01)),
        ("MultiStepLR", ([3, 10, 10, 25], 0.3)),
        ("ExponentialLR", (0.9,)),
        ("PolynomialLR", (20, 1.7)),
        ("PolynomialLR", ()),
        ("LinearLR", (0.1, 0.7, 12)),
        ("LinearLR", ()),
        ("ConstantLR", (0.2, 7)),
        ("ConstantLR", ()),
        ("CosineAnnealingWarmRestarts", (3, 2, 0.01)),
        ("CosineAnnealingWarmRestarts", (7,)),
        ("LambdaLR", (lambda step: 1 / (1 + step),)),
        ("MultiplicativeLR", (lambda step: 1 - 0.5 / (1 + step),)),
        ("OneCycleLR", (0.9, STEPS)),
        ("OneCycleLR", (0.9, None, 4, 10, 0.23, "linear", True, 0.3, 0.8, 10.0, 100.0)),
        ("OneCycleLR", (0.9, STEPS, None, None, 0.23, "cos", True, 0.3, 0.8, 10.0, 100.0, True)),
    ],
)
def test_against_torch(name, arguments):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5, momentum=0.5)
    peer = getattr(torch.optim.lr_scheduler, name)(theirs, *arguments)
    ours = getattr(optim, name)(optimizer(0.5), *arguments)
    for step in range(STEPS):
        # torch goes step by step, each rounding a few times
        bound = 16 * (step + 1) * 2.0**-53
        assert abs(ours.get_last_lr()[0] - peer.get_last_lr()[0]) <= bound, step
        if name == "OneCycleLR":
            momenta = [one.param_groups[0]["momentum"] for one in (ours.optimizer, theirs)]
            assert abs(momenta[0] - momenta[1]) <= bound, step
        theirs.step()
        peer.step()
        ours.step()


def test_sequences_against_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    seen = []
    for room, sgd in ((torch.optim.lr_scheduler, theirs), (optim, optimizer(0.5))):
        parts = [room.LinearLR(sgd, 0.1, total_iters=4), room.ExponentialLR(sgd, 0.9), room.CosineAnnealingLR(sgd, 50)]
        schedule = room.SequentialLR(sgd, parts, [4, 15])
        seen.append([])
        for _ in range(STEPS):
            seen[-1].append(schedule.get_last_lr()[0])
            theirs.step()
            schedule.step()
    for step, (one, other) in enumerate(zip(*seen, strict=True)):
        assert abs(one - other) <= 16 * (step + 1) * 2.0**-53, step


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "threshold": 0.05, "min_lr": 0.02},
        {"threshold": 0.05, "threshold_mode": "abs", "cooldown": 3},
        {"mode": "max", "threshold": 0.01, "threshold_mode": "abs", "eps": 0.01},
    ],
)
def test_plateaus_against_torch(options):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, factor=0.7, patience=2, **options)
    ours = optim.ReduceLROnPlateau(optimizer(0.5), factor=0.7, patience=2, **options)
    for value in np.random.default_rng(3).random(200):
        peer.step(value)
        ours.step(value)
        assert ours.get_last_lr() == peer.get_last_lr()
        assert (ours.best, ours.num_bad_epochs) == (peer.best, peer.num_bad_epochs)


@pytest.mark.parametrize(
    "build",
    [
        lambda o: optim.StepLR(o, 2),
        lambda o: optim.CosineAnnealingLR(o, 7, 0.1, warmup=2),
        lambda o: optim.LambdaLR(o, lambda step: 1 / (1 + step)),
        lambda o: optim.MultiplicativeLR(o, lambda step: 1 / (1 + step)),
        lambda o: optim.MultiStepLR(o, [2, 5]),
        lambda o: optim.ExponentialLR(o, 0.9),
        lambda o: optim.PolynomialLR(o),
        lambda o: optim.CosineAnnealingWarmRestarts(o, 2, 2),
        lambda o: optim.OneCycleLR(o, 0.9, 6),
        lambda o: optim.SequentialLR(o, [optim.LinearLR(o), optim.ConstantLR(o)], [4]),
    ],
)
def test_resuming_gives_the_same_rates(build):
    straight = rates(build(optimizer(0.7)), 6)
    first = build(optimizer(0.7))
    rates(first, 3)
    again = build(optimizer(99.0))
    again.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert again.get_last_lr() == first.get_last_lr()
    assert rates(again, 3) == straight[3:]


def test_loading_what_does_not_fit_changes_nothing():
    schedule = optim.StepLR(optimizer(8.0), 1)
    schedule.step()
    for state in ({"last_epoch": 3}, {"last_epoch": -1, "base_lrs": [1.0]}, {"last_epoch": 1, "base_lrs": [1.0, 2.0]}):
        with pytest.raises(ValueError, match=r"StepLR.load_state_dict: "):
            schedule.load_state_dict(state)
        assert schedule.last_epoch == 1
        assert schedule.get_last_lr() == [0.8]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "StepLR: step_size: expected an integer >= 1, got 0"),
        (lambda o: optim.StepLR(o, 2, -1), "StepLR: gamma: expected a finite number >= 0"),
        (lambda o: optim.CosineAnnealingLR(o, 1.5), "CosineAnnealingLR: T_max: expected an integer, got float"),
        (lambda o: optim.CosineAnnealingLR(o, 2, math.inf), "CosineAnnealingLR: eta_min: "),
        (lambda o: optim.CosineAnnealingLR(o, 2, warmup=-1), "CosineAnnealingLR: warmup: expected an integer >= 0"),
        (lambda o: optim.LambdaLR(o, 0.5), "LambdaLR: lr_lambda: expected a function of the step count, got float"),
        (lambda o: optim.LambdaLR(o, [len] * 2), "LambdaLR: lr_lambda: expected 1, one per group, got 2 values"),
        (lambda o: optim.MultiplicativeLR(o, [3]), "MultiplicativeLR: lr_lambda: expected a function .*, got int"),
        (lambda o: optim.MultiStepLR(o, 3), "MultiStepLR: milestones: expected an iterable of integers, got int"),
        (lambda o: optim.MultiStepLR(o, [-1]), "MultiStepLR: milestones: expected an integer >= 0, got -1"),
        (lambda o: optim.ExponentialLR(o, "x"), "ExponentialLR: gamma: expected a number, got str"),
        (lambda o: optim.PolynomialLR(o, 0), "PolynomialLR: total_iters: expected an integer >= 1, got 0"),
        (lambda o: optim.PolynomialLR(o, 1, -1), "PolynomialLR: power: expected a finite number >= 0, got -1.0"),
        (lambda o: optim.LinearLR(o, 0), "LinearLR: start_factor: expected a number > 0, got 0.0"),
        (lambda o: optim.LinearLR(o, 1.5), "LinearLR: start_factor: expected a number from 0 to 1, got 1.5"),
        (lambda o: optim.LinearLR(o, 1, 2), "LinearLR: end_factor: expected a number from 0 to 1, got 2.0"),
        (lambda o: optim.LinearLR(o, total_iters=0), "LinearLR: total_iters: expected an integer >= 1, got 0"),
        (lambda o: optim.ConstantLR(o, 2), "ConstantLR: factor: expected a number from 0 to 1, got 2.0"),
        (
            lambda o: optim.CosineAnnealingWarmRestarts(o, 0),
            "CosineAnnealingWarmRestarts: T_0: .* >= 1, got 0",
        ),
        (lambda o: optim.CosineAnnealingWarmRestarts(o, 2, 1.5), "CosineAnnealingWarmRestarts: T_mult: .*, got float"),
        (lambda o: optim.OneCycleLR(o, 1), "OneCycleLR: total_steps: expected an integer, or epochs and .*, got None"),
        (lambda o: optim.OneCycleLR(o, 1, 3, 2), "OneCycleLR: total_steps: expected None beside epochs .*, got 3"),
        (lambda o: optim.OneCycleLR(o, 1, epochs=0, steps_per_epoch=1), "OneCycleLR: epochs: expected .* >= 1, got 0"),
        (lambda o: optim.OneCycleLR(o, [1, 2], 3), "OneCycleLR: max_lr: expected 1, one per group, got 2 values"),
        (lambda o: optim.OneCycleLR(o, 1, 3, pct_start=2), "OneCycleLR: pct_start: expected .* from 0 to 1, got 2.0"),
        (lambda o: optim.OneCycleLR(o, 1, 3, max_momentum=1), "OneCycleLR: max_momentum: .* < 1, got 1.0"),
        (lambda o: optim.OneCycleLR(o, 1, 3, div_factor=0), "OneCycleLR: div_factor: expected a number > 0, got 0"),
        (
            lambda o: optim.OneCycleLR(o, 1, 3, anneal_strategy="line"),
            "OneCycleLR: anneal_strategy: expected one of 'cos', 'linear', got 'line'",
        ),
        (
            lambda o: optim.OneCycleLR(Plain(), 1, 3),
            "OneCycleLR: cycle_momentum: .*, got True with Plain",
        ),
        (lambda o: optim.OneCycleLR(3, 1, 3), "OneCycleLR: optimizer: expected an Optimizer, got int"),
        (
            lambda o: optim.ReduceLROnPlateau(o, "low"),
            "ReduceLROnPlateau: mode: .* 'min', 'max', got 'low'",
        ),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1), "ReduceLROnPlateau: factor: expected .* < 1, got 1.0"),
        (lambda o: optim.ReduceLROnPlateau(o, threshold_mode=""), "ReduceLROnPlateau: threshold_mode: .* 'rel', 'abs'"),
        (
            lambda o: optim.ReduceLROnPlateau(o, min_lr=[]),
            "ReduceLROnPlateau: min_lr: expected 1, .*, got 0",
        ),
        (
            lambda o: optim.ReduceLROnPlateau(o).step(),
            "ReduceLROnPlateau.step: metrics: .* number, got NoneType",
        ),
        (lambda o: optim.SequentialLR(o, [], []), "SequentialLR: schedulers: expected at least one schedule, got none"),
        (lambda o: optim.SequentialLR(o, 3, []), "SequentialLR: schedulers: expected a list, got int"),
        (lambda o: optim.SequentialLR(o, [3], []), r"SequentialLR: schedulers\[0\]: expected an LRScheduler, got int"),
        (
            lambda o: optim.SequentialLR(o, [optim.ReduceLROnPlateau(o)], []),
            r"SequentialLR: schedulers\[0\]: expected a schedule whose step\(\) takes no metrics, got Reduce",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.ConstantLR(optimizer())], []),
            r"SequentialLR: schedulers\[0\]: expected one of the same optimizer",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.ConstantLR(o)], [1]),
            "SequentialLR: milestones: expected 0, .*1 of",
        ),
        (
            lambda o: optim.SequentialLR(o, [optim.ConstantLR(o)] * 3, [2, 1]),
            r"SequentialLR: milestones: expected integers in their order, got \[2, 1\]",
        ),
        (lambda o: optim.StepLR("sgd", 1), "StepLR: optimizer: expected an Optimizer, got str"),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(optimizer())
