"""Atomic writing: errors, links and permissions, and a writer killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tatamikomi
from tatamikomi.io import atomic_write, load_file, read_metadata

PACKAGE = str(Path(tatamikomi.__file__).parents[1])

# Rewrites one file for ever; array and metadata both carry the round, so that a mixture would show.
WRITER = """
import sys, itertools
import numpy as np
from tatamikomi.io import save_file
for number in itertools.count(int(sys.argv[2])):
    save_file({"x": np.full(100_000, number)}, sys.argv[1], {"round": str(number)})
    print(number, flush=True)
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_writes_and_replaces(tmp_path):
    for data in (b"first", b"second, longer"):
        with atomic_write(tmp_path / "a") as file:
            file.write(data)
        assert (tmp_path / "a").read_bytes() == data
    assert names(tmp_path) == ["a"]


def test_the_old_file_stands_until_the_block_ends(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
        file.flush()
        assert (tmp_path / "a").read_bytes() == b"old"
        assert len(names(tmp_path)) == 2
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")

    def interrupted():
        with atomic_write(tmp_path / "a") as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"), atomic_write(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_file_and_folder_are_synced_around_the_renaming(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def note_replace(source, target):
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
    assert calls == ["file", "replace", "folder"]


def test_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new").chmod(0o604)
    with atomic_write(tmp_path / "new"):
        pass
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o604


def test_a_symbolic_link_keeps_pointing(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_bytes() == b"new"


def test_long_names_and_relative_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a" * 255, "é" * 127, "plain"):
        with atomic_write(name) as file:
            file.write(b"x")
        assert (tmp_path / name).read_bytes() == b"x"
    assert len(names(tmp_path)) == 3


def test_a_missing_folder_and_a_folder_in_the_way(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder of the file to write does not exist.*nowhere"):
        atomic_write(tmp_path / "nowhere" / "a").__enter__()
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="folder has the name"):
        atomic_write(tmp_path / "folder").__enter__()


def test_killed_at_any_moment_the_file_loads(tmp_path):
    path = tmp_path / "model.safetensors"
    moments = random.Random(0)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([PACKAGE, os.environ.get("PYTHONPATH", "")])}
    seen = 0
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(seen + 1)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == f"{seen + 1}\n"  # it writes: from now on the file exists
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        reported = process.communicate()[0].split()
        assert process.returncode == -signal.SIGKILL
        found = load_file(path)["x"]
        number = int(read_metadata(path)["round"])
        assert np.array_equal(found, np.full(100_000, number))
        # Every round that was reported was on the disk, and at most one more.
        last = int(reported[-1]) if reported else seen + 1
        assert number in (last, last + 1)
        seen = number
    for name in names(tmp_path):
        assert name == path.name or (name.startswith(f".{path.name}.") and name.endswith(".tmp"))
