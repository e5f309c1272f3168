"""Networks without initial values, for tests that ask for shapes alone."""

from __future__ import annotations

import pytest

from tatamikomi.nn.init.common import postponed


@pytest.fixture
def bare():
    """Parameters keep the zeros they are born with: memory that nobody wrote to costs nothing."""
    with postponed() as waiting:
        yield
        waiting.clear()
