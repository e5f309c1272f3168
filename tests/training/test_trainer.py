"""Trainer: the loop, what it measures, what it says when something is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, nn, optim, training

CLASSES = 3


def points(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds in the plane that a line between each two separates."""
    draw = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centres = np.array([[4.0, 0.0], [-4.0, 4.0], [-4.0, -4.0]])
    return (centres[labels] + draw.standard_normal((n, 2))).astype(np.float32), labels


def loader(n: int = 50, batch_size: int = 16, shuffle: bool = True) -> data.DataLoader:
    return data.DataLoader(data.ArrayDataset(*points(n)), batch_size, shuffle=shuffle, seed=3)


def trainer(*callbacks: training.Callback, lr: float = 0.1, **options) -> training.Trainer:
    model = nn.Linear(2, CLASSES, generator=tk.Generator(1))
    return training.Trainer(model, optim.SGD(model.parameters(), lr=lr), callbacks=callbacks, **options)


def test_it_learns():
    one = trainer()
    history = one.fit(loader(), loader(shuffle=False), epochs=5)
    assert history is one.history
    assert one.epoch == len(history) == 5
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["validation_accuracy"] == 1.0
    assert one.evaluate(loader())["accuracy"] == 1.0


def test_history_entries():
    entry = trainer().fit(loader(), loader(shuffle=False), epochs=1)[0]
    assert list(entry) == [
        "epoch",
        "loss",
        "accuracy",
        "lr",
        "samples",
        "validation_loss",
        "validation_accuracy",
        "seconds",
        "train_seconds",
        "images_per_s",
    ]
    assert (entry["epoch"], entry["lr"], entry["samples"]) == (1, 0.1, 50)
    assert entry["seconds"] >= entry["train_seconds"] > 0
    assert entry["images_per_s"] == 50 / entry["train_seconds"]
    assert "validation_loss" not in trainer().fit(loader(), epochs=1)[0]


def test_one_step_is_the_gradient_step():
    x, labels = points(6)
    one = trainer()
    weight = nn.Parameter(one.model.weight.numpy())
    bias = nn.Parameter(one.model.bias.numpy())
    loss = tk.functional.cross_entropy(tk.functional.linear(x, weight, bias), labels)
    loss.backward()
    history = one.fit([(x, labels)], epochs=1)
    assert history[0]["loss"] == loss.item()
    step = np.float32(0.1)
    # lr * g and the difference round twice, in whatever order the kernel takes
    expected = weight.numpy() - step * weight.grad.numpy()
    assert np.abs(one.model.weight.numpy() - expected).max() <= 2 * np.finfo(np.float32).eps * np.abs(expected).max()


def test_a_short_batch_counts_for_what_it_holds():
    x, labels = points(5)
    one = trainer(lr=0.0)
    whole = one.evaluate([(x, labels)])
    assert one.evaluate([(x[:4], labels[:4]), (x[4:], labels[4:])])["accuracy"] == whole["accuracy"]
    parts = one.evaluate([(x[:4], labels[:4]), (x[4:], labels[4:])])["loss"]
    alone = [one.evaluate([(x[i : i + 1], labels[i : i + 1])])["loss"] for i in range(5)]
    # each loss is a float32 number, its mean over 4 rounds a few times
    bound = 8 * np.finfo(np.float32).eps * max(alone)
    assert abs(parts - sum(alone) / 5) <= bound
    assert abs(whole["loss"] - sum(alone) / 5) <= bound
    naive = (sum(alone[:4]) / 4 + alone[4]) / 2
    assert abs(naive - sum(alone) / 5) > 100 * bound
    trained = one.fit([(x[:4], labels[:4]), (x[4:], labels[4:])], epochs=1)[0]
    assert abs(trained["loss"] - sum(alone) / 5) <= bound


def test_modes():
    seen = []

    class Watch(nn.Module):
        def forward(self, x):
            seen.append((self.training, tk.autograd.is_grad_enabled()))
            return x

    inner = nn.Sequential(Watch(), nn.Linear(2, CLASSES))
    inner[0].eval()
    one = training.Trainer(inner, optim.SGD(inner.parameters(), lr=0.1))
    x, labels = points(6)
    one.evaluate([(x, labels)])
    assert seen == [(False, False)]
    assert inner.training
    assert not inner[0].training
    one.fit([(x, labels)], [(x, labels)], epochs=1)
    assert seen[1:] == [(True, True), (False, False)]
    one.predict(x)
    assert seen[3:] == [(False, False)]
    assert inner.training


