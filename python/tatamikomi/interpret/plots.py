"""Pictures on axes. Every function takes Axes, or makes a figure of its own, and returns the Axes; none shows them.

matplotlib is imported at the first call; the extra `plot` brings it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.data.extras import extra_module
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.interpret.pictures import feature_sheet, filter_sheet
from tatamikomi.nn import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _matplotlib(op: str, part: str) -> Any:
    return extra_module(f"matplotlib.{part}", op, "matplotlib", "plot")


def new_figure(op: str, size: tuple[float, float]) -> Figure:
    """A figure that no window knows of, `size` in inches.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
    """
    figure: Figure = _matplotlib(op, "figure").Figure(figsize=size, layout="constrained")
    _matplotlib(op, "backends.backend_agg").FigureCanvasAgg(figure)
    return figure


def axes_for(op: str, ax: Axes | None, size: tuple[float, float] = (6.4, 4.8)) -> Axes:
    """The Axes that were given, or those of a new figure.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
        TypeError: something else than Axes.
    """
    if ax is not None and not isinstance(ax, _matplotlib(op, "axes").Axes):
        raise bad_type(op, "ax", type(ax).__name__, "matplotlib Axes or None")
    given: Axes = new_figure(op, size).add_subplot() if ax is None else ax
    return given


def plot_image(image: ArrayLike, ax: Axes | None = None, **options: Any) -> Axes:
    """An image without ticks, grey where it has one channel.

    Args:
        image: (H, W), (H, W, 3), (1, H, W) or (3, H, W); a sheet, for example.
        ax: where to draw.
        **options: of `Axes.imshow`.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another shape.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> interpret.plot_image(np.eye(4)).images[0].get_array().shape
    (4, 4)
    """
    op = "plot_image"
    given = np.asarray(image)
    if given.ndim == 3 and given.shape[0] in (1, 3) and given.shape[2] not in (1, 3):
        given = given.transpose(1, 2, 0)
    if given.ndim == 3 and given.shape[2] == 1:
        given = given[..., 0]
    if given.ndim not in (2, 3) or (given.ndim == 3 and given.shape[2] != 3):
        raise bad_value(op, "image", f"shape {given.shape}", "(H, W), (H, W, 3), (1, H, W) or (3, H, W)")
    ax = axes_for(op, ax)
    ax.imshow(given, **{"cmap": "gray", "interpolation": "nearest", **options})
    ax.set_axis_off()
    return ax


def plot_filters(layer: Module | ArrayLike, ax: Axes | None = None, **options: Any) -> Axes:
    """The filters of a convolution as a sheet; `options` are those of `sheet`.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> interpret.plot_filters(tk.nn.Conv2d(1, 4, 3)).images[0].get_array().shape
    (9, 9)
    """
    return plot_image(filter_sheet(layer, **options), ax)


def plot_features(maps: ArrayLike, ax: Axes | None = None, **options: Any) -> Axes:
    """The feature maps (C, H, W) of one sample as a sheet; `options` are those of `sheet`.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> interpret.plot_features(np.ones((4, 5, 5))).images[0].get_array().shape
    (13, 13)
    """
    return plot_image(feature_sheet(maps, **options), ax)


def plot_heatmap(
    image: ArrayLike, heat: ArrayLike, ax: Axes | None = None, *, alpha: float = 0.5, cmap: str = "jet"
) -> Axes:
    """A map over the image that it belongs to, stretched to its size.

    Args:
        image: as in `plot_image`.
        heat: (h, w), such as one of `grad_cam`.
        ax: where to draw.
        alpha: how much the map covers.
        cmap: colours of the map.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> [one.get_array().shape for one in interpret.plot_heatmap(np.ones((1, 8, 8)), np.eye(2)).images]
    [(8, 8), (2, 2)]
    """
    if np.ndim(heat) != 2:
        raise bad_value("plot_heatmap", "heat", f"shape {np.shape(heat)}", "(h, w)")
    ax = plot_image(image, ax)
    ax.imshow(np.asarray(heat), cmap=cmap, alpha=alpha, extent=ax.images[-1].get_extent(), interpolation="bilinear")
    return ax
