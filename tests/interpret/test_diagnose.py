"""Gradients layer by layer, histograms, dead units: against backward passes, counts and cases made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import interpret, nn

RNG = np.random.default_rng(11)


def small():
    g = tk.Generator(4)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, dtype="float64", generator=g),
        nn.BatchNorm2d(3, dtype="float64"),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 4, dtype="float64", generator=g),
    )


def batch():
    return RNG.standard_normal((5, 1, 6, 6)), RNG.integers(0, 4, 5)


def test_norms_are_those_of_a_backward_pass():
    net, (x, labels) = small().train(), batch()
    mean = net[1].running_mean.copy()
    flow = interpret.gradient_flow(net, x, labels)
    assert np.array_equal(net[1].running_mean, mean)
    assert all(parameter.grad is None for parameter in net.parameters())
    outputs = []
    for module in net:
        module.register_forward_hook(lambda module, args, y: outputs.append(y))
    loss = nn.CrossEntropyLoss()(net(x), labels)
    of_output = tk.autograd.grad(loss, outputs, retain_graph=True)
    loss.backward()
    assert flow.loss == loss.item()
    assert [row.name for row in flow.layers] == ["0", "1", "2", "3", "4"]
    np.testing.assert_allclose([row.norm for row in flow.layers], [np.linalg.norm(g) for g in of_output], rtol=1e-12)
    assert flow.layers[-1].ratio == 1
    assert flow.layers[0].ratio == pytest.approx(np.linalg.norm(of_output[0]) / np.linalg.norm(of_output[-1]))
    for at in (0, 1, 4):
        weight, bias = net[at].weight, net[at].bias
        row = flow.layers[at]
        assert row.weight_norm == pytest.approx(np.hypot(np.linalg.norm(weight), np.linalg.norm(bias)), rel=1e-12)
        moved = np.hypot(np.linalg.norm(weight.grad), np.linalg.norm(bias.grad))
        assert row.weight_gradient_norm == pytest.approx(moved, rel=1e-9)
    assert flow.layers[2].weight_norm is None


def scaled(factor):
    layers = [nn.Linear(4, 4, bias=False, dtype="float64") for _ in range(3)]
    for layer in layers:
        layer.weight.copy_(factor * np.eye(4))
    return nn.Sequential(*layers)


def test_verdicts():
    def of(factor, **options):
        x, labels = RNG.standard_normal((3, 4)), [0, 1, 2]
        return [row.verdict for row in interpret.gradient_flow(scaled(factor), x, labels, **options).layers]

    assert of(0.01) == ["vanishing", "", ""]
    assert of(0.01, vanishing=1e-5) == ["", "", ""]
    assert of(0.01, vanishing=0.1) == ["vanishing", "vanishing", ""]
    assert of(100.0) == ["exploding", "", ""]
    assert of(1.0) == ["", "", ""]
    assert of(1.0, loss=lambda y, labels: y.sum() * np.nan)[0] == "not finite"


def test_layers_without_a_gradient_are_told():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.last(self.first(x).detach())

    flow = interpret.gradient_flow(Cut(), np.ones((1, 2), np.float32), [0])
    assert [(row.verdict, row.norm is None) for row in flow.layers] == [("none", True), ("", False)]
    assert flow.layers[0].weight_gradient_norm is None
    assert json.loads(json.dumps(flow.to_dict()))["layers"][0]["verdict"] == "none"
    assert "none" in str(flow)
    assert "<td" in flow._repr_html_()


def test_gradient_flow_errors():
    net, (x, labels) = small(), batch()
    with pytest.raises(ValueError, match=r"gradient_flow: vanishing: expected 0 <= vanishing < exploding"):
        interpret.gradient_flow(net, x, labels, vanishing=2, exploding=1)
    with pytest.raises(ValueError, match=r"gradient_flow: model: expected a model with parameters"):
        interpret.gradient_flow(nn.Flatten(), x, labels, loss=lambda y, labels: y.sum())
    with pytest.raises(TypeError, match=r"gradient_flow: model: expected a Module"):
        interpret.gradient_flow(None, x, labels)
    assert not any(module.has_hooks() for module in net.modules())


# ------------------------------------------------------------------------------------------------ histograms


def test_histograms_count_what_layers_give():
    net, (x, _) = small(), batch()
    found = interpret.activation_histograms(net, x, bins=7)
    y = net.eval()[:3](x).numpy()
    row = found["2"]
    assert (row.kind, row.units, row.counts.sum(), row.counts.shape, row.edges.shape) == ("ReLU", 3, y.size, (7,), (8,))
    assert (row.mean, row.std, row.low, row.high) == (y.mean(), y.std(), y.min(), y.max())
    assert row.zeros == (y == 0).mean()
    for count, left, right in zip(row.counts, row.edges, [*row.edges[1:-1], np.inf], strict=False):
        assert count == ((y >= left) & (y < right)).sum()
    assert [one.name for one in found.rows] == ["0", "1", "2", "3", "4"]


def test_dead_units_are_those_that_never_speak():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3), nn.ReLU())
    net[0].bias.copy_(np.array([0.0, -1e3, 0.0, -1e3]))
    net[3].bias.copy_(np.array([-1e4, 1e4, 1e4]))
    found = interpret.activation_histograms(net, batch()[0].astype(np.float32))
    assert [(found[name].dead, found[name].units) for name in ("0", "1", "4")] == [(0, 4), (2, 4), (1, 3)]
    assert found["1"].zeros >= 0.5
    assert "2 of 4" in str(found)
    assert "2 of 4" in found._repr_html_()


def test_numbers_that_are_not_finite_are_counted_apart():
    layer = nn.Linear(2, 3, bias=False)
    layer.weight.copy_(np.array([[np.nan, 0], [np.inf, 0], [1, 1]]))
    row = interpret.activation_histograms(layer, np.ones((2, 2), np.float32)).rows[0]
    assert (row.not_finite, row.counts.sum(), row.mean) == (4, 2, 2.0)
    layer.weight.copy_(np.full((3, 2), np.nan))
    assert np.isnan(interpret.weight_histograms(layer)["weight"].mean)


def test_weight_histograms():
    net = small()
    found = interpret.weight_histograms(net, bins=5)
    assert [one.name for one in found.rows] == [name for name, _ in net.named_parameters()]
    weight = net[0].weight.numpy()
    assert (found["0.weight"].std, found["0.weight"].kind) == (weight.std(), "(3, 1, 3, 3)")
    assert found["1.weight"].counts.sum() == 3
    with pytest.raises(KeyError):
        found["7"]
    with pytest.raises(ValueError, match="weight_histograms: bins: expected an integer >= 1"):
        interpret.weight_histograms(net, bins=0)
    with pytest.raises(TypeError, match="activation_histograms: bins: expected an integer"):
        interpret.activation_histograms(net, batch()[0], bins=2.5)


# ------------------------------------------------------------------------------------------------ mistakes


def test_misclassified_by_a_plain_loop():
    scores, labels = RNG.standard_normal((30, 4)), RNG.integers(0, 4, 30)
    wrong = [i for i in range(30) if scores[i].argmax() != labels[i]]
    wrong.sort(key=lambda i: -(scores[i].max() - scores[i, labels[i]]))
    assert interpret.misclassified(scores, labels).tolist() == wrong
    assert interpret.misclassified(np.eye(3), [0, 1, 2]).tolist() == []
    with pytest.raises(ValueError, match="misclassified: labels: expected one integer per row"):
        interpret.misclassified(scores, labels[:3])
    with pytest.raises(ValueError, match="misclassified: labels: expected 0 <= label < 4"):
        interpret.misclassified(scores, labels + 4)
