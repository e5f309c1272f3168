"""Every experiment of the course runs, says what it is held to, and computes the answer."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import io
from tatamikomi.cli import course_experiments, main
from tatamikomi.course import experiments
from tatamikomi.course.experiments.bench import Bench
from tatamikomi.course.experiments.nets import perceptron

NAMES = [one.name for one in experiments.experiments()]
# What follows from arithmetic alone holds in the smallest form, too.
EXACT = ("fourier", "toeplitz", "equivariance", "dilation", "normalizations", "descent-paths")


@pytest.fixture(autouse=True)
def _one_thread():
    with tk.threads(1):
        yield


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """A folder of IDX files: 60 and 30 images of a bright bar in one of three places."""
    folder = tmp_path_factory.mktemp("bars")
    for part, count in (("train", 60), ("t10k", 30)):
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = np.random.default_rng(count).integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4:24, 5 + 7 * label : 9 + 7 * label] = 250
        tk.data.write_idx(folder / f"{part}-images-idx3-ubyte", images)
        tk.data.write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


def quiet(line: str) -> None:
    """Tell nobody."""


def bench(form="quick", data="bundled", out=None, seed=1):
    return Bench(data, form, seed, out, quiet)


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs_and_writes_what_it_returns(name, tmp_path):
    lines = []
    before = tk.default_generator().state()
    result = experiments.run(name, form="smoke", out=tmp_path, tell=lines.append)
    assert tk.default_generator().state() == before
    stored = io.read_json(tmp_path / "results.json")
    assert json.dumps(stored) == json.dumps(json.loads(json.dumps(result, default=lambda one: one.item())))
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", *result["figures"]}
    for figure in result["figures"]:
        assert (tmp_path / figure).read_bytes().startswith(b"\x89PNG")
    assert result["tables"]
    for table in result["tables"]:
        assert table["rows"]
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert result["acceptance"]
    printed = "\n".join(lines)
    for held in result["acceptance"]:
        assert held["reached"] in (True, False, None, "explained")
        assert f"{held['row']}: {held['statement']}" in printed
        if name in EXACT:
            assert held["reached"] is True, held


def test_rows_of_the_index_are_covered():
    """X-01 to X-28 are the course's experiments."""
    covered = set()
    for one in experiments.experiments():
        for part in one.rows.replace(" ", "").split(","):
            first, _, last = part.partition("..")
            kind, low = first.split("-")
            covered |= {f"{kind}-{i:02}" for i in range(int(low), int((last or first).split("-")[1]) + 1)}
    missing = {f"X-{i:02}" for i in range(1, 29)} - covered
    assert not missing


def test_a_seed_decides_everything():
    def numbers(seed):
        result = experiments.run("pixel-permutation", form="smoke", seed=seed, tell=quiet)
        return result["tables"], result["acceptance"]

    assert numbers(3) == numbers(3)
    assert numbers(3) != numbers(4)


def test_statements_follow_from_the_results(bars, monkeypatch):
    """Three steps do not teach digits; a learnable set does not have the digits' thresholds."""
    from tatamikomi.course.experiments import gradients

    def reached(data="bundled"):
        result = experiments.run("vanishing-gradient", form="smoke", data=data, tell=quiet)
        return {held["statement"]: held["reached"] for held in result["acceptance"]}

    statement = "ReLU, He: test >= 0.9"
    assert reached()[statement] is False
    assert reached(bars)["ReLU, He: test >= 0.94"] is None
    monkeypatch.setattr(gradients, "SGD", lambda params, lr: tk.optim.Adam(params, lr=0.01))
    monkeypatch.setattr(Bench, "steps", lambda self, full, quick: 40)
    split = tk.data.load(bars)
    monkeypatch.setattr(Bench, "load", lambda self, name: split)
    assert reached()[statement] is True


@pytest.mark.parametrize("name", ["fourier", "toeplitz", "equivariance"])
def test_a_wrong_convolution_is_noticed(name, monkeypatch):
    for one in ("conv2d", "true_conv2d"):
        right = getattr(tk.functional, one)

        def wrong(*args, right=right, **options):
            y = right(*args, **options)
            return y * (1 + 0.01 * np.arange(y.shape[-1], dtype=y.dtype))

        monkeypatch.setattr(tk.functional, one, wrong)
    result = experiments.run(name, form="smoke", tell=quiet)
    assert any(held["reached"] is False for held in result["acceptance"])


