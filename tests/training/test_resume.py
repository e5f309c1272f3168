"""Checkpoints: a resumed run gives the bits of an uninterrupted one; damaged or foreign files change
nothing."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, io, nn, optim, training
from tatamikomi.training import snapshot

EPOCHS = 4


def batches() -> data.DataLoader:
    draw = np.random.default_rng(1)
    x = draw.standard_normal((26, 1, 6, 6)).astype(np.float32)
    augment = data.RandomAffine(degrees=10.0, translate=(0.1, 0.1), seed=5)
    return data.DataLoader(data.ArrayDataset(x, np.arange(26) % 3), 8, shuffle=True, seed=2, transform=augment)


OPTIMIZERS = {
    "sgd": lambda params: optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda params: optim.Adam(params, lr=0.01),
    "adamw": lambda params: optim.AdamW(params, lr=0.01),
    "nadam": lambda params: optim.NAdam(params, lr=0.01),
    "rmsprop": lambda params: optim.RMSprop(params, lr=0.01, momentum=0.5, centered=True),
    "lamb": lambda params: optim.LAMB(optim.no_decay_groups([("", one) for one in params], 0.1), lr=0.01),
}


SCHEDULES = {
    "cycle": ("step", lambda chosen: optim.OneCycleLR(chosen, 0.05, EPOCHS * 4)),
    "plateau": ("epoch", lambda chosen: optim.ReduceLROnPlateau(chosen, "max", 0.5, 1)),
    "sequence": (
        "step",
        lambda chosen: optim.SequentialLR(chosen, [optim.LinearLR(chosen), optim.ExponentialLR(chosen, 0.9)], [5]),
    ),
}


EVERYTHING = {
    "clipped": {"clip_grad_norm": 0.5, "clip_grad_value": 0.1, "agc": 0.05},
    "accumulated": {"accumulate": 3, "regularizer": lambda model: optim.ElasticNet(1e-3, 1e-3)},
    "fading average": {"average": lambda model: optim.EMA(model, 0.9, warmup=True, use_buffers=True)},
    "equal average": {
        "average": lambda model: optim.SWA(model, start=1),
        "regularizer": lambda model: optim.L1(1e-3, proximal=True),
        "constraint": lambda model: optim.MaxNorm(0.5),
    },
}


def build(optimizer: str = "adam", callbacks=(), schedule: str = "step", width: int = 4, **options) -> training.Trainer:
    """A small net with everything that has a state: batch-norm, dropout, schedule."""
    tk.manual_seed(9)
    model = nn.Sequential(
        nn.Conv2d(1, width, 3),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(width * 4, 3),
    )
    chosen = OPTIMIZERS[optimizer](model.parameters())
    options = {name: given(model) if callable(given) else given for name, given in options.items()}
    if schedule in SCHEDULES:
        moves, make = SCHEDULES[schedule]
        return training.Trainer(model, chosen, scheduler=make(chosen), schedule=moves, callbacks=callbacks, **options)
    cosine = optim.CosineAnnealingLR(chosen, EPOCHS * (4 if schedule == "step" else 1))
    return training.Trainer(model, chosen, scheduler=cosine, schedule=schedule, callbacks=callbacks, **options)


def bits(trainer: training.Trainer) -> dict[str, bytes]:
    """Everything that decides the rest of a run."""
    taken = snapshot.capture(trainer)
    state = {key: value.tobytes() for key, value in taken.arrays.items()}
    state["generator"] = repr(taken.meta["generator"]).encode()
    state["optimizer"] = repr(taken.meta["optimizer"]).encode()
    state["scheduler"] = repr(taken.meta["scheduler"]).encode()
    state["average"] = repr(taken.meta["average"]).encode()
    return state


def losses(trainer: training.Trainer) -> list[tuple[float, ...]]:
    return [(entry["loss"], entry["validation_loss"], entry["lr"]) for entry in trainer.history]


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("schedule", ["step", "epoch", *SCHEDULES])
def test_two_and_two_epochs_are_four(tmp_path, optimizer, schedule):
    straight = build(optimizer, schedule=schedule)
    straight.fit(batches(), batches(), EPOCHS)

    first = build(optimizer, schedule=schedule)
    first.fit(batches(), batches(), 2)
    first.save_checkpoint(tmp_path / "run.safetensors")
    second = build(optimizer, schedule=schedule)
    tk.manual_seed(123)  # the checkpoint brings its own
    second.load_checkpoint(tmp_path / "run.safetensors")
    assert second.epoch == 2
    second.fit(batches(), batches(), EPOCHS)

    assert bits(second) == bits(straight)
    assert losses(second) == losses(straight)


@pytest.mark.parametrize("options", EVERYTHING)
def test_with_everything_that_a_step_may_do(tmp_path, options):
    straight = build(**EVERYTHING[options])
    straight.fit(batches(), batches(), EPOCHS)
    first = build(**EVERYTHING[options])
    first.fit(batches(), batches(), 2)
    first.save_checkpoint(tmp_path / "run.safetensors")
    second = build(**EVERYTHING[options])
    second.load_checkpoint(tmp_path / "run.safetensors")
    second.fit(batches(), batches(), EPOCHS)
    assert bits(second) == bits(straight)
    assert losses(second) == losses(straight)
    plain = build()
    plain.fit(batches(), batches(), EPOCHS)
    assert losses(plain) != losses(straight)


def test_the_checkpoint_callback_leaves_the_end_and_the_best(tmp_path):
    checkpoint = training.Checkpoint(tmp_path / "run", monitor="loss", extra={"note": [1, "two"]})
    trainer = build(callbacks=[checkpoint])
    trainer.fit(batches(), epochs=EPOCHS)
    last = snapshot.read(checkpoint.last_path)
    assert last.meta["epoch"] == EPOCHS
    assert last.meta["extra"] == {"note": [1, "two"]}
    best = min(trainer.history, key=lambda entry: entry["loss"])
    assert snapshot.read(checkpoint.best_path).meta["epoch"] == best["epoch"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["best.safetensors", "last.safetensors"]


def test_a_checkpoint_exists_before_the_first_epoch(tmp_path):
    seen = []

    class Look(training.Callback):
        def on_epoch_start(self, trainer):
            seen.append(snapshot.read(tmp_path / "last.safetensors").meta["epoch"])

    build(callbacks=[training.Checkpoint(tmp_path, every=2), Look()]).fit(batches(), epochs=EPOCHS)
    assert seen == [0, 0, 2, 2]


@pytest.mark.parametrize("every", [1, 3])
def test_ctrl_c_leaves_the_last_whole_epoch(tmp_path, every):
    straight = build()
    straight.fit(batches(), batches(), EPOCHS)

    class CtrlC(training.Callback):
        def on_batch_end(self, trainer, samples, measures):
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(callbacks=[training.Checkpoint(tmp_path, every), CtrlC()]).fit(batches(), batches(), EPOCHS)
    resumed = build(callbacks=[training.Checkpoint(tmp_path, every)])
    resumed.load_checkpoint(tmp_path / "last.safetensors")
    assert resumed.epoch == 2
    resumed.fit(batches(), batches(), EPOCHS)
    assert bits(resumed) == bits(straight)
    assert losses(resumed) == losses(straight)


def test_callbacks_continue_too(tmp_path):
    def callbacks(folder):
        return [
            training.EarlyStopping("validation_loss", patience=2),
            training.Checkpoint(folder, monitor="validation_accuracy"),
        ]

    straight = build(callbacks=callbacks(tmp_path / "a"))
    straight.fit(batches(), batches(), EPOCHS)
    build(callbacks=callbacks(tmp_path / "b")).fit(batches(), batches(), 1)
    resumed = build(callbacks=callbacks(tmp_path / "b"))
    resumed.load_checkpoint(tmp_path / "b" / "last.safetensors")
    resumed.fit(batches(), batches(), EPOCHS)
    assert bits(resumed) == bits(straight)
    assert resumed.callbacks[0].best == straight.callbacks[0].best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitor": "accuracy"}, r"monitor: expected 'accuracy', as it was built, got 'loss'"),
        ({"monitor": "loss", "mode": "max"}, r"mode: expected 'max', as it was built, got 'min'"),
    ],
)
@pytest.mark.parametrize("kind", ["EarlyStopping", "Checkpoint"])
def test_the_best_by_another_measure_is_refused(tmp_path, kind, options, message):
    def callback(**options):
        if kind == "EarlyStopping":
            return training.EarlyStopping(**options)
        return training.Checkpoint(tmp_path, **options)

    path = tmp_path / "run.safetensors"
    source = build(callbacks=[callback(monitor="loss")])
    source.fit(batches(), epochs=1)
    source.save_checkpoint(path)
    other = build(callbacks=[callback(**options)])
    before = bits(other)
    with pytest.raises(ValueError, match=rf"^{kind}.load_state_dict: {message}$"):
        other.load_checkpoint(path)
    assert bits(other) == before
    same = build(callbacks=[callback(monitor="loss", mode="min")])
    same.load_checkpoint(path)
    assert same.callbacks[0].state_dict()["best"] == source.history[0]["loss"]


def test_what_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    source = build()
    source.fit(batches(), epochs=1)
    source.save_checkpoint(path)
    cases = [
        (build(width=5), "load_state_dict: Sequential: nothing was loaded"),
        (build("sgd"), r"SGD.load_state_dict: "),
        (build(callbacks=[training.EarlyStopping()]), "checkpoint: callbacks: expected the state of .*EarlyStopping"),
    ]
    other = build()
    other.scheduler = None
    cases.append((other, "checkpoint: scheduler: "))
    cases.append((build(average=lambda model: optim.EMA(model)), "checkpoint: average: "))
    for trainer, message in cases:
        before = bits(trainer)
        with pytest.raises(ValueError, match=message):
            trainer.load_checkpoint(path)
        assert bits(trainer) == before
        assert trainer.epoch == 0


def test_damaged_files_are_named(tmp_path):
    trainer = build()
    path = tmp_path / "run.safetensors"
    trainer.save_checkpoint(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=r"run\.safetensors: "):
        trainer.load_checkpoint(path)
    io.save_file({"x": np.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"run\.safetensors: not a checkpoint: the metadata has no 'tatamikomi'"):
        trainer.load_checkpoint(path)
    for text, message in (
        ("{", "not a checkpoint: "),
        ("[]", "not a checkpoint: no epoch"),
        ('{"epoch": 1}', "not a checkpoint: no history"),
    ):
        io.save_file({"x": np.zeros(1)}, path, {"tatamikomi": text})
        with pytest.raises(ValueError, match=message):
            trainer.load_checkpoint(path)
    taken = snapshot.capture(trainer)
    snapshot.write(path, snapshot.Snapshot(taken.arrays, {**taken.meta, "format": 99}))
    with pytest.raises(ValueError, match="checkpoint format: expected 1, got 99"):
        trainer.load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        trainer.load_checkpoint(tmp_path / "nothing")
