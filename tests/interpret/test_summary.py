"""Summaries: counts by hand, and a model that is the same afterwards."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn


def rows(model, shape, **options):
    return {row.name: row for row in tk.summary(model, shape, **options).layers}


# Each: layer, input shape, multiply-adds counted by hand, output shape.
BY_HAND = [
    (nn.Conv2d(3, 8, (3, 2), bias=False), (2, 3, 6, 5), 2 * 8 * 4 * 4 * 3 * 3 * 2, (2, 8, 4, 4)),
    (nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), (1, 4, 8, 8), 8 * 4 * 4 * 2 * 9, (1, 8, 4, 4)),
    (nn.Conv1d(2, 4, 3, dilation=2), (1, 2, 9), 4 * 5 * 2 * 3, (1, 4, 5)),
    (nn.Conv3d(1, 2, 2), (1, 1, 3, 3, 3), 2 * 8 * 8, (1, 2, 2, 2, 2)),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (1, 4, 5, 5), 4 * 25 * 3 * 9, (1, 6, 11, 11)),
    (nn.LocallyConnected2d(2, 3, 5, 3), (2, 2, 5, 5), 2 * 3 * 9 * 2 * 9, (2, 3, 3, 3)),
    (nn.Linear(5, 7), (2, 3, 5), 2 * 3 * 7 * 5, (2, 3, 7)),
    (nn.MaxPool2d(3, 2), (1, 2, 7, 7), 2 * 9 * 9, (1, 2, 3, 3)),
    (nn.AvgPool1d(2), (1, 2, 7), 2 * 3 * 2, (1, 2, 3)),
    (nn.GlobalAvgPool(), (2, 3, 4, 5), 2 * 3 * 20, (2, 3, 1, 1)),
    (nn.AdaptiveAvgPool1d(2), (1, 1, 5), 3 + 3, (1, 1, 2)),
    (nn.BatchNorm2d(3), (2, 3, 4, 4), 96, (2, 3, 4, 4)),
    (nn.GroupNorm(1, 4), (2, 4, 3), 3 * 24, (2, 4, 3)),
    (nn.InstanceNorm2d(3), (1, 3, 2, 2), 3 * 12, (1, 3, 2, 2)),
    (nn.LocalResponseNorm(5), (1, 6, 2, 2), 24 * 5, (1, 6, 2, 2)),
    (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 3), 2 * 36 * 4, (1, 2, 6, 6)),
    (nn.GRU(3, 5, bidirectional=True), (7, 2, 3), 7 * 2 * 2 * 15 * (3 + 5), (7, 2, 10)),
    (nn.LSTM(3, 5, num_layers=2, proj_size=2), (7, 1, 3), 7 * (20 * (3 + 2) + 20 * (2 + 2) + 2 * 2 * 5), (7, 1, 2)),
    (nn.ReLU(), (2, 3), 0, (2, 3)),
]


@pytest.mark.parametrize(("layer", "shape", "macs", "output"), [pytest.param(*one, id=repr(one[0])) for one in BY_HAND])
def test_macs_by_hand(layer, shape, macs, output):
    (row,) = tk.summary(layer, shape).layers
    assert (row.name, row.kind, row.macs, row.output_shape) == ("", type(layer).__name__, macs, output)


def test_macs_of_a_convolution_are_its_explained_flops():
    told = tk.explain_conv((2, 6, 9, 9), (4, 3, 3, 3), 2, 1, 1, 2)
    assert 2 * rows(nn.Conv2d(6, 4, 3, 2, 1, groups=2), (2, 6, 9, 9))[""].macs == told.flops


@pytest.mark.parametrize(("name", "published"), [("mobilenet_v2", 300e6), ("efficientnet_b0", 0.39e9)])
def test_macs_are_those_of_the_papers(name, published):
    told = tk.summary(tk.models.create(name, seed=0), (1, 3, 224, 224))
    assert told.not_counted == ()
    assert told.macs == pytest.approx(published, rel=0.03)
    weighted = sum(row.macs for row in told.layers if row.kind in ("Conv2d", "Linear"))
    assert weighted == pytest.approx(published, rel=0.03)


def test_lenet_by_hand():
    told = tk.summary(tk.models.create("lenet5"), (1, 1, 28, 28))
    assert told.parameters == told.trainable == 61706
    assert [row.macs for row in told.layers if row.parameters] == [117600, 240000, 48000, 10080, 840]
    assert told.layers[2].memory == 6 * 14 * 14 * 4
    assert told.memory == sum(int(np.prod(row.output_shape)) * 4 for row in told.layers)
    assert (told.parameter_memory, told.input_memory, told.not_counted) == (61706 * 4, 28 * 28 * 4, ())


def test_a_shared_layer_counts_its_parameters_once_and_its_work_twice():
    layer = nn.Linear(4, 4)
    told = tk.summary(nn.Sequential(layer, nn.ReLU(), layer), (1, 4))
    assert [(row.name, row.parameters, row.macs) for row in told.layers] == [("0", 20, 16), ("1", 0, 0), ("0", 0, 16)]
    assert told.parameters == 20


def test_frozen_parameters_are_told_apart():
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    net[0].requires_grad_(False)
    told = tk.summary(net, (1, 4))
    assert (told.parameters, told.trainable) == (23, 8)
    assert [row.trainable for row in told.layers] == [0, 8]


class Cube(nn.Module):
    def forward(self, x):
        return x * x * x


def test_layers_without_a_formula_are_named():
    told = tk.summary(nn.Sequential(nn.Conv2d(1, 1, 3), Cube()), (1, 1, 5, 5))
    assert told.not_counted == ("1",)
    assert told.layers[1].macs is None
    assert told.layers[1].field_size == (3, 3)
    assert "not counted: 1" in str(told)


def test_a_parametrized_layer_is_one_row():
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3))
    (row,) = tk.summary(nn.Sequential(layer), (1, 1, 5, 5)).layers
    assert (row.name, row.macs, row.parameters) == ("0", 2 * 9 * 9, 2 + 18 + 2)


def test_integer_inputs_and_several_inputs():
    assert rows(nn.Embedding(9, 4), (2, 3), dtype=np.int64)[""].output_shape == (2, 3, 4)
    assert rows(nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)])[""].macs == 2 * 5 * 12
    assert rows(nn.Linear(2, 2, dtype="float64"), (1, 2))[""].memory == 16


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_models_in_half_are_looked_at_too(name):
    kind = np.float16 if name == "float16" else pytest.importorskip("ml_dtypes").bfloat16
    net = tk.models.create("lenet5", seed=0).to(kind)
    told = tk.summary(net, (2, 1, 28, 28))
    assert (told.macs, told.layers[2].memory, told.layers[3].field_size) == (2 * 422824, 2 * 6 * 14 * 14 * 2, (14, 14))
    told = tk.summary(net, (2, 1, 28, 28), dtype="float32")
    assert told.layers[2].memory == 2 * 6 * 14 * 14 * 4
    x = np.ones((2, 1, 28, 28), kind)
    rows = interpret.profile(net, x, 1).layers
    expected = tk.explain_conv(x.shape, (6, 1, 5, 5), 1, 2).chosen("forward").name
    assert (rows[0].memory, rows[0].algorithms["forward"]) == (2 * 6 * 28 * 28 * 2, expected)


def test_forms():
    told = tk.summary(nn.Sequential(nn.Conv2d(1, 2, (3, 1)), nn.ReLU()), (1, 1, 5, 5))
    assert json.loads(json.dumps(told.to_dict()))["layers"][0]["field_size"] == [3, 1]
    page = told._repr_html_()
    assert page.count("<tr>") == 3
    assert ">3x1<" in page
    assert repr(told) == str(told)


def everything(model):
    """All that must not change, as plain data."""
    return (
        [(type(m), sorted(vars(m)), m.training, [len(m._hooks), len(m._pre_hooks)]) for m in model.modules()],
        [array.tobytes() for m in model.modules() for array in m._buffers.values()],
        [(p.version, p.grad) for m in model.modules() for p in m._parameters.values()],
        [m.generator.state() for m in model.modules() if getattr(m, "generator", None) is not None],
        tk.default_generator().state(),
    )


def busy():
    return nn.Sequential(
        nn.LazyConv2d(4, 3), nn.BatchNorm2d(4), nn.Dropout(generator=tk.Generator(3)), nn.Dropout(), nn.Flatten()
    ).train()


@pytest.mark.parametrize("training", [False, True])
def test_nothing_about_the_model_changes(training):
    net, seen = busy(), []
    net[1].register_forward_hook(lambda *given: seen.append(1))
    net[2].eval()
    before = everything(net)
    tk.summary(net, (2, 1, 6, 6), training=training)
    assert everything(net) == before
    assert seen == [1]
    net(np.ones((2, 1, 6, 6), np.float32))
    assert everything(net) != before
    assert seen == [1, 1]


def test_nothing_changes_where_the_model_raises():
    net = nn.Sequential(busy(), nn.Linear(3, 3))
    before = everything(net)
    with pytest.raises(ValueError, match="linear"):
        tk.summary(net, (2, 1, 6, 6), training=True)
    assert everything(net) == before


def test_gradients_stay():
    layer = nn.Linear(2, 1)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    grad = layer.weight.grad
    tk.summary(layer, (1, 2))
    assert layer.weight.grad is grad


def test_errors():
    with pytest.raises(TypeError, match=r"summary: model: expected a Module, got int"):
        tk.summary(3, (1, 2))
    with pytest.raises(TypeError, match=r"summary: input_shape: expected a shape"):
        tk.summary(nn.Linear(2, 2), 5)
    with pytest.raises(ValueError, match=r"summary: input_shape: expected a shape"):
        tk.summary(nn.Linear(2, 2), (0, 2))
    with pytest.raises(ValueError, match=r"summary: input_shape: expected \(N"):
        tk.summary(nn.Linear(2, 2), ())
    with pytest.raises(TypeError, match=r"summary: dtype: expected a dtype of numbers"):
        tk.summary(nn.Linear(2, 2), (1, 2), dtype="U3")
    with pytest.raises(ValueError, match=r"summary: training: expected True or False"):
        tk.summary(nn.Linear(2, 2), (1, 2), training=1)


def test_reachable_from_the_top():
    assert tk.summary is interpret.summary
    assert tk.receptive_field is interpret.receptive_field
    assert {"summary", "receptive_field", "interpret"} <= set(dir(tk))


def test_an_input_without_a_batch_is_told():
    with pytest.raises(
        ValueError, match=r"summary: input_shape: expected a batch in front, got an input \(1, 28, 28\)"
    ):
        tk.summary(tk.models.create("lenet5"), (1, 28, 28))
