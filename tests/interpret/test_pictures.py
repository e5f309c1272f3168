"""Sheets of pictures, and axes that are given back."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn
from tatamikomi.training import LearningCurve

pytest.importorskip("matplotlib")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RNG = np.random.default_rng(3)


def test_every_picture_is_in_its_place():
    pictures = RNG.random((5, 2, 3))
    found = interpret.sheet(pictures, 2, border=2, scale="none", background=7.0)
    assert found.shape == (3 * 4 + 2, 2 * 5 + 2)
    rest = found.copy()
    for i, picture in enumerate(pictures):
        top, left = 2 + i // 2 * 4, 2 + i % 2 * 5
        assert np.array_equal(found[top : top + 2, left : left + 3], picture)
        rest[top : top + 2, left : left + 3] = 7
    assert (rest == 7).all()


def test_colours_and_scales():
    pictures = np.stack([RNG.random((3, 2, 2)), 5 + 2 * RNG.random((3, 2, 2))])
    assert interpret.sheet(pictures).shape == (4, 7, 3)
    each = interpret.sheet(pictures, border=0)
    assert (each[:, :2].min(), each[:, :2].max(), each[:, 2:].min(), each[:, 2:].max()) == (0, 1, 0, 1)
    both = interpret.sheet(pictures, border=0, scale="all")
    assert both[:, :2].max() < both[:, 2:].min()
    np.testing.assert_array_equal(
        interpret.sheet(pictures, border=0, scale="none")[:, 2:], pictures[1].transpose(1, 2, 0)
    )
    assert (interpret.sheet(np.full((1, 2, 2), 9), border=0) == 0.5).all()


def test_filters_have_a_row_per_output():
    weight = np.arange(2 * 4 * 4.0).reshape(2, 4, 2, 2)
    found = interpret.filter_sheet(weight, border=0, scale="none")
    assert found.shape == (4, 8)
    assert np.array_equal(found[2:, 2:4], weight[1, 1])
    assert np.array_equal(interpret.feature_sheet(weight[0], border=0, scale="none", columns=4), found[:2])


def test_sheet_errors():
    for options, message in [
        ({"pictures": np.ones((2, 2))}, "pictures: expected"),
        ({"pictures": np.ones((2, 4, 2, 2))}, "pictures: expected"),
        ({"pictures": np.ones((0, 2, 2))}, "pictures: expected"),
        ({"pictures": np.ones((1, 2, 2)), "columns": 0}, "columns: expected an integer >= 1"),
        ({"pictures": np.ones((1, 2, 2)), "border": -1}, "border: expected an integer >= 0"),
        ({"pictures": np.ones((1, 2, 2)), "scale": "some"}, "scale: expected one of 'each', 'all', 'none'"),
    ]:
        with pytest.raises(ValueError, match=f"sheet: {message}"):
            interpret.sheet(**options)
    with pytest.raises(TypeError, match="sheet: pictures: expected numbers"):
        interpret.sheet(np.full((1, 2, 2), "a"))
    with pytest.raises(ValueError, match=r"filter_sheet: layer: expected \(out, in, kH, kW\)"):
        interpret.filter_sheet(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"feature_sheet: maps: expected \(C, H, W\)"):
        interpret.feature_sheet(np.ones((1, 2, 2, 2)))


PLOTS = {
    "plot_image": (np.ones((3, 4, 5)),),
    "plot_filters": (nn.Conv2d(1, 4, 3),),
    "plot_features": (np.ones((4, 5, 5)),),
    "plot_heatmap": (np.ones((1, 8, 8)), np.eye(2)),
    "plot_history": ([{"epoch": 1, "loss": 2.0}],),
    "plot_learning_curve": (LearningCurve(np.array([5, 9]), np.ones((2, 3)), np.arange(6.0).reshape(2, 3)),),
    "plot_confusion_matrix": (np.eye(2, dtype=int),),
    "plot_misclassified": (np.ones((2, 4, 4)), np.eye(2), [1, 1]),
    "plot_gradient_flow": (interpret.gradient_flow(nn.Linear(2, 2), np.ones((1, 2), np.float32), [1]),),
    "plot_histograms": (interpret.weight_histograms(nn.Linear(2, 2)),),
    "plot_contours": (interpret.surface(lambda p: (p * p).sum(), ((-1, 1), (-1, 1)), 5),),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_draw_on_the_axes_they_get(name):
    draw, pyplot = getattr(interpret, name), "matplotlib.pyplot" in sys.modules
    figure = Figure()
    ax = figure.subplots()
    assert draw(*PLOTS[name], ax) is ax
    assert ax.has_data() or ax.images
    alone = draw(*PLOTS[name])
    assert isinstance(alone, Axes)
    assert alone.figure is not figure
    assert ("matplotlib.pyplot" in sys.modules) == pyplot
    with pytest.raises(TypeError, match=r"ax: expected matplotlib Axes or None, got str"):
        draw(*PLOTS[name], "here")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plot_image needs matplotlib: pip install 'tatamikomi\[plot\]'"):
        interpret.plot_image(np.eye(2))


def test_heatmaps_cover_the_image():
    ax = interpret.plot_heatmap(np.ones((3, 8, 6)), np.eye(2), alpha=0.25)
    image, heat = ax.images
    assert image.get_array().shape == (8, 6, 3)
    assert heat.get_extent() == image.get_extent()
    assert heat.get_alpha() == 0.25
    with pytest.raises(ValueError, match=r"plot_heatmap: heat: expected \(h, w\)"):
        interpret.plot_heatmap(np.ones((8, 6)), np.ones(3))
    with pytest.raises(ValueError, match=r"plot_image: image: expected"):
        interpret.plot_image(np.ones((2, 8, 6)))


def test_importing_the_room_imports_no_matplotlib():
    import subprocess

    code = "import sys, tatamikomi as tk; tk.interpret; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert tk.interpret is interpret


def test_learning_curves_show_means_and_spreads():
    curve = LearningCurve(np.array([5, 9]), np.array([[4.0, 6.0], [5.0, 5.0]]), np.array([[1.0, 3.0], [2.0, 6.0]]))
    ax = interpret.plot_learning_curve(curve, measure="accuracy")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[5.0, 5.0], [2.0, 4.0]]
    assert ax.lines[0].get_xdata().tolist() == [5, 9]
    low, high = (edge(ax.collections[1].get_paths()[0].vertices[:, 1]) for edge in (np.min, np.max))
    assert (low, high) == pytest.approx((2 - 2**0.5, 4 + 8**0.5))
    assert ax.get_ylabel() == "accuracy"


def test_history_confusion_and_mistakes():
    history = [{"epoch": 1, "loss": 2.0, "lr": 0.1}, {"epoch": 2, "loss": 1.0, "validation_loss": 3.0, "lr": 0.1}]
    training, validation = interpret.plot_history(history).lines
    assert (training.get_xdata().tolist(), training.get_ydata().tolist()) == ([1, 2], [2.0, 1.0])
    assert (validation.get_xdata().tolist(), validation.get_ydata().tolist()) == ([2], [3.0])
    assert len(interpret.plot_history(history, measure="lr").lines) == 1
    with pytest.raises(ValueError, match="plot_history: measure: expected one of 'epoch', 'loss', 'lr', got 'acc'"):
        interpret.plot_history(history, measure="acc")
    with pytest.raises(ValueError, match="plot_history: history: expected at least one epoch"):
        interpret.plot_history([])

    counts = np.array([[3, 1], [0, 0]])
    ax = interpret.plot_confusion_matrix(counts, names=["cat", "dog"], normalise=True)
    assert [(text.get_position(), text.get_text()) for text in ax.texts[:2]] == [((0, 0), "0.75"), ((1, 0), "0.25")]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"plot_confusion_matrix: counts: expected \(C, C\)"):
        interpret.plot_confusion_matrix(np.ones((2, 3)))
    with pytest.raises(ValueError, match="plot_confusion_matrix: names: expected one per class, 2, got 1"):
        interpret.plot_confusion_matrix(counts, names=["cat"])

    images, scores = RNG.random((4, 1, 5, 5)), np.array([[1.0, 0], [0, 2], [0, 9], [5, 0]])
    ax = interpret.plot_misclassified(images, scores, [1, 1, 0, 1], names=["a", "b"], count=2, columns=2)
    assert [text.get_text() for text in ax.texts] == ["a > b", "b > a"]
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[4:9, 4:9], (images[2, 0] - images[2].min()) / np.ptp(images[2]))
    with pytest.raises(ValueError, match="plot_misclassified: scores: expected at least one sample"):
        interpret.plot_misclassified(images[:2], np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="plot_misclassified: images: expected as many as labels, 3, got 4"):
        interpret.plot_misclassified(images, scores, [1, 1, 0])
    with pytest.raises(ValueError, match="plot_misclassified: count: expected an integer >= 1"):
        interpret.plot_misclassified(images, scores, [1, 1, 0, 1], count=0)


def test_gradients_histograms_and_contours():
    layers = [nn.Linear(2, 2, bias=False) for _ in range(2)]
    layers[1].weight.copy_(1e-5 * np.eye(2))
    flow = interpret.gradient_flow(nn.Sequential(*layers), np.ones((1, 2), np.float32), [0])
    bars = interpret.plot_gradient_flow(flow)
    assert [bar.get_height() for bar in bars.patches] == [row.norm for row in flow.layers]
    assert bars.patches[0].get_facecolor() != bars.patches[1].get_facecolor()
    assert bars.get_yscale() == "log"

    found = interpret.weight_histograms(nn.Linear(9, 9), bins=6)
    stairs = interpret.plot_histograms(found).patches
    assert [len(one.get_data().values) for one in stairs] == [6, 6]
    assert stairs[1].get_data().values.max() == pytest.approx(-1 + 0.9)

    ground = interpret.surface(lambda p: (p * p).sum(), ((-1, 1), (-1, 1)), 5)
    ax = interpret.plot_contours(ground, paths={"a": [[0, 0], [1, 1]]}, levels=[0.5, 1.0])
    assert ax.lines[0].get_xydata().tolist() == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match=r"plot_contours: paths\['a'\]: expected \(steps, 2\)"):
        interpret.plot_contours(ground, paths={"a": [1, 2]})
