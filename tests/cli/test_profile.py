"""Layers timed at the command line, of networks by name and of runs."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret
from tatamikomi.cli import main


def table(text):
    """The line above the table, layer -> column -> cell, and the lines below."""
    head, names, rule, *rest = text.splitlines()
    assert set(rule) == {"-"}
    cut = next(i for i, line in enumerate(rest) if line.startswith("unwatched"))
    first, *others = re.split(r"\s{2,}", names)
    assert first == "layer"
    rows = (re.split(r"\s{2,}", line) for line in rest[:cut])
    return head, {row[0]: dict(zip(others, row[1:], strict=True)) for row in rows}, rest[cut:]


def test_a_network_by_name_and_its_trace(tmp_path, capsys):
    trace = tmp_path / "trace.json"
    assert main(["profile", "lenet5", "--batch", "3", "--repeats", "2", "--trace", str(trace), "--threads", "1"]) == 0
    head, rows, foot = table(capsys.readouterr().out)
    assert head == f"lenet5 on (3, 1, 28, 28), training; {tk.get_backend()}, {tk.kernels.config()['isa']}, 1 threads"
    model = tk.models.create("lenet5")
    assert list(rows) == [row.name for row in tk.summary(model, (3, 1, 28, 28)).layers]
    for row in rows.values():
        assert float(row["forward ms"]) > 0
        assert float(row["backward ms"]) > 0
        assert 0 <= float(row["share"].rstrip("%")) <= 100
        assert (row["GFLOP/s"] == "-") == (row["of peak"] == "-") == (row["kind"] in ("ReLU", "Flatten"))
        assert (row["algorithm"] == "-") == (row["workspace"] == "-") == (row["kind"] != "Conv2d")
    assert rows["features.0"]["memory"] == f"{3 * 6 * 784 * 4 / 1024:.1f} KiB"
    assert "medians of 2; results" in foot[0]
    assert float(foot[0].split("peak ")[1].split()[0]) > 0
    events = json.loads(trace.read_text())["traceEvents"]
    ways = [(name, way) for way in ("forward", "backward") for name in rows]
    assert sorted((event["name"], event["cat"]) for event in events) == sorted(ways)
    assert all(event["ph"] == "X" and event["dur"] > 0 for event in events)


def test_inference_has_no_way_back(capsys):
    words = ["profile", "resnet20_cifar", "--inference", "--input", "2x8x8", "--repeats", "1"]
    assert main(words) == 0
    head, rows, foot = table(capsys.readouterr().out)
    assert head.startswith("resnet20_cifar on (1, 2, 8, 8), inference; ")
    assert {row["backward ms"] for row in rows.values()} == {"-"}
    assert "backward" not in foot[0]


def test_a_run(digits, tmp_path, capsys):
    words = ["train", "--data", str(digits), "--model", "lenet5", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["profile", str(tmp_path / "run"), "--batch", "2", "--repeats", "1"]) == 0
    head, rows, _ = table(capsys.readouterr().out)
    assert "on (2, 1, 28, 28), training" in head
    assert list(rows)[-1] == "classifier.5"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lenet6"], "MODEL: expected one of the folder of a run, alexnet, "),
        (["lenet5", "--batch", "0"], "--batch: expected an integer >= 1, got 0"),
        (["lenet5", "--repeats", "-1"], "--repeats: expected an integer >= 1, got -1"),
        (
            ["lenet5", "--input", "1x2x"],
            "--input: expected channels and sizes joined by x, such as 3x224x224, got 1x2x",
        ),
        (["lenet5", "--input", "0x28x28"], "--input: expected channels and sizes"),
        (["wavenet"], "--input: expected channels and length for wavenet"),
        (["lenet5", "--threads", "0"], "--threads: expected 1 to 4096, got 0"),
    ],
)
def test_bad_input_is_told_in_one_line(words, line, capsys):
    assert main(["profile", *words]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1


def test_memory_workspace_and_peak():
    conv = tk.nn.Conv2d(8, 16, 3, padding=1)
    x = np.ones((2, 8, 12, 12), np.float32)
    told = interpret.profile(conv, x, 1, backward=True, peak=50.0)
    (row,) = told.layers
    why = tk.explain_conv(x.shape, conv.weight.shape, padding=1)
    ways = ("forward", "backward_input", "backward_weight")
    assert (row.memory, row.workspace) == (2 * 16 * 144 * 4, max(why.chosen(way).workspace for way in ways))
    assert row.workspace > 0
    assert told.peak == 50.0
    assert f"{row.gflops / 50:.0%}" in str(told)
    (row,) = interpret.profile(conv, x, 1).layers
    assert row.workspace == why.chosen("forward").workspace
    with pytest.raises(ValueError, match="profile: peak: expected GFLOP/s > 0 or None, got 0"):
        interpret.profile(conv, x, 1, peak=0)


def test_the_peak_is_measured():
    assert interpret.machine_peak(np.float64, 0.02) > 0
    with pytest.raises(ValueError, match="machine_peak: seconds: expected a finite number > 0, got 0"):
        interpret.machine_peak(seconds=0)
    with pytest.raises(TypeError, match="machine_peak: dtype: expected float32 or float64, got float16"):
        interpret.machine_peak(np.float16)
