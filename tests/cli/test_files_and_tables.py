"""--config, the table of runs, and what a model sees in a picture."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

from tatamikomi.cli import main, toml_files
from tatamikomi.cli.configuration import Configuration, types

pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

FEW = ["--model", "lenet5", "--epochs", "1", "--batch-size", "8"]


@pytest.fixture(scope="module")
def runs(digits, tmp_path_factory):
    """A folder of two finished runs; the second began from the first one's configuration."""
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", "--data", str(digits), *FEW, "--lr", "0.01", "--seed", "4", "--out", str(folder / "a")]) == 0
    options = ["--config", str(folder / "a" / "config.toml"), "--epochs", "3", "--out", str(folder / "b")]
    assert main(["train", *options]) == 0
    return folder


def test_a_run_begins_anew_from_its_configuration(runs):
    first, second = (json.loads((runs / name / "history.json").read_text())["configuration"] for name in "ab")
    assert second == {**first, "epochs": 3}
    assert toml_files.read(str(runs / "b" / "config.toml"), types()) == second


def test_any_configuration_comes_back(tmp_path):
    odd = Configuration(data='C:\\new "folder"\t日本\x7f', lr=1e-7, augment="none", seed=2**62)
    toml_files.write(tmp_path / "config.toml", odd.as_dict())
    assert Configuration(**toml_files.read(str(tmp_path / "config.toml"), types())) == odd


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "Invalid value|invalid value"),
        ("momentum = 0.9", "expected keys among model, data, .*got momentum"),
        ("epochs = 2.0", "epochs: expected a value of type int, got 2.0"),
        ("augment = 1", "augment: expected a value of type str, got 1"),
        ("model = 'lenet6'", "--model: expected one of .*got lenet6"),
        ("[model]\nname = 'lenet5'", "model: expected a value of type str"),
    ],
)
def test_what_a_file_gets_wrong_is_one_line(text, message, tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert main(["train", "--config", str(path)]) == 2
    line = capsys.readouterr().err
    assert re.search(message, line), line
    assert line.count("\n") == 1


def test_no_such_file(tmp_path, capsys):
    assert main(["train", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: no such file" in capsys.readouterr().err


def test_words_of_keys_may_be_joined_either_way(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("batch-size = 7\nlr = 1\n")
    assert toml_files.read(str(path), types()) == {"batch_size": 7, "lr": 1.0}


def test_runs_in_a_table(runs, capsys):
    assert main(["runs", str(runs), "--sort", "epochs"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:7] == ["run", "model", "data", "optimizer", "lr", "seed", "epochs"]
    assert head.split()[7:] == ["accuracy", "seconds", "images/s"]
    assert [line.split()[0] for line in lines] == [str(runs / "a"), str(runs / "b")]
    assert any(" * " in line for line in lines)
    stored = json.loads((runs / "a" / "history.json").read_text())["test_accuracy"]
    assert f"{stored:.4f}" in lines[0]
    assert main(["runs", str(runs / "b")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_unfinished_run_is_told_as_one(runs, tmp_path, capsys):
    history = json.loads((runs / "b" / "history.json").read_text())
    del history["test_accuracy"], history["epochs"][1:]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "history.json").write_text(json.dumps(history))
    assert main(["runs", str(tmp_path)]) == 0
    assert "1 of 3" in capsys.readouterr().out


def test_no_runs(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 2
    assert "no run in" in capsys.readouterr().err
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["runs", "--sort", "size"]) == 2
    assert "--sort: expected one of run, model" in capsys.readouterr().err


def test_a_picture_of_the_training_set(runs, digits, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:16] = 250  # the bar of class 1
    image.fromarray(pixels).save(tmp_path / "bar.png")
    image.fromarray(255 - pixels).resize((56, 56)).save(tmp_path / "dark.png")
    assert main(["predict", str(runs / "b"), str(tmp_path / "bar.png"), "--top", "2"]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{tmp_path / 'bar.png'}: 1 (")
    assert line.count("%") == 2
    assert main(["predict", str(runs / "b"), str(tmp_path / "dark.png"), "--invert", "--top", "1"]) == 0
    assert ": 1 (" in capsys.readouterr().out
    assert main(["predict", str(runs / "b"), str(tmp_path / "bar.png"), "--top", "0"]) == 2
    assert "--top: expected an integer >= 1, got 0" in capsys.readouterr().err