def test_predict_takes_arrays_tensors_and_loaders():
    one = trainer()
    x, _ = points(50)
    expected = one.predict(x)
    assert expected.shape == (50, CLASSES)
    for given in (tk.tensor(x), loader(shuffle=False), [x[:20], x[20:]]):
        difference = np.abs(one.predict(given, batch_size=7) - expected)
        if tk.get_backend() == "native":
            assert not difference.any()  # the same bits in any batch
        else:  # three roundings of sums of three products, numbers below 16
            assert difference.max() <= 8 * np.finfo(np.float32).eps * 16
    assert one.predict(x[:0]).shape == (0, CLASSES)
    with pytest.raises(ValueError, match="predict: x: expected at least one batch"):
        one.predict([])
    with pytest.raises(ValueError, match="predict: batch_size: expected an integer >= 1, got 0"):
        one.predict(x, batch_size=0)


def test_schedules_move_per_epoch_or_per_step():
    for schedule, expected in (("epoch", [8.0, 4.0, 2.0]), ("step", [8.0, 1.0, 0.125])):
        model = nn.Linear(2, CLASSES)
        sgd = optim.SGD(model.parameters(), lr=8.0)
        one = training.Trainer(model, sgd, scheduler=optim.StepLR(sgd, 1, 0.5), schedule=schedule)
        x, labels = points(48)
        batches = [(x[i::3] * 0, labels[i::3]) for i in range(3)]
        assert [entry["lr"] for entry in one.fit(batches, epochs=3)] == expected


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [
        (None, "min", [8.0, 8.0, 4.0]),  # of weights that stay as they are the losses do, too
        ("lr", "max", [8.0, 8.0, 4.0]),
        ("epoch", "max", [8.0, 8.0, 8.0]),
        ("epoch", "min", [8.0, 8.0, 4.0]),
    ],
)
def test_a_plateau_sees_the_history(monitor, mode, expected):
    x, labels = points(30)
    for validation in (None, [(x, labels)]):
        model = nn.Linear(2, CLASSES, bias=False)
        sgd = optim.SGD(model.parameters(), lr=8.0)
        plateau = optim.ReduceLROnPlateau(sgd, mode, factor=0.5, patience=0)
        one = training.Trainer(model, sgd, scheduler=plateau, monitor=monitor)
        assert [entry["lr"] for entry in one.fit([(x * 0, labels)], validation, epochs=3)] == expected
        key = monitor or ("loss" if validation is None else "validation_loss")
        assert plateau.best == one.history[-1 if (monitor, mode) == ("epoch", "max") else 0][key]


def test_a_plateau_watches_what_there_is():
    model = nn.Linear(2, CLASSES)
    sgd = optim.SGD(model.parameters())
    one = training.Trainer(model, sgd, scheduler=optim.ReduceLROnPlateau(sgd), monitor="lost")
    with pytest.raises(ValueError, match=r"fit: monitor: expected one of 'epoch', 'loss', .*, got 'lost'"):
        one.fit([points(6)], epochs=1)
    with pytest.raises(ValueError, match=r"Trainer: schedule: expected 'epoch' for a ReduceLROnPlateau, got 'step'"):
        training.Trainer(model, sgd, scheduler=optim.ReduceLROnPlateau(sgd), schedule="step")
    with pytest.raises(ValueError, match=r"Trainer: monitor: expected None without a ReduceLROnPlateau, got 'loss'"):
        training.Trainer(model, sgd, monitor="loss")


def test_the_loader_is_told_the_epoch():
    told = []

    class Counting(list):
        def set_epoch(self, epoch):
            told.append(epoch)

    one = trainer()
    one.fit(Counting([points(6)]), epochs=2)
    one.fit(Counting([points(6)]), epochs=3)
    assert told == [0, 1, 2]


