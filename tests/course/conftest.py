"""One thread, since everything is small; NumPy's generator, dtypes and modules are as they were afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import course
from tatamikomi.course.dtypes import default_dtype


@pytest.fixture(autouse=True)
def settings():
    state, dtype = np.random.get_state(), default_dtype()
    with tk.threads(1):
        yield
    np.random.set_state(state)
    course.set_default_dtype(dtype)
    course.uninstall()
