"""The same final weights, bit for bit: for any threads and workers, killed at any step and resumed or not.

The run has all that has a state or draws numbers: shuffled and augmented batches, weights of samples, images that
grow, batch normalisation, dropout, Adam, a schedule per step, an EMA, accumulated gradients, early stopping.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, nn, optim, training
from tatamikomi.training import snapshot

EPOCHS, BATCHES = 3, 3
STEPS = EPOCHS * BATCHES


def loader(workers: int) -> data.DataLoader:
    draw = np.random.default_rng(1)
    x = draw.random((20, 1, 12, 12), dtype=np.float32)
    dataset = data.ArrayDataset(x, np.arange(20) % 3, weights=draw.uniform(0.5, 2, 20))
    augment = data.Compose([data.RandomAffine(degrees=10.0, seed=5), data.RandomErasing(0.5, seed=6)])
    return data.DataLoader(dataset, 8, shuffle=True, seed=2, transform=augment, workers=workers)


class Die(training.Callback):
    """As from kill -9, or Ctrl-C, after so many batches."""

    def __init__(self, batches: int, how: str) -> None:
        self.left, self.how = batches, how

    def on_batch_end(self, trainer, samples, measures):
        self.left -= 1
        if not self.left:
            if self.how == "Ctrl-C":
                raise KeyboardInterrupt
            os.kill(os.getpid(), signal.SIGKILL)


def run(folder, threads: int, workers: int, die_after: int = 0, how: str = "kill", resume: bool = False) -> str:
    """Train in a folder, from its checkpoint if told so; the digest of all that the run ends with."""
    tk.manual_seed(77 if resume else 9)  # a checkpoint brings its own generator
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64, 3),
    )
    adam = optim.AdamW(model.parameters(), lr=0.01)
    callbacks = [
        training.ProgressiveResize([(0, 8), (1, (10, 9)), (2, 12)]),
        training.EarlyStopping("validation_loss", patience=EPOCHS),
        training.Checkpoint(folder, monitor="validation_loss"),
        *([Die(die_after, how)] if die_after else []),
    ]
    trainer = training.Trainer(
        model,
        adam,
        nn.CrossEntropyLoss(np.array([1, 2, 0.5], np.float32), label_smoothing=0.1),
        optim.OneCycleLR(adam, 0.02, EPOCHS * 2),
        callbacks,
        schedule="step",
        accumulate=2,
        clip_grad_norm=1.0,
        average=optim.EMA(model, 0.8, use_buffers=True),
    )
    with tk.backend("native"), tk.threads(threads):
        if resume:
            trainer.load_checkpoint(os.path.join(folder, "last.safetensors"))
        trainer.fit(loader(workers), loader(0), EPOCHS)
    taken = snapshot.capture(trainer)
    digest = hashlib.sha256()
    for name in sorted(taken.arrays):
        digest.update(name.encode() + taken.arrays[name].tobytes())
    digest.update(repr([taken.meta[key] for key in ("generator", "optimizer", "scheduler", "average")]).encode())
    digest.update(repr([(entry["loss"], entry["validation_loss"], entry["lr"]) for entry in trainer.history]).encode())
    return digest.hexdigest()


@pytest.fixture(autouse=True)
def _default_generator():
    state = tk.default_generator().state()
    yield
    tk.default_generator().set_state(state)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> str:
    state = tk.default_generator().state()
    try:
        return run(tmp_path_factory.mktemp("straight"), 1, 0)
    finally:
        tk.default_generator().set_state(state)


@pytest.mark.parametrize(("threads", "workers"), [(1, 1), (1, 4), (2, 0), (2, 1), (2, 4)])
def test_threads_and_workers_change_no_bit(tmp_path, straight, threads, workers):
    assert run(tmp_path, threads, workers) == straight


def test_one_random_number_more_is_seen(tmp_path, straight):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 1, 0, BATCHES + 1, "Ctrl-C")
    taken = snapshot.read(tmp_path / "last.safetensors")
    assert taken.meta["epoch"] == 1
    taken.meta["generator"]["offset"] += 1
    snapshot.write(tmp_path / "last.safetensors", taken)
    assert run(tmp_path, 1, 0, resume=True) != straight


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
@pytest.mark.parametrize(("threads", "workers", "then_threads", "then_workers"), [(1, 4, 2, 0), (2, 1, 1, 4)])
def test_killed_at_any_step_and_resumed(tmp_path, straight, threads, workers, then_threads, then_workers):
    step = random.SystemRandom().randint(1, STEPS)
    script = f"from {__name__} import run; run({str(tmp_path)!r}, {threads}, {workers}, {step})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, f"step {step}: {done.stderr}"
    epoch = snapshot.read_meta(tmp_path / "last.safetensors")["epoch"]
    assert epoch == (step - 1) // BATCHES, f"killed in batch {step}"
    assert run(tmp_path, then_threads, then_workers, resume=True) == straight, f"killed in batch {step}"