def test_events_come_in_their_order():
    events = []

    class Log(training.Callback):
        def __init__(self, name):
            self.name = name

        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda trainer, *rest: events.append((name, object.__getattribute__(self, "name")))
            return object.__getattribute__(self, name)

    trainer(Log("a"), Log("b")).fit([points(6), points(6)], epochs=1)
    names = ["on_fit_start", "on_epoch_start", "on_batch_end", "on_batch_end"]
    names += ["on_epoch_end", "on_epoch_recorded", "on_fit_end"]
    assert events == [(name, who) for name in names for who in "ab"]


def test_other_losses_and_metrics():
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": [[1.0, 2.0]], "bias": [0.0]})
    x, y = np.array([[1.0, 1.0], [2.0, 0.0]], np.float32), np.array([[1.0], [5.0]], np.float32)
    largest = {"largest": lambda outputs, targets: float(np.abs(outputs - targets).max())}
    one = training.Trainer(model, optim.SGD(model.parameters(), lr=0.0), nn.MSELoss(), metrics=largest)
    entry = one.fit([(x, y)], epochs=1)[0]
    assert (entry["loss"], entry["largest"]) == ((2.0**2 + 3.0**2) / 2, 3.0)
    assert "accuracy" not in entry
    bare = training.Trainer(model, optim.SGD(model.parameters(), lr=0.0), nn.MSELoss())
    assert bare.evaluate([(x, y)]) == {"loss": 6.5}


def test_a_loss_that_is_not_finite_ends_the_run():
    x, labels = points(6)
    x[3] = np.inf
    message = "fit: loss: expected a finite number, got nan in epoch 1, batch 2"
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=message):
        trainer().fit([points(6), (x, labels)], epochs=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trainer().fit(loader(), epochs=-1), "fit: epochs: expected an integer >= 0, got -1"),
        (lambda: trainer().fit(loader(), epochs=1.0), "fit: epochs: expected an integer, got float"),
        (lambda: trainer().fit([], epochs=1), "fit: train: expected at least one batch, got no samples"),
        (
            lambda: trainer().fit([1], epochs=1),
            r"fit: train: expected batches \(x, labels\) or \(x, labels, weights\), got int",
        ),
        (lambda: trainer().fit(None), "fit: train: expected an iterable of batches, got NoneType"),
        (lambda: trainer().fit(loader(), 3), "fit: validation: expected an iterable of batches, got int"),
        (lambda: trainer().evaluate(None), "evaluate: loader: expected an iterable of batches, got NoneType"),
        (lambda: trainer().predict(None), "predict: x: expected an iterable of batches, got NoneType"),
        (lambda: trainer().evaluate([]), "evaluate: loader: expected at least one batch"),
        (lambda: trainer(schedule="day"), "Trainer: schedule: expected one of 'epoch', 'step', got 'day'"),
        (lambda: trainer("bar"), "Trainer: callbacks: expected an instance of Callback, got str"),
        (lambda: training.Trainer(3, None), "Trainer: model: expected an instance of Module, got int"),
        (lambda: training.Trainer(nn.Identity(), 3), "Trainer: optimizer: expected an instance of Optimizer, got int"),
        (lambda: trainer(generator=3), "Trainer: generator: expected an instance of Generator, got int"),
        (lambda: trainer(scheduler=3), "Trainer: scheduler: expected an instance of LRScheduler, got int"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_accuracy_of_mixed_samples_counts_the_largest_probability():
    x, y = np.eye(4, dtype=np.float32), np.arange(4)
    mixed = tk.data.DataLoader(tk.data.ArrayDataset(x, y), 4, mix=tk.data.MixUp(classes=4, seed=1))
    model = tk.nn.Identity()
    model.scale = tk.nn.Parameter([1.0])
    trainer = tk.Trainer(model, tk.optim.SGD(model.parameters(), lr=0.0), loss=tk.nn.CrossEntropyLoss())
    images, shares = next(iter(mixed))
    assert shares.shape == (4, 4)
    # A model that gives its input back names the class of the larger share: x is mixed as the labels are.
    assert trainer.evaluate([(images, shares)])["accuracy"] == 1
    assert trainer.evaluate([(images, shares[::-1].copy())])["accuracy"] < 1
