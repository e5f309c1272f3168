"""Sheets of pictures, and axes that are given back."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn

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
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_draw_on_the_axes_they_get(name):
    draw, pyplot = getattr(interpret, name), "matplotlib.pyplot" in sys.modules
    figure = Figure()
    ax = figure.subplots()
    assert draw(*PLOTS[name], ax) is ax
    assert ax.images
    alone = draw(*PLOTS[name])
    assert isinstance(alone, Axes)
    assert alone.figure is not figure
    assert ("matplotlib.pyplot" in sys.modules) == pyplot
    with pytest.raises(TypeError, match=r"ax: expected matplotlib Axes or None, got str"):
        draw(*PLOTS[name], "here")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    find = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return find(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
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
