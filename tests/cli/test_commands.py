"""train, evaluate, info: what they print and write, and one line for whatever is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import io
from tatamikomi.cli import main, recipe
from tatamikomi.cli.configuration import Configuration, from_options

FEW = ["--model", "lenet5", "--epochs", "2", "--batch-size", "8", "--optimizer", "adam", "--lr", "0.005"]


def train(digits, *more: object) -> int:
    return main(["train", "--data", str(digits), *FEW, *map(str, more)])


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert train(digits, "--out", folder, "--seed", 4) == 0
    return folder


def test_train_writes_a_run_folder(finished, digits):
    assert {path.name for path in finished.iterdir()} >= {"model.safetensors", "history.json", "last.safetensors"}
    history = json.loads((finished / "history.json").read_text())
    assert history["configuration"] == {
        "model": "lenet5",
        "data": str(digits),
        "epochs": 2,
        "batch_size": 8,
        "optimizer": "adam",
        "lr": 0.005,
        "seed": 4,
        "augment": "affine",
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "samples": 0,
        "folds": 0,
        "recipe": "",
        "backend": tk.get_backend(),
    }
    assert history["versions"]["tatamikomi"] == tk.__version__
    assert history["versions"]["numpy"] == np.__version__
    assert history["isa"] == tk.kernels.config()["isa"]
    assert history["threads"] == tk.get_num_threads()
    assert history["parameters"] == 61_706 - 7 * 85  # three classes instead of ten
    assert [entry["epoch"] for entry in history["epochs"]] == [1, 2]
    assert history["test_accuracy"] == history["epochs"][-1]["validation_accuracy"]
    assert history["seconds"] > 0
    assert history["images_per_s"] > 0


def test_the_stored_model_is_the_trained_one(finished, digits):
    arrays = io.load_file(finished / "model.safetensors")
    model = tk.models.create("lenet5", 3)
    model.load_state_dict(arrays)
    split = tk.data.load(digits)
    right = (model.eval()(split.test_x).numpy().argmax(1) == split.test_y).mean()
    assert right == json.loads((finished / "history.json").read_text())["test_accuracy"]


def test_curves_where_matplotlib_is(finished):
    pytest.importorskip("matplotlib")
    assert (finished / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(digits, tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train(digits, "--out", tmp_path / "run") == 0
    printed = capsys.readouterr()
    assert "curves.png needs matplotlib: pip install 'tatamikomi[plot]'" in printed.err
    assert not (tmp_path / "run" / "curves.png").exists()


def test_evaluate_prints_the_stored_accuracy(finished, capsys):
    stored = json.loads((finished / "history.json").read_text())["test_accuracy"]
    assert main(["evaluate", str(finished)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"test accuracy {stored:.4f} (9 images, loss ")
    assert printed.err == ""


def test_evaluate_says_when_the_stored_accuracy_is_another(finished, tmp_path, capsys):
    for name in ("model.safetensors", "history.json"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    history = json.loads((tmp_path / "history.json").read_text())
    io.write_json(tmp_path / "history.json", {**history, "test_accuracy": 0.125})
    assert main(["evaluate", str(tmp_path)]) == 0
    assert "note: training stored accuracy 0.1250;" in capsys.readouterr().err


def test_the_seed_decides_every_bit(finished, digits, tmp_path):
    for name, seed in (("same", 4), ("other", 5)):
        assert train(digits, "--out", tmp_path / name, "--seed", seed, "--threads", 2) == 0
    model = (finished / "model.safetensors").read_bytes()
    if tk.get_backend() == "native":  # the reference inherits its bits from NumPy's BLAS
        assert (tmp_path / "same" / "model.safetensors").read_bytes() == model
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != model


def test_the_seed_decides_order_and_augmentation(digits):
    def batches(seed):
        config = from_options({"data": str(digits), "model": "lenet5", "seed": seed, "batch_size": 8})
        return list(recipe.assemble(config, recipe.load_data(config, None), []).train)

    def order(seed):
        return np.concatenate([labels for _, labels in batches(seed)]).tolist()

    assert order(1) != order(2)
    loader = recipe.assemble(
        from_options({"data": str(digits), "model": "lenet5", "seed": 7}), tk.data.load(digits), []
    ).train
    assert loader.transform.seed == loader.seed == 7


def test_the_rate_rises_and_falls(digits):
    config = from_options({"data": str(digits), "model": "lenet5", "epochs": 15, "batch_size": 13, "lr": 1.0})
    trainer = recipe.assemble(config, recipe.load_data(config, None), []).trainer
    rates = []
    for _ in range(31):  # 15 epochs of two batches, of which the first two steps are warm-up
        rates += trainer.scheduler.get_last_lr()
        trainer.scheduler.step()
    assert rates[:3] == [1 / 3, 2 / 3, 1.0]
    assert rates[3:30] == sorted(rates[3:30], reverse=True)
    assert rates[30] == 0.0


def test_run_folders_are_numbered(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert train(digits, "--epochs", 1) == 0
        assert f"run folder runs/lenet5-{digits.name}-{number}" in capsys.readouterr().out
    assert sorted(os.listdir("runs")) == [f"lenet5-{digits.name}-1", f"lenet5-{digits.name}-2"]


def test_reference_backend(digits, tmp_path):
    assert train(digits, "--out", tmp_path / "run", "--epochs", 1, "--backend", "reference", "--no-augment") == 0
    stored = json.loads((tmp_path / "run" / "history.json").read_text())
    assert (stored["backend"], stored["configuration"]["augment"]) == ("reference", "none")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_optimizers(digits, tmp_path, optimizer):
    command = ["train", "--data", str(digits), "--model", "lenet5", "--epochs", "1", "--batch-size", "8"]
    assert main([*command, "--optimizer", optimizer, "--out", str(tmp_path / "run")]) == 0
    stored = json.loads((tmp_path / "run" / "history.json").read_text())["configuration"]
    assert (stored["optimizer"], stored["lr"]) == (optimizer, {"sgd": 0.02, "adamw": 0.002}[optimizer])


def test_resuming_a_finished_run_changes_nothing(digits, tmp_path):
    folder = tmp_path / "run"
    assert train(digits, "--out", folder) == 0
    before = (folder / "model.safetensors").read_bytes()
    assert main(["train", "--resume", str(folder)]) == 0
    assert (folder / "model.safetensors").read_bytes() == before


def test_info(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("tatamikomi")
    assert tk.kernels.config()["isa"] in printed


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["info"]])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    options = ["--model", "--data", "--data-dir", "--epochs", "--batch-size", "--optimizer", "--lr", "--seed"]
    options += ["--out", "--backend", "--threads", "--resume", "--no-augment"]
    for option in options if command == ["train"] else []:
        assert option in text


def test_ctrl_c_outside_of_training(monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "load_data", interrupt)
    assert main(["train"]) == 130
    assert capsys.readouterr().err == "tatamikomi train: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_that_leaves_is_no_fault():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "tatamikomi", "info"], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_tells_the_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    default = Configuration()
    for value in (default.model, default.data, default.epochs, default.batch_size, default.optimizer, default.seed):
        assert f"default: {value}" in text
    assert f"default: {from_options({}).lr}, for sgd {from_options({'optimizer': 'sgd'}).lr}" in text
    assert ", ".join(["deep_convnet", "simple_convnet"]) in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "--model", "resnet"], "train: --model: expected one of alexnet, "),
        (["train", "--optimizer", "lion"], "train: --optimizer: expected one of adam, adamw, sgd, got lion"),
        (["train", "--backend", "cuda"], "train: --backend: expected one of native, reference, got cuda"),
        (["train", "--threads", "0"], "train: --threads: expected 1 to 4096, got 0"),
        (["train", "--epochs", "0"], "train: --epochs: expected an integer >= 1, got 0"),
        (["train", "--batch-size", "-3"], "train: --batch-size: expected an integer >= 1, got -3"),
        (["train", "--lr", "-1"], "train: --lr: expected a finite number > 0, got -1.0"),
        (["train", "--lr", "nan"], "train: --lr: expected a finite number > 0, got nan"),
        (["train", "--seed", "-1"], "train: --seed: expected 0 <= seed < 2**63, got -1"),
        (["train", "--data", "mnist-6k"], "train: --data: expected one of mnist-5k, fashion-mnist, cifar-10"),
        (["train", "--resume", "nowhere"], "train: --resume: nowhere: no checkpoint there"),
        (
            ["train", "--resume", "x", "--lr", "1"],
            "train: --resume continues the run as it was configured: leave out --lr",
        ),
        (["train", "--resume", "x", "--no-augment"], "leave out --no-augment"),
        (["evaluate", "nowhere"], "evaluate: nowhere: no run there"),
    ],
)
def test_bad_input_is_told_in_one_line(words, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("tatamikomi ")
    assert line in printed.err
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "--epochs", "many"], "tatamikomi train: argument --epochs: invalid int value: 'many'"),
        (["trian"], "invalid choice: 'trian'"),
        ([], "the following arguments are required: COMMAND"),
        (["evaluate"], "tatamikomi evaluate: the following arguments are required: RUN"),
    ],
)
def test_words_that_cannot_be_parsed_are_told_in_one_line(words, line, capsys):
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 2
    printed = capsys.readouterr().err
    assert line in printed
    assert printed.count("\n") == 1


COMMAND = "import sys; from tatamikomi_command import main; sys.exit(main())"


@pytest.mark.parametrize("words", [["info"], ["train", "--help"]])
@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("TATAMIKOMI_ISA", "sse9", "tatamikomi: TATAMIKOMI_ISA: expected one of .*'baseline', got 'sse9'"),
        (
            "TATAMIKOMI_BACKEND",
            "cuda",
            "tatamikomi: TATAMIKOMI_BACKEND: expected one of 'native', 'reference', got 'cuda'",
        ),
        ("OMP_NUM_THREADS", "two", "tatamikomi: OMP_NUM_THREADS: expected a positive integer, got two"),
    ],
)
def test_an_impossible_environment_is_told_in_one_line(words, variable, value, line):
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    told = [
        text for text in done.stderr.splitlines() if text and not text.startswith("libgomp: ")
    ]  # it has its own say
    assert len(told) == 1
    assert re.fullmatch(line, told[0])


def test_the_command_hands_its_words_on():
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "trian"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "invalid choice: 'trian'" in done.stderr
    assert done.stderr.count("\n") == 1


def one_line(capsys) -> str:
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


def test_damaged_files_are_named(finished, digits, tmp_path, capsys):
    capsys.readouterr()
    run, model = tmp_path / "run", tmp_path / "run" / "model.safetensors"
    run.mkdir()
    whole = (finished / "model.safetensors").read_bytes()
    model.write_bytes(whole[: len(whole) // 2])
    assert main(["evaluate", str(run)]) == 2
    assert str(model) in one_line(capsys)
    io.save_file({"weight": np.zeros(3)}, model)
    assert main(["evaluate", str(run)]) == 2
    assert "no configuration of `tatamikomi train` in it" in one_line(capsys)
    (run / "last.safetensors").write_bytes(b"short")
    assert main(["train", "--resume", str(run)]) == 2
    assert "last.safetensors: truncated" in one_line(capsys)
    model.unlink()
    assert main(["evaluate", str(run)]) == 2
    assert "the run is not finished; continue with --resume" in one_line(capsys)
    broken = tmp_path / "data"
    broken.mkdir()
    for path in digits.iterdir():
        (broken / path.name).write_bytes(path.read_bytes()[:-3])
    assert main(["train", "--data", str(broken)]) == 2
    assert "idx3-ubyte" in one_line(capsys)


def test_a_model_of_another_shape_is_refused(finished, tmp_path, capsys):
    arrays = io.load_file(finished / "model.safetensors")
    metadata = io.read_metadata(finished / "model.safetensors")
    arrays["classifier.5.bias"] = np.zeros(4, np.float32)
    del arrays["features.0.bias"]
    io.save_file(arrays, tmp_path / "model.safetensors", metadata)
    assert main(["evaluate", str(tmp_path)]) == 2
    text = one_line(capsys)
    assert "missing key 'features.0.bias'" in text
    assert "key 'classifier.5.bias': expected shape (3,), got (4,)" in text


def test_an_occupied_folder_is_refused(finished, digits, capsys):
    before = (finished / "model.safetensors").read_bytes()
    assert train(digits, "--out", finished) == 2
    assert "holds a run already (model.safetensors)" in one_line(capsys)
    assert (finished / "model.safetensors").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told(digits, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("kept")
    for out in ("file", "file/below"):
        assert train(digits, "--out", tmp_path / out) == 2
        assert f"train: --out: expected a folder to write in, got {tmp_path / out} (" in one_line(capsys)
    assert (tmp_path / "file").read_text() == "kept"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert train(digits, "--out", tmp_path / "locked") == 2
    assert f"--out: expected a folder to write in, got {tmp_path / 'locked'} (not writable)" in one_line(capsys)


def test_a_rate_that_diverges_is_told(digits, tmp_path, capsys):
    words = ["train", "--data", str(digits), "--model", "lenet5", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "9"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "loss: expected a finite number, got" in one_line(capsys)


@pytest.mark.parametrize("shape", [(4, 150), (4, 1, 8, 9)])
def test_data_other_than_square_images_are_refused(shape, monkeypatch):
    x, y = np.zeros(shape, np.float32), np.zeros(4, np.int64)
    monkeypatch.setattr(recipe, "load", lambda name, folder: tk.data.Split(x, y, x, y, 1, name))
    with pytest.raises(
        ValueError, match=f"gunpoint: expected square images, or series, got shape {re.escape(str(shape))}"
    ):
        recipe.load_data(Configuration(data="gunpoint"), None)
