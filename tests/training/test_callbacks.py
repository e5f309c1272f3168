"""Callbacks: early stopping, JSON history, progress bar, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, optim, training
from tatamikomi.training import snapshot

BATCH = (np.zeros((4, 1), np.float32), np.zeros((4, 1), np.float32))


class Scripted(training.Callback):
    """Puts given numbers into the history as "score", and marks the weights with the epoch."""

    def __init__(self, *scores: float) -> None:
        self.scores = scores

    def on_epoch_end(self, trainer):
        trainer.history[-1]["score"] = self.scores[trainer.epoch - 1]
        trainer.model.bias.copy_([trainer.epoch])


def run(scores, *callbacks, epochs=None) -> training.Trainer:
    model = nn.Linear(1, 1)
    sgd = optim.SGD(model.parameters(), lr=0.0)
    trainer = training.Trainer(model, sgd, nn.MSELoss(), callbacks=[Scripted(*scores), *callbacks])
    trainer.fit([BATCH], epochs=len(scores) if epochs is None else epochs)
    return trainer


NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "options", "stopped", "best"),
    [
        ((5, 4, 6, 7, 3), {"patience": 2}, 4, 2),
        ((5, 4, 6, 3, 7), {"patience": 2}, 5, 4),
        ((1, 2, 3), {"mode": "max"}, 3, 3),
        ((3, 2, 1), {"mode": "max", "patience": 1}, 2, 1),
        ((5, 4.9, 4.8, 1), {"min_delta": 0.5, "patience": 2}, 3, 1),
        ((5, NAN, NAN, 4), {"patience": 3}, 4, 4),
        ((NAN, NAN, 3), {"patience": 2}, 2, None),
    ],
)
def test_early_stopping_restores_the_best(scores, options, stopped, best):
    stopping = training.EarlyStopping("score", **options)
    trainer = run(scores, stopping)
    assert trainer.epoch == stopped
    assert trainer.model.bias.item() == (stopped if best is None else best)
    assert stopping.best == (None if best is None else scores[best - 1])


def test_accuracy_is_better_when_larger():
    assert training.callback.Best("test", "validation_accuracy")._sign == 1.0
    assert training.callback.Best("test", "validation_loss")._sign == -1.0


def test_early_stopping_restores_after_ctrl_c():
    class CtrlC(training.Callback):
        def on_epoch_start(self, trainer):
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    model = nn.Linear(1, 1)
    callbacks = [Scripted(1, 2, 3), training.EarlyStopping("score"), CtrlC()]
    trainer = training.Trainer(model, optim.SGD(model.parameters()), nn.MSELoss(), callbacks=callbacks)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit([BATCH], epochs=3)
    assert model.bias.item() == 1.0


def test_a_stopped_run_stays_stopped():
    trainer = run((1, 2, 3, 4), training.EarlyStopping("score", patience=1))
    assert trainer.epoch == 2
    trainer.fit([BATCH], epochs=4)
    assert trainer.epoch == 2


def test_early_stopping_begins_anew_with_another_trainer():
    stopping = training.EarlyStopping("score", patience=1)
    assert run((1, 2), stopping).model.bias.item() == 1.0
    second = run((9, 8, 10), stopping)
    assert second.epoch == 3
    assert second.model.bias.item() == 2.0
    assert stopping.best == 8


def test_checkpoint_begins_anew_with_another_trainer(tmp_path):
    stopping = training.EarlyStopping("score", patience=9)
    checkpoint = training.Checkpoint(tmp_path, every=9, monitor="score")
    run((1, 2), checkpoint, stopping)
    begun = []

    class Look(training.Callback):
        def on_epoch_start(self, trainer):
            begun.append(snapshot.read(checkpoint.last_path))

    run((9, 8, 10), checkpoint, stopping, Look())
    assert {key: state["best"] for key, state in begun[0].meta["callbacks"].items()} == {
        "Checkpoint": None,
        "EarlyStopping": None,
    }
    assert not [key for key in begun[0].arrays if key.startswith("callback")]
    assert snapshot.read(checkpoint.best_path).meta["epoch"] == 2


def test_json_history(tmp_path):
    path = tmp_path / "deep" / "history.json"
    history = training.JSONHistory(path, {"configuration": {"seed": np.int64(3)}})
    trainer = run((1, 2), history)
    stored = json.loads(path.read_text())
    assert stored["configuration"] == {"seed": 3}
    assert stored["epochs"] == trainer.history
    assert stored["seconds"] == sum(entry["seconds"] for entry in trainer.history)
    assert stored["images_per_s"] == 8 / sum(entry["train_seconds"] for entry in trainer.history)
    history.information["test_accuracy"] = 0.5
    history.write(trainer)
    assert json.loads(path.read_text())["test_accuracy"] == 0.5


def test_progress_bar(capsys):
    run((1, 2), training.ProgressBar())
    assert capsys.readouterr().err == ""  # not a terminal
    run((1, 2), training.ProgressBar(show=False))
    assert capsys.readouterr().err == ""
    run((1, 2), training.ProgressBar(show=True))
    text = capsys.readouterr().err
    assert "epoch 2/2" in text
    assert "8.00/8.00" in text
    assert "loss=" in text
    assert "images/s" in text


def test_the_bar_tells_the_first_metric_of_the_last_validation(capsys):
    model = nn.Linear(1, 1)
    measures = {"map50": lambda outputs, labels: 0.25, "other": lambda outputs, labels: 0.5}
    trainer = training.Trainer(model, optim.SGD(model.parameters(), lr=0.0), nn.MSELoss(), metrics=measures)
    trainer.callbacks.append(training.ProgressBar(show=True))
    trainer.fit([BATCH], [BATCH], epochs=2)
    assert "validation=0.2500" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: training.EarlyStopping(patience=0), "EarlyStopping: patience: expected an integer >= 1, got 0"),
        (lambda: training.EarlyStopping(patience=1.5), "EarlyStopping: patience: expected an integer, got float"),
        (lambda: training.EarlyStopping(min_delta=-1), "EarlyStopping: min_delta: expected a number >= 0, got -1"),
        (lambda: training.EarlyStopping(mode="best"), "EarlyStopping: mode: expected one of 'auto', 'min', 'max'"),
        (lambda: training.Checkpoint("x", every=0), "Checkpoint: every: expected an integer >= 1, got 0"),
        (lambda: training.Checkpoint("x", every="epoch"), "Checkpoint: every: expected an integer, got str"),
        (lambda: run((1,), training.EarlyStopping("accuracy")), "EarlyStopping: monitor: expected one of 'epoch', "),
    ],
)
def test_bad_arguments_are_named(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


def test_early_stopping_brings_the_average_of_the_best_epoch_back(tmp_path):
    """What was measured was the average: both go back, and a resumed run knows both."""

    def build(*more):
        model = nn.Linear(1, 1, generator=tk.Generator(2))
        stopping = training.EarlyStopping("score", patience=2)
        script = Scripted(5, 4, 6, 7, 3)
        ema = optim.EMA(model, 0.5)
        return training.Trainer(
            model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), callbacks=[script, stopping, *more], average=ema
        )

    best, trainer = build(), build()
    best.fit([BATCH], epochs=2)
    trainer.fit([BATCH], epochs=5)
    assert trainer.epoch == 4
    build(training.Checkpoint(tmp_path)).fit([BATCH], epochs=3)
    resumed = build()
    resumed.load_checkpoint(tmp_path / "last.safetensors")
    resumed.fit([BATCH], epochs=5)
    for one in (trainer, resumed):
        assert one.average.updates == best.average.updates == 2
        assert [mean.tolist() for mean in one.average.averages()] == [mean.tolist() for mean in best.average.averages()]
        assert one.model.bias.item() == 2.0
