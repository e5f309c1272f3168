"""Whatever is done inside, the model is afterwards what it was."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi import nn
from tatamikomi.interpret.untouched import untouched


def test_gradients_hooks_attributes_and_modes_come_back():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    x = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)
    model[0](x).sum().backward()
    grad, stays = model[0].weight.grad, model[0].register_forward_hook(lambda *given: None)
    model[0].note = "before"
    model[1].eval()
    handles = []

    def meddle():
        with untouched("test", model, training=True):
            assert model[1].training
            handles.append(model[1].register_forward_hook(lambda *given: None))
            model(x).sum().backward()
            model[0].note, model[0].other = "inside", 1
            assert model[0].weight.grad is not grad
            assert model[1].weight.grad is not None
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        meddle()
    assert model[0].weight.grad is grad
    assert model[1].weight.grad is None
    assert model[0].note == "before"
    assert not hasattr(model[0], "other")
    assert (model.training, model[0].training, model[1].training) == (True, True, False)
    assert model[1].running_mean.tolist() == [0, 0]
    assert not model[1].has_hooks()
    handles[0].remove()
    assert model[0].has_hooks()
    stays.remove()
    assert not model[0].has_hooks()


def test_none_keeps_every_module_in_its_own_mode():
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model[1].eval()
    with untouched("test", model, None):
        assert [module.training for module in model] == [True, False]
    with untouched("test", model):
        assert [module.training for module in model] == [False, False]
    assert [module.training for module in model] == [True, False]
