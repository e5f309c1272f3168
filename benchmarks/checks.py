"""Is the result right? A first look before the clock starts; tests/ look closely."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_array(value: Any) -> np.ndarray:
    """An array from an array, a Tensor or a torch tensor."""
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)


def gamma(terms: int) -> float:
    """K u / (1 - K u), u the unit roundoff of float32: what K roundings may add up to (Higham, ch. 3)."""
    share = terms * float(np.finfo(np.float32).eps) / 2
    return share / (1 - share)


def close(got: Any, want: np.ndarray, terms: int, scale: np.ndarray | float | None = None) -> None:
    """|got - want| <= gamma_terms * scale; scale None stands for the largest |want|.

    terms counts the roundings on the way to one element, scale is the sum of the absolute values added up there.

    Raises:
        AssertionError: it is farther off; the message says by how much.
    """
    got = as_array(got)
    assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
    bound = gamma(terms) * (np.abs(want).max(initial=0) if scale is None else scale)
    excess = np.abs(got.astype(np.float64) - want) - bound
    assert np.isfinite(got).all(), "not everywhere a number"
    assert not (excess > 0).any(), f"off by {excess.max():.3g} more than rounding allows"
