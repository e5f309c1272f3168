"""Optimizers, learning rates, sizes of batches."""

import numpy as np

import tatamikomi as tk
from tatamikomi import nn


def steps_of(make, gradients):
    """The steps that an optimizer takes for given gradients, of a weight that begins at 0."""
    w = nn.Parameter(np.zeros(1))
    optimizer, places = make([w]), [0.0]
    for one in gradients:
        optimizer.zero_grad()
        (w * one).sum().backward()
        optimizer.step()
        places.append(w.item())
    return np.diff(places)


def momentum_velocity():
    """lr = 0.1, mu = 0.9, gradient 1: the velocities -lr g, -lr g (1 + mu), -lr g (1 + mu + mu^2)."""
    return steps_of(lambda w: tk.optim.SGD(w, lr=0.1, momentum=0.9), [1, 1, 1]).round(6).tolist()


def adagrad_steps():
    """lr = 0.1, gradients 2, 2, 2: h begins at 0, so that the steps are lr / sqrt(1), lr / sqrt(2), lr / sqrt(3)."""
    return (-steps_of(lambda w: tk.optim.Adagrad(w, lr=0.1, eps=1e-7), [2, 2, 2])).round(5).tolist()


def adagrad_by_hand():
    """The same by the course's lines: h = 0; h += g g; w -= lr g / (sqrt(h) + 1e-7)."""
    h, steps = 0.0, []
    for g in (2.0, 2.0, 2.0):
        h += g * g
        steps.append(round(0.1 * g / (h**0.5 + 1e-7), 5))
    return steps


def step_sizes():
    """Steps 1, 10 and 100 of each optimizer under a constant gradient of 1, lr = 0.1."""
    makers = {
        "SGD": lambda w: tk.optim.SGD(w, lr=0.1),
        "Momentum (0.9)": lambda w: tk.optim.SGD(w, lr=0.1, momentum=0.9),
        "AdaGrad": lambda w: tk.optim.Adagrad(w, lr=0.1),
        "RMSProp (0.9)": lambda w: tk.optim.RMSprop(w, lr=0.1, alpha=0.9),
        "Adam": lambda w: tk.optim.Adam(w, lr=0.1),
    }
    rows = []
    for name, make in makers.items():
        steps = -steps_of(make, [1.0] * 100)
        rows.append([name, *(f"{steps[i]:.3f}" for i in (0, 9, 99))])
    return rows


def valley_paths():
    """E = x^2 / 20 + y^2 from (-7, 2), 30 steps: lr, changes of the sign of y, distance from the minimum."""

    def valley(p):
        return (p * p * np.array([0.05, 1.0])).sum()

    makers = {
        "SGD": (0.9, lambda p: tk.optim.SGD(p, lr=0.9)),
        "Momentum": (0.1, lambda p: tk.optim.SGD(p, lr=0.1, momentum=0.9)),
        "AdaGrad": (1.5, lambda p: tk.optim.Adagrad(p, lr=1.5)),
        "Adam": (0.3, lambda p: tk.optim.Adam(p, lr=0.3)),
    }
    rows = []
    for name, (lr, make) in makers.items():
        path = tk.interpret.descend(valley, [-7.0, 2.0], make, 30)
        crossings = int((np.diff(np.sign(path[:, 1])) != 0).sum())
        rows.append([name, lr, crossings, f"{np.hypot(*path[-1]):.2f}"])
    return rows


def largest_stable_rate():
    """E = L w^2 / 2 with L = 4: after 50 steps |w| is below its start where lr < 2 / L = 0.5."""
    ends = []
    for lr in (0.05, 0.25, 0.49, 0.51):
        path = tk.interpret.descend(lambda p: (p * p * 2.0).sum(), [1.0], lambda p, lr=lr: tk.optim.SGD(p, lr=lr), 50)
        ends.append([lr, bool(abs(path[-1, 0]) < 1)])
    return ends


def double_well(p):
    """E = (w^2 - 1)^2 + 0.3 w."""
    return ((p * p - 1.0) ** 2 + p * 0.3).sum()


def two_valleys(lr):
    """Where SGD ends on the double well from the right, where the higher of its minima lies, near 0.96."""
    return tk.interpret.descend(double_well, [1.7], lambda p: tk.optim.SGD(p, lr=lr), 60)[-1, 0]


def rate_and_local_minimum():
    """Small steps stay in the nearer, higher valley, large ones jump to the lower one."""
    return [[lr, "higher" if two_valleys(lr) > 0 else "lower"] for lr in (0.01, 0.05, 0.15)]


def momentum_stops_in_the_higher_valley():
    """Momentum and RMSProp from 1.2 on the same function: both end on the right, in the higher valley."""
    makers = (lambda p: tk.optim.SGD(p, lr=0.01, momentum=0.5), lambda p: tk.optim.RMSprop(p, lr=0.01))
    return [round(float(tk.interpret.descend(double_well, [1.2], make, 300)[-1, 0]), 1) for make in makers]


def gradient_noise():
    """Variance of a mini-batch's gradient times its size, over the single samples' variance: 1 for all sizes."""
    draw = tk.Generator(0).numpy()
    x, d = draw.standard_normal(100_000), draw.standard_normal(100_000)
    each = (0.5 * x - d) * x  # dE/dw of E = (w x - d)^2 / 2 at w = 0.5
    rows = []
    for size in (1, 10, 100):
        means = each.reshape(-1, size).mean(1)
        rows.append([size, f"{means.var() * size / each.var():.1f}"])
    return rows


def schedule_rows():
    """Learning rates of a few schedules at steps 0, 5 and 10, from 1.0."""
    makers = {
        "StepLR(5, 0.5)": lambda o: tk.optim.StepLR(o, 5, 0.5),
        "ExponentialLR(0.9)": lambda o: tk.optim.ExponentialLR(o, 0.9),
        "CosineAnnealingLR(10)": lambda o: tk.optim.CosineAnnealingLR(o, 10),
    }
    rows = []
    for name, make in makers.items():
        optimizer = tk.optim.SGD([nn.Parameter([0.0])], lr=1.0)
        schedule, seen = make(optimizer), []
        for step in range(11):
            if step in (0, 5, 10):
                seen.append(f"{optimizer.param_groups[0]['lr']:.3f}")
            optimizer.step()
            schedule.step()
        rows.append([f"`{name}`", *seen])
    return rows
