"""The page about a run: whole in one file, escaped, and seen by a browser where one is installed."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from tatamikomi import interpret, nn
from tatamikomi.cli import main
from tatamikomi.interpret import reporting

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
SECTIONS = ["Learning curves", "Confusion", "Worst mistakes", "First filters", "Model"]


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append((self.open[-1] if self.open else "", data))

    def text(self, tag):
        return [words for inside, words in self.words if inside == tag and words.strip()]

    def pictures(self):
        return [attributes for tag, attributes in self.tags if tag == "img"]


@pytest.fixture(scope="module")
def written(digits, tmp_path_factory):
    """The folder of a run, with its page."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("reported") / "run"
    words = ["train", "--data", str(digits), "--model", "lenet5", "--epochs", "2", "--lr", "1e-9"]
    assert main([*words, "--out", str(folder)]) == 0
    assert main(["report", str(folder)]) == 0
    return folder


def test_the_page_is_whole_in_one_file(written, digits):
    html = (written / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert page.text("title") == page.text("h1") == [f"lenet5 on {digits}"]
    assert page.text("h2") == [*SECTIONS, "Configuration", "Trained with", "This page"]
    assert len(page.pictures()) == 4
    for picture in page.pictures():
        kind, data = picture["src"].split(",")
        assert kind == "data:image/png;base64"
        data = base64.b64decode(data, validate=True)
        assert data.startswith(b"\x89PNG")
        sizes = [int.from_bytes(data[i : i + 4], "big") for i in (16, 20)]
        assert [int(picture["width"]), int(picture["height"])] == pytest.approx(sizes, abs=1)
        assert picture["alt"]
    assert not re.search(r"https?:|<script|<link|url\(|@import", html)


def test_the_page_tells_what_the_run_did(written):
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    history = json.loads((written / "history.json").read_text())
    right = round(9 * history["test_accuracy"])
    assert f"{right} of 9 samples are right: accuracy {history['test_accuracy']:.4f}." in page.text("p")
    cells = page.text("td")
    for name, value in (("batch_size", "100"), ("versions numpy", np.__version__), ("isa", history["isa"])):
        assert cells[cells.index(name) + 1] == value
    assert "features.3" in cells


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_a_browser_shows_every_picture(written, tmp_path):
    """A script is let in to look; the rest of the page's own rules stays."""
    look = "document.body.dataset.seen = JSON.stringify([...document.images].map(one => one.naturalWidth))"
    html = (written / "report.html").read_text(encoding="utf-8")
    html = html.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
    html = html.replace("</body>", f"<script>window.onload = () => {{ {look} }}</script></body>")
    copy = tmp_path / "page.html"
    copy.write_text(html, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    options += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom"]
    done = subprocess.run([BROWSER, *options, copy.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    seen = dict(next(attributes for tag, attributes in Page(done.stdout).tags if tag == "body"))["data-seen"]
    assert json.loads(seen) == [int(one["width"]) for one in Page(html).pictures()]
    assert "CONSOLE" not in done.stderr


def test_out_and_errors(written, tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(interpret, "report", lambda *_, **__: "畳")
        assert main(["report", str(written), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == "畳".encode()
    assert f"wrote {tmp_path / 'page.html'}" in capsys.readouterr().out
    assert main(["report", str(tmp_path)]) == 2
    assert "no run there" in capsys.readouterr().err
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", str(written), "--out", str(tmp_path / "none.html")]) == 2
    assert "tatamikomi report needs matplotlib: pip install 'tatamikomi[plot]'" in capsys.readouterr().err
    assert not (tmp_path / "none.html").exists()


def test_text_is_escaped_and_the_model_stays():
    pytest.importorskip("matplotlib")
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)).train()
    x, labels = np.random.default_rng(0).random((5, 1, 6, 6), np.float32), [0, 1, 0, 1, 0]
    about = {"<b>": {"a & b": "<script>alert(1)</script>"}}
    html = interpret.report(net, x, labels, title='<i>"', names=["<0>", "&1"], about=about, batch_size=2)
    page = Page(html)
    assert page.text("h1") == ['<i>"']
    assert page.text("h2")[-1] == "<b>"
    assert "<script>alert(1)</script>" in page.text("td")
    assert not {"script", "i", "b"} & {tag for tag, _ in page.tags}
    assert "No epochs are known." in page.text("p")
    assert any("layer '1'" in text for text in page.text("p"))  # the activation, not the pooling behind it
    assert net.training
    assert not any(module.has_hooks() for module in net.modules())


def test_mistakes_are_explained_worst_first(monkeypatch):
    pytest.importorskip("matplotlib")
    net = nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), nn.GlobalAvgPool(), nn.Flatten(), nn.Linear(3, 3, bias=False))
    net[0].weight.copy_(np.broadcast_to(np.arange(3)[:, None, None, None], (3, 1, 3, 3)))
    net[3].weight.copy_(np.eye(3))
    asked = []
    look = lambda model, x, target, layer: asked.append((x[:, 0, 0, 0].tolist(), target.tolist(), layer)) or x[:, 0]  # noqa: E731
    monkeypatch.setattr(reporting, "grad_cam", look)
    x = np.ones((4, 1, 5, 5), np.float32) * np.array([1, 3, 2, 4], np.float32).reshape(4, 1, 1, 1)
    html = interpret.report(net, x, [1, 0, 2, 0], mistakes=2)  # the last class always wins, by the brightness
    assert asked == [([4, 3], [2, 2], "0"), ([4, 3], [0, 0], "0")]
    assert "1 of 4 samples are right: accuracy 0.2500." in Page(html).text("p")


def test_what_is_not_there_is_told():
    pytest.importorskip("matplotlib")
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), np.ones((2, 1, 4, 4), np.float32)
    wrong = 1 - int(net(x).numpy()[0].argmax())
    page = Page(interpret.report(net, x, [wrong, wrong]))
    assert "The model has no convolution in the plane." in page.text("p")
    assert any("there is no Grad-CAM" in text for text in page.text("p"))
    assert "There are none." in Page(interpret.report(net, x, [1 - wrong] * 2)).text("p")
    for options, line in (({"mistakes": 0}, "mistakes: expected an integer >= 1"), ({"batch_size": 1.5}, "batch_size")):
        with pytest.raises(ValueError, match=f"report: {line}"):
            interpret.report(net, x, [0, 1], **options)
    with pytest.raises(ValueError, match=r"report: x: expected \(N, C, H, W\)"):
        interpret.report(net, x[0], [0])
    with pytest.raises(TypeError, match=r"report: x: expected float32 or float64, got int64"):
        interpret.report(net, np.ones((2, 1, 4, 4), np.int64), [0, 1])
    with pytest.raises(ValueError, match=r"report: model: expected a model that gives \(N, classes\)"):
        interpret.report(nn.ReLU(), x, [0, 1])
