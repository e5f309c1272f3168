"""Profiles: layers that are slow on purpose, events in their order, and a model that is the same afterwards."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn
from tatamikomi.interpret import profiling

RNG = np.random.default_rng(2)


class Nap(tk.autograd.Function):
    def forward(self, x):
        time.sleep(0.01)
        return x.copy()

    def backward(self, dy):
        time.sleep(0.02)
        return dy * 1.0


class Sleepy(nn.Module):
    def forward(self, x):
        return Nap()(tk.autograd.as_tensor(x))


def net():
    return nn.Sequential(nn.Linear(4, 4), Sleepy(), nn.Linear(4, 4), nn.ReLU())


def batch():
    return RNG.standard_normal((3, 4)).astype(np.float32)


def test_time_is_given_to_the_layer_that_takes_it():
    told = interpret.profile(net(), batch(), 3, backward=True)
    rows = {row.name: row for row in told.layers}
    assert list(rows) == ["0", "1", "2", "3"]
    assert rows["1"].forward >= 0.01
    assert rows["1"].backward >= 0.02
    for name in ("0", "2", "3"):
        assert 0 < rows[name].forward < rows["1"].forward
        assert 0 < rows[name].backward < rows["1"].backward
    assert told.forward >= 0.01
    assert told.backward >= 0.02


def test_the_first_layer_ends_with_the_pass_where_its_input_wants_no_gradient():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for wants in (False, True):
        x = tk.tensor(batch(), requires_grad=wants)
        events = interpret.profile(model, x, 2, backward=True).events
        assert [(name, phase) for name, _, phase, *_ in events] == [
            ("0", "forward"),
            ("1", "forward"),
            ("1", "backward"),
            ("0", "backward"),
        ]
        assert x.grad is None


def test_a_layer_without_a_way_on_ends_where_the_next_begins():
    class Scale(nn.Module):
        def __init__(self, slow):
            super().__init__()
            self.weight, self.slow = nn.Parameter(np.ones(4, np.float32)), slow

        def forward(self, x):
            y = self.weight * x
            return Nap()(y) if self.slow else y

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.slow, self.quick = Scale(True), Scale(False)

        def forward(self, x):
            return self.slow(x) + self.quick(x)

    slow, quick = interpret.profile(Branches(), batch(), 3, backward=True).layers
    assert slow.backward >= 0.02
    assert 0 < quick.backward < slow.backward


def test_events_follow_each_other():
    events = interpret.profile(tk.models.create("lenet5"), np.ones((2, 1, 28, 28), np.float32), 2, backward=True).events
    for one, other in pairwise(events):
        assert one[3] >= 0
        assert one[4] > 0
        assert one[3] + one[4] <= other[3] + 1e-9


def test_forward_alone_records_no_tape():
    taped = []

    class Look(nn.Module):
        def forward(self, x):
            taped.append(tk.autograd.is_grad_enabled())
            return x

    told = interpret.profile(nn.Sequential(Look(), nn.Linear(4, 4)), batch(), 2, warmup=3)
    assert taped == [False] * (3 + 2 + 2)
    assert told.backward is None
    assert [row.backward for row in told.layers] == [None, None]
    assert [row.macs for row in told.layers] == [None, 48]
    assert told.layers[0].gflops is None
    assert told.layers[1].gflops == pytest.approx(2 * 48 / told.layers[1].forward / 1e9)


def test_algorithms_are_those_explained():
    conv = nn.Conv2d(8, 16, 3, padding=1, stride=(1, 2), groups=2)
    x = RNG.standard_normal((2, 8, 12, 12)).astype(np.float32)
    told = tk.explain_conv(x.shape, conv.weight.shape, (1, 2), 1, 1, 2)
    (row,) = interpret.profile(conv, x, 1, backward=True).layers
    assert row.algorithms == {way: told.chosen(way).name for way in ("forward", "backward_input", "backward_weight")}
    (row,) = interpret.profile(conv, x[0], 1).layers
    alone = tk.explain_conv((1, *x.shape[1:]), conv.weight.shape, (1, 2), 1, 1, 2)
    assert row.algorithms == {"forward": alone.chosen("forward").name}
    with tk.backend("reference"):
        (row,) = interpret.profile(conv, x, 1).layers
        told = tk.explain_conv(x.shape, conv.weight.shape, (1, 2), 1, 1, 2)
        assert row.algorithms == {"forward": told.chosen("forward").name}


def test_what_is_padded_before_is_explained_as_it_runs(monkeypatch):
    asked, explain = [], tk.explain_conv
    remember = lambda *given, **options: asked.append(given) or explain(*given, **options)  # noqa: E731
    monkeypatch.setattr(profiling, "explain_conv", remember)
    layer = nn.Conv2d(8, 16, 3, padding=((1, 2), (3, 0)), padding_mode="circular")
    (row,) = interpret.profile(layer, RNG.standard_normal((2, 8, 12, 12)).astype(np.float32), 1).layers
    assert asked == [((2, 8, 15, 15), (16, 8, 3, 3), (1, 1), 0, (1, 1), 1)]
    assert row.output_shape == (2, 16, 13, 13)


def test_forms(tmp_path):
    told = interpret.profile(net(), batch(), 2, backward=True)
    text = str(told)
    assert "Sleepy" in text
    assert "medians of 2" in text
    assert told._repr_html_().count("<tr>") == 5
    assert json.loads(json.dumps(told.to_dict()))["layers"][2]["macs"] == 48
    told.save_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert len(trace["traceEvents"]) == 8
    for event, (name, kind, phase, begin, seconds) in zip(trace["traceEvents"], told.events, strict=True):
        assert (event["name"], event["cat"], event["ph"], event["args"]["kind"]) == (name, phase, "X", kind)
        assert (event["ts"], event["dur"]) == (begin * 1e6, seconds * 1e6)


def test_several_inputs_and_results():
    pair = np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)
    (row,) = interpret.profile(nn.Bilinear(3, 4, 5), pair, 1).layers
    assert (row.output_shape, row.macs) == ((2, 5), 2 * 5 * 12)
    (row,) = interpret.profile(nn.LSTM(3, 5), np.ones((7, 2, 3), np.float32), 1, backward=True).layers
    assert row.output_shape == (7, 2, 5)
    assert row.backward > 0


def test_marks_change_no_gradient_and_nothing_stays():
    model, x = tk.models.create("deep_convnet", seed=1).train(), np.ones((2, 1, 28, 28), np.float32)
    state, offset = model.state_dict(), tk.default_generator().state()
    before = [parameter.version for parameter in model.parameters()]
    interpret.profile(model, x, 2, backward=True, training=True)
    assert tk.default_generator().state() == offset
    assert all(np.array_equal(state[key], value) for key, value in model.state_dict().items())
    assert [parameter.version for parameter in model.parameters()] == before
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module.has_hooks() for module in model.modules())
    assert model.training


def test_hooks_of_the_user_see_what_they_saw():
    model, seen = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), []
    model[1].register_full_backward_hook(lambda module, grad_input, grad_output: seen.append(grad_output[0].numpy()))
    interpret.profile(model, batch(), 1, backward=True, warmup=0)
    assert len(seen) == 2
    assert all((one == 1).all() for one in seen)


def test_errors():
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.count, self.layer = [], nn.Linear(4, 4)

        def forward(self, x):
            self.count.append(1)
            return self.layer(x) if len(self.count) % 2 else self.layer(self.layer(x))

    with pytest.raises(ValueError, match="profile: model: expected the same calls in every pass"):
        interpret.profile(Moody(), batch(), 3)
    with pytest.raises(ValueError, match="profile: model: expected a model with parameters that want one"):
        interpret.profile(nn.ReLU(), batch(), 1, backward=True)
    with pytest.raises(ValueError, match="profile: repeats: expected an integer >= 1, got 0"):
        interpret.profile(net(), batch(), 0)
    with pytest.raises(ValueError, match="profile: warmup: expected an integer >= 0, got -1"):
        interpret.profile(net(), batch(), 1, warmup=-1)
    with pytest.raises(TypeError, match="profile: repeats: expected an integer, got float"):
        interpret.profile(net(), batch(), 1.5)
    with pytest.raises(TypeError, match="profile: model: expected a Module"):
        interpret.profile(None, batch())
