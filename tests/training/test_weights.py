"""Weights of samples and of classes: the loss is torch's weighted mean, in a step, over steps and over an epoch."""

from __future__ import annotations

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import data, nn, optim, training

DRAW = np.random.default_rng(5)
X, Y = DRAW.standard_normal((24, 6)), DRAW.integers(0, 3, 24)
W = DRAW.uniform(0.1, 3.0, 24)
W[3] = 0.0
CLASSES = [0.5, 2.0, 1.25]


def model() -> nn.Module:
    return nn.Linear(6, 3, dtype="f8", generator=tk.Generator(4))


def batches(*edges: int, weights=None):
    arrays = [X, Y] if weights is None else [X, Y, weights]
    return [tuple(one[a:b] for one in arrays) for a, b in zip([0, *edges], [*edges, 24], strict=True)]


def trained(parts, loss=None, epochs: int = 3, **options):
    net = model()
    trainer = training.Trainer(net, optim.SGD(net.parameters(), lr=0.5), loss, **options)
    trainer.fit(parts, parts, epochs=epochs)
    return trainer, net.weight.numpy()


def log_probs(weight, bias):
    z = X @ weight.T + bias
    return z - np.log(np.exp(z).sum(1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("classes", [None, CLASSES])
def test_the_loss_is_the_weighted_mean(classes, smoothing):
    """sum s_i w_yi l_i / sum s_i w_yi, the smoothed part weighed by its own classes as torch does."""
    loss = nn.CrossEntropyLoss(None if classes is None else np.array(classes), label_smoothing=smoothing)
    net = model()
    trainer = training.Trainer(net, optim.SGD(net.parameters(), lr=0.0), loss)
    w = np.ones(3) if classes is None else np.array(classes)
    logs = log_probs(net.weight.numpy(), net.bias.numpy())
    target = np.eye(3)[Y] * (1 - smoothing) + smoothing / 3
    each = -(target * w * logs).sum(1)
    expected = (W * each).sum() / (W * w[Y]).sum()
    assert trainer.evaluate(batches(weights=W))["loss"] == pytest.approx(expected, rel=1e-12)
    assert trainer.evaluate(batches(5, 17, weights=W))["loss"] == pytest.approx(expected, rel=1e-12)
    assert trainer.fit(batches(5, 17, weights=W), epochs=1)[0]["loss"] == pytest.approx(expected, rel=1e-12)
    even = each.sum() / w[Y].sum()
    assert trainer.evaluate(batches(5, 17))["loss"] == pytest.approx(even, rel=1e-12)
    assert abs(even - expected) > 1e-6


def test_torch_agrees_about_classes_and_smoothing():
    torch = pytest.importorskip("torch")
    net = model()
    loss = nn.CrossEntropyLoss(np.array(CLASSES), label_smoothing=0.2)
    trainer, weight = trained(batches(), loss, epochs=1)
    theirs = torch.nn.Linear(6, 3, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(net.weight.numpy()))
        theirs.bias.copy_(torch.tensor(net.bias.numpy()))
    criterion = torch.nn.CrossEntropyLoss(torch.tensor(CLASSES, dtype=torch.float64), label_smoothing=0.2)
    value = criterion(theirs(torch.tensor(X)), torch.tensor(Y))
    value.backward()
    assert trainer.history[0]["loss"] == pytest.approx(value.item(), rel=1e-12)
    expected = theirs.weight.detach().numpy() - 0.5 * theirs.weight.grad.numpy()
    np.testing.assert_allclose(weight, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("classes", [None, CLASSES])
@pytest.mark.parametrize("weights", [None, W])
def test_batches_of_one_step_count_for_their_weights(classes, weights):
    loss = nn.CrossEntropyLoss(None if classes is None else np.array(classes))
    whole, expected = trained(batches(weights=weights), loss)
    parts, ours = trained(batches(5, 17, weights=weights), loss, accumulate=3)
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)
    assert parts.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-11)


def test_a_whole_weight_is_as_many_copies():
    counts = np.arange(24) % 3
    many = np.repeat(np.arange(24), counts)
    for loss in (None, nn.NLLLoss(), nn.MSELoss()):
        y = Y if loss is None or isinstance(loss, nn.NLLLoss) else X[:, :3]
        net = [model() for _ in range(2)]
        given = [[(X, y, counts)], [(X[many], y[many])]]
        for one, part in zip(net, given, strict=True):
            training.Trainer(one, optim.SGD(one.parameters(), lr=0.1), loss).fit(part, epochs=2)
        np.testing.assert_allclose(net[0].weight.numpy(), net[1].weight.numpy(), rtol=1e-12, atol=1e-13)


def test_maps_of_labels_and_what_is_ignored():
    """(N, C, H, W) with labels (N, H, W): a sample's weight is that of each of its pixels that counts."""
    pixels = DRAW.standard_normal((4, 3, 2, 5))
    labels = DRAW.integers(0, 3, (4, 2, 5))
    labels[1, 0] = labels[2, 1, 3] = -100
    share = np.array([1.0, 2.0, 0.5, 0.0])
    net = nn.Conv2d(3, 3, 1, dtype="f8")
    loss = nn.CrossEntropyLoss(np.array(CLASSES))
    trainer = training.Trainer(net, optim.SGD(net.parameters(), lr=0.0), loss, metrics={})
    each = tk.functional.cross_entropy(trainer.predict(pixels), labels, loss.weight, reduction="none").numpy()
    counts = np.where(labels == -100, 0.0, np.array(CLASSES)[labels.clip(0)]) * share[:, None, None]
    expected = (each * share[:, None, None]).sum() / counts.sum()
    for cut in (4, 1):
        parts = [(pixels[:cut], labels[:cut], share[:cut]), (pixels[cut:], labels[cut:], share[cut:])][: 2 - cut // 4]
        assert trainer.evaluate(parts)["loss"] == pytest.approx(expected, rel=1e-12)


def test_loaders_trials_and_probabilities_take_weights():
    loader = data.DataLoader(data.ArrayDataset(X, Y, weights=W), 10, shuffle=True, seed=1)
    trainer, _ = trained(loader, epochs=1)
    assert np.isfinite(trainer.history[0]["validation_loss"])
    net = model()
    trial = training.find_lr(net, optim.SGD(net.parameters(), lr=0.1), loader, low=1e-3, high=1.0, steps=5)
    plain = training.find_lr(net, optim.SGD(net.parameters(), lr=0.1), batches(10, 20), low=1e-3, high=1.0, steps=5)
    assert len(trial.losses) == 5
    assert trial.losses != plain.losses
    soft = [(X, np.eye(3)[Y], W)]
    assert trainer.evaluate(soft)["loss"] == pytest.approx(trainer.evaluate(batches(weights=W))["loss"], rel=1e-12)


def test_balanced_classes_count_alike():
    labels = np.repeat([0, 1, 3], [6, 3, 1])
    weights = training.class_weights(labels, 4)
    sums = np.bincount(labels, weights[labels], 4)
    np.testing.assert_allclose(sums, [10 / 3, 10 / 3, 0, 10 / 3], rtol=1e-6)
    assert weights[2] == 0
    with pytest.raises(ValueError, match="class_weights: labels: expected 0 <= label < 3, got 3 at position 9"):
        training.class_weights(labels, 3)
    with pytest.raises(ValueError, match="class_weights: labels: expected at least one label"):
        training.class_weights([])


def bad(weights):
    return [(X, Y, weights)]


@pytest.mark.parametrize(
    ("loss", "parts", "error", "message"),
    [
        (None, bad(W[:5]), ValueError, r"^fit: weights: expected shape \(24,\), one per sample, got shape \(5,\)"),
        (None, bad(-W), ValueError, "^fit: weights: expected finite numbers >= 0, got -"),
        (None, bad(np.where(W > 1, np.nan, 1)), ValueError, "^fit: weights: expected finite numbers >= 0, got nan"),
        (None, bad(["a"] * 24), TypeError, "^fit: weights: expected numbers, got <U1"),
        (None, bad(W * 0), ValueError, "^fit: weights: expected a sum > 0 in every batch, got a sum of 0"),
        (lambda output, labels: output.sum(), bad(W), TypeError, "^fit: loss: expected one of nn .*, got function"),
        (nn.CrossEntropyLoss(reduction="sum"), bad(W), TypeError, "CrossEntropyLoss with reduction 'sum'"),
        (None, [(X, Y, W, W)], TypeError, r"^fit: train: expected batches \(x, labels\) or"),
    ],
)
def test_bad_weights_are_named(loss, parts, error, message):
    with pytest.raises(error, match=message):
        trained(parts, loss)
    with pytest.raises(ValueError, match="ArrayDataset: weights: expected finite numbers >= 0, got -1 at position 0"):
        data.ArrayDataset(X, Y, weights=[-1] * 24)
