"""Groups: options and schedules of their own, added later, without weight decay; errors that name them."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim


def three() -> list[nn.Parameter]:
    return [nn.Parameter(np.full(2, 1.0)) for _ in range(3)]


def step(optimizer, params) -> list[float]:
    for param in params:
        param.grad = np.ones(2)
    optimizer.step()
    return [param.numpy()[0] for param in params]


def test_a_group_added_later_has_its_own_rate():
    one, two, three_ = three()
    optimizer = optim.SGD([{"params": [one]}, {"params": [two], "lr": 0.25}], lr=0.5)
    optimizer.add_param_group({"params": three_, "lr": 0.125, "weight_decay": 1.0})
    assert step(optimizer, [one, two, three_]) == [0.5, 0.75, 0.75]


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "LAMB", "Lion", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax"])
def test_state_of_groups_goes_on(name):
    def build(params):
        kind = getattr(optim, name)
        return kind([{"params": params[:1]}, {"params": params[1:], "lr": 0.5, "weight_decay": 0.25}], lr=0.125)

    straight, first = three(), three()
    one = build(straight)
    for _ in range(4):
        step(one, straight)
    two = build(first)
    for _ in range(2):
        step(two, first)
    state = two.state_dict()
    assert [group["lr"] for group in state["param_groups"]] == [0.125, 0.5]
    second = [nn.Parameter(param.numpy()) for param in first]
    other = getattr(optim, name)([{"params": second[:1]}, {"params": second[1:]}], lr=7.0)
    other.load_state_dict(state)
    for _ in range(2):
        step(other, second)
    for param, expected in zip(second, straight, strict=True):
        assert param.numpy().tobytes() == expected.numpy().tobytes()
    assert other.param_groups[1]["weight_decay"] == 0.25


def test_schedules_scale_every_groups_own_rate():
    one, two, _ = three()
    optimizer = optim.RMSprop([{"params": [one]}, {"params": [two], "lr": 0.25}], lr=1.0)
    schedule = optim.ExponentialLR(optimizer, 0.5)
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.125]


def test_a_group_added_under_a_schedule_joins_it():
    one, two, _ = three()
    optimizer = optim.SGD([one], lr=1.0)
    schedule = optim.ExponentialLR(optimizer, 0.5)
    schedule.step()
    optimizer.add_param_group({"params": [two], "lr": 8.0})
    schedule.step()
    assert schedule.get_last_lr() == [0.25, 2.0]
    state = schedule.state_dict()
    schedule.step()
    schedule.load_state_dict(state)
    assert schedule.get_last_lr() == [0.25, 2.0]


def test_a_schedule_with_a_value_per_group_names_the_newcomer():
    one, two, _ = three()
    optimizer = optim.SGD([one], lr=1.0)
    schedule = optim.LambdaLR(optimizer, [lambda step: 0.5])
    optimizer.add_param_group({"params": [two]})
    with pytest.raises(ValueError, match=r"^LambdaLR: optimizer: expected 1 groups, for which there are values, got 2"):
        schedule.step()


def test_biases_and_norms_are_without_decay():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    net[2].weight.requires_grad = False
    groups = optim.no_decay_groups(net.named_parameters(), 0.5)
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert groups[0]["params"] == [net[0].weight]
    assert [id(one) for one in groups[1]["params"]] == [
        id(one) for one in (net[0].bias, net[1].weight, net[1].bias, net[2].bias)
    ]
    optimizer = optim.AdamW(groups, lr=0.5)
    before = [param.numpy().copy() for param in net.parameters()]
    for param in net.parameters():
        param.grad = np.zeros(param.shape, np.float32)
    optimizer.step()
    after = [param.numpy() for param in net.parameters()]
    assert np.allclose(after[0], 0.75 * before[0])
    for one, two in zip(before[1:], after[1:], strict=True):
        assert np.array_equal(one, two)


def test_names_may_be_skipped_and_empty_groups_are_left_out():
    net = nn.Linear(3, 3, bias=False)
    (group,) = optim.no_decay_groups(net, 0.5, skip=lambda name: name == "weight")
    assert group["weight_decay"] == 0.0
    assert optim.no_decay_groups(net, 0.5)[0]["params"] == [net.weight]


def test_gradients_are_forgotten_or_filled_with_zeros():
    w = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = np.ones(2)
    held = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is held
    assert w.grad.numpy().tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None


P, Q = nn.Parameter([1.0]), nn.Parameter([1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: optim.Adam([{"params": P}, {"params": Q, "lr": -1}]),
            r"^Adam: lr: expected .* got -1.0, in group 1$",
        ),
        (
            lambda: optim.SGD([{"params": P}, {"params": P}]),
            r"^SGD: params: expected every Tensor once, got a Tensor twice, first in group 0, in group 1$",
        ),
        (lambda: optim.Lion([{"params": P, "eps": 1}]), r"^Lion: params: .* the option 'eps', in group 0$"),
        (lambda: optim.SGD([P]).add_param_group([Q]), r"^SGD: params: expected a dict, got list, in group 1$"),
        (lambda: optim.Adagrad([P], lr=-1), r"^Adagrad: lr: expected a finite number >= 0, got -1.0$"),
        (lambda: optim.Adagrad([P], lr_decay=-1), "^Adagrad: lr_decay: "),
        (lambda: optim.Adadelta([P], rho=2), "^Adadelta: rho: expected a number from 0 to 1"),
        (lambda: optim.RMSprop([P], alpha=-1), "^RMSprop: alpha: "),
        (lambda: optim.RMSprop([P], centered=1), "^RMSprop: centered: expected True or False, got int"),
        (lambda: optim.NAdam([P], momentum_decay=-1), "^NAdam: momentum_decay: "),
        (lambda: optim.RAdam([P], betas=(0.9, 1)), "^RAdam: betas: "),
        (lambda: optim.Adamax([P], eps=None), "^Adamax: eps: expected a number, got NoneType"),
        (lambda: optim.LAMB([P], weight_decay=-1), "^LAMB: weight_decay: "),
        (lambda: optim.SGD([P], maximize="no"), "^SGD: maximize: expected True or False, got str"),
        (lambda: optim.Adam([P]).zero_grad(1), "^Adam.zero_grad: set_to_none: expected True or False"),
        (lambda: optim.no_decay_groups([P], 0.1), r"^no_decay_groups: named_parameters: expected pairs \(name, Tensor"),
        (lambda: optim.no_decay_groups(P, 0.1), "^no_decay_groups: named_parameters: expected pairs"),
        (lambda: optim.no_decay_groups([], -0.1), "^no_decay_groups: weight_decay: "),
    ],
)
def test_errors_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_group_of_a_state_that_does_not_fit_is_named():
    one, two = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.RMSprop([{"params": one}, {"params": two}])
    state = optimizer.state_dict()
    state["param_groups"][1]["alpha"] = 2.0
    with pytest.raises(ValueError, match=r"^RMSprop: alpha: .*, in group 1$"):
        optimizer.load_state_dict(state)
    assert tk.optim.RMSprop([one]).param_groups[0]["alpha"] == 0.99
