"""Long kernels by Fourier transforms: which go that way, and what is theirs alone. Values and bits are tested with
every algorithm's (test_conv_algorithms.py), errors in test_conv_error.py."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tatamikomi as tk


@pytest.mark.parametrize(
    ("x", "weight", "options", "runs"),
    [
        ((1, 16, 16000), (16, 16, 512), {}, True),
        ((1, 1, 16000), (64, 1, 251), {}, True),
        ((1, 1, 16000), (1, 1, 1024), {}, True),
        ((1, 64, 16000), (64, 1, 4000), {"groups": 64, "padding": ((3999, 0),)}, True),  # before depthwise
        ((1, 16, 16000), (16, 16, 23), {}, False),
        ((1, 4, 500), (4, 4, 48), {}, False),
        ((1, 16, 16000), (16, 16, 512), {"stride": 2}, False),
    ],
)
def test_long_kernels_go_by_transforms(x, weight, options, runs):
    for batch in (1, 64):
        told = tk.explain_conv((batch, *x[1:]), weight, **options)
        for direction in ("forward", "backward_input", "backward_weight"):
            assert (told.chosen(direction).name == "fft") is runs, direction
    with tk.set_conv_algorithm("exact"):
        assert tk.explain_conv(x, weight, **options).chosen("forward").name != "fft"
    try:
        tk.set_workspace_limit(100_000)
        assert tk.explain_conv(x, weight, **options).chosen("forward").name != "fft"
    finally:
        tk.set_workspace_limit(None)


@pytest.mark.parametrize(
    ("x", "weight", "options", "why"),
    [
        ((1, 2, 90), (2, 2, 30), {"stride": 2}, "for stride 1 alone"),
        ((1, 2, 9, 90), (2, 2, 1, 30), {}, "for signals of one axis alone"),
        ((1, 1, 70000), (1, 1, 2), {"dilation": 65536}, "the kernel spans so many samples .*"),
        ((1, 1, 9000), (1, 1, 23), {}, "fewer than 24 taps: .*"),
        ((1, 1, 900), (1, 1, 48), {}, "few products for so many transforms"),
    ],
)
def test_transforms_tell_why_they_do_not_run(x, weight, options, why):
    told = tk.explain_conv(x, weight, **options)
    for notes in (told.forward, told.backward_input, told.backward_weight):
        assert re.fullmatch(why, next(note.declined for note in notes if note.name == "fft"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_blocks_of_a_transform(value: float) -> None:
    """A pair of blocks are one complex signal; among the weights it goes to the plain loops, beside padding's zeros."""
    rng = np.random.default_rng(12)
    x, weight = rng.standard_normal((3, 2, 9000), np.float32), rng.standard_normal((4, 2, 100), np.float32)
    options: dict[str, Any] = {"padding": 50, "algorithm": "fft"}
    y = tk.kernels.conv_forward(x, weight, **options)
    spoilt = x.copy()
    spoilt[1, 0, 4500] = value
    out = tk.kernels.conv_forward(spoilt, weight, **options)
    np.testing.assert_array_equal(out[[0, 2]], y[[0, 2]])
    np.testing.assert_array_equal(out[1, :, :500], y[1, :, :500])
    np.testing.assert_array_equal(out[1, :, 8500:], y[1, :, 8500:])
    assert not np.isfinite(out[1, :, 4451:4551]).any()
    weight[3, 1, 0] = value
    out = tk.kernels.conv_forward(x, weight, **options)
    np.testing.assert_array_equal(out, tk.kernels.conv_forward(x, weight, padding=50, algorithm="plain"))
    assert np.isfinite(out[:, 3, :50]).all()


def in_doubles(x: Any, weight: Any, dy: Any) -> dict[str, Any]:
    """y, dx and dweight by NumPy's transforms of whole signals, without padding."""
    length, taps = x.shape[2], weight.shape[2]
    spectra = (np.fft.rfft(one.astype(np.float64), length + taps) for one in (x, weight, dy))
    of_x, of_weight, of_dy = spectra
    return {
        "forward": np.fft.irfft(np.einsum("ncf,kcf->nkf", of_x, of_weight.conj()), length + taps)[..., : dy.shape[2]],
        "backward_input": np.fft.irfft(np.einsum("nkf,kcf->ncf", of_dy, of_weight), length + taps)[..., :length],
        "backward_weight": np.fft.irfft(np.einsum("nkf,ncf->kcf", of_dy.conj(), of_x), length + taps)[..., :taps],
    }


def test_transforms_of_more_vectors_than_are_held_at_once() -> None:
    """Sums over images come from several turns; an image alone has its bits."""
    rng = np.random.default_rng(13)
    x, weight, dy = (rng.standard_normal(one, np.float32) for one in ((9, 24, 6000), (20, 24, 200), (9, 20, 5801)))
    y = tk.kernels.conv_forward(x, weight, algorithm="fft")
    np.testing.assert_array_equal(y[8:], tk.kernels.conv_forward(x[8:], weight, algorithm="fft"))
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, algorithm="fft")
    np.testing.assert_array_equal(dx[:1], tk.kernels.conv_backward_input(dy[:1], weight, x[:1].shape, algorithm="fft"))
    dweight = tk.kernels.conv_backward_weight(dy, x, weight.shape, algorithm="fft")
    with tk.threads(1):
        alone = tk.kernels.conv_backward_weight(dy, x, weight.shape, algorithm="fft")
    np.testing.assert_array_equal(dweight, alone)
    told, exact = tk.explain_conv(x.shape, weight.shape, algorithm="fft"), in_doubles(x, weight, dy)
    for direction, result in (("forward", y), ("backward_input", dx), ("backward_weight", dweight)):
        error = np.abs(result - exact[direction]).max() / np.abs(exact[direction]).max()
        assert error <= told.chosen(direction).error, direction
