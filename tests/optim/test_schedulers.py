"""Schedules: closed forms, groups, state, torch as a second opinion."""

from __future__ import annotations

import math

import pytest

import tatamikomi as tk
from tatamikomi import optim


def optimizer(*rates: float) -> optim.SGD:
    return optim.SGD([{"params": tk.nn.Parameter([1.0]), "lr": rate} for rate in rates or (1.0,)])


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


@pytest.mark.parametrize(
    ("name", "arguments"), [("StepLR", (3, 0.5)), ("CosineAnnealingLR", (10, 0.01)), ("CosineAnnealingLR", (4,))]
)
def test_against_torch(name, arguments):
    torch = pytest.importorskip("torch")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
    peer = getattr(torch.optim.lr_scheduler, name)(theirs, *arguments)
    ours = getattr(optim, name)(optimizer(0.5), *arguments)
    for step in range(9):
        if name == "CosineAnnealingLR" and step >= arguments[0]:
            break  # torch multiplies by 0 / 0 guards there; ours stays in closed form
        # torch goes step by step, each rounding a few times
        assert abs(ours.get_last_lr()[0] - peer.get_last_lr()[0]) <= 16 * (step + 1) * 2.0**-53
        theirs.step()
        peer.step()
        ours.step()


@pytest.mark.parametrize(
    "build",
    [
        lambda o: optim.StepLR(o, 2),
        lambda o: optim.CosineAnnealingLR(o, 7, 0.1, warmup=2),
        lambda o: optim.LambdaLR(o, lambda step: 1 / (1 + step)),
    ],
)
def test_resuming_gives_the_same_rates(build):
    straight = rates(build(optimizer(0.7)), 6)
    first = build(optimizer(0.7))
    rates(first, 3)
    again = build(optimizer(99.0))
    again.load_state_dict(first.state_dict())
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
        (lambda o: optim.StepLR("sgd", 1), "StepLR: optimizer: expected an Optimizer, got str"),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(optimizer())
