"""Ctrl-C and kill -9, in processes of their own: what is left, and that --resume continues bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tatamikomi.training import snapshot

EPOCHS = 6
OPTIONS = ["--model", "lenet5", "--epochs", str(EPOCHS), "--batch-size", "8", "--threads", "1"]

# Slow enough to be interrupted in the middle of an epoch.
SLOWLY = """
import signal, sys, time
from tatamikomi import training
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
def wait(self, trainer, samples, measures): time.sleep(0.02)
training.ProgressBar.on_batch_end = wait
from tatamikomi.cli import main
sys.exit(main())
"""

# Dies as from kill -9 in the COUNT-th call of os.FUNCTION, the call not made.
KILLED = """
import os, signal, sys
count, whole = 0, os.FUNCTION
def deadly(*arguments):
    global count
    count += 1
    if count == COUNT:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments)
os.FUNCTION = deadly
from tatamikomi.cli import main
sys.exit(main())
"""


def command(script: str, *words: object) -> list[str]:
    return [sys.executable, "-c", script, "train", *map(str, words)]


def finish(folder) -> bytes:
    """Resume to the end; the model's bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "tatamikomi", "train", "--resume", folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(digits, tmp_path_factory) -> bytes:
    """The model of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    words = ["train", "--data", digits, *OPTIONS, "--out", folder]
    done = subprocess.run([sys.executable, "-m", "tatamikomi", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bar where stderr is no terminal
    return (folder / "model.safetensors").read_bytes()


def wait_for_epoch(path, epoch: int, process: subprocess.Popen) -> None:
    """Until the checkpoint is there and says that `epoch` epochs are complete."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if path.exists() and snapshot.read_meta(path)["epoch"] >= epoch:
            return
        time.sleep(0.01)
    raise AssertionError("no checkpoint in time")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("epoch", [0, 2])
def test_ctrl_c_ends_with_130_and_resume_gives_the_same_bits(digits, tmp_path, straight, epoch):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command(SLOWLY, "--data", digits, *OPTIONS, "--out", folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_epoch(folder / "last.safetensors", epoch, process)
    time.sleep(0.03)  # into the next epoch
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"continue with: tatamikomi train --resume {folder}" in errors
    assert "Traceback" not in errors
    assert epoch <= snapshot.read_meta(folder / "last.safetensors")["epoch"] < EPOCHS
    assert not (folder / "model.safetensors").exists()
    assert finish(folder) == straight


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
@pytest.mark.parametrize(("function", "count"), [("replace", 4), ("fsync", 7)])
def test_kill_9_while_writing_leaves_the_last_good_checkpoint(digits, tmp_path, straight, function, count):
    folder = tmp_path / "run"
    script = KILLED.replace("FUNCTION", function).replace("COUNT", str(count))
    done = subprocess.run(command(script, "--data", digits, *OPTIONS, "--out", folder), capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert 0 <= snapshot.read(folder / "last.safetensors").meta["epoch"] < EPOCHS
    assert finish(folder) == straight


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_kill_9_at_any_moment_leaves_the_last_good_checkpoint(digits, tmp_path, straight):
    folder = tmp_path / "run"
    process = subprocess.Popen(command(SLOWLY, "--data", digits, *OPTIONS, "--out", folder), stdout=subprocess.DEVNULL)
    wait_for_epoch(folder / "last.safetensors", 1, process)
    process.kill()
    process.wait(timeout=60)
    assert 1 <= snapshot.read(folder / "last.safetensors").meta["epoch"] < EPOCHS
    assert finish(folder) == straight
