"""Layers that resize: what they pass on, and how they print."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import nn

X = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (nn.Upsample((5, 7)), {"size": (5, 7)}),
        (nn.Upsample(scale_factor=2, mode="bilinear"), {"scale_factor": 2, "mode": "bilinear"}),
        (
            nn.Upsample(scale_factor=(1.3, 2), mode="bicubic", recompute_scale_factor=True),
            {"scale_factor": (1.3, 2), "mode": "bicubic", "recompute_scale_factor": True},
        ),
        (nn.Upsample(6, None, "bilinear", True), {"size": 6, "mode": "bilinear", "align_corners": True}),
        (nn.UpsamplingNearest2d(5), {"size": 5}),
        (nn.UpsamplingNearest2d(scale_factor=1.5), {"scale_factor": 1.5}),
        (nn.UpsamplingBilinear2d((5, 7)), {"size": (5, 7), "mode": "bilinear", "align_corners": True}),
    ],
)
def test_options_are_passed_on(layer, options):
    y = layer(X).numpy()
    assert np.array_equal(y, tk.functional.interpolate(X, **options).numpy())
    assert y.shape != X.shape


def test_text():
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2.0, mode='nearest')"
    assert repr(nn.Upsample((3, 4), mode="bilinear")) == "Upsample(size=(3, 4), mode='bilinear')"
    assert repr(nn.Upsample(scale_factor=(2, 3))) == "Upsample(scale_factor=(2.0, 3.0), mode='nearest')"
    assert repr(nn.UpsamplingBilinear2d(scale_factor=2)) == "UpsamplingBilinear2d(scale_factor=2.0, mode='bilinear')"


def test_errors_come_with_the_call():
    with pytest.raises(ValueError, match=r"^Upsample: interpolate: size: expected one of them"):
        nn.Upsample()(X)


def test_gradients_of_small_sizes_and_large_ones_agree_with_sums():
    """Each output of bilinear interpolation adds up to 1 of its input: so do the gradients of a sum."""
    x = tk.tensor(np.ones((1, 1, 5, 6)), requires_grad=True)
    nn.Upsample((9, 17), mode="bilinear")(x).sum().backward()
    assert np.isclose(x.grad.numpy().sum(), 9 * 17, rtol=1e-14)