def test_a_statement_that_fails_is_explained_or_not():
    held = bench()
    for holds, because in ((True, "x"), (False, "x"), (False, ""), (None, "x"), (np.bool_(False), "")):
        held.check("X-00", "this", holds, "1", because)
    found = held.report()["acceptance"]
    assert [one["reached"] for one in found] == [True, "explained", False, None, False]
    assert ["because" in one for one in found] == [False, True, False, False, False]


def test_training_learns_counts_and_measures(bars):
    on_bars = bench(data=bars)
    run = on_bars.train(
        "net", lambda: perceptron(3), lambda params: tk.optim.Adam(params, lr=0.01), 40, every=4, batch_size=20
    )
    assert run.train == run.test == 1.0
    assert not run.diverged
    steps, losses = run.curve("loss")
    assert steps.tolist() == list(range(4, 41, 4))
    assert [entry["samples"] for entry in run.history] == [80] * 10
    assert losses[-1] < losses[0] / 5
    first = run.steps_to(1.0)
    assert first is not None
    assert run.history[first // 4 - 1]["validation_accuracy"] == 1.0
    assert all(entry["validation_accuracy"] < 1 for entry in run.history[: first // 4 - 1])
    assert run.steps_to(1.1) is None
    assert on_bars.accuracy(run.model, on_bars.data.test_x, 1 - on_bars.data.test_y) < 0.5


def test_a_diverging_training_is_told(bars):
    with np.errstate(all="ignore"):
        run = bench(data=bars).train("net", lambda: perceptron(3), lambda params: tk.optim.SGD(params, lr=1e30), 40)
    assert run.diverged
    assert run.test < 0.5
    assert all(math.isfinite(entry["loss"]) for entry in run.history)


def test_forms_and_data(bars, tmp_path):
    assert [bench(form).steps(100, 10) for form in ("full", "quick", "smoke")] == [100, 10, 3]
    assert bench("smoke").of((), (1, 2, 3)) == [1, 3]
    assert [bench(data=data).kind for data in ("bundled", "x/MNIST/", "fashion-mnist")] == [
        "mnist-5k",
        "mnist",
        "other",
    ]
    with pytest.raises(ValueError, match=r"run: form: expected one of 'full', 'quick', 'smoke', got 'tiny'"):
        bench("tiny")
    with pytest.raises(ValueError, match=r"run: name: expected one of 'vanishing-gradient', .*, got 'dropouts'"):
        experiments.run("dropouts")
    with pytest.raises(ValueError, match="run: seed: expected"):
        experiments.run("toeplitz", seed=-1, tell=quiet)
    small = np.zeros((4, 8, 8), np.uint8)
    for part in ("train", "t10k"):
        tk.data.write_idx(tmp_path / f"{part}-images-idx3-ubyte", small)
        tk.data.write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.zeros(4, np.uint8))
    with pytest.raises(ValueError, match=r"run: data: expected training and test images \(1, 28, 28\), got images"):
        experiments.run("fourier", data=tmp_path, tell=quiet)


def test_without_matplotlib_there_is_a_note(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = experiments.run("toeplitz", out=tmp_path, tell=quiet)
    assert result["notes"] == ["matrix.png needs matplotlib: pip install 'tatamikomi[plot]'"]
    assert result["figures"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_the_command_lists_and_runs(tmp_path, capsys):
    assert main(["course", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(any(line.startswith(f"{name} ") for line in listed.splitlines()) for name in NAMES)
    assert main(["course", "run", "toeplitz", "--quick", "--seed", "5", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "S-099: Toeplitz matrix times x equals the convolution: reached" in printed
    stored = io.read_json(tmp_path / "toeplitz" / "results.json")
    assert (stored["form"], stored["seed"], stored["data"]) == ("quick", 5, "bundled")
    for words, told in (
        (["course", "run", "toplitz"], "NAME: expected one of vanishing-gradient"),
        (["course", "run", "toeplitz", "--seed", "-1"], "--seed: expected 0 <= seed < 2**63, got -1"),
        (["course", "run", "fourier", "--data", str(tmp_path / "none")], "expected one of 'mnist-5k'"),
    ):
        assert main([*words, "--out", str(tmp_path)] if "--seed" not in words else words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


def test_all_adds_up(tmp_path, capsys, monkeypatch):
    chosen = [one for one in experiments.experiments() if one.name in ("toeplitz", "equivariance")]
    monkeypatch.setattr(experiments, "experiments", lambda: chosen)
    assert main(["course", "all", "--quick", "--out", str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    found = io.read_json(tmp_path / course_experiments.SUMMARY)["acceptance"]
    assert {held["experiment"] for held in found} == {"toeplitz", "equivariance"}
    assert f"{len(found)} statements, {len(found)} reached, 0 not reached and explained, 0 not reached" in last
