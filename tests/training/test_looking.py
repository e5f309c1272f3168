"""Logs, the guard against NaN, and the trial of learning rates."""

from __future__ import annotations

import csv
import json
import struct
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn, training

X = np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)
Y = np.arange(12) % 3
BATCHES = [(X[:8], Y[:8]), (X[8:], Y[8:])]


def net():
    tk.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))


def trainer_of(model, *callbacks, lr=0.1):
    return tk.Trainer(model, tk.optim.SGD(model.parameters(), lr=lr, momentum=0.9), callbacks=callbacks)


def test_logs_hold_the_history(tmp_path):
    table, lines = training.CSVLog(tmp_path / "logs" / "a.csv"), training.JSONLinesLog(tmp_path / "logs" / "a.jsonl")
    history = trainer_of(net(), table, lines).fit(BATCHES, BATCHES, epochs=3)
    with open(table.path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["validation_loss"]) for row in rows] == [entry["validation_loss"] for entry in history]
    with open(lines.path) as file:
        assert [json.loads(line) for line in file] == history


def test_a_measure_that_comes_later_leaves_cells_empty():
    text = training.CSVLog("x").text([{"epoch": 1}, {"epoch": 2, "extra": 3}])
    assert text.splitlines() == ["epoch,extra", "1,", "2,3"]


def events(folder):
    """Every scalar of a folder's event files: records of (length, checksum, bytes, checksum)."""
    from tensorboardX.proto import event_pb2

    found = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            event = event_pb2.Event.FromString(data[12 : 12 + size])
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
            data = data[16 + size :]
    return found


def test_event_files_hold_the_history(tmp_path):
    pytest.importorskip("tensorboardX")
    trainer = trainer_of(net(), training.TensorBoard(tmp_path))
    trainer.fit(BATCHES, BATCHES, epochs=1)
    history = trainer.fit(BATCHES, BATCHES, epochs=2)
    found = events(tmp_path)
    for name, tag in (("loss", "loss/train"), ("validation_accuracy", "accuracy/validation")):
        assert [step for step, _ in found[tag]] == [1, 2]
        assert [value for _, value in found[tag]] == pytest.approx([entry[name] for entry in history])


def test_event_files_need_an_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"TensorBoard needs tensorboardX: pip install 'tatamikomi\[tensorboard\]'"):
        trainer_of(net(), training.TensorBoard(tmp_path)).fit(BATCHES)


def test_a_bar_in_a_notebook(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    trainer_of(net(), training.ProgressBar()).fit(BATCHES)
    assert "epoch 1/1" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "ipykernel")
    trainer_of(net(), training.ProgressBar()).fit(BATCHES)
    assert not capsys.readouterr().err


def test_the_guard_names_the_layer_and_the_parameter():
    model = net()
    bias = model[4].bias.numpy().copy()
    bias[1] = np.nan
    model[4].bias.copy_(bias)
    trainer = trainer_of(model, training.NaNGuard())
    message = r"^4 \(Linear\): NaNGuard: the output is not finite in batch 1, epoch 1; its bias is not finite$"
    with pytest.raises(FloatingPointError, match=message):
        trainer.fit(BATCHES)
    model(X)  # the hooks are gone


def test_the_guard_names_the_input():
    spoilt = X.copy()
    spoilt[3, 2] = np.inf
    trainer = trainer_of(net(), training.NaNGuard())
    message = r"0 \(Linear\): NaNGuard: .* in batch 2, epoch 1; its input is not finite"
    with pytest.raises(FloatingPointError, match=message):
        trainer.fit([BATCHES[0], (spoilt, Y)])


def test_the_guard_may_look_less_often():
    spoilt = X.copy()
    spoilt[3, 2] = np.nan
    guarded = trainer_of(net(), training.NaNGuard(every=2))
    with pytest.raises(FloatingPointError, match="fit: loss"):
        guarded.fit([BATCHES[0], (spoilt, Y)])
    with pytest.raises(ValueError, match="NaNGuard: every: expected an integer >= 1, got 0"):
        training.NaNGuard(0)


def test_the_guard_changes_nothing():
    plain, guarded = (trainer_of(net(), *callbacks) for callbacks in ((), (training.NaNGuard(),)))
    plain.fit(BATCHES, epochs=2)
    tk.manual_seed(0)
    guarded = trainer_of(net(), training.NaNGuard())
    guarded.fit(BATCHES, epochs=2)
    tk.manual_seed(0)
    plain = trainer_of(net())
    plain.fit(BATCHES, epochs=2)
    for one, other in zip(plain.model.state_dict().values(), guarded.model.state_dict().values(), strict=True):
        assert np.array_equal(one, other)


def test_a_trial_leaves_everything_as_it_was():
    model = net().eval()
    optimizer = tk.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    state = tk.default_generator().state()
    trial = training.find_lr(model, optimizer, BATCHES, low=1e-4, high=100.0, steps=50)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert not optimizer.state_dict()["state"]
    assert tk.default_generator().state() == state
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert trial.rates == pytest.approx(list(np.geomspace(1e-4, 100, 50)[: len(trial.rates)]))
    assert trial.suggestion in trial.rates


def test_a_trial_ends_where_the_loss_runs_away():
    model = nn.Linear(6, 1)
    optimizer = tk.optim.SGD(model.parameters(), lr=1.0)
    target = X @ np.ones((6, 1), np.float32)
    trial = training.find_lr(model, optimizer, [(X, target)], nn.MSELoss(), low=1e-3, high=1e6, steps=200)
    assert len(trial.rates) < 200
    assert max(trial.losses[-1:]) <= 4 * min(trial.losses)
    assert 1e-3 < trial.suggestion < trial.rates[-1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"low": 1.0, "high": 0.5}, ValueError, "find_lr: low and high: expected 0 < low < high"),
        ({"steps": 1}, ValueError, "find_lr: steps: expected an integer >= 2, got 1"),
        ({"smoothing": 1.0}, ValueError, "find_lr: smoothing: expected 0 <= smoothing < 1"),
        ({"loader": []}, ValueError, "find_lr: loader: expected at least one"),
        ({"loader": 3}, TypeError, "find_lr: loader"),
    ],
)
def test_trials_refused(options, error, message):
    model = nn.Linear(6, 3)
    given = {"loader": BATCHES, **options}
    with pytest.raises(error, match=message):
        training.find_lr(model, tk.optim.SGD(model.parameters(), lr=1.0), **given)
