"""Networks without initial values, for tests that ask for shapes alone."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.nn.init import families, truncated


class _Nothing:
    """In the place of random numbers."""

    def random(self, shape):
        return np.zeros(())

    standard_normal = random


@pytest.fixture
def bare(monkeypatch):
    """Parameters keep the zeros they are born with: memory that nobody wrote to costs nothing."""
    for module in (families, truncated):
        monkeypatch.setattr(module, "source", lambda op, generator: _Nothing())
        monkeypatch.setattr(module, "fill", lambda tensor, values: tensor)
